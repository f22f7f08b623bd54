"""That what is drawn is what is sealed: values as xarray reads them, colours as the report draws them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

from smcloud.products import palette
from smcloud.report.canvas import scale_end
from smcloud.report.maps import ddww_cells, driver_cells, trend_cells, trend_limit
from smcloud.store import Store, newest_release
from tests.explorer.world import NAMES

CELLS = 200
SMALL = (0.001, 0.01, 0.05, 0.1, 0.5)
ARRAYS = {
    "slope": ("trend", "slope", None),
    "p_value": ("trend", "p_value", None),
    "significant": ("trend", "significant", None),
    "status": ("trend", "status", None),
    "dominant_driver": ("drivers", "dominant_driver", None),
    "ddww_class": ("ddww", "ddww_class", None),
    "zone": ("ddww", "zone", None),
    **{f"r:{name}": ("drivers", "partial_correlation", at) for at, name in enumerate(NAMES)},
    **{f"contribution:{name}": ("drivers", "trend_contribution", at) for at, name in enumerate(NAMES)},
}


@pytest.fixture(scope="module")
def sealed(made: str) -> dict[str, xr.Dataset]:
    release = newest_release(Store.open(made))
    return {name: xr.open_zarr(f"{made}/{entry.url}").load() for name, entry in release.products.items()}


@pytest.fixture(scope="module")
def places(sealed) -> list[tuple[int, int]]:
    """Random cells off the poles, where a cell is wider than a pixel."""
    shape, rng = sealed["trend"]["slope"].shape, np.random.default_rng(5)
    return [(int(rng.integers(12, shape[0] - 12)), int(rng.integers(shape[1]))) for _ in range(CELLS)]


@pytest.fixture(scope="module")
def found(browse, address, sealed, places) -> dict[str, Any]:
    """Values and pixels of each layer at the places, each layer drawn in turn; of all slopes twice more."""
    lat, lon = sealed["trend"]["lat"].values, sealed["trend"]["lon"].values
    points = json.dumps([(float(lat[row]), float(lon[column])) for row, column in places])

    def look(layer: str) -> str:
        return (
            f"Promise.all({points}.map(async ([lat, lon]) => [await explorer.valueAt({json.dumps(layer)}, lat, lon), "
            "explorer.colourAt(lat, lon)]))"
        )

    steps = [{"hash": f"#layer={layer}", "evaluate": look(layer)} for layer in ARRAYS]
    steps.append({"hash": "#significant=0", "evaluate": look("slope")})
    steps.append({"hash": "#view=globe&lon=30&lat=20&significant=0", "evaluate": look("slope")})
    told = browse(address, *steps)
    assert told["console"] == [] and {one["failed"] for one in told["results"]} == {""}
    assert all(asked.startswith(f"{address}/") for asked in told["requests"] if not asked.startswith("data:"))
    names = [*ARRAYS, "all slopes", "globe"]
    return {name: one["value"] for name, one in zip(names, told["results"], strict=True)}


@pytest.mark.parametrize("layer", ARRAYS)
def test_values_are_those_that_xarray_reads(found, sealed, places, layer):
    product, name, index = ARRAYS[layer]
    values = sealed[product][name].values if index is None else sealed[product][name].values[index]
    expected = np.array([values[place] for place in places], dtype="float64")
    got = np.array([float(value) for value, _ in found[layer]])
    np.testing.assert_array_equal(got, expected)
    if values.dtype.kind == "f":
        assert 20 < np.isfinite(expected).sum() < CELLS - 20


def steps_of(values: np.ndarray, limit: float, steps: int) -> np.ndarray:
    at = np.clip(np.floor(np.nan_to_num(values) / limit * steps) + 5, 0, 9).astype(int)
    return np.array([palette.rgb(colour) for colour in palette.TREND_STEPS])[at]


def expected_colours(layer: str, sealed: dict[str, xr.Dataset]) -> tuple[np.ndarray, np.ndarray]:
    """The colours (lat, lon, RGB) of a layer and where it has none, for the report's layers by the report itself."""
    trend = sealed["trend"]
    product, name, index = ARRAYS.get(layer, ARRAYS["slope"])
    da = sealed[product][name] if index is None else sealed[product][name][index]
    values = da.values
    if layer == "slope":
        return trend_cells(trend, trend_limit(trend))
    if layer == "dominant_driver":
        return driver_cells(sealed["drivers"])
    if layer == "ddww_class":
        return ddww_cells(sealed["ddww"])
    if layer in ("all slopes", "globe"):
        return steps_of(values * 1e3, trend_limit(trend), 4), ~np.isfinite(values)
    if layer == "p_value":
        shades = np.array([palette.rgb(palette.DETECTABLE_STEPS[at]) for at in (8, 7, 5, 3, 1, 0)])
        return shades[np.searchsorted(SMALL, np.nan_to_num(values), side="right")], ~np.isfinite(values)
    if layer.startswith("r:"):
        return steps_of(values, 1, 5), ~np.isfinite(values)
    if layer.startswith("contribution:"):
        wide = values.astype(float) * 1e3
        return steps_of(wide, scale_end(np.abs(wide)), 4), ~np.isfinite(values)
    codes = {int(code): name for code, name in zip(da.flag_values, da.flag_meanings.split(), strict=True)}
    return flag_table(layer, codes)[values], missing_flags(layer, values, sealed["annual"]["land_mask"].values)


