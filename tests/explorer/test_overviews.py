"""Of a grid that has more cells than the map has pixels an overview is drawn, and cells are read in full."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

from smcloud.products import palette
from smcloud.report.canvas import scale_end
from smcloud.store import Store, newest_release
from tests.explorer.conftest import serving
from tests.explorer.test_values import ARRAYS, flag_table, missing_flags, steps_of
from tests.explorer.world import make_store

STEP = 0.32  # 562 by 1125 cells
PIXELS = 200
VIEWS = {1: {"width": 2000, "height": 1200}, 2: {"width": 800, "height": 900}, 4: {"width": 390, "height": 844}}
SHARES = (0.05, 0.2, 0.4, 0.6, 0.8)
LAYERS = [layer for layer in ARRAYS if ":" not in layer or layer.endswith("lai")]
DRAWN = [*((layer, 4) for layer in LAYERS), ("slope", 2), ("dominant_driver", 2)]


@pytest.fixture(scope="module")
def large(built, tmp_path_factory) -> str:
    return make_store(tmp_path_factory.mktemp("large") / "store", STEP, factors=(2, 4), years=np.arange(2000, 2002))


@pytest.fixture(scope="module")
def sealed(large) -> dict[str, xr.Dataset]:
    release = newest_release(Store.open(large))
    return {name: xr.open_zarr(f"{large}/{entry.url}").load() for name, entry in release.products.items()}


@pytest.fixture(scope="module")
def found(browse, large) -> dict[str, Any]:
    """What random pixels show, of each layer at each width, and what a pointer, a zoom and a click give."""
    look = f"""(() => {{
      let seed = 7;
      const next = (size) => ((seed = (seed * 48271) % 2147483647), Math.floor((seed / 2147483647) * size));
      const {{ width, height }} = explorer.maps[0].cells.canvas;
      const all = Array.from({{ length: 9 * {PIXELS} }}, () => explorer.maps[0].drawnAt(next(width), next(height)));
      return all.filter((one) => Math.abs(one.lat) < 85 && Math.abs(one.lon) < 179.9).slice(0, {PIXELS});
    }})()"""
    steps = {
        drawn: {"hash": f"#significant=0&layer={drawn[0]}", "evaluate": look, **VIEWS[drawn[1]]} for drawn in DRAWN
    }
    steps["slope", 1] = {"hash": "#significant=0", "evaluate": look, **VIEWS[1]}
    told = """({ drawn: explorer.maps[0].options, readout: document.querySelector("#readout").textContent,
      note: [...document.querySelectorAll("#first .legend .note")].map((it) => it.textContent).join() })"""
    read = ["until", "/·[^…]*$/.test(document.querySelector('#readout').textContent)"]
    cells = ["until", "explorer.maps[0].options.factor === 1"]
    more = {
        "pointed": {"hash": "#significant=0", "acts": [["hover", "#first .lines", [200, 70]], read]},
        "p": {"hash": "#layer=p_value&lang=zh"},
        "zoomed": {"hash": "#significant=0&zoom=8"},
        "zooming": {"acts": [["focus", "#first .lines"], *[["press", "+"]] * 5, cells]},
    }
    more = {name: step | {"evaluate": told, **VIEWS[4]} for name, step in more.items()}
    factors = "explorer.maps.map((map) => map.options.factor)"
    more["side by side"] = {"hash": "#compare=ddww_class", "evaluate": factors, "width": 1400}
    with serving(large) as url:
        answer = browse(url, *steps.values(), *more.values())
    assert answer["console"] == [] and {one["failed"] for one in answer["results"]} == {""}
    values = [one["value"] for one in answer["results"]]
    return dict(zip([*steps, *more], values, strict=True)) | {"requests": answer["requests"]}


def level_of(sealed, layer: str, factor: int) -> tuple[xr.DataArray, xr.DataArray | None]:
    """The array that is drawn, and the land in the same cells."""
    product, name, index = ARRAYS[layer]
    asset = {1: name}.get(factor, f"{name}{'_passing' if layer == 'p_value' else ''}_x{factor}")
    da = sealed[product][asset]
    land = sealed["annual"]["land_mask" if factor == 1 else f"land_mask_x{factor}"]
    return (da if index is None else da[index]), land


def places(pixels, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the cells that hold the pixels' points."""
    lat, lon = (np.array([pixel[axis] for pixel in pixels]) for axis in ("lat", "lon"))
    return np.floor((90 - lat) / STEP).astype(int) // factor, np.floor((lon + 180) / STEP).astype(int) // factor


