"""A missed target ends ``make science`` with 1 and is named; a quick run allows for its own standard errors only."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.science import discoveries, run, zone_chance
from tests.science.figures import Figure, Section, mean_and_error, share_error
from tests.science.worlds import PHIS, lattice_noise, remember, slope_errors


def shares(seed: int, size: int) -> float:
    """Module level, so that another process finds it."""
    return float((np.random.default_rng(seed).random(size) < 0.3).mean())


def subject(least: float, most: float) -> Any:
    """Two simulations of a share of 0.3, in one figure."""

    def section(jobs: list, results: list[float]) -> Section:
        assert [arguments[0] for _, arguments in jobs] == [1, 2]
        return Section("A share", "Of 0.3.", [Figure("the share", *mean_and_error(results), least, most)])

    return SimpleNamespace(
        jobs=lambda quick: [(shares, (k, 500 if quick else 20_000)) for k in (1, 2)], section=section
    )


@pytest.mark.parametrize(("limits", "code"), [((0.28, 0.32), 0), ((0.32, 0.4), 1), ((-math.inf, 0.28), 1)])
def test_a_missed_target_is_the_exit_code(
    limits: tuple[float, float], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(run, "SUBJECTS", {"share": subject(*limits)})
    monkeypatch.setattr(run, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(run, "ProcessPoolExecutor", Inline)
    assert run.main([]) == code
    text, printed = (tmp_path / "page.md").read_text(), capsys.readouterr().out
    found = np.mean([shares(1, 20_000), shares(2, 20_000)])
    for each in (text, printed):
        assert f"| the share | {found:.3f} |" in each
        assert ("**missed**" in each) == bool(code) and ("missed: the share" in each) == bool(code)
    assert ("0 of 1" if code else "1 of 1") in text
    (tmp_path / "page.md").unlink()
    assert run.main(["--only", "share"]) == code and run.main(["--quick"]) in (0, code)
    assert not (tmp_path / "page.md").exists()  # figures of a part are no page


class Inline:
    """A pool that computes at once."""

    def __init__(self, *_: Any) -> None: ...

    def __enter__(self) -> "Inline":
        return self

    def __exit__(self, *_: Any) -> None: ...

    def submit(self, function: Any, *arguments: Any) -> Any:
        result = function(*arguments)
        return SimpleNamespace(result=lambda: result)


def test_limits_are_those_of_the_figure_and_no_number_misses_them() -> None:
    near = Figure("near", 0.055, 0.002, most=0.05)
    assert not near.met() and near.met(4.0) and not near.met(2.0)
    assert near.row()[-1] == "**missed**" and near.row(4.0)[-1] == "met"
    assert Figure("only shown", math.nan, math.nan).met() and Figure("only shown", 1.0, 0.1).row()[-2:] == ("", "")
    for unknown in (Figure("a", math.nan, 0.1, 0.0, 1.0), Figure("b", 2.0, math.nan, 0.0, 1.0)):
        assert not unknown.met() and not unknown.met(4.0)
    assert Figure("on the limit", 0.06, 0.1, 0.02, 0.06).met()


def test_a_simulation_that_fails_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = SimpleNamespace(jobs=lambda quick: [(shares, (-1, 5))], section=lambda jobs, results: None)
    monkeypatch.setattr(run, "ProcessPoolExecutor", Inline)
    with pytest.raises(ValueError):
        run.simulate({"broken": broken}, True)


def test_every_subject_has_jobs_of_module_functions_and_fewer_when_quick() -> None:
    for name, module in run.SUBJECTS.items():
        quick, whole = module.jobs(True), module.jobs(False)
        assert 0 < len(quick) <= len(whole), name
        for function, arguments in quick + whole:
            assert getattr(module, function.__name__) is function and isinstance(arguments, tuple)


def test_errors_of_means_and_shares() -> None:
    values = [1.0, 2.0, 4.0, math.nan]
    mean, error = mean_and_error(values)
    assert mean == pytest.approx(7 / 3) and error == pytest.approx(np.std(values[:3], ddof=1) / np.sqrt(3))
    assert math.isnan(mean_and_error([1.0])[1]) and math.isnan(mean_and_error([])[0])
    assert share_error(0.2, 100) == pytest.approx(0.04) and 0 < share_error(0.0, 100) < 0.01


def test_the_worlds_remember_and_go_together_as_they_say() -> None:
    rng = np.random.default_rng(1)
    for phi in PHIS:
        values = remember(rng.normal(size=(22, 8000)), phi)
        assert values.std() == pytest.approx(1, abs=0.02)
        assert np.corrcoef(values[:-1].ravel(), values[1:].ravel())[0, 1] == pytest.approx(phi, abs=0.02)
        t = np.arange(22) - 10.5
        assert slope_errors(phi, 22) == pytest.approx((t @ values / (t @ t)).std(), rel=0.04)
    noise = lattice_noise(667.0, 6, 10, 3)
    assert noise.shape == (10, 6, 2, 50, 50)
    north = noise[..., :-1, :], noise[..., 1:, :]
    assert np.mean(north[0] * north[1]) == pytest.approx(math.exp(-222.4 / 667), abs=0.04)
    assert abs(np.mean(noise[..., 0, :, :] * noise[..., 1, :, :])) < 0.03


@pytest.mark.slow
def test_what_only_a_whole_run_computes_works() -> None:
    """The other tests beside 7b, and the range by chance: one world of each of their jobs."""
    (beside,) = [job for job in discoveries.jobs(False) if job[1][0] == "rough" and job[1][3] == discoveries.BESIDE]
    kind, length, years, part, _, tests = beside[1]
    found = discoveries.fields_of(kind, length, years, part, 1, tests)
    assert set(found) == set(discoveries.TESTS) and np.isfinite(list(found.values())).all()
    section = discoveries.section([beside, beside], [found, found])
    assert [row[0] for row in section.tables[-1].rows] == list(discoveries.TESTS) and "none" in section.remark
    *arguments, _ = next(job[1] for job in zone_chance.jobs(False) if job[0] is zone_chance.chance)
    ((observed, mean, lower, upper, length_km),) = zone_chance.chance(*arguments, 1)
    assert 0 < lower < mean < upper < 1 and 0 < observed < 1 and length_km > 100
