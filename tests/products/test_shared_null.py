"""The range in worlds without trends: against a plain loop, and the length of its fields against that of a record."""

import numpy as np
import pytest
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.shared_null import OF_SLOPES, OF_YEARS, SharedNull, chance, own_signs, shared_null
from smcloud.stats.lattice import COLUMNS, ROWS
from smcloud.stats.sphere_fields import exponential_fields

from .conftest import make_config

LAT, LON = np.arange(-89.0, 90, 2), np.arange(-179.0, 180, 2)


def by_loop(zones: np.ndarray, values: np.ndarray, changed: float) -> float:
    """The excess of one field: places by falling size change until there is as much land, the last one in part."""
    sums = dict.fromkeys(("DD", "DT", "DW", "WD", "WT", "WW"), 0.0)  # direction, zone
    left = changed
    for place in sorted(range(len(values)), key=lambda at: -abs(values[at])):
        area = zones[:, place].sum()
        if area == 0:
            continue
        part = min(1.0, left / area)
        for name, own in zip("DTW", zones[:, place], strict=True):
            sums[("D" if values[place] < 0 else "W") + name] += part * own
        left -= part * area
        if left <= 0:
            break
    whole = sum(sums.values())
    dries = (sums["DD"] + sums["DT"] + sums["DW"]) / whole
    dry, wet = ((sums[f"D{zone}"] + sums[f"W{zone}"]) / whole for zone in "DW")
    return (sums["DD"] + sums["WW"]) / whole - (dry * dries + wet * (1 - dries))


@pytest.mark.parametrize("outside", [False, True])
def test_the_excess_is_that_of_a_plain_loop(outside: bool) -> None:
    rng = np.random.default_rng(4)
    places, fields = np.sort(rng.choice(ROWS * COLUMNS, 60, replace=False)), 39
    zones = np.zeros((3, ROWS * COLUMNS))
    zones[:, places] = rng.random((3, 60)) * (rng.random((3, 60)) < 0.7)
    values = rng.normal(size=(fields, 60))
    orders = np.argsort(-abs(values), axis=1)
    null = SharedNull(places, orders.astype(np.int32), np.take_along_axis(values < 0, orders, 1), 1.0, "")
    counted = zones * np.array([1, 0 if outside else 1, 1])[:, None]
    changed = np.array([0.25, 0.6, 1.0]) * counted.sum()
    found = chance(zones, changed, null, outside, 0.05)
    for row, area in zip(found, changed, strict=True):
        each = np.sort([by_loop(counted[:, places], own, area) for own in values])
        np.testing.assert_allclose(row, [each.mean(), each[0], each[-1]], rtol=1e-9)  # ranks 1 and 39 of 39
    assert np.isnan(chance(zones, counted.sum(keepdims=True).ravel() / 30, null, outside, 0.05)).all()


def record(length: float, slope: np.ndarray | float = 0.0) -> xr.Dataset:
    years = np.concatenate(list(exponential_fields(np.arange(ROWS), length, 22, 5)))
    values = np.where(LON < -90, years + slope * np.arange(22)[:, None, None], np.nan)
    return xr.Dataset(
        {"soil_moisture": (("year", "lat", "lon"), values)}, {"year": np.arange(2000, 2022), "lat": LAT, "lon": LON}
    )


def null_of(annual: xr.Dataset, config: RunConfig) -> SharedNull:
    return shared_null(own_signs(annual, config), annual["soil_moisture"].isel(year=0).notnull(), config)


@pytest.mark.slow
def test_the_length_is_that_of_the_years_or_of_slopes_that_go_together_further() -> None:
    config = make_config(bootstrap={"replicates": 40, "seed": 2})
    null = null_of(record(1000.0), config)
    assert null.length_km == pytest.approx(1000, rel=0.25)
    assert null.orders.shape == null.dries.shape == (40, ROWS * COLUMNS // 4)
    fields = np.concatenate(list(exponential_fields(np.arange(ROWS), null.length_km, 40, 2)))
    fields = fields[..., LON < -90].reshape(40, -1)
    sizes = np.take_along_axis(abs(fields), null.orders, 1)
    assert (np.diff(sizes, axis=1) <= 0).all()
    trends = np.concatenate(list(exponential_fields(np.arange(ROWS), 6000.0, 1, 8)))[0]
    far = null_of(record(1000.0, 3.0 * trends), config)
    assert far.of == OF_SLOPES and far.length_km > 2000 and null.of in (OF_SLOPES, OF_YEARS)


def test_without_two_signs_there_is_no_field() -> None:
    years = np.arange(2000, 2022)
    values = np.broadcast_to(0.001 * (years - 2000.0)[:, None, None], (22, 6, 6))
    annual = xr.Dataset(
        {"soil_moisture": (("year", "lat", "lon"), values)}, {"year": years, "lat": LAT[:6], "lon": LON[:6]}
    )
    null = null_of(annual, make_config(bootstrap={"replicates": 40, "seed": 2}))
    assert np.isnan(null.length_km) and null.orders.shape == (0, 36) and "not two signs" in null.of
    assert np.isnan(chance(np.ones((3, ROWS * COLUMNS)), np.ones(2), null, False, 0.05)).all()
