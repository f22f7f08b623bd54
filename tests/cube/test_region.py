"""The cells of a region: boxes and polygons over any meridian, shares of area against a closed formula."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from smcloud.config import Region
from smcloud.cube import axes
from smcloud.cube.region import area_shares, cells_of_region, cells_under
from smcloud.errors import GridError
from tests.examples import examples
from tests.strangers.forms import Raw, write
from tests.strangers.world import cube_of, stamps

GLOBE = axes.global_grid(5.0)


def area_of(polygon):
    """Area on the unit sphere of a polygon whose edges are straight in degrees: the integral of sin(lat) over lon."""
    total = 0.0
    for number, ring in enumerate([polygon.exterior, *polygon.interiors]):
        lon, lat = np.radians(np.array(ring.coords)).T
        middle = np.where(
            np.abs(np.diff(lat)) > 1e-9,
            (np.cos(lat[:-1]) - np.cos(lat[1:])) / np.where(np.abs(np.diff(lat)) > 1e-9, np.diff(lat), 1),
            np.sin((lat[1:] + lat[:-1]) / 2),
        )
        own = abs(float((np.diff(lon) * middle).sum()))
        total += -own if number else own
    return total


def shares_by_formula(geometry, lat, lon):
    """Each cell's part of ``geometry``, clipped in degrees, over the area of the cell."""
    y, x = axes.cell_edges(lat, lon)
    out = np.zeros((lat.size, lon.size))
    for i in range(lat.size):
        for j in range(lon.size):
            for turn in (-360, 0, 360):
                cell = shapely.box(x[j] + turn, y[i], x[j + 1] + turn, y[i + 1])
                parts = shapely.get_parts(shapely.intersection(geometry, cell))
                out[i, j] += sum(area_of(part) for part in parts if part.geom_type == "Polygon") / area_of(cell)
    return out


TRIANGLE = shapely.Polygon([(-7, 41), (23, 47), (9, 71)])
CRESCENT = shapely.Polygon([(170, -50), (-170 + 360, -47), (200, 10), (165, 20)], [[(178, -20), (186, -18), (181, 3)]])


@pytest.mark.parametrize("geometry", [TRIANGLE, CRESCENT], ids=["triangle", "over 180, with a hole"])
@pytest.mark.parametrize("grid", [(np.arange(-57.5, 75, 5), np.arange(-177.5, 180, 5)), axes.global_grid(7.5)])
def test_shares_are_those_of_the_closed_formula(geometry, grid):
    made = area_shares(geometry, *grid)
    np.testing.assert_allclose(made, shares_by_formula(geometry, *grid), rtol=0, atol=2e-6)
    y, x = axes.cell_edges(*grid)
    area = np.outer(np.diff(np.sin(np.radians(y))), np.radians(np.diff(x)))
    np.testing.assert_allclose((made * area).sum(), area_of(geometry), rtol=2e-6)


