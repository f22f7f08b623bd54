import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from smcloud.cube import axes
from smcloud.cube.axis_names import name_axes
from smcloud.errors import GridError
from tests.examples import examples


def field(lat, lon, names=("lat", "lon")):
    values = np.add.outer(1000.0 * np.asarray(lat, float), (np.asarray(lon, float) + 180) % 360 - 180)
    return xr.DataArray(values, dims=names, coords={names[0]: lat, names[1]: lon})


def test_descending_latitude_and_0_to_360_turn_with_their_values():
    stored = field(np.arange(87.5, -90, -5), np.arange(0, 360, 5.0), ("latitude", "longitude"))
    da = axes.normalise(name_axes(stored.to_dataset(name="v"), "v"), "x")
    assert da.dims == ("lat", "lon")
    np.testing.assert_array_equal(da["lat"], np.arange(-87.5, 90, 5))
    np.testing.assert_array_equal(da["lon"], np.arange(-180, 180, 5.0))
    np.testing.assert_array_equal(da, np.add.outer(1000 * da["lat"].values, da["lon"].values))


def test_time_comes_first_and_other_coordinates_go():
    da = field([10.0, 20], [5.0, 6]).expand_dims(time=[0, 1]).transpose("lat", "time", "lon")
    da = axes.normalise(da.assign_coords(height=2.0), "x")
    assert da.dims == ("time", "lat", "lon")
    assert set(da.coords) == {"time", "lat", "lon"}


@pytest.mark.parametrize("step", [0.05, 0.1, 0.25, 1 / 12, 1.0, 1.875, 5.0])
def test_float32_coordinates_become_the_even_axis_of_the_global_grid(step):
    lat, lon = axes.global_grid(step)
    da = axes.normalise(field(lat[::-1].astype(np.float32), [0.0, 1.0]), "x")
    np.testing.assert_allclose(da["lat"], lat, rtol=0, atol=1e-10)
    da = axes.normalise(field([0.0, 1.0], lon.astype(np.float32)), "x")
    np.testing.assert_allclose(da["lon"], lon, rtol=0, atol=1e-10)


def test_an_even_step_beside_a_round_one_is_left_as_it_is():
    lat = 10 + 0.2501 * np.arange(200)
    np.testing.assert_allclose(axes.snap(lat, "x"), lat, rtol=0, atol=1e-9)


@given(
    n=st.integers(3, 400),
    step=st.sampled_from([0.05, 0.25, 0.3, 1 / 3, 1.25, 2.5]),
    start=st.floats(-80, -40),
    seed=st.integers(0, 99),
)
@settings(max_examples=examples(60), deadline=None)
def test_snapping_moves_no_coordinate_by_more_than_the_tolerance(n, step, start, seed):
    noise = np.random.default_rng(seed).uniform(-1e-4, 1e-4, n) * step
    even = axes.snap(start + step * np.arange(n) + noise, "x")
    assert np.abs(even - (start + step * np.arange(n))).max() < 2e-3 * step
    np.testing.assert_allclose(np.diff(even), step, rtol=1e-3)


def test_an_uneven_axis_names_the_place():
    with pytest.raises(GridError, match="evenly") as err:
        axes.normalise(field([0.0, 1, 2, 3.5], [0.0, 1]), "era5:tp")
    assert "era5:tp: lat" in err.value.where
    with pytest.raises(GridError):
        axes.normalise(field(np.linspace(-87.8, 87.8, 64) + 0.02 * np.sin(np.arange(64)), [0.0, 1]), "gaussian")


@pytest.mark.parametrize("lat", [[0.0, 0.0], [0.0, 1.0, 1.0], [5.0, 5.0, 5.0]])
def test_a_repeated_coordinate_is_refused(lat):
    with pytest.raises(GridError, match="repeats"):
        axes.normalise(field(lat, [0.0, 1]), "x")


def test_a_repeated_meridian_is_refused():
    with pytest.raises(GridError, match="repeats"):
        axes.normalise(field([0.0, 1], np.arange(0, 361, 60.0)), "x")


def test_axes_that_are_missing_too_many_or_beyond_the_poles_are_refused():
    with pytest.raises(GridError, match="no lat axis"):
        axes.normalise(xr.DataArray(np.zeros((2, 2)), dims=("y", "x")), "x")
    with pytest.raises(GridError, match="more axes"):
        axes.normalise(field([0.0, 1], [0.0, 1]).expand_dims(level=[1, 2]), "x")
    with pytest.raises(GridError, match="poles"):
        axes.normalise(field([80.0, 90, 100], [0.0, 1]), "x")


