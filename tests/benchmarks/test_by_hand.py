"""The study by hand finds what plain numpy finds, and its comparison with a release refuses another number."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tests.benchmarks import by_hand, study_by_hand
from tests.benchmarks.study_by_hand import DRIVERS, TARGET, annual_values, ddww_shares, partial_corr, pcorr, study

pytestmark = pytest.mark.slow

YEARS = 16


@pytest.fixture(scope="module")
def world() -> xr.Dataset:
    """Sixteen years of months of 4 x 3 cells, float32; one cell is sea."""
    rng = np.random.default_rng(4)
    time = pd.date_range("2000-01", periods=12 * YEARS, freq="MS")
    coords = {"time": time, "lat": [20.0, 30, 40, 50], "lon": [1.0, 2, 3]}
    trend = np.linspace(0, 1, time.size)[:, None, None] * np.linspace(-1, 1, 12).reshape(4, 3)
    made = {
        name: (("time", "lat", "lon"), (rng.normal(size=(time.size, 4, 3)) + 4 * trend).astype("f4"))
        for name in (TARGET, *DRIVERS)
    }
    aridity = (("lat", "lon"), np.array([0.2, 0.55, 0.9] * 4, "f4").reshape(4, 3))
    ds = xr.Dataset(made | {"aridity_index": aridity}, coords)
    return ds.where((ds.lat < 50) | (ds.lon < 3))


def test_annual_values_need_their_months(world: xr.Dataset) -> None:
    gaps = world[[TARGET, *DRIVERS]].copy(deep=True)
    gaps[TARGET][:6, 0, 0] = np.nan  # six months are left
    gaps[TARGET][:7, 0, 1] = np.nan
    for name in DRIVERS:
        gaps[name][3, 0, 2] = np.nan
    found = annual_values(gaps).isel(lat=0)
    months = gaps.isel(lat=0, time=slice(12)).astype(float)
    np.testing.assert_allclose(found[TARGET][0, 0], months[TARGET][6:, 0].to_numpy().mean(), rtol=1e-14)
    assert np.isnan(found[TARGET][0, 1])
    for name in DRIVERS:
        assert np.isnan(found[name][0, 2])
        reduce = np.sum if name == "precipitation" else np.mean
        np.testing.assert_allclose(found[name][0, 0], reduce(months[name][:, 0].to_numpy()), rtol=1e-13)


def test_both_ways_to_partial_correlations_are_correlations_of_residuals(world: xr.Dataset) -> None:
    annual = annual_values(world).isel(lat=1, lon=1)
    frame = annual[[TARGET, *DRIVERS]].drop_vars(["lat", "lon"]).to_dataframe()
    for name, one, other in zip(DRIVERS, partial_corr(frame), pcorr(frame), strict=True):
        rest = np.column_stack([np.ones(YEARS), *(frame[d] for d in DRIVERS if d != name)])
        left = [column - rest @ np.linalg.lstsq(rest, column)[0] for column in (frame[TARGET], frame[name])]
        assert one[0] == pytest.approx(np.corrcoef(*left)[0, 1], rel=1e-10)
        assert other == pytest.approx(one, rel=1e-10)


def test_shares_are_of_the_area_that_changed() -> None:
    aridity = xr.DataArray([[0.2, 0.7], [0.5, 0.7]], dims=("lat", "lon"), coords={"lat": [0.0, 60], "lon": [0.0, 1]})
    slope, p = aridity.copy(data=[[-1.0, 1], [1, -1]]), aridity.copy(data=[[0.01, 0.01], [0.01, 0.2]])
    found = ddww_shares(xr.Dataset({"ols_slope": slope, "ols_p_value": p}), aridity).share_of_change
    assert dict(zip(found["class"].values, found.values.round(12), strict=True)) == {
        "DD": 0.4, "DW": 0.0, "TD": 0.0, "TW": 0.2, "WD": 0.0, "WW": 0.4,
    }  # fmt: skip


def release_of(out: Path) -> dict[str, xr.Dataset]:
    """Products as a release would hold them, from what was found by hand."""
    made = {name: xr.open_zarr(out / f"{name}.zarr").load() for name in ("annual", "trend", "drivers", "ddww")}
    made["drivers"]["status"] = made["drivers"]["p_value"].isnull() * 7
    made["drivers"]["status"] = made["drivers"]["status"].where(made["annual"][TARGET].notnull().any("year"), 7)
    names = list(made["ddww"]["class"].values)
    flags = {"flag_meanings": " ".join(["none", *names]), "flag_values": list(range(len(names) + 1))}
    code = (made["ddww"]["in_class"] * xr.DataArray(range(1, 7), dims="class")).sum("class")
    made["ddww"] = xr.Dataset({"ddww_class": code.assign_attrs(flags)})
    for name in ("ols_slope", "ols_stderr", "sen_slope"):
        made["trend"][name] = made["trend"][name].astype("float32")
    return made


def test_another_number_is_refused(world: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = study(world.chunk(time=12), tmp_path, "threads")
    assert list(steps) == ["annual", "trend", "drivers", "ddww"] and min(steps.values()) > 0
    release = release_of(tmp_path)
    assert 0 < int((release["ddww"]["ddww_class"] > 0).sum()) < 12
    monkeypatch.setattr(by_hand.smcloud, "open_product", lambda store, name: release[name])
    assert max(by_hand.equal_numbers(tmp_path, "store").values()) < 1e-12
    for product, name, factor in (
        ("annual", TARGET, 1 + 1e-9), ("annual", "precipitation", 1 + 1e-9), ("trend", "ols_slope", 1 + 1e-6),
        ("trend", "mk_z", 1 + 1e-9), ("drivers", "partial_correlation", 1 + 1e-9), ("drivers", "p_value", 1 + 1e-9),
        ("ddww", "ddww_class", 0),
    ):  # fmt: skip
        right = release[product]
        release[product] = right.assign({name: (right[name] * factor).astype(right[name].dtype).assign_attrs(
            right[name].attrs)})  # fmt: skip
        with pytest.raises(AssertionError):
            by_hand.equal_numbers(tmp_path, "store")
        release[product] = right
    release["drivers"]["status"][:] = 5
    with pytest.raises(AssertionError, match="has all drivers"):
        by_hand.equal_numbers(tmp_path, "store")


def test_a_window_is_scaled_by_its_land_alone(tmp_path: Path) -> None:
    assert by_hand.Timing(10.0, 16.0, 50).on(500) == (100.0, 160.0, 500)
    mask = xr.DataArray(np.eye(6, dtype="f4"), dims=("lat", "lon"), coords={"lat": range(6), "lon": range(6)})
    whole = xr.Dataset({"land_mask": mask, TARGET: mask.expand_dims(time=24)})
    window = by_hand.write_window(whole, 2, tmp_path / "window.zarr")
    assert by_hand.land_cells(whole) == 6 and by_hand.land_cells(window) == 2
    assert list(window.lat) == list(window.lon) == [2, 3]
    xr.testing.assert_equal(xr.open_zarr(tmp_path / "window.zarr", consolidated=False), window)


def test_a_row_is_judged_by_the_seconds_of_the_whole() -> None:
    ours, whole = by_hand.Timing(50.0, 90.0, 1000), by_hand.Timing(15_000.0, 27_000.0, 1000)
    assert by_hand._row("x", "threads", ours, whole)[2:] == ("50 s", "15,000 s", "300x", "300x", "500x", "at least")
    assert by_hand._row("x", "threads", ours, whole.on(999))[-1] == "no"
    note = by_hand._note("threads", {"annual": 1.0, "drivers": 3.0}, ours, whole.on(10), ("mk_z", 0.0))
    assert "10 land cells in 150.0 s, 1.5e+04 ms each (annual 25 %, drivers 75 %)" in note
    assert "core-seconds 27,000 against 90, 300x" in note


def test_every_way_has_a_name_and_a_window() -> None:
    assert set(study_by_hand.WAYS) == set(by_hand.NAMES) == set(by_hand.SIDES)
