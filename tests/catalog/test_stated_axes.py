"""Axes that the entry names, and the level or member that it selects."""

import numpy as np
import pytest
import xarray as xr

from smcloud.catalog.stated_axes import selected, with_stated_axes
from smcloud.errors import ConfigurationError, GridError
from tests.strangers.forms import Raw, write
from tests.strangers.world import LAT, LON, cube_of, random_field, stamps


def rows():
    values = np.arange(24.0).reshape(2, 3, 4)
    ds = xr.Dataset({"v": (("member", "i", "j"), values)}, {"j": [0, 1, 2, 3]})
    return ds.assign(row=("i", [10.0, 20, 30]), col=("j", [1.0, 2, 3, 4]), where=((), 1.0))


def test_named_variables_become_axes_with_their_values_and_attributes():
    made = with_stated_axes(rows(), {"lat": "row", "lon": "col"}, "entry")
    assert made["v"].dims == ("member", "row", "col")
    assert made["row"].attrs == {"standard_name": "latitude", "units": "degrees_north"}
    np.testing.assert_array_equal(made["v"].sel(row=20, col=3), rows()["v"].values[:, 1, 2])
    assert with_stated_axes(rows(), {}, "entry").identical(rows())


@pytest.mark.parametrize(("name", "found"), [("line", "line"), ("where", "where, of 0 dimensions")])
def test_an_axis_that_is_none_is_refused_with_those_that_are(name, found):
    with pytest.raises(GridError) as err:
        with_stated_axes(rows(), {"lat": name}, "entry")
    assert (err.value.found, "axes.lat" in str(err.value)) == (found, True)
    assert all(line in err.value.expected for line in ("row", "col"))


def test_a_selection_is_exact_to_the_digits_of_float32_and_the_axis_goes():
    ds = xr.Dataset({"v": (("depth", "x"), np.arange(6.0).reshape(3, 2))}, {"depth": np.array([0.07, 0.28, 1], "f4")})
    np.testing.assert_array_equal(selected(ds, {"depth": 0.28}, "e")["v"], [2, 3])
    assert set(selected(ds, {"depth": 1}, "e")["v"].coords) == set()
    for value in (0.2800002, 0.3, "0.28m"):
        if value == 0.2800002:  # 7e-7 of it, as float32 keeps it
            selected(ds, {"depth": value}, "e")
            continue
        with pytest.raises(GridError, match="selects") as err:
            selected(ds, {"depth": value}, "entry")
        assert "0.07, 0.28, 1.0" in err.value.expected
        assert err.value.where == "entry: select.depth"


def test_names_and_positions_are_selected_too():
    ds = rows().assign_coords(member=["r1", "r2"])
    np.testing.assert_array_equal(selected(ds, {"member": "r2"}, "e")["v"], rows()["v"][1])
    np.testing.assert_array_equal(selected(rows(), {"member": 1}, "e")["v"], rows()["v"][1])
    for select, told in (({"member": 2}, "from 0 to 1"), ({"level": 1}, "member, i, j"), ({"member": -1}, "0 to 1")):
        with pytest.raises(GridError) as err:
            selected(rows(), select, "e")
        assert told in err.value.expected


def test_an_axis_that_the_configuration_cuts_is_not_selected(tmp_path):
    with pytest.raises(Exception, match="region and period") as err:
        cube_of(tmp_path, {"driver": "zarr", "reader": "default", "args": {"urlpath": "x"}}, SPEC, select={"lat": 1})
    assert not isinstance(err.value, ConfigurationError)


SPEC = {"name": "pre", "units": "mm month-1", "period": "month", "valid_range": [0, 2000]}


@pytest.mark.slow
def test_files_of_one_entry_are_joined_by_the_axes_that_it_names(tmp_path):
    import pandas as pd

    months, rain, urls = pd.date_range("2000-01", periods=12, freq="MS"), random_field(12, 1, 200), []
    for i in range(2):
        part = slice(6 * i, 6 * i + 6)
        pre = Raw(("time", "i", "j"), rain[part], {"units": "mm month-1"})
        arrays = {"time": stamps(months[part]), "pre": pre, "row": Raw(("i",), LAT), "col": Raw(("j",), LON)}
        place = write("netcdf4", tmp_path, arrays, f"part{i}")
        urls.append(place["args"]["urlpath"])
    made = cube_of(tmp_path, place | {"args": {"urlpath": urls}}, SPEC, axes={"lat": "row", "lon": "col"})
    np.testing.assert_allclose(made["precipitation"], rain, rtol=2e-6)
