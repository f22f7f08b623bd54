"""What a map shows is what the product holds, cell by cell, down to the pixels of the PNG."""

import dataclasses
import io
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from smcloud.products import palette
from smcloud.report import detectable, maps
from smcloud.report.drawing import to_png
from smcloud.report.projection import choose_projection

GREY = (*palette.rgb(palette.NOT_SIGNIFICANT), 255)
EDGES = np.arange(-90, 91, 5.0), np.arange(-180, 181, 5.0)


def cell_pixels(figure, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Colours (lat, lon, RGB) at the cell centres in the rendered PNG."""
    image = np.asarray(Image.open(io.BytesIO(to_png(figure))).convert("RGB"))
    view = choose_projection(*EDGES)
    yy, xx = np.meshgrid(lat, lon, indexing="ij")
    x, y = view.forward(yy, xx)
    at = figure.axes[0].transData.transform(np.stack([x.ravel(), y.ravel()], axis=1))
    columns, rows = np.floor(at[:, 0]).astype(int), image.shape[0] - 1 - np.floor(at[:, 1]).astype(int)
    return image[rows, columns].reshape(*yy.shape, 3)


def away_from_parallels(lat: np.ndarray) -> np.ndarray:
    return np.abs(lat) < 80


def test_ddww_png_has_the_class_colour_at_every_cell(products, context):
    ddww = products["ddww"]
    pixels = cell_pixels(maps.ddww_map(products, context), ddww.lat.values, ddww.lon.values)
    code = ddww["ddww_class"].values
    rows = away_from_parallels(ddww.lat.values)[:, None]
    for number, name in enumerate(palette.CLASSES, start=1):
        there = (code == number) & rows
        assert there.any(), name
        assert (pixels[there] == palette.rgb(palette.CLASS_COLOURS[name])).all(), name
    assert (pixels[(code == 0) & rows] == GREY[:3]).all()
    ocean = (context.land_mask.values == 0) & rows
    assert (pixels[ocean] == 255).all()
    empty = (code == 255) & (context.land_mask.values == 1) & rows
    shown = {tuple(pixel) for pixel in pixels[empty].tolist()}
    assert empty.any() and shown <= {palette.rgb(palette.NO_DATA), palette.rgb(palette.NO_DATA_STRIPE)}


@pytest.mark.parametrize(("row", "column"), [(20, 30), (0, 0), (33, 68)])
def test_a_region_of_polygons_has_its_outline_where_the_grid_ends_too(products, context, row, column):
    inside = xr.zeros_like(context.land_mask, dtype=float)
    inside[{"lat": slice(row, row + 3), "lon": slice(column, column + 4)}] = 0.2
    known, found = (
        [line for line in maps.trend_map(products, one).axes[0].collections if line.get_linewidth()[0] == 1.8]
        for one in (context, dataclasses.replace(context, region_share=inside))
    )
    assert known == [] and len(found) == 1
    lat, lon = (EDGES[0][row : row + 4], EDGES[1][column : column + 5])
    yy, xx = np.meshgrid(lat[[0, -1]], lon[[0, -1]])
    corners = np.stack(choose_projection(*EDGES).forward(yy.ravel(), xx.ravel()), axis=-1)
    ends = np.concatenate(found[0].get_segments())
    assert len(ends) == 2 * 2 * (3 + 4)
    assert all(np.isclose(ends, corner, atol=1e-9).all(axis=1).any() for corner in corners)


def test_driver_png_shows_driver_and_sign(products, context):
    drivers = products["drivers"]
    pixels = cell_pixels(maps.driver_map(products, context), drivers.lat.values, drivers.lon.values)
    code, r = drivers["dominant_driver"].values, drivers["dominant_correlation"].values
    rows = away_from_parallels(drivers.lat.values)[:, None]
    for number, (positive, negative) in enumerate(palette.driver_colours(drivers.driver.values.tolist()), start=1):
        for sign, colour in ((r > 0, positive), (r < 0, negative)):
            there = (code == number) & sign & rows
            assert there.any()
            assert (pixels[there] == palette.rgb(colour)).all()
    assert (code == 254).any()
    assert (pixels[(code == 254) & rows] == palette.rgb(palette.TIE)).all()
    assert (pixels[(code == 0) & rows] == GREY[:3]).all()


def test_trend_png_is_brown_where_significantly_drying_and_teal_where_wetting(products, context):
    trend = products["trend"]
    pixels = cell_pixels(maps.trend_map(products, context), trend.lat.values, trend.lon.values)
    slope, significant = trend["slope"].values, trend["significant"].values == 1
    browns = {palette.rgb(c) for c in palette.TREND_STEPS[:5]}
    teals = {palette.rgb(c) for c in palette.TREND_STEPS[5:]}
    assert {tuple(p) for p in pixels[significant & (slope < 0)].tolist()} <= browns
    assert {tuple(p) for p in pixels[significant & (slope > 0)].tolist()} <= teals
    quiet = ~significant & np.isfinite(slope)
    assert quiet.any() and (pixels[quiet] == GREY[:3]).all()


def test_the_map_of_what_could_be_found_is_darker_where_only_large_trends_show(products, context):
    trend = products["trend"].copy(deep=True)
    trend["minimum_detectable_slope"][20, 30:34] = [np.nan, 1e-5, 1e-3, 1.0]
    cells, missing = detectable.detectable_cells(trend, 2.0)
    assert missing[20, 30] and not missing[20, 31:34].any()
    steps = [palette.DETECTABLE_STEPS[k] for k in (0, 4, 8)]
    assert [tuple(cell[:3]) for cell in cells[20, 31:34].tolist()] == [palette.rgb(step) for step in steps]
    light = [np.dot((0.299, 0.587, 0.114), palette.rgb(step)) for step in palette.DETECTABLE_STEPS]
    assert all(a - b > 12 for a, b in pairwise(light)) and light[0] < 230
    pixels = cell_pixels(detectable.detectable_map(products, context), trend.lat.values, trend.lon.values)
    slopes = products["trend"]["minimum_detectable_slope"]
    rows = away_from_parallels(trend.lat.values)[:, None]
    dark = pixels.sum(axis=-1)
    low, high = (slopes < slopes.quantile(0.2)).values & rows, (slopes > slopes.quantile(0.9)).values & rows
    assert dark[low].min() > dark[high].max()


@pytest.mark.parametrize(
    ("slope", "step"),
    [(-9.0, 0), (-2.01, 0), (-1.99, 1), (-0.01, 4), (0.01, 5), (0.49, 5), (0.51, 6), (1.99, 8), (2.01, 9), (9.0, 9)],
)
def test_the_colour_of_a_slope_is_that_of_its_step(slope: float, step: int):
    trend = xr.Dataset({"slope": (("lat", "lon"), [[slope * 1e-3]]), "significant": (("lat", "lon"), [[1]])})
    colours, missing = maps.trend_cells(trend, 2.0)
    assert tuple(colours[0, 0]) == (*palette.rgb(palette.TREND_STEPS[step]), 255)
    assert not missing.any()


def test_cells_without_slope_are_missing_even_where_flagged():
    trend = xr.Dataset(
        {
            "slope": (("lat", "lon"), [[np.nan, 1e-3, 1e-3]]),
            "significant": (("lat", "lon"), np.array([[1, 255, 0]], "uint8")),
        }
    )
    colours, missing = maps.trend_cells(trend, 1.0)
    assert missing.tolist() == [[True, False, False]]
    assert (colours == GREY).all()


def test_the_scale_holds_the_bulk_of_the_significant_slopes(products):
    trend = products["trend"]
    limit = maps.trend_limit(trend)
    slope = np.abs(trend["slope"].values[trend["significant"].values == 1]) * 1e3
    assert (slope <= limit).mean() >= 0.95
    assert limit <= 1.5 * np.percentile(slope, 95)
    scaled = trend.assign(slope=trend["slope"] * 10)
    assert maps.trend_limit(scaled) == pytest.approx(10 * limit)


def test_the_scale_of_nothing_is_one():
    trend = xr.Dataset({"slope": (("lat", "lon"), [[np.nan]]), "significant": (("lat", "lon"), [[0]])})
    assert maps.trend_limit(trend) == 1
    assert maps.trend_limit(trend.assign(slope=trend["slope"].fillna(0))) == 1


def test_grids_from_zero_to_360_and_north_first_give_the_same_picture(products, context, new_context):
    ddww = products["ddww"]
    turned = ddww.assign_coords(lon=ddww.lon % 360).sortby("lon").isel(lat=slice(None, None, -1))
    mask = context.land_mask.assign_coords(lon=context.land_mask.lon % 360).sortby("lon")
    plain = to_png(maps.ddww_map(products, context))
    assert to_png(maps.ddww_map(products | {"ddww": turned}, new_context(land_mask=mask))) == plain


def labels(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.slow
@pytest.mark.parametrize("names", [("precipitation",), ("precipitation", "temperature"), tuple("abcdefgh")])
def test_any_number_of_drivers(names, make_products, context):
    figure = maps.driver_map(make_products(names), context)
    text = " ".join(labels(figure))
    assert all(f"+ {name}" in text or f"or {name} " in text for name in names)
    assert to_png(figure).startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.parametrize("draw", [maps.trend_map, detectable.detectable_map, maps.driver_map, maps.ddww_map])
def test_text_lies_inside_the_figure_and_apart(draw, products, context):
    figure = draw(products, context)
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    texts = [*figure.texts, *figure.legends[0].get_texts()]
    boxes = [text.get_window_extent(renderer) for text in texts]
    width, height = figure.canvas.get_width_height()
    assert width == pytest.approx(1600, abs=2)
    for text, box in zip(texts, boxes, strict=True):
        assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height, text.get_text()
    for i, a in enumerate(boxes):
        for j, b in enumerate(boxes[:i]):
            assert not a.overlaps(b), (texts[i].get_text(), texts[j].get_text())


def test_a_map_of_nothing_says_so(empty, context):
    for draw in (maps.trend_map, detectable.detectable_map, maps.driver_map, maps.ddww_map):
        assert "No cell has a value" in [text.get_text() for text in draw(empty, context).axes[0].texts]


def test_two_cells_without_a_land_mask(new_context):
    grid = {"lat": [45.2], "lon": [7.3, 9.9]}
    trend = xr.Dataset(
        {"slope": (("lat", "lon"), [[1e-3, -5e-4]]), "significant": (("lat", "lon"), [[1, 0]])}, coords=grid
    )
    figure = maps.trend_map({"trend": trend}, new_context(land_mask=None, resolution=None))
    assert any("White: no value could be computed." in text.get_text() for text in figure.texts)
    assert not figure.axes[0].collections  # no outline round single cells
    assert "native grid" in figure.texts[1].get_text()


def test_a_cell_that_is_partly_land_is_land(products, context, new_context):
    partly = context.land_mask.astype("float32") * 0.4
    assert to_png(maps.ddww_map(products, new_context(land_mask=partly))) == to_png(maps.ddww_map(products, context))
