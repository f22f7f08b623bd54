"""Where references may lead: redirects, private addresses, sizes, spellings."""

from __future__ import annotations

import json
import pickle
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from smcloud.catalog import open_entry
from smcloud.catalog.stores import destinations, references
from smcloud.catalog.stores.destinations import Bounds, is_public
from smcloud.errors import CatalogError, SmcloudError, SourceChangedError
from tests.catalog.entries import catalog_of, changed, small
from tests.catalog.references import Web, reference_catalog, serve


@pytest.mark.slow
def test_a_redirect_to_another_machine_of_this_network_is_not_followed(web: Web, tmp_path: Path) -> None:
    refs = serve(web, tmp_path)
    web.pages["/chunks/sm/0.0.0"] = f"{web.foreign}/stolen"
    web.pages["/stolen"] = (tmp_path / "a.zarr" / "sm" / "0.0.0").read_bytes()
    catalog = reference_catalog(web, tmp_path, {"version": 1, "refs": refs})
    with pytest.raises(CatalogError) as caught:
        from smcloud.io_errors import SOURCE, reaching

        with reaching(SOURCE, "here"):
            open_entry(catalog, "source0")["sm"].load()
    assert web.foreign.removeprefix("http://") in caught.value.found
    assert not any("/stolen" in line for line in web.asked)
    web.pages["/chunks/sm/0.0.0"] = f"{web.own}/stolen"  # on the same host it is followed
    xr.testing.assert_equal(open_entry(catalog, "source0").load(), small())


PRIVATE = [
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0",
    "fc00::1", "ff02::1", "2002:7f00:1::", "64:ff9b::7f00:1",
]  # fmt: skip


def test_a_public_host_leads_to_public_addresses_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [ip for ip in PRIVATE if is_public(ip)] == []
    assert all(map(is_public, ("8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8")))
    answers = {"data.example": ["8.8.8.8", "8.8.4.4"], "half.example": ["8.8.8.8", "127.0.0.1"]}

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in answers[host]]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    held = destinations.guard_of("https://data.example/a")["get_client"].args
    assert held == ("data.example", 443, True)
    assert destinations.guard_of("https://half.example/a")["get_client"].args[2] is False
    destinations.require_allowed(*held, ("1.1.1.1", 443))
    for ip in PRIVATE:
        with pytest.raises(CatalogError) as caught:
            destinations.require_allowed(*held, (ip, 443))
        assert caught.value.found == f"{ip}:443"
    answers["data.example"] = ["127.0.0.1"]  # a name that means another machine later
    with pytest.raises(CatalogError):
        destinations.require_allowed(*held, ("127.0.0.1", 443))
    answers |= {"meta.example": ["169.254.169.254"], "own.example": ["10.0.0.7"]}
    with pytest.raises(CatalogError):
        destinations.require_own_host("http://meta.example/a")
    destinations.require_own_host("http://own.example/a")  # a server of the user's own network


def test_sizes_are_looked_at_before_anything_is_parsed(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = serve(web, tmp_path)
    for limit in ("MAX_BYTES", "MAX_REFERENCES"):
        with monkeypatch.context() as smaller:
            smaller.setattr(references, limit, 10)
            with pytest.raises(CatalogError) as caught:
                open_entry(reference_catalog(web, tmp_path, {"version": 1, "refs": refs}), "source0")
            assert "most" in caught.value.expected
    (tmp_path / "refs.parq").mkdir()
    options = {"fo": str(tmp_path / "refs.parq"), "remote_protocol": "file"}
    folder = catalog_of(tmp_path, changed(args__urlpath="reference://", args__storage_options=options))
    with pytest.raises(CatalogError) as caught:
        open_entry(folder, "source0")
    assert "Parquet" in caught.value.found


@pytest.mark.slow
def test_another_process_reads_the_same_references_or_none(web: Web, tmp_path: Path) -> None:
    refs = serve(web, tmp_path)
    catalog = reference_catalog(web, tmp_path, {"version": 1, "refs": refs})
    sent = pickle.dumps(open_entry(catalog, "source0"))
    assert len(sent) < 200_000
    from smcloud.catalog.stores import guarded

    guarded._parsed.clear()
    np.testing.assert_array_equal(pickle.loads(sent)["sm"], small()["sm"])
    guarded._parsed.clear()
    web.pages["/thredds/refs.json"] = json.dumps({"version": 1, "refs": {}}).encode()
    with pytest.raises(SourceChangedError):
        pickle.loads(sent)["sm"].load()


@pytest.mark.parametrize(
    ("root", "given", "address"),
    [
        ("https://h/t/refs.json", "https://H:443/a/./b.nc", "https://h/a/b.nc"),
        ("https://h/t/refs.json", "../a.nc", "https://h/a.nc"),
        ("https://h/t/refs.json", "https://h./a", "https://h/a"),
        ("https://h/t/refs.json", "https://h:8443/a", None),
        ("https://h/t/refs.json", "https://h.evil/a", None),
        ("https://h/t/refs.json", "https://h/%2e%2e/%2e%2e/a", None),
        ("https://h/t/refs.json", "//evil/a", None),
        ("s3://b/t/refs.json", "s3://b/x/a.nc", "s3://b/x/a.nc"),
        ("s3://b/t/refs.json", "s3://bb/x/a.nc", None),
        ("gcs://b/t/refs.json", "gs://b/x", "gs://b/x"),
        ("s3://b/t/refs.json", "/etc/passwd", None),
    ],
)
def test_addresses_are_compared_in_one_spelling(root: str, given: str, address: str | None) -> None:
    bounds = Bounds(root)
    if address is not None:
        assert bounds.address(given) == address
        return
    with pytest.raises(ValueError):
        bounds.address(given)


def test_errors_of_ours_are_seen_behind_those_of_clients() -> None:
    from smcloud.io_errors import SOURCE, reaching

    with pytest.raises(CatalogError) as caught, reaching(SOURCE, "here"):
        try:
            raise CatalogError("a", where="b", found="c", expected="d", next="e")
        except SmcloudError as err:
            raise RuntimeError("wrapped") from err
    assert caught.value.what == "a"
