"""What is reachable, and what is said of the rest."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from smcloud.catalog import check_entries, load_catalog, open_entry
from smcloud.catalog.fingerprints import source_state
from smcloud.errors import (
    CatalogError,
    FileFormError,
    UnreachableError,
)
from tests.catalog.entries import ENTRY, REFERENCE, catalog_of, changed, small, write_store


def test_a_variable_that_is_not_set_spoils_its_entry_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMCLOUD_PLACE", raising=False)
    write_store(tmp_path / "a.zarr", small())
    catalog = catalog_of(tmp_path, here=ENTRY, there=changed(args__urlpath="{{ env(SMCLOUD_PLACE) }}/a.zarr"))
    assert check_entries(catalog) == {
        "here": "ok",
        "there": "unreachable: environment variable SMCLOUD_PLACE is not set",
    }
    for function in (open_entry, source_state):
        with pytest.raises(UnreachableError) as caught:
            function(catalog, "there")
        assert "SMCLOUD_PLACE" in caught.value.next
    monkeypatch.setenv("SMCLOUD_PLACE", str(tmp_path))
    assert check_entries(catalog) == {"here": "ok", "there": "ok"}


def test_missing_files_are_all_named_at_once_and_nobody_calls_them_unreachable(tmp_path: Path) -> None:
    catalog = catalog_of(
        tmp_path, ENTRY, changed(driver="netcdf", args__urlpath="/nowhere/*.nc", args__xarray_kwargs={})
    )
    with pytest.raises(FileFormError) as both:
        check_entries(catalog)
    assert both.value.exit_code == 3
    for error, name in zip((both.value, *both.value.others), ("a.zarr", "/nowhere/*.nc"), strict=True):
        assert name in error.found and len(error.found) < 200 and "\n" not in error.found
    for name in catalog.sources:
        with pytest.raises(FileFormError) as caught:
            source_state(catalog, name)
        assert caught.value.exit_code == 3


@pytest.mark.slow
def test_a_host_that_accepts_and_never_answers_does_not_hold_the_check(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        write_store(tmp_path / "a.zarr", small())
        catalog = catalog_of(
            tmp_path, hung=changed(args__urlpath=f"http://127.0.0.1:{port}/a.zarr", args__chunks={}), here=ENTRY
        )
        done: dict[str, str] = {}
        check = threading.Thread(target=lambda: done.update(check_entries(catalog, seconds=3.0)), daemon=True)
        check.start()
        check.join(60.0)
    assert done == {"hung": "unreachable: no answer within 3 s", "here": "ok"}


def test_a_host_that_refuses_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    s3 = {"anon": True, "client_kwargs": {"endpoint_url": f"http://127.0.0.1:{port}"}}
    catalog = catalog_of(
        tmp_path,
        changed(args__urlpath="gs://bucket/a.zarr", args__storage_options={"token": "anon"}),
        changed(args__urlpath="s3://bucket/a.zarr", args__storage_options=s3),
        changed(args__urlpath="http://no-such-host.invalid/a.zarr"),
        changed(args__urlpath="reference://", args__storage_options=REFERENCE | {"fo": f"http://127.0.0.1:{port}/r"}),
    )
    answers = list(check_entries(catalog).values())
    assert all("the host 127.0.0.1 does not answer" in answers[i] for i in (0, 1, 3)), answers
    assert "the host no-such-host.invalid is not known" in answers[2]


def test_a_missing_catalog_is_an_error_of_usage(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(CatalogError) as caught:
            load_catalog(path)
        assert caught.value.exit_code == 2
