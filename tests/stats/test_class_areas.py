"""Areas by class: those of the sums over each group of cells, to the last bit, in any chunks."""

import numpy as np
import pytest
import xarray as xr

from smcloud.stats import area_weighted_sums
from smcloud.stats.class_areas import GROUPS, class_areas, class_lattice
from smcloud.stats.lattice import areas_by_class

LAT, LON = np.linspace(-89.8, 89.8, 450), np.linspace(-179.6, 179.6, 400)
ZONE_OF, CHANGE_OF = {"D": 1, "T": 2, "W": 3}, {"D": 2, "W": 3}


@pytest.fixture(scope="module")
def maps() -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    rng = np.random.default_rng(3)
    axes = {"lat": LAT, "lon": LON}
    shape = (LAT.size, LON.size)
    change = xr.DataArray(rng.integers(0, 4, (2, *shape), np.uint8), axes | {"change": ["a", "b"]}, ("change", *axes))
    zone = xr.DataArray(rng.integers(0, 4, (3, *shape), np.uint8), axes | {"zones": list("xyz")}, ("zones", *axes))
    area = xr.DataArray(rng.random(shape), axes, list(axes))
    return change, zone, area.where(rng.random(shape) > 0.1, 0.0)


def members(change: xr.DataArray, zone: xr.DataArray, group: str) -> xr.DataArray:
    """The cells of a group, as its name says."""
    valid, changed = (change > 0) & (zone > 0), (change > 1) & (zone > 0)
    if group.endswith(" outside"):
        changed, group = changed & (zone != 2), group.removesuffix(" outside")
    if group.startswith("zone"):
        return changed & (zone == ZONE_OF[group[-1]])
    if group.startswith("direction"):
        return changed & (change == CHANGE_OF[group[-1]])
    if group in ("valid", "counted"):
        return valid if group == "valid" else changed
    return (zone == ZONE_OF[group[0]]) & (change == CHANGE_OF[group[1]])


def test_each_group_has_the_sum_of_its_cells(maps: tuple[xr.DataArray, ...]) -> None:
    change, zone, area = maps
    got = class_areas(change, zone, area)
    assert got.dims == ("zones", "change", "group") and got["group"].values.tolist() == list(GROUPS)
    for name in got["change"].values:
        for scheme in got["zones"].values:
            each = [members(change.sel(change=name), zone.sel(zones=scheme), group) for group in GROUPS]
            groups = xr.concat(each, "region")
            expected = area_weighted_sums(xr.ones_like(area), area, groups)["covered_area"].values
            assert got.sel(change=name, zones=scheme).values.tobytes() == expected.tobytes()


def test_chunks_change_no_bit(maps: tuple[xr.DataArray, ...]) -> None:
    change, zone, area = (da.chunk(lat=77, lon=131) for da in maps)
    for function in (class_areas, class_lattice):
        lazy = function(change, zone, area)
        assert lazy.chunks is not None
        xr.testing.assert_equal(lazy.compute(), function(*maps))


def test_the_lattice_is_that_of_one_map(maps: tuple[xr.DataArray, ...]) -> None:
    change, zone, area = maps
    got = class_lattice(change, zone, area).sel(change="b", zones="y")
    code = zone.sel(zones="y") * 10 + change.sel(change="b")
    codes = [10 * ZONE_OF[name[0]] + CHANGE_OF[name[1]] for name in got["class"].values]
    expected = areas_by_class(code.values, area.values, LAT, LON, codes)
    np.testing.assert_allclose(got.values, expected.reshape(-1, 6).T, rtol=1e-12)