@pytest.mark.parametrize(("layer", "factor"), DRAWN)
def test_what_is_drawn_are_the_values_of_the_overview(found, sealed, layer, factor):
    pixels = found[layer, factor]
    assert len(pixels) == PIXELS and {pixel["factor"] for pixel in pixels} == {factor}
    da, land = level_of(sealed, layer, factor)
    rows, columns = places(pixels, factor)
    expected = da.values[rows, columns].astype(float)
    np.testing.assert_array_equal([float(pixel["values"][0]) for pixel in pixels], expected)
    colours, missing = colours_of(sealed, layer, factor, da.values, land.values)
    dry = land.values[rows, columns] > 0
    empty = {palette.rgb(palette.NO_DATA), palette.rgb(palette.NO_DATA_STRIPE)}
    for pixel, row, column, land_here in zip(pixels, rows, columns, dry, strict=True):
        got = tuple(pixel["colour"][:3])
        if not missing[row, column]:
            assert got == tuple(int(part) for part in colours[row, column][:3]), (row, column)
        else:
            assert got in (empty if land_here else {(255, 255, 255)}), (row, column)
    assert 20 < (~missing[rows, columns]).sum() < PIXELS


def colours_of(sealed, layer: str, factor: int, values: Any, land: Any) -> tuple[Any, Any]:
    """Colours of an overview, and where it has none; the ends of scales are those of the finest one."""
    if layer == "p_value":
        shades = np.array([palette.rgb(palette.DETECTABLE_STEPS[at]) for at in (0, 1, 3, 5, 7, 8)])
        return shades[np.searchsorted(SHARES, np.nan_to_num(values).astype(float), side="right")], np.isnan(values)
    if layer.startswith("r:"):
        return steps_of(values.astype(float), 1, 5), np.isnan(values)
    if layer == "slope" or layer.startswith("contribution:"):
        finest = level_of(sealed, layer, 2)[0].values.astype(float) * 1e3
        if layer == "slope":
            finest = finest[sealed["trend"]["significant_x2"].values == 1]
        return steps_of(values.astype(float) * 1e3, scale_end(np.abs(finest)), 4), np.isnan(values)
    product, name, _ = ARRAYS[layer]
    da = sealed[product][name]
    codes = {int(code): meaning for code, meaning in zip(da.flag_values, da.flag_meanings.split(), strict=True)}
    if layer in ("significant", "zone", "status"):
        return flag_table(layer, codes)[values], missing_flags(layer, values, land)
    table = np.zeros((256, 2, 3), dtype=int)
    known = palette.flag_colours(name, codes)
    for code in codes:
        table[code] = palette.rgb(known.get(code, palette.NOT_SIGNIFICANT))
        if layer == "dominant_driver" and code in (1, 2, 3):
            table[code] = [palette.rgb(pair) for pair in palette.driver_colours([*codes.values()][1:4])[code - 1]]
    signs = np.zeros(values.shape, int)
    if layer == "dominant_driver":
        signs = (sealed[product][f"dominant_correlation_x{factor}"].values < 0).astype(int)
    return table[values, signs], values == 255


def test_the_cells_are_drawn_where_there_is_room_for_them(found, sealed):
    pixels = found["slope", 1]
    rows, columns = places(pixels, 1)
    assert {pixel["factor"] for pixel in pixels} == {1}
    expected = sealed["trend"]["slope"].values[rows, columns]
    np.testing.assert_array_equal([float(pixel["values"][0]) for pixel in pixels], expected.astype(float))
    assert found["zoomed"]["drawn"]["factor"] == found["zooming"]["drawn"]["factor"] == 1
    assert found["zoomed"]["note"] == found["zooming"]["note"] == ""
    assert found["side by side"] == [2, 2]


def test_the_legend_does_not_change_with_the_zoom(found):
    assert found["zoomed"]["drawn"]["limit"] == found["pointed"]["drawn"]["limit"]


def test_it_is_said_that_an_overview_is_drawn(found):
    assert "mean by area of 4 × 4 cells" in found["pointed"]["note"]
    assert "4 × 4" in found["p"]["note"] and "p < 0.05" in found["p"]["note"] and "概览" in found["p"]["note"]


def test_under_the_pointer_is_the_value_of_the_cell(found, sealed):
    place, told = found["pointed"]["readout"].split(" · ")
    lat, lon = (float(part.rstrip("°NSEW").rstrip("° ")) for part in place.split(", "))
    ds = sealed["trend"].sel(lat=lat, lon=lon, method="nearest")
    slope = float(ds["slope"]) * 1e3
    if np.isfinite(slope):
        number = float(told.split(": ")[1].split(" ")[0].replace("−", "-"))
        assert number == pytest.approx(slope, rel=0.01)
    else:
        assert ("water" in told) == (not float(ds["land_mask"]) if "land_mask" in ds else True)


def test_an_overview_is_one_object_and_its_cells_are_not_read(found):
    asked = [one for one in found["requests"] if "/products/" in one]
    assert any("/slope_x4/c/0/0" in one for one in asked)
    assert json.dumps(asked).count("slope_x4/c/") == sum("slope_x4/c/0/0" in one for one in asked)
