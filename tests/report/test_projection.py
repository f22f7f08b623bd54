"""The projection is the published one and equal in area; pictures hold the colours of the right cells."""

import numpy as np
import pytest
import xarray as xr

from smcloud.cube.axes import edges
from smcloud.products import palette
from smcloud.report.projection import choose_projection, outline, picture, sorted_grid

LAT, LON = np.arange(-90, 91, 5.0), np.arange(-180, 181, 5.0)


def test_equal_earth_is_equal_in_area():
    view = choose_projection(np.linspace(-90, 90, 37), LON)
    # Strip between two latitudes: width times height in the plane over the sphere's share, the same everywhere.
    width = view.factor * 360
    middle = (width[1:] + width[:-1]) / 2
    plane = middle * np.diff(view.y)
    sphere = np.diff(np.sin(np.deg2rad(view.lat)))
    ratio = plane / sphere
    assert ratio == pytest.approx(ratio[len(ratio) // 2], rel=1e-3)
    # Known points of the projection's paper: the pole line is 0.59 of the equator, height 0.487 of the width.
    assert view.factor[0] / view.factor.max() == pytest.approx(0.59, abs=0.01)
    left, right, bottom, top = view.extent
    assert (top - bottom) / (right - left) == pytest.approx(0.487, abs=0.001)


def test_a_region_is_drawn_plainly():
    view = choose_projection(np.array([40.0, 50.0]), np.array([0.0, 10.0]))
    x, y = view.forward([40, 50], [0, 10])
    assert y.tolist() == [40, 50]
    assert x[1] == pytest.approx(10 * np.cos(np.deg2rad(45)))


@pytest.mark.parametrize("lon", [LON, np.array([-10.0, 0, 10, 25])])
def test_every_pixel_has_the_colour_of_its_cell(lon: np.ndarray):
    rng = np.random.default_rng(1)
    lat = LAT if lon.size > 4 else np.array([30.0, 40, 45, 60])
    colours = rng.integers(0, 255, (lat.size - 1, lon.size - 1, 4)).astype("uint8")
    view = choose_projection(lat, lon)
    image = picture(colours, np.zeros(colours.shape[:2], bool), lat, lon, view, 1200)
    left, right, bottom, top = view.extent
    height, width = image.shape[:2]
    checked = 0
    for i, j in np.ndindex(colours.shape[:2]):
        x, y = view.forward((lat[i] + lat[i + 1]) / 2, (lon[j] + lon[j + 1]) / 2)
        row, column = int((top - y) / (top - bottom) * height), int((x - left) / (right - left) * width)
        assert (image[row, column] == colours[i, j]).all(), (i, j)
        checked += 1
    assert checked == (lat.size - 1) * (lon.size - 1)


def test_beyond_the_globe_is_transparent_and_no_data_is_striped():
    colours = np.full((36, 72, 4), 7, "uint8")
    no_data = np.zeros((36, 72), bool)
    no_data[:, :36] = True
    image = picture(colours, no_data, LAT, LON, choose_projection(LAT, LON), 1000)
    assert image[0, 0].tolist() == [0, 0, 0, 0]
    west = image[image.shape[0] // 2, 50:450]
    kinds = {tuple(pixel) for pixel in west.tolist()}
    assert kinds == {(*palette.rgb(palette.NO_DATA), 255), (*palette.rgb(palette.NO_DATA_STRIPE), 255)}
    striped = (west == (*palette.rgb(palette.NO_DATA_STRIPE), 255)).all(axis=1).mean()
    assert 0.25 < striped < 0.42
    assert (image[image.shape[0] // 2, 550:950] == 7).all()


def test_the_outline_runs_round_land_only():
    land = np.zeros((36, 72), bool)
    land[20:22, 30:33] = True
    segments = outline(land, LAT, LON, choose_projection(LAT, LON))
    assert len(segments) == 2 * 3 + 2 * 2
    view = choose_projection(LAT, LON)
    corners = {(round(x, 6), round(y, 6)) for x, y in segments.reshape(-1, 2)}
    x, y = view.forward(LAT[20], LON[30])
    assert (round(float(x), 6), round(float(y), 6)) in corners
    assert len(corners) == 10


def test_axes_are_brought_to_one_order():
    da = xr.DataArray(
        np.arange(6.0).reshape(2, 3), coords={"lat": [10.0, -10.0], "lon": [10.0, 190.0, 350.0]}, dims=("lat", "lon")
    )
    out = sorted_grid(da.transpose("lon", "lat"))
    assert out.dims == ("lat", "lon")
    assert out.lat.values.tolist() == [-10, 10] and out.lon.values.tolist() == [-170, -10, 10]
    assert out.sel(lat=10, lon=-170).item() == 1


def test_edges_of_even_and_lone_centres():
    assert edges(np.array([1.0, 3.0, 5.0]), None).tolist() == [0, 2, 4, 6]
    assert edges(np.array([10.0]), 0.5).tolist() == [9.75, 10.25]
    with pytest.raises(ValueError, match="single cell"):
        edges(np.array([10.0]), None)


def test_a_window_over_180_degrees_is_drawn_in_one_piece():
    lon = np.array([-177.5, -172.5, 172.5, 177.5])
    made = sorted_grid(xr.DataArray(np.arange(4.0)[None], {"lat": [0.0], "lon": lon}, ("lat", "lon")))
    assert made["lon"].values.tolist() == [172.5, 177.5, 182.5, 187.5]
    assert made.values[0].tolist() == [2, 3, 0, 1]
