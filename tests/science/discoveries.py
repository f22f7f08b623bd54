"""False discoveries and power after Benjamini-Hochberg, on fields whose neighbours go together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from smcloud.stats import fdr, linear_trend, mann_kendall, pooled_trend
from smcloud.stats.sphere_fields import exponential_fields
from tests.science.figures import Figure, Job, Section, Table, mean_and_error, told
from tests.science.size import LENGTHS
from tests.science.worlds import LATTICE, ROWS, WINDOWS, area_of, field, lattice_noise, remember, slope_errors

DELTAS, TRENDING = (3.0, 4.0, 6.0), 0.3
KINDS = ("smooth", "0", "0.2", "0.4", "0.6", "rough")
CONSTANT = KINDS[1:-1]
FDR = 0.05
BESIDE = 1000  # the part whose fields all tests see
POWER = {22: {4.0: 0.75, 6.0: 0.97}, 40: {4.0: 0.85, 6.0: 0.99}}
Rates = dict[str, list[list[float]]]  # by test: false share and power of each field, by delta

TESTS: dict[str, Callable[[xr.DataArray, xr.DataArray], xr.DataArray]] = {
    "7b": lambda da, area: pooled_trend(da, area)["p_value"],
    "OLS t": lambda da, area: linear_trend(da)["p_value"],
    "definition 7": lambda da, area: linear_trend(da, interval="effective")["p_value"],
    "3PW": lambda da, area: mann_kendall(da, method="3pw")["p_value"],
    "MK": lambda da, area: mann_kendall(da)["p_value"],
    "Hamed-Rao": lambda da, area: mann_kendall(da, method="hamed_rao")["p_value"],
}


def fields_of(kind: str, length: str, years: int, part: int, draws: int, tests: tuple[str, ...]) -> Rates:
    """False share and power of each of 2 x ``draws`` fields: by test a row of (FDR, power) for each delta."""
    rng = np.random.default_rng([4, KINDS.index(kind), int(LENGTHS[length]), years, part])
    noise = lattice_noise(LENGTHS[length], years, draws, int(rng.integers(2**31)))
    patches = np.concatenate(list(exponential_fields(ROWS, 1780.0, 2 * draws, int(rng.integers(2**31)))))
    area, out = area_of(LATTICE), {test: [] for test in tests}
    for draw in range(draws):
        for window, columns in enumerate(WINDOWS):
            phi = memory(kind, rng)
            where, sign = patches[2 * draw][:, columns], np.sign(patches[2 * draw + 1][:, columns])
            truth = np.where(where > np.quantile(where, 1 - TRENDING), sign, 0.0)
            still = remember(noise[draw, :, window], phi)
            for test in tests:
                rows = [_rates(still, delta * truth * slope_errors(phi, years), test, area) for delta in DELTAS]
                out[test].append([value for row in rows for value in row])
    return out


def memory(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Phi of each cell: one value; rising from 0 on one side to 0.6 on the other; or drawn for each cell."""
    rows, columns = np.mgrid[-1:1:50j, -1:1:50j]
    if kind == "smooth":
        angle = rng.uniform(0, 2 * np.pi)
        along = np.cos(angle) * rows + np.sin(angle) * columns
        return 0.3 + 0.3 * np.sin(np.pi / 2 * along / np.abs(along).max())
    return rng.uniform(0, 0.6, rows.shape) if kind == "rough" else np.full(rows.shape, float(kind))


def _rates(still: np.ndarray, slope: np.ndarray, test: str, area: xr.DataArray) -> tuple[float, float]:
    t = np.arange(len(still))[:, None, None] - (len(still) - 1) / 2
    da = field(still + slope * t, LATTICE)
    found = fdr(TESTS[test](da, area))["significant"].values
    right = found & (np.sign(linear_trend(da)["slope"].values) == np.sign(slope))
    trending = slope != 0
    return float((found & ~trending).sum() / max(found.sum(), 1)), float(right[trending].mean())


def jobs(quick: bool) -> list[Job]:
    years, lengths = ((22,), ("3 cells",)) if quick else ((22, 40), tuple(LENGTHS))
    parts, draws, beside = (1, 3, 1) if quick else (8, 10, 2)
    out: list[Job] = [
        (fields_of, (kind, length, n, part, draws, ("7b",)))
        for n in years for kind in KINDS for length in lengths for part in range(parts)
    ]  # fmt: skip
    return out + [(fields_of, (kind, "3 cells", 22, BESIDE, 10 * beside, tuple(TESTS))) for kind in KINDS if not quick]