def test_single_and_paired_cells_need_no_step():
    da = axes.normalise(field([46.9], [7.3, 6.1]), "basins")
    np.testing.assert_array_equal(da["lat"], [46.9])
    np.testing.assert_allclose(da["lon"], [6.1, 7.3], rtol=1e-14)
    np.testing.assert_allclose(axes.edges(np.array([46.9]), 2.0), [45.9, 47.9])


def test_edges_and_the_half_cells_of_nodes_on_the_poles():
    np.testing.assert_allclose(axes.edges(np.array([0.0, 10, 20])), [-5, 5, 15, 25])
    np.testing.assert_allclose(axes.lat_edges(np.array([-90.0, -80, -70])), [-90, -85, -75, -65])
    lat, lon = axes.global_grid(5.0)
    assert (lat[0], lat[-1], lon[0], lon[-1]) == (-87.5, 87.5, -177.5, 177.5)
    assert (len(lat), len(lon)) == (36, 72)


@pytest.mark.parametrize(
    ("stored", "west"),
    [
        (np.arange(170.0, 191), 170),
        (np.arange(170.0, 181), 170),
        (np.arange(-179.0, -170), -179),
        (np.arange(171.0, 190), 171),
        (np.concatenate([np.arange(-180.0, -169), np.arange(170.0, 180)]), 170),
        (np.arange(350.5, 370), -9.5),
        (np.arange(20.0, 350), 20),
        ((170.35 + 0.7 * np.arange(36)).astype(np.float32), 170.35),
        (np.array([165.0, 195]), 165),
        (np.arange(100.0, 190)[::-1], 100),
    ],
)
def test_a_window_runs_on_beyond_180_degrees_with_its_values(stored, west):
    da = axes.normalise(field([0.0, 1.0], stored), "x")
    step = round(float(np.median(np.abs(np.diff(np.sort(stored % 360))))), 3)
    np.testing.assert_allclose(da["lon"], west + step * np.arange(len(stored)), rtol=0, atol=1e-4)
    np.testing.assert_allclose(da[0], (da["lon"] + 180) % 360 - 180, rtol=0, atol=1e-4)


@pytest.mark.parametrize("start", [0.0, 0.25, -180.0, -179.75, 20.0])
def test_a_whole_circle_runs_from_180_west(start):
    da = axes.normalise(field([0.0, 1.0], start + 0.5 * np.arange(720)), "x")
    assert -180 <= da["lon"][0] < -179.5
    np.testing.assert_allclose(np.diff(da["lon"]), 0.5, rtol=0, atol=1e-9)


def named(lat, lon, lat_attrs, lon_attrs):
    ds = xr.Dataset({"v": ((lat, lon), np.zeros((2, 3)))}, {lat: [10.0, 20], lon: [100.0, 110, 120]})
    ds[lat].attrs, ds[lon].attrs = lat_attrs, lon_attrs
    return name_axes(ds, "v").dims


@pytest.mark.parametrize("names", [("LAT", "LON"), ("Latitude", "Longitude"), ("nav_lat", "nav_lon"), ("lats", "lons")])
def test_axes_are_known_by_their_names_in_any_case(names):
    assert named(*names, {}, {}) == ("lat", "lon")


def test_axes_are_known_by_what_they_say_of_themselves():
    assert named("r", "c", {"standard_name": "latitude"}, {"units": "degrees_east"}) == ("lat", "lon")
    assert named("r", "c", {"axis": "Y"}, {"axis": "X", "units": "degrees"}) == ("lat", "lon")
    for projected in ({"units": "km"}, {"units": "m"}, {"standard_name": "projection_y_coordinate"}):
        assert named("r", "c", {"axis": "Y"} | projected, {"axis": "X"}) == ("r", "lon")
    assert named("r", "c", {}, {}) == ("r", "c")


def test_points_along_one_dimension_have_no_axes():
    attrs = [{"standard_name": "latitude"}, {"standard_name": "longitude"}]
    places = {name: ("cell", np.arange(3.0), it) for name, it in zip(("lat", "lon"), attrs, strict=True)}
    ds = xr.Dataset({"v": (("cell", "time"), np.zeros((3, 2)))}, places)
    assert name_axes(ds, "v").dims == ("cell", "time")
    with pytest.raises(GridError, match="no lat axis"):
        axes.normalise(name_axes(ds, "v"), "v")
