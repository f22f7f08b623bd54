"""The specification curve: its rows are runs of their own, to the last bit, and its void ones have a reason."""

import json

import dask
import numpy as np
import pytest
import xarray as xr

from smcloud.config import RunConfig, overlay, parse_config
from smcloud.products.annual import annual as annual_of
from smcloud.products.attributes import to_storage_dtype
from smcloud.products.choice_grid import CHOICES, Row, config_of, keys_of, own_row, rows, void
from smcloud.products.ddww import ddww, ddww_attributes
from smcloud.products.regions import regions
from smcloud.products.sensitivity import all_series, series_figures, series_of, years_of
from smcloud.products.shared_null import own_signs, shared_null
from smcloud.products.specification import specification
from smcloud.products.tables import table
from smcloud.products.trend import trend_fields, trend_maps

from .conftest import make_config, make_cube

BASE = {
    "preset": "peng2023",
    "period": {"start": "2000-01", "end": "2021-12"},
    "catalog": "c.yaml",
    "inputs": dict.fromkeys(("soil_moisture", "precipitation", "potential_evaporation", "aridity_index"), "entry"),
    "store": "somewhere",
    "bootstrap": {"replicates": 99, "seed": 3},
    "trend": {"radius_km": 6000},
}


def fine_cube(seed: int = 5) -> xr.Dataset:
    """The world of the other tests on 12 x 32 cells, each row and column of its own, with potential evaporation."""
    parts = [make_cube(seed + k)[["soil_moisture", "precipitation", "aridity_index", "land_mask"]] for k in range(8)]
    rows_of = [xr.concat(parts[4 * k : 4 * k + 4], "lon", join="override") for k in range(2)]
    cube = xr.concat(rows_of, "lat", join="override")
    axes = {"lat": np.linspace(-82.5, 82.5, 12), "lon": np.arange(-180 + 5.625, 180, 11.25)}
    cube = cube.assign_coords(axes)
    cube["potential_evaporation"] = (2 * cube["precipitation"].mean("time") - cube["precipitation"]).astype("float32")
    for role in ("precipitation", "potential_evaporation"):
        cube[role].attrs = {"units": "mm month-1", "cell_methods": "time: sum"}
    return cube


@pytest.fixture(scope="module")
def base() -> RunConfig:
    return parse_config(BASE)


@pytest.fixture(scope="module")
def cube() -> xr.Dataset:
    return fine_cube()


def curve(cube: xr.Dataset, config: RunConfig) -> xr.Dataset:
    first, years = years_of(cube, config)
    signs = own_signs(to_storage_dtype(annual_of(cube, config)), config, cube)
    null = shared_null(signs.compute(), cube["lat"], cube["lon"], config)
    series = all_series(config, years)
    found = {each: series_figures(*series_of(cube, config, each), null).compute() for each in series}
    return specification(found, config, first, years, null)


@pytest.fixture(scope="module")
def table_of_rows(cube: xr.Dataset, base: RunConfig) -> xr.Dataset:
    return curve(cube.chunk(lat=7, lon=11), base)


def run_of_its_own(cube: xr.Dataset, keys: dict) -> dict[str, np.ndarray]:
    """What the products of a run with ``keys`` say, each stored before the next is made of it."""
    config = parse_config(overlay(BASE, keys))
    cube = cube.sel(time=slice(config.period.start, None))
    annual = to_storage_dtype(annual_of(cube, config))
    trend = to_storage_dtype(trend_maps(annual, config))
    trend = trend.merge(to_storage_dtype(trend_fields(trend, config, annual)), compat="override", join="exact")
    regional = table(annual, trend, None, regions(annual["lat"], annual["lon"]), config)
    regional = regional.sel(region=["globe", "north", "south"])
    names = ("mean_of_slopes", "slope", "slope_fixed_cells", "drying_share", "wetting_share")
    found = {name: regional[name].values for name in names}
    found["significant_share"] = found["drying_share"] + found["wetting_share"]
    attributes = ddww_attributes(ddww(trend, annual, config, cube))
    shares = ("ddww_share_of_change", "ddww_expected_share", "odds_ratio", "ddww_share_without_transition")
    return found | {name: np.float64(attributes[name]) for name in shares}


def random_rows(table: xr.Dataset, count: int, seed: int) -> list[int]:
    live = np.flatnonzero(table["void"].values == "")
    return sorted(np.random.default_rng(seed).choice(live, count, replace=False).tolist())


@pytest.mark.slow
def test_every_row_is_a_run_of_its_own_bit_for_bit(table_of_rows: xr.Dataset, cube: xr.Dataset) -> None:
    chosen = random_rows(table_of_rows, 12, 2026)
    shares = []
    for at in chosen:
        row = table_of_rows.isel(combination=at)
        for name, expected in run_of_its_own(cube, json.loads(str(row["keys"].values))).items():
            got = row[name].values
            assert got.tobytes() == expected.tobytes(), (at, str(row["keys"].values), name, got, expected)
        shares.append(float(row["ddww_share_of_change"]))
    assert np.isfinite(shares).sum() >= 9 and len(set(shares)) >= 9