def section(jobs: list[Job], results: list[Rates]) -> Section:
    rates: dict[tuple[Any, ...], list[list[float]]] = {}
    beside: dict[tuple[str, str], list[list[float]]] = {}
    for (_, (kind, length, years, *_rest, tests)), found in zip(jobs, results, strict=True):
        for test in tests:
            if len(tests) > 1:
                beside.setdefault((test, kind), []).extend(found[test])
            else:
                rates.setdefault((years, kind, length), []).extend(found[test])
    figures = [figure for years in sorted({key[0] for key in rates}) for figure in _judged(rates, years)]
    return Section(
        "False discoveries and power over a field",
        "Fields of 50 x 50 cells of 2 degrees from 49 S to 49 N; correlation of neighbours exp(-d/L), L 667 or 1780 "
        "km (3 or 8 cells at the equator); 30 % of the cells, in patches, have a trend of delta true standard errors, "
        "up or down by patch. p values of definition 7b (radius 1500 km, pools of 72 to 200 cells), then "
        "`smcloud.stats.fdr` at 5 %. phi is one value; smooth, rising from 0 on one side to 0.6 on the other; or "
        "rough, drawn from 0 to 0.6 for each cell. A field's false share is that of its discoveries without a trend "
        "(0 where none is made); power is the share of the trending cells found with the right sign. Targets hold for "
        "the mean over fields: of smooth phi, and of constant phi (0, 0.2, 0.4, 0.6 alike).",
        figures,
        [_by_field(rates), *([_by_test(beside)] if beside else [])],
        _outside(rates),
    )


def _judged(rates: dict[tuple[Any, ...], list[list[float]]], years: int) -> list[Figure]:
    out = []
    for name, kinds in (("smooth phi", ("smooth",)), ("constant phi", CONSTANT)):
        rows = np.array([row for key, found in rates.items() if key[0] == years and key[1] in kinds for row in found])
        label = f"n = {years}, {name}, {len(rows)} fields"
        false = rows[:, 0::2].mean(axis=1)  # the three deltas share their noise
        out.append(Figure(f"{label}: false discoveries, mean over delta 3, 4, 6", *mean_and_error(false), most=FDR))
        for delta, least in POWER[years].items():
            power = rows[:, 2 * DELTAS.index(delta) + 1]
            out.append(Figure(f"{label}: power at delta {delta:g}", *mean_and_error(power), least=least))
    return out


def _by_field(rates: dict[tuple[Any, ...], list[list[float]]]) -> Table:
    rows = []
    for (years, kind, length), found in rates.items():
        columns = np.array(found).T
        rows.append((str(years), kind, length, str(len(found)), *(told(column) for column in columns)))
    header = [f"{what}, delta {delta:g}" for delta in DELTAS for what in ("false", "power")]
    return Table("Each kind of field:", ("n", "phi", "neighbours", "fields", *header), rows)


def _outside(rates: dict[tuple[Any, ...], list[list[float]]]) -> str:
    """The kinds of field with smooth or constant phi that, taken by themselves, are outside a target of the mean."""
    named = []
    for (years, kind, length), found in rates.items():
        means = np.mean(found, axis=0)
        short = [f"power {means[2 * DELTAS.index(d) + 1]:.3f} at delta {d:g}" for d, least in POWER[years].items()
                 if means[2 * DELTAS.index(d) + 1] < least]  # fmt: skip
        false = means[0::2].mean()
        said = ([f"false discoveries {false:.3f}"] if false > FDR else []) + short
        if kind != "rough" and said:
            named.append(f"n = {years}, phi {kind}, neighbours over {length}: {', '.join(said)}")
    return "Single kinds of field that do not reach what the mean has to: " + ("; ".join(named) or "none") + "."


def _by_test(beside: dict[tuple[str, str], list[list[float]]]) -> Table:
    rows = []
    for (test, kind), found in beside.items():
        means = np.mean(found, axis=0)
        rows.append((test, kind, *(f"{false:.3f} / {power:.2f}" for false, power in means.reshape(-1, 2))))
    count = len(next(iter(beside.values())))
    return Table(
        f"Other tests on the same fields, after the same correction: false share / power ({count} fields each, n = 22, "
        "neighbours together over 3 cells; standard errors are about 0.01):",
        ("test", "phi", *(f"delta {delta:g}" for delta in DELTAS)),
        rows,
    )
