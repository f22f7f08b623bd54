"""Regions and points on grids of every order and convention."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from smcloud.errors import OutsideGridError
from smcloud.export.selection import Region, cell_at, eastwards, extent, select
from tests.export.test_geotiff import grids


def grid_of(lat, lon):
    return xr.Dataset(coords={"lat": np.asarray(lat, float), "lon": np.asarray(lon, float)})


WEST = np.arange(-175.0, 180, 10)
EAST = np.arange(5.0, 360, 10)


@pytest.mark.parametrize(
    ("lon", "region", "wanted"),
    [
        (WEST, "-20,-90,20,90", [-15, -5, 5, 15]),
        (EAST, "-20,-90,20,90", [345, 355, 5, 15]),
        (WEST[::-1], "-20,-90,20,90", [-15, -5, 5, 15]),
        (WEST, "160,-90,-160,90", [165, 175, -175, -165]),
        (WEST, "160,-90,200,90", [165, 175, -175, -165]),
        (EAST, "160,-90,-160,90", [165, 175, 185, 195]),
        (WEST, "5,-90,15,90", [5, 15]),
    ],
)
def test_a_box_takes_the_centres_in_it_from_west_to_east(lon, region, wanted):
    assert select(grid_of([0, 1], lon), Region.of(region))["lon"].values.tolist() == wanted


@pytest.mark.parametrize("lon", [WEST, EAST, WEST[::-1]])
@pytest.mark.parametrize("region", ["-180,-90,180,90", "0,-90,360,90"])
def test_the_whole_globe_is_whole(lon, region):
    assert sorted(select(grid_of([0, 1], lon), Region.of(region))["lon"].values) == sorted(lon)


def test_latitudes_keep_their_order():
    assert select(grid_of([40, 20, 0, -20], WEST), Region.of("0,-10,90,30"))["lat"].values.tolist() == [20, 0]


@pytest.mark.parametrize(("lon", "wanted"), [([170, -170], [170, 190]), ([350, 10], [350, 370]), ([10, 5], [10, 5]),
                                             ([175, 165, 155], [175, 165, 155])])  # fmt: skip
def test_longitudes_that_go_on_do_not_jump(lon, wanted):
    assert eastwards(grid_of([0, 1], lon))["lon"].values.tolist() == wanted


@pytest.mark.parametrize(
    "text", ["1,2,3", "a,b,c,d", "0,50,10,40", "0,0,0,10", "0,-91,10,10", "nan,0,1,1", "500,0,1,1"]
)
def test_what_is_no_region(text):
    with pytest.raises(ValueError, match="W"):
        Region.of(text)


def test_a_region_without_a_cell_names_the_grid():
    with pytest.raises(OutsideGridError) as refused:
        select(grid_of([5, 15], [5, 15, 25]), Region.of("50,0,60,10"))
    assert refused.value.exit_code == 3 and "latitudes 0 to 20, longitudes 0 to 30" in refused.value.expected


@given(grids(), st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.sampled_from([-360, 0, 360]))
def test_a_point_is_found_in_its_cell(grid, up, along, turn):
    lat, lon, step = grid
    ds = grid_of(lat, lon)
    for axis, centres in (("lat", lat), ("lon", lon)):
        ds.coords[f"{axis}_bnds"] = ((axis, "bnds"), np.stack([centres - step / 2, centres + step / 2], axis=1))
        ds[axis].attrs["bounds"] = f"{axis}_bnds"
    i, j = lat.size // 2, lon.size - 1
    there = cell_at(ds, lat[i] + (up - 0.5) * step, lon[j] + (along - 0.5) * step + turn)
    assert there == (i, j)
    if lat.size > 1 and lon.size > 1:  # edges half way between the centres are the same
        assert cell_at(grid_of(lat, lon), lat[i] + (up - 0.5) * step, lon[j]) == (i, j)


def test_edges_belong_to_the_north_and_east_and_the_last_one_to_its_cell():
    ds = grid_of([5, 15], [5, 15])
    assert cell_at(ds, 10, 10) == (1, 1) and cell_at(ds, 0, 0) == (0, 0) and cell_at(ds, 20, 20) == (1, 1)
    globe = grid_of(np.arange(-85.0, 90, 10), WEST)
    assert cell_at(globe, 90, 180) == (17, 0) and cell_at(globe, -90, -180) == (0, 0)
    for lat, lon in ((20.1, 5), (5, -0.1), (-1, 5), (5, 20.1)):
        with pytest.raises(OutsideGridError, match="outside the grid"):
            cell_at(ds, lat, lon)
    assert "2 x 2 cells" in extent(ds)
