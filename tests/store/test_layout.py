"""Paths, encodings, ids, and the guard against foreign directories."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from smcloud.errors import ConfigurationError, NotAStoreError, UnreachableError
from smcloud.io_errors import STORE, reaching
from smcloud.store import (
    Store,
    content_id,
    cube_path,
    encoding,
    product_path,
    release_path,
    report_path,
    require_store,
)
from smcloud.store.encoding import stored_chunks


def test_names_are_the_documented_ones() -> None:
    assert cube_path("ab") == "cube/ab.zarr"
    assert product_path("trend", "cd") == "products/trend/cd.zarr"
    assert report_path("cd") == "reports/cd/index.html"
    assert release_path(1) == "releases/00000001.json"


def test_a_path_and_a_file_url_are_the_same_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    relative, absolute = Store.open("a/../out"), Store.open(f"file://{tmp_path}/out/")
    assert relative == absolute == Store.open(tmp_path / "out")
    monkeypatch.chdir("/")
    assert relative.join("cube", "x.zarr") == relative.url_of("cube/x.zarr") == f"{tmp_path}/out/cube/x.zarr"
    assert pickle.loads(pickle.dumps(relative)) == relative


@pytest.mark.parametrize(
    "text, url, key",
    [
        ("s3://bucket/deep/er/", "s3://bucket/deep/er", "bucket/deep/er/cube/x"),
        ("gs://bucket", "gs://bucket", "bucket/cube/x"),
        ("gcs://bucket/a", "gs://bucket/a", "bucket/a/cube/x"),
        ("memory://m", "memory://m", "/m/cube/x"),
    ],
)
def test_remote_urls(text: str, url: str, key: str) -> None:
    store = Store.open(text)
    assert store.url == url
    assert store.join("cube", "x") == key
    assert store.url_of("cube/x") == f"{url}/cube/x"


@pytest.mark.parametrize("url", ["ftpx://host/a", "simplecache::s3://bucket/a"])
def test_unknown_protocol(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Store.open(url)
    assert url in caught.value.where
    assert caught.value.exit_code == 2


def test_a_protocol_without_exclusive_creation_cannot_be_a_runs_store() -> None:
    with pytest.raises(ConfigurationError, match="cannot be published"):
        require_store(Store.open("http://127.0.0.1:9/store"))


def test_chunks_are_consistent_per_dim_and_ignore_the_source() -> None:
    ds = xr.Dataset(
        {
            "cube": (("time", "lat", "lon"), np.zeros((264, 200, 400), "f4")),
            "annual": (("year", "lat", "lon"), np.zeros((22, 200, 400), "f4")),
            "flag": (("time",), np.zeros(264, bool)),
            "table": (("region", "driver"), np.zeros((300, 3))),
        },
        coords={"time": np.arange(264), "lat": np.arange(200.0), "scalar": 1.0},
    )
    ds["cube"].encoding = {"chunks": (1, 7, 7), "compressors": None}
    chunks = {name: chosen["chunks"] for name, chosen in encoding(ds).items()}
    assert chunks == {
        "cube": (12, 180, 180), "annual": (22, 180, 180), "flag": (12,), "table": (300, 3),
        "time": (264,), "lat": (200,), "scalar": (),
    }  # fmt: skip
    assert stored_chunks(xr.Variable(("time", "lat", "lon"), np.zeros((3, 5, 6)))) == (3, 5, 6)


def test_a_store_may_be_absent_empty_or_ours(tmp_path: Path) -> None:
    require_store(Store.open(tmp_path / "absent" / "deeper"))
    assert not (tmp_path / "absent").exists()
    require_store(Store.open(tmp_path))
    for name in ("cube", "products", "reports", "releases"):
        (tmp_path / name).mkdir()
    (tmp_path / "catalog.yaml").write_text("sources: {}")
    (tmp_path / ".smcloud-0123.tmp").write_text("left by a crash")
    require_store(Store.open(tmp_path))


@pytest.mark.parametrize("name, folder", [("a.tex", False), ("data", True), ("cube", False), ("catalog.yaml", True)])
def test_a_foreign_directory_is_refused_and_untouched(tmp_path: Path, name: str, folder: bool) -> None:
    (tmp_path / "products").mkdir()
    (tmp_path / name).mkdir() if folder else (tmp_path / name).write_text("mine")
    before = sorted((path.name, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    with pytest.raises(NotAStoreError) as caught:
        require_store(Store.open(tmp_path))
    assert caught.value.found == name
    assert caught.value.exit_code == 5
    assert sorted((path.name, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("below", ["", "/deeper/still"])
def test_a_file_in_place_of_the_directory(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotAStoreError, match="a file is in the place"):
        require_store(Store.open(f"{tmp_path}/file{below}"))


def test_foreign_objects_in_memory() -> None:
    store = Store.open("memory://foreign-objects")
    require_store(store)
    store.fs.pipe_file(store.join("cube", "x.zarr", "zarr.json"), b"{}")
    require_store(store)
    store.fs.pipe_file(store.join("other", "x"), b"")
    with pytest.raises(NotAStoreError) as caught:
        require_store(store)
    assert caught.value.found == "other"


def test_no_permission_is_unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(UnreachableError) as caught:
        require_store(Store.open(tmp_path))
    assert "permission" in caught.value.found
    assert caught.value.exit_code == 4


def test_programming_errors_are_not_taken_for_a_broken_store() -> None:
    with pytest.raises(ZeroDivisionError), reaching(STORE, "here"):
        1 / 0  # noqa: B018
    with pytest.raises(UnreachableError), reaching(STORE, "here"):
        raise TimeoutError


def test_content_id_depends_on_content_only() -> None:
    assert content_id({"a": 1, "b": [1, 2]}, "x") == content_id({"b": (1, 2), "a": 1}, "x")
    assert content_id({"a": 1}, "x") != content_id({"a": 1.5}, "x")
    assert content_id("ab", "c") != content_id("a", "bc")
    # Pinned: an id that changes by itself makes every published run be computed again.
    assert content_id({"alpha": 0.05}, "cube") == "99a6af4dd01c9538"
    with pytest.raises(TypeError):
        content_id({"a": object()})
    with pytest.raises(ValueError):
        content_id(float("nan"))
