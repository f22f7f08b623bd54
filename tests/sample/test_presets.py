"""Both presets on one world, against shares counted in a plain loop."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import linregress

from smcloud.config import parse_config
from smcloud.sample import annual_world, preset_records
from smcloud.sample.coefficients import WORLDS, Coefficients
from smcloud.sample.demo import configuration

PHI = (0.0, 0.2, 0.4)
NAMES = ("land_mask", "sensor_step", "delta", "beta", "phi", "rung")


def made(coefficients: Coefficients | None = None) -> tuple[xr.Dataset, xr.Dataset]:
    """A cube whose months are all their year's value, and its truth."""
    annual, truth = annual_world(138002, coefficients=coefficients)
    month = xr.DataArray(np.repeat(np.arange(22), 12), dims="time")
    cube = annual[["soil_moisture"]].isel(year=month).drop_vars("year")
    cube = cube.assign_coords(time=pd.date_range("2000-01-01", periods=264, freq="MS"))
    cube["soil_moisture"].attrs = {"units": "m3 m-3", "cell_methods": "time: mean"}
    return cube, truth


@pytest.fixture(scope="module")
def world() -> tuple[xr.Dataset, xr.Dataset]:
    return made()


@pytest.mark.slow
def test_shares_of_the_study_against_a_plain_loop(world: tuple[xr.Dataset, xr.Dataset]) -> None:
    cube, truth = world
    config = parse_config(configuration("store"))
    records = preset_records(truth, cube, config)
    expected = [(preset, phi) for preset in ("peng2023", "rigorous") for phi in PHI]
    assert [(row["preset"], row["phi"]) for row in records] == expected
    years = cube["soil_moisture"].values[::12]
    area = {phi: np.zeros(4) for phi in PHI}
    ladder = {(rung, phi): np.zeros(2) for rung in (3, 4, 6) for phi in PHI}
    for i, j in np.ndindex(years.shape[1:]):
        at = {name: float(truth[name][i, j]) for name in NAMES}
        if at["land_mask"] != 1 or at["sensor_step"] or not np.isfinite(at["delta"]) or np.ptp(years[:, i, j]) == 0:
            continue
        line, weight = linregress(np.arange(22), years[:, i, j]), np.cos(np.radians(float(truth["lat"][i])))
        called = line.pvalue < 0.05
        if at["beta"] == 0:
            area[at["phi"]] += weight * np.array([called, 1, 0, 0])
        elif at["delta"] >= 4:
            area[at["phi"]] += weight * np.array([0, 0, called and line.slope * at["beta"] > 0, 1])
        if (at["rung"], at["phi"]) in ladder:
            ladder[at["rung"], at["phi"]] += weight * np.array([called and line.slope * at["beta"] > 0, 1])
    for row in records[:3]:
        alarm, null, hit, strong = area[row["phi"]]
        assert row["rejected_share"] == row["significant_share"] == pytest.approx(alarm / null, abs=1e-9)
        assert row["detected_share"] == row["called_share"] == pytest.approx(hit / strong, abs=1e-9)
        for rung in (3, 4, 6):
            found, whole = ladder[rung, row["phi"]]
            assert row[f"power_{rung}_share"] == pytest.approx(found / whole, abs=1e-9)
        assert row["n_cells"] > 20 and row["covered_area_km2"] > 1e6


def test_rigorous_calls_fewer(world: tuple[xr.Dataset, xr.Dataset]) -> None:
    cube, truth = world
    records = preset_records(truth, cube, parse_config(configuration("store") | {"preset": "rigorous"}))
    by_preset = {name: [row for row in records if row["preset"] == name] for name in ("peng2023", "rigorous")}
    for study, strict in zip(*by_preset.values(), strict=True):
        assert strict["rejected_share"] <= study["rejected_share"]
        assert strict["significant_share"] < study["significant_share"]
        assert strict["detected_share"] <= study["detected_share"]


@pytest.mark.parametrize("trends", ["of some cells", "of none"])
def test_rigorous_keeps_its_level_where_neighbours_share_one_autocorrelation(trends: str) -> None:
    """What it promises, in the land without a trend: the default world has cells of several kinds side by side."""
    coefficients = WORLDS["one autocorrelation"]
    if trends == "of none":
        coefficients = replace(coefficients, trend_strength=0.0)
    cube, truth = made(coefficients)
    study, strict = preset_records(truth, cube, parse_config(configuration("store") | {"preset": "rigorous"}))
    assert (study["preset"], strict["preset"], strict["phi"]) == ("peng2023", "rigorous", 0.4)
    assert strict["significant_share"] <= 0.05 < study["significant_share"]
    assert strict["n_cells"] > 100 and (trends == "of none") == (strict["called_share"] is None)
    assert trends == "of none" or strict["called_share"] > 0.9