@given(
    corners=st.lists(st.tuples(st.floats(-30, 30), st.floats(-85, 85)), min_size=3, max_size=6),
    west=st.floats(-180, 180),
)
@settings(max_examples=examples(12), deadline=None)
def test_shares_of_any_polygon_add_up_to_its_area_wherever_it_lies(corners, west):
    polygon = shapely.convex_hull(shapely.MultiPoint([(x + west, y) for x, y in corners]))
    if polygon.geom_type != "Polygon" or polygon.area < 1e-6:
        return
    lat, lon = axes.global_grid(15.0)
    made = area_shares(polygon, lat, lon)
    assert made.min() >= 0 and made.max() <= 1
    area = np.diff(np.sin(np.radians(axes.lat_edges(lat))))[:, None] * np.radians(15.0)
    np.testing.assert_allclose((made * area).sum(), area_of(polygon), rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize(
    ("box", "lon", "lat"),
    [
        ([170, -10, 190, 10], [172.5, 177.5, 182.5, 187.5], [-7.5, -2.5, 2.5, 7.5]),
        ([170, -10, -170, 10], [172.5, 177.5, 182.5, 187.5], [-7.5, -2.5, 2.5, 7.5]),
        ([170, -10, 180, 10], [172.5, 177.5], [-7.5, -2.5, 2.5, 7.5]),
        ([-180, 80, -170, 90], [-177.5, -172.5], [82.5, 87.5]),
        ([350, 0, 10, 5], [-7.5, -2.5, 2.5, 7.5], [2.5]),
        ([2.5, 2.5, 7.5, 7.5], [2.5, 7.5], [2.5, 7.5]),
        ([-180, 0, 180, 5], GLOBE[1], [2.5]),
        ([0, 0, 360, 5], GLOBE[1], [2.5]),
        ([20, 0, -20, 5], np.arange(22.5, 340, 5), [2.5]),
    ],
)
def test_a_box_holds_the_cells_whose_centres_lie_in_it(box, lon, lat):
    made = cells_of_region(Region(bbox=box), *GLOBE)
    np.testing.assert_allclose(made.lon, lon, rtol=0, atol=1e-9)
    np.testing.assert_allclose(made.lat, lat, rtol=0, atol=1e-9)
    assert made.share is None and not made.variables()


def test_a_box_on_a_window_beyond_180_begins_within_the_circle():
    made = cells_of_region(Region(bbox=[-178, 0, -172, 5]), np.array([2.5]), np.arange(170.5, 190))
    np.testing.assert_allclose(made.lon, np.arange(-177.5, -172))


def region_of(tmp_path, *polygons, field="NAME", **more):
    features = [
        {"type": "Feature", "properties": {"NAME": name}, "geometry": shapely.geometry.mapping(geometry)}
        for name, geometry in polygons
    ]
    (tmp_path / "r.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return Region(shape=str(tmp_path / "r.geojson"), field=field, **more)


def test_polygons_cut_the_grid_to_what_they_touch_and_overlap_once(tmp_path):
    one, two = shapely.box(171, -12, 182, 3), shapely.box(178, -2, 188, 12)
    made = cells_of_region(region_of(tmp_path, ("a", one), ("b", two)), *GLOBE)
    np.testing.assert_allclose(made.lon, [172.5, 177.5, 182.5, 187.5])
    np.testing.assert_allclose(made.lat, [-12.5, -7.5, -2.5, 2.5, 7.5, 12.5])
    for name, box in (("a", one), ("b", two)):
        np.testing.assert_allclose(made.polygons[name], shares_by_formula(box, made.lat, made.lon), atol=2e-6)
    both = shapely.union(one, two)
    np.testing.assert_allclose(made.share, shares_by_formula(both, made.lat, made.lon), atol=2e-6)
    da = made.masked(xr.DataArray(np.ones((2, 6, 4)), {"lat": made.lat, "lon": made.lon}, ("time", "lat", "lon")))
    np.testing.assert_array_equal(np.isnan(da[0]), made.share == 0)


def test_what_holds_no_cell_is_refused(tmp_path):
    with pytest.raises(GridError, match="no cell") as err:
        cells_of_region(Region(bbox=[1, 1, 2, 2]), *GLOBE)
    assert "region.bbox" in err.value.where
    with pytest.raises(GridError, match="no cell"):
        cells_of_region(region_of(tmp_path, ("a", shapely.box(0, 0, 9, 9))), np.arange(40.0, 50), np.arange(0.0, 9))


CELLS = cells_of_region(Region(bbox=[170, -10, 190, 10]), *GLOBE)


@pytest.mark.parametrize("turn", [0.0, 360.0])
@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("step", [5.0, 2.5, 4.0])
def test_a_source_is_cut_to_what_lies_under_the_cells(turn, down, step):
    lat, lon = axes.global_grid(step)
    lon, lat = np.sort((lon + turn) % 360 if turn else lon), lat[::-1] if down else lat
    values = xr.DataArray(np.arange(lat.size * lon.size).reshape(lat.size, -1), dims=("y", "x"))
    ds = xr.Dataset({"v": values, "flag": values}, {"y": lat, "x": lon})
    ds["y"].attrs["units"], ds["x"].attrs["units"] = "degrees_north", "degrees_east"
    made = ds.isel(cells_under(ds, "v", CELLS, "v"))
    from smcloud.cube.axis_names import name_axes

    even = axes.normalise(name_axes(made, "v"), "v")
    half = step / 2
    assert (
        even["lat"][0] - half <= -10 < even["lat"][0] + half and even["lat"][-1] - half < 10 <= even["lat"][-1] + half
    )
    assert even["lon"][0] - half <= 170 < even["lon"][0] + half
    assert even["lon"][-1] - half < 190 <= even["lon"][-1] + half
    assert made["flag"].shape == made["v"].shape
    np.testing.assert_array_equal(made["v"], ds["v"].sel(y=made["y"], x=made["x"]))
    if step == 5:
        np.testing.assert_allclose(even["lon"], CELLS.lon)


def test_a_source_elsewhere_is_named():
    ds = xr.Dataset({"v": (("lat", "lon"), np.zeros((2, 2)))}, {"lat": [40.0, 41], "lon": [0.0, 1]})
    with pytest.raises(GridError, match="nothing of the region") as err:
        cells_under(ds, "v", CELLS, "lai (glass:v)")
    assert err.value.where == "lai (glass:v)"


@pytest.mark.parametrize("form", ["zarr2", "zarr3", "icechunk"])
def test_only_the_chunks_that_a_region_touches_are_asked_for(tmp_path, monkeypatch, form):
    """Cells of 60 x 45 degrees, a chunk each: the box holds two columns on both sides of 180 degrees, and two rows."""
    from smcloud.catalog.stores.guarded import GuardedStore

    asked, get = set(), GuardedStore.get

    def counted(store, key, *args, **more):
        asked.add(key)
        return get(store, key, *args, **more)

    monkeypatch.setattr(GuardedStore, "get", counted)
    lat, lon, months = (
        np.arange(-67.5, 90, 45),
        np.arange(30.0, 360, 60),
        pd.date_range("2000-01", periods=12, freq="MS"),
    )
    values = np.random.default_rng(1).uniform(0.1, 0.4, (12, 4, 6)).astype("f4")
    sm = Raw(("time", "lat", "lon"), values, {"units": "m3 m-3"}, chunks=(12, 1, 1))
    arrays = {"time": stamps(months), "sm": sm, "lat": Raw(("lat",), lat), "lon": Raw(("lon",), lon)}
    spec = {"name": "sm", "units": "m3 m-3", "period": "month", "valid_range": [0, 1]}
    region = {"region": {"bbox": [140, -30, 220, 30]}}
    cube = cube_of(tmp_path, write(form, tmp_path, arrays), spec, role="soil_moisture", settings=region)
    np.testing.assert_array_equal(cube["soil_moisture"], values[:, 1:3, 2:4])
    assert cube["lon"].values.tolist() == [150, 210]
    chunks = {tuple(map(int, re.findall(r"\d+", key))) for key in asked if re.match(r"sm/[c\d]", key)}
    assert chunks == {(0, row, column) for row in (1, 2) for column in (2, 3)}


@pytest.mark.parametrize(
    ("step", "box", "refused"),
    [
        ((5.0, 5.0), (0.0, 45.0, 20.0, 50.0), False),
        ((2.0, 5.0), (0.0, 44.5, 20.0, 46.5), True),  # one row of cells that are not square
        ((5.0, 5.0), (0.0, 45.0, 5.0, 50.0), True),  # one cell
        ((2.0, 5.0), (0.0, 40.5, 20.0, 46.5), False),
    ],
)
def test_cells_whose_size_no_centre_tells_are_refused(step, box, refused):
    lat, lon = np.arange(-90 + step[0] / 2, 90, step[0]), np.arange(-180 + step[1] / 2, 180, step[1])
    region = Region(bbox=box)
    if not refused:
        assert cells_of_region(region, lat, lon).lat.size == (1 if step[0] == 5.0 else 3)
        return
    with pytest.raises(GridError, match="too few cells") as caught:
        cells_of_region(region, lat, lon)
    assert "region" in caught.value.next
