"""The whole cube from a small catalog with the quirks of real sources, against a plain transcription."""

import numpy as np
import pytest
import yaml

from smcloud.cube import validate_counters
from tests.cube.quirky_sources import DATA, LAT, LEGEND, LON, NODE_LON, catalog_of, cube_of, expected_values, variable


def shifted_to_cells(values):
    """Mean of the four nodes around each cell, weighted by area; ``values`` from -90 and from 0 degrees."""
    values = np.roll(values, len(NODE_LON) // 2, axis=-1)  # from -180
    south, middle, north = (np.sin(np.radians(LAT + d)) for d in (-15, 0, 15))
    low, high = (middle - south)[:, None] / 2, (north - middle)[:, None] / 2
    corners = [
        (low, values[..., :-1, :]),
        (low, np.roll(values, -1, -1)[..., :-1, :]),
        (high, values[..., 1:, :]),
        (high, np.roll(values, -1, -1)[..., 1:, :]),
    ]
    weight = sum(w * np.isfinite(v) for w, v in corners)
    total = sum(w * np.nan_to_num(v) for w, v in corners)
    with np.errstate(invalid="ignore"):
        return np.where(weight >= 0.5 * 2 * (low + high) - 1e-12, total / weight, np.nan)


@pytest.mark.slow
def test_the_cube_equals_a_plain_transcription(built):
    sources, _, ds, counters = built
    expected = expected_values()
    for name in ("precipitation", "potential_evaporation", "soil_temperature", "snow_depth"):
        expected[name] = shifted_to_cells(expected[name])
    for name, values in expected.items():
        assert ds[name].dtype == np.float32
        np.testing.assert_allclose(ds[name], values, rtol=2e-7, atol=1e-7, err_msg=name)
    # The data must put every rule to the test.
    assert np.isnan(expected["soil_moisture"]).any() and np.isfinite(expected["soil_moisture"]).any()
    assert ds["soil_moisture"].max() < 0.6
    assert ds["precipitation"].sel(time="2001-12-01").min() > 400 > ds["precipitation"].sel(time="2002-01-01").max()
    assert ds["precipitation"].isnull().sum() == 0 or ds["precipitation"].isnull().sum() < 5
    for role, source in sources.items():
        validate_counters(role, counters[role], source.spec.valid_range, source.spec.units, source.where)


@pytest.mark.slow
def test_static_layers(built):
    ds = built[2]
    raw = DATA["static"]
    weights = np.diff(np.sin(np.radians(np.arange(-90, 91, 10))))
    whole = weights.reshape(6, 3).sum(1)[:, None]

    def block_mean(values):
        return (values * weights[:, None]).reshape(6, 3, 12, 3).sum(axis=(1, 3)) / 3 / whole

    np.testing.assert_allclose(ds["aridity_index"], block_mean(raw["ai"].values * 1e-4), rtol=1e-6)
    land = block_mean(np.nan_to_num(raw["lsm"].values))
    np.testing.assert_array_equal(ds["land_mask"], land >= 0.5)
    assert 0 < ds["land_mask"].sum() < 72
    shares = np.stack([block_mean((raw["lc"].values == code).astype(float)) for code in LEGEND])
    best = np.where(shares.sum(0) >= 0.5 - 1e-9, 1 + shares.round(9).argmax(0), np.nan)
    np.testing.assert_array_equal(ds["land_cover"], best)
    assert ds["land_cover"].attrs["flag_meanings"] == "forest savanna croplands"
    assert list(ds["land_cover"].attrs["flag_values"]) == [1, 2, 3]


def test_axes_bounds_and_units(built):
    ds = built[1].dataset
    np.testing.assert_array_equal(ds["lat"], LAT)
    np.testing.assert_array_equal(ds["lon"], LON)
    assert ds["time"].values[0] == np.datetime64("2000-01-01")
    np.testing.assert_array_equal(ds["time_bnds"][1], np.array(["2000-02-01", "2000-03-01"], "datetime64[ns]"))
    units = {
        "soil_moisture": "m3 m-3",
        "soil_moisture_days": "day",
        "soil_moisture_uncertainty": "m3 m-3",
        "precipitation": "mm month-1",
        "potential_evaporation": "mm month-1",
        "soil_temperature": "K",
        "snow_depth": "cm",
        "lai": "m2 m-2",
        "aridity_index": "1",
        "land_mask": "1",
    }
    assert {name: ds[name].attrs["units"] for name in units} == units
    assert ds["precipitation"].attrs["cell_methods"] == "time: sum"
    assert ds["soil_temperature"].attrs["cell_methods"] == "time: mean"
    for name in ("soil_moisture", "precipitation"):
        assert ds[name].dims == ("time", "lat", "lon")
        assert ds[name].chunks == ((12, 12, 12), (6,), (12,))


def test_an_open_role_is_not_taken_for_a_companion_of_soil_moisture(world):
    entries = catalog_of()
    entries["era5"]["metadata"]["variables"]["frost_days"] = variable("sd", "cm", "6hour", 0, 500, stamp="end")
    path = world.parent / "frost.yaml"
    path.write_text(yaml.safe_dump({"sources": entries}))
    ds = cube_of(path, inputs={"soil_moisture": "cci", "precipitation": "era5", "frost_days": "era5"})[0].dataset
    assert ds["frost_days"].attrs["units"] == "cm"
    assert ds["frost_days"].attrs["cell_methods"] == "time: mean"
