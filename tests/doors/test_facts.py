"""Small facts that doors tell: edges in degrees, licences by their identifier, addresses, methods of cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from smcloud.doors.addresses import address_of
from smcloud.doors.datacube import variables
from smcloud.doors.extent import bounding_box, interval
from smcloud.doors.groups import Array, Group
from smcloud.doors.licences import spdx
from smcloud.store import CubeEntry, Store


def group(lat: Any, lon: Any, bounds: dict[str, Any] | None = None, **arrays: Array) -> Group:
    entry = CubeEntry(id="a", url="cube/a.zarr", period=("2000-01", "2004-02"))
    coordinates = {"lat": np.asarray(lat, float), "lon": np.asarray(lon, float)}
    return Group("cube", entry, {}, arrays, coordinates, bounds or {}, True)


@pytest.mark.parametrize(
    ("lat", "lon", "box"),
    [
        (np.arange(-87.5, 90, 5), np.arange(-177.5, 180, 5), [-180, -90, 180, 90]),
        (np.arange(87.5, -90, -5), np.arange(2.5, 360, 5), [-180, -90, 180, 90]),
        (np.arange(-90, 91, 2.0), np.arange(0, 10, 2.0), [-1, -90, 9, 90]),
        ([10, 11], [175, 185], [170, 9.5, -170, 11.5]),
        ([10, 11], [200, 210], [-165, 9.5, -145, 11.5]),
        ([5], [7], [7, 5, 7, 5]),
    ],
)
def test_the_box_is_that_of_the_cells(lat: Any, lon: Any, box: list[float]) -> None:
    assert bounding_box(group(lat, lon)) == pytest.approx(box)


def test_stored_bounds_are_taken_first() -> None:
    bounds = {"lat": np.array([[0.0, 2.0], [2.0, 7.0]])}
    assert bounding_box(group([1, 4.5], [10, 20], bounds)) == [5, 0, 25, 7]


def test_without_axes_there_is_no_box() -> None:
    there = group([1, 2], [3, 4])
    assert bounding_box(Group("cube", there.entry, {}, {}, {"lat": there.coordinates["lat"]}, {}, True)) is None


def test_months_are_whole() -> None:
    assert interval(CubeEntry(id="a", url="cube/a.zarr", period=("2000-01", "2004-02"))) == (
        "2000-01-01T00:00:00Z", "2004-02-29T23:59:59Z",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("CC-BY-4.0", "CC-BY-4.0"), ("cc by 4.0", "CC-BY-4.0"), (" cc0-1.0 ", "CC0-1.0"), ("CC BY", None), ("", None),
        ("not stated by the publisher; inputs: CC0-1.0", None), ("Copernicus licence", None),
    ],
)  # fmt: skip
def test_a_licence_is_known_by_its_identifier_only(text: str, known: str | None) -> None:
    assert spdx(text) == known


@pytest.mark.parametrize(
    ("url", "base", "gdal", "web"),
    [
        ("/a/b", "/a/b", "/a/b", None),
        ("gs://b/x", *(f"{head}https://storage.googleapis.com/b/x" for head in ("", "/vsicurl/", ""))),
        ("s3://b/x", "s3://b/x", "/vsis3/b/x", None),
        ("memory://x", "memory://x", None, None),
    ],
)
def test_readers_find_a_store(url: str, base: str, gdal: str | None, web: str | None) -> None:
    found = address_of(Store.open(url))
    assert (found.store, found.base, found.gdal, found.web) == (url, base, gdal, web)


@pytest.mark.parametrize(
    ("methods", "told"),
    [
        ("time: mean", ["time: mean"]),
        ("time: mean area: mean", ["time: mean", "area: mean"]),
        ("lat: lon: sum time: mean", ["lat: lon: sum", "time: mean"]),
    ],
)
def test_methods_of_cells_are_a_list(methods: str, told: list[str]) -> None:
    attrs = {"cell_methods": methods, "standard_name": "b", "units": "days since 2000"}
    array = Array("a", ("lat",), (2,), "float32", attrs)
    found = variables(group([1, 2], [3, 4], a=array))["a"]
    assert found["cf:cell_methods"] == told and found["cf:standard_name"] == "b" and "unit" not in found