def flag_table(layer: str, codes: dict[int, str]) -> np.ndarray:
    from smcloud.explorer.files import _of_reasons

    colours = _of_reasons(codes) if layer == "status" else palette.flag_colours(layer, codes)
    table = np.zeros((256, 3), dtype=int)
    for code, colour in colours.items():
        table[code] = palette.rgb(colour)
    return table


def missing_flags(layer: str, values: np.ndarray, land: np.ndarray) -> np.ndarray:
    return {"significant": values == 255, "zone": values == 0, "status": land == 0}[layer]


def apart(ds: xr.Dataset, place: tuple[int, int]) -> float:
    """Degrees from the middle of the globe that is looked at to the centre of a cell."""
    lat, lon = np.deg2rad(ds["lat"].values[place[0]]), np.deg2rad(ds["lon"].values[place[1]] - 30)
    north = np.deg2rad(20)
    return float(np.rad2deg(np.arccos(np.sin(lat) * np.sin(north) + np.cos(lat) * np.cos(north) * np.cos(lon))))


@pytest.mark.parametrize("layer", [*ARRAYS, "all slopes", "globe"])
def test_pixels_have_the_colours_of_the_report(found, sealed, places, layer):
    colours, missing = expected_colours(layer, sealed)
    land = sealed["annual"]["land_mask"].values > 0
    empty = {palette.rgb(palette.NO_DATA), palette.rgb(palette.NO_DATA_STRIPE)}
    kinds = {"value": 0, "hatched": 0, "water": 0, "behind": 0}
    for place, (_, pixel) in zip(places, found[layer], strict=True):
        if layer == "globe" and apart(sealed["trend"], place) > 65:  # behind, or narrower than a pixel at its rim
            kinds["behind"] += pixel is None
            continue
        got = tuple(pixel[:3])
        assert pixel[3] == 255, place
        if not missing[place]:
            kinds["value"] += 1
            assert got == tuple(int(part) for part in colours[place][:3]), (layer, place)
        elif land[place]:
            kinds["hatched"] += 1
            assert got in empty, (layer, place)
        else:
            kinds["water"] += 1
            assert got == (255, 255, 255), (layer, place)
    assert kinds["value"] > 12 and kinds["water"] > 12
    assert kinds["hatched"] or layer in ("status", "zone", "globe")
    assert (kinds["behind"] > 20) == (layer == "globe")
