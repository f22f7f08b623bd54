"""A grid in words, and what is asked where axes are not understood."""

import numpy as np
import pytest
import xarray as xr

from smcloud.cube.axes import normalise
from smcloud.cube.axis_names import name_axes
from smcloud.errors import GridError
from smcloud.first_study.grids import grid_lines, grid_of


def field(**axes):
    """A variable ``sm`` along axes: values by name, or a number of steps without any."""
    sizes = {name: values if isinstance(values, int) else len(values) for name, values in axes.items()}
    coords = {name: values for name, values in axes.items() if not isinstance(values, int)}
    return xr.Dataset({"sm": (tuple(sizes), np.zeros(tuple(sizes.values())))}, coords)


LAT, LON = np.arange(10.0, -11, -5), np.arange(0.0, 30, 5)


def test_axes_that_are_understood_ask_nothing():
    assert grid_lines(field(time=[1], lat=LAT, lon=LON), "sm", "a.nc") == {}
    assert grid_lines(field(Latitude=LAT, Longitude=LON), "sm", "a.nc") == {}


def test_axes_that_could_be_degrees_are_asked_for():
    line = grid_lines(field(time=[1], row=LAT, col=np.arange(100.0, 130, 5)), "sm", "a.nc")["axes"]
    assert line.choose.startswith("which is which, as in {lat: row, lon: col}")
    assert "row (10, 5, 0, -5, -10)" in line.choose
    # Both could be either: an example names two.
    assert "{lat: row, lon: col}" in grid_lines(field(row=LAT, col=LON), "sm", "a.nc")["axes"].choose


def test_a_level_is_asked_for():
    line = grid_lines(field(time=[1], depth=[0.05, 0.2], lat=LAT, lon=LON), "sm", "a.nc")["select"]
    assert line.choose == "one level or member, as in {depth: 0.05}; there are depth (0.05, 0.2)"
    assert (
        "{member: 0}; there are member (3 values)"
        in grid_lines(field(member=3, lat=LAT, lon=LON), "sm", "a")["select"].choose
    )


@pytest.mark.parametrize("axes", [{"row": np.arange(800.0, 900), "col": LON}, {"row": 4, "col": 5}])
def test_numbers_of_rows_are_no_degrees(axes):
    with pytest.raises(GridError, match="nothing says which axis is latitude"):
        grid_lines(field(time=[1], **axes), "sm", "a.nc")


def test_points_are_no_grid():
    ds = field(time=[1], cell=3).assign_coords(lat=("cell", [1.0, 2, 3]), lon=("cell", [1.0, 2, 3]))
    with pytest.raises(GridError) as raised:
        grid_lines(ds, "sm", "a.nc")
    assert raised.value.found == "latitude and longitude along cell"


def test_a_grid_in_words():
    ds = field(lat=LAT, lon=LON)
    assert grid_of(name_axes(ds, "sm"), normalise(name_axes(ds, "sm"), "")) == (
        "5 x 6 cells of 5 degrees, latitudes -10 to 10 (north first in the file), longitudes 0 to 25"
    )
