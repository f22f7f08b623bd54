"""What people do on the page, and what it does where something is wrong."""

from __future__ import annotations

import gzip
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smcloud.store import Store, newest_release
from tests.explorer.conftest import serving
from tests.explorer.world import RUN, make_store

TREND = f"products/trend/{RUN}.zarr"


@pytest.fixture(scope="module")
def cell(made: str) -> tuple[float, float]:
    """The centre of a cell with values in every product."""
    slope = xr.open_zarr(f"{made}/{TREND}")["slope"].values
    rows, columns = np.nonzero(np.isfinite(slope))
    ds = xr.open_zarr(f"{made}/{TREND}")
    return float(ds["lat"][rows[len(rows) // 2]]), float(ds["lon"][columns[len(rows) // 2]])


DIMMED = """(() => {
  const rows = [...document.querySelectorAll("#regions th[scope=row]")].map((row) => row.textContent);
  const numbers = [...document.querySelectorAll("#regions tr:nth-child(3) td")].map((cell) => cell.textContent);
  const { width, height } = explorer.maps[0].lines.canvas;
  const { data } = explorer.maps[0].lines.getImageData(0, 0, width, height);
  const veil = (lat) => {
    const [x, y] = explorer.maps[0].pixel(lat, 12.3).map(Math.floor);
    return data[4 * (y * width + x) + 3] > 150;
  };
  return { rows, numbers, north: veil(44.55), south: veil(-44.55), pole: veil(84.15) };
})()"""


@pytest.fixture(scope="module")
def used(browse: Any, address: str, cell: tuple[float, float], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The page used by mouse, by keyboard, in Chinese, dark and at the width of a phone, by name."""
    shots = tmp_path_factory.mktemp("shots")
    here = f"#cell={cell[0]},{cell[1]}&compare=ddww_class"
    texts = "({csv: document.querySelector('#csv').textContent, python: document.querySelector('#python').textContent})"
    open_cell = "({open: !document.querySelector('#cell').hidden, title: document.querySelector('#place').textContent})"
    wide = "document.documentElement.scrollWidth"
    steps = {
        "light": {"hash": here, "evaluate": texts, "axe": True, "screenshot": f"{shots}/desktop.png"},
        "dark": {"hash": f"{here}&lang=zh&layer=dominant_driver", "dark": True, "axe": True,
                 "evaluate": "document.documentElement.lang + document.querySelector('h1').textContent"},
        "phone": {"hash": f"{here}&view=globe", "width": 390, "height": 844, "axe": True, "evaluate": wide,
                  "screenshot": f"{shots}/phone.png"},
        "mouse": {"acts": [["click", "#first .lines", [400, 300]], ["wait", "#series canvas, #sentences li"]],
                  "evaluate": open_cell},
        "keyboard": {"acts": [["focus", "#first .lines"], *[["press", "ArrowRight"]] * 3, ["press", "ArrowUp"],
                              ["press", "+"], ["press", "Enter"], ["wait", "#sentences li"]], "evaluate": open_cell},
        "search": {"acts": [["fill", "#find", f"{cell[0]} {cell[1]}"], ["press", "Enter"], ["wait", "#series canvas"]],
                   "evaluate": open_cell},
        "nowhere": {"acts": [["fill", "#find", "north"], ["press", "Enter"]],
                    "evaluate": "document.querySelector('#readout').textContent"},
        "chosen": {"acts": [["select", "#layer", "r:lai"], ["select", "#view", "globe"], ["click", "#language"]]},
        "region": {"acts": [["click", "#regions summary"], ["click", "#regions tr:nth-child(3) button"]], "axe": True,
                   "evaluate": DIMMED},
        "linked": {"hash": "#region=80N-90N&compare=p_value", "evaluate": DIMMED},
        "hover": {"acts": [["hover", "#first .lines", [650, 300]]],
                  "evaluate": "document.querySelector('#readout').textContent"},
    }  # fmt: skip
    told = browse(address, *steps.values())
    return dict(zip(steps, told["results"], strict=True)) | {"told": told}


def test_nothing_fails_and_no_other_host_is_asked(used, address):
    assert used["told"]["console"] == []
    assert {one["failed"] for one in used["told"]["results"]} == {""}
    asked = [url for url in used["told"]["requests"] if not url.startswith("data:")]
    assert len(asked) > 50 and all(url.startswith(f"{address}/") for url in asked)


def test_a_row_of_the_regions_is_shown_on_the_maps(used):
    """South is the third row: what lies north of it is dimmed, what lies in it is not."""
    south, far_north = used["region"]["value"], used["linked"]["value"]
    assert used["region"]["hash"] == "#region=south"
    assert south["rows"] == ["Globe", "Southern hemisphere", "0-10N", "80N-90N"]
    assert south["numbers"] == ["1", "1 … 1", "0.001", "10", "10"]
    assert (south["north"], south["south"], south["pole"]) == (True, False, True)
    assert (far_north["north"], far_north["south"], far_north["pole"]) == (True, True, False)


@pytest.mark.parametrize("name", ["light", "dark", "phone", "region"])
def test_axe_finds_nothing_serious(used, name):
    assert [one for one in used[name]["axe"] if one["impact"] in ("serious", "critical")] == []


def test_the_page_is_no_wider_than_a_phone_and_speaks_chinese(used):
    assert used["phone"]["value"] <= 390
    assert used["dark"]["value"] == "zh-Hans土壤水分变化"


def test_a_cell_is_opened_by_mouse_keyboard_and_search(used, cell):
    for name in ("mouse", "keyboard", "search"):
        assert used[name]["value"]["open"], name
        assert "cell=" in used[name]["hash"]
    assert f"cell={cell[0]}" in used["search"]["hash"]
    assert "zoom=1.5" in used["keyboard"]["hash"]
    assert used["nowhere"]["value"].startswith("Write two numbers")
    assert used["chosen"]["hash"] == "#layer=r:lai&view=globe&lang=zh"
    assert re.match(r"[\d.]+° [NS], [\d.]+° [EW] · Trend \(slope\): ", used["hover"]["value"])


def test_csv_holds_the_annual_values(used, made, cell):
    got = pd.read_csv(io.StringIO(used["light"]["value"]["csv"]), comment="#", index_col="year")
    annual = xr.open_zarr(f"{made}/{newest_release(Store.open(made)).products['annual'].url}")
    own = annual.sel(lat=cell[0], lon=cell[1], method="nearest")
    for name in got:
        np.testing.assert_array_equal(got[name].to_numpy(), own[name].values, err_msg=name)
    assert list(got.index) == list(own["year"].values) and len(got.columns) == 4


def test_the_lines_of_python_give_the_same_numbers(used, address, made, cell, capsys):
    lines = used["light"]["value"]["python"].splitlines()
    assert lines[0] == "import xarray as xr" and len(lines) == 5
    found = {}
    for line in lines[1:]:
        expression = line.removeprefix("print(").removesuffix(")")
        found[line.split("/products/")[1].split("/")[0]] = eval(expression, {"xr": xr})
    trend = xr.open_zarr(f"{made}/{TREND}").sel(lat=cell[0], lon=cell[1], method="nearest")
    assert float(found["trend"]["slope"]) == float(trend["slope"]) and np.isfinite(float(trend["slope"]))
    csv = pd.read_csv(io.StringIO(used["light"]["value"]["csv"]), comment="#")
    np.testing.assert_array_equal(found["annual"]["soil_moisture"], csv["soil_moisture"])


SHOWN = """({
  trouble: document.querySelector("#trouble").hidden ? "" : document.querySelector("#trouble").textContent,
  refused: [...explorer.maps[0].shown].filter((cell) => cell === 2).length,
  drawn: [...explorer.maps[0].shown].filter((cell) => cell > 2).length,
})"""


@pytest.mark.parametrize("harm", ["a byte", "cut", "lost", "exchanged", "of the mask"])
def test_a_damaged_chunk_is_refused_where_all_see_it(browse, made, tmp_path, harm):
    store = Path(shutil.copytree(made, tmp_path / "store"))
    array = f"products/annual/{RUN}.zarr/land_mask" if harm == "of the mask" else f"{TREND}/slope"
    chunk, other = (store / array / "c" / "0" / name for name in "12")
    raw = chunk.read_bytes()
    if harm == "lost":
        chunk.unlink()
    else:
        changed = {"a byte": raw[:90] + bytes([raw[90] ^ 1]) + raw[91:], "cut": raw[:-5]}
        chunk.write_bytes(changed.get(harm) or other.read_bytes())
    with serving(str(store)) as url:
        (result,) = browse(url, {"evaluate": SHOWN})["results"]
    shown = result["value"]
    why = "is missing" if harm == "lost" else "is not what was sealed"
    assert f"{array}/c/0/1" in shown["trouble"] and why in shown["trouble"]
    assert shown["refused"] == 180 * 180 and shown["drawn"] > 1000


def test_an_inventory_that_is_not_the_one_released_is_refused(browse, made, tmp_path):
    store = Path(shutil.copytree(made, tmp_path / "store"))
    inventory = store / TREND / "inventory.json"
    content = json.loads(inventory.read_text())
    inventory.write_text(json.dumps(content))
    with serving(str(store)) as url:
        (result,) = browse(url, {"evaluate": "document.querySelector('#trouble').textContent"})["results"]
    assert "inventory.json is not what was sealed" in result["value"]


def test_a_region_fills_the_map_and_needs_no_land_mask(browse, built, tmp_path):
    """Its longitudes are those of a sea in the east, counted beyond 180."""
    store = make_store(tmp_path / "store", 2.0, (-30.0, 20.0, 140.0, 220.0))
    slope = xr.open_zarr(f"{store}/{TREND}")["slope"].load()
    rows, columns = np.nonzero(slope.notnull().values & (slope.lon.values > 180))
    lat, lon = float(slope.lat[rows[0]]), float(slope.lon[columns[0]])
    look = f"explorer.valueAt('slope', {lat}, {lon - 360}).then((value) => [value, explorer.colourAt({lat}, {lon})[3]])"
    with serving(store) as url:
        told = browse(url, {"evaluate": look}, {"hash": f"#cell={lat},{lon - 360}", "evaluate": "explorer.view"})
    assert told["console"] == [] and {one["failed"] for one in told["results"]} == {""}
    assert told["results"][0]["value"] == [float(slope[rows[0], columns[0]]), 255]
    assert told["results"][0]["hash"] == "" and told["results"][1]["value"] == {
        "kind": "equal", "lon": -180, "lat": -5, "zoom": 2.386,
    }  # fmt: skip


def test_where_a_browser_computes_no_digests_the_page_says_so(browse, address):
    port = address.rpartition(":")[2]
    step = {"evaluate": "[isSecureContext, document.querySelector('#checked').textContent]"}
    told = browse(f"http://plain.test:{port}", step, args=("--host-resolver-rules=MAP plain.test 127.0.0.1",))
    assert told["console"] == [] and told["results"][0]["value"][0] is False
    assert told["results"][0]["value"][1].startswith("Not checked:")


def test_the_page_is_small(built):
    packed = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in built.iterdir()}
    assert sum(packed.values()) < 150_000, packed
