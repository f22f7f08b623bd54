"""Kerchunk references of strangers: nothing of them runs, leaks, or leads to another place."""

from __future__ import annotations

import base64
import json
import os
import pickle
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from smcloud.catalog import Catalog, open_entry
from smcloud.catalog.fingerprints import source_state
from smcloud.catalog.stores import destinations, references
from smcloud.catalog.stores.destinations import Bounds, is_public
from smcloud.errors import CatalogError, SmcloudError, SourceChangedError
from tests.catalog.entries import catalog_of, changed, small, write_store

CANARY = "canary-7d1f"


class Web:
    """Servers on the loopback that note every request; ``pages`` maps paths to contents or to redirects."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.pages: dict[str, bytes | str] = {}
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.asked.append(f"{self.server.server_port}{self.path} {self.headers}")  # type: ignore[attr-defined]
                page = web.pages.get(self.path.partition("?")[0])
                if isinstance(page, str):
                    self.send_response(302)
                    self.send_header("Location", page)
                    self.end_headers()
                    return
                start, _, stop = (self.headers.get("Range") or "").removeprefix("bytes=").partition("-")
                body = page if page is None or not stop else page[int(start) : int(stop) + 1]
                self.send_response(404 if body is None else 206 if stop else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            do_HEAD = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
        for server in self.servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        self.own, self.foreign = (f"http://127.0.0.1:{server.server_port}" for server in self.servers)

    def close(self) -> None:
        for server in self.servers:
            server.shutdown()
            server.server_close()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    served = Web()
    yield served
    served.close()


def documents(folder: Path) -> dict[str, Any]:
    """References of a small store: its documents, and its chunks at ``chunks/...`` of the server."""
    write_store(folder / "a.zarr", small(), zarr_format=2, mode="w")
    files = [path for path in (folder / "a.zarr").rglob("*") if path.is_file()]
    return {
        (key := path.relative_to(folder / "a.zarr").as_posix()): path.read_text()
        if path.name.startswith(".z")
        else [f"OWN/chunks/{key}"]
        for path in files
    }


def serve(web: Web, folder: Path) -> dict[str, Any]:
    refs = documents(folder)
    for key, value in refs.items():
        if isinstance(value, list):
            web.pages[f"/chunks/{key}"] = (folder / "a.zarr" / key).read_bytes()
            value[0] = value[0].replace("OWN", web.own)
    return refs


def reference_catalog(web: Web, folder: Path, document: Any, **args: Any) -> Catalog:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    web.pages["/thredds/refs.json"] = text
    options = {"fo": f"{web.own}/thredds/refs.json", "remote_protocol": "http"} | args.pop("options", {})
    return catalog_of(folder, changed(args__urlpath="reference://", args__storage_options=options,
                                      **{f"args__{key}": value for key, value in args.items()}))  # fmt: skip


@pytest.mark.slow
def test_the_forms_of_ceda_and_of_relative_addresses_are_read(web: Web, tmp_path: Path) -> None:
    refs = serve(web, tmp_path)
    forms = {
        "{{u}}": ({"u": web.own}, lambda url: url.replace(web.own, "{{u}}")),
        "{{ base }}": ({"base": f"{web.own}/chunks"}, lambda url: url.replace(f"{web.own}/chunks", "{{ base }}")),
        "plain": ({}, lambda url: url),
        "relative": ({}, lambda url: url.replace(web.own, "..")),
    }
    for templates, form in forms.values():
        held = {key: [form(v[0]), 0, 10**6] if isinstance(v, list) else v for key, v in refs.items()}
        for key, value in held.items():
            if isinstance(value, list):
                value[2] = (tmp_path / "a.zarr" / key).stat().st_size
        document = {"version": 1, "templates": templates, "gen": [], "refs": held}
        catalog = reference_catalog(web, tmp_path, document)
        xr.testing.assert_equal(open_entry(catalog, "source0").load(), small())
        assert source_state(catalog, "source0")
    inline = {k: "base64:" + base64.b64encode((tmp_path / "a.zarr" / k).read_bytes()).decode() if isinstance(v, list)
              else v for k, v in refs.items()}  # fmt: skip
    xr.testing.assert_equal(open_entry(reference_catalog(web, tmp_path, inline), "source0").load(), small())


def hostile(web: Web, folder: Path) -> dict[str, Any]:
    """Documents that try to run, to leak or to lead elsewhere; ``sm/0.0.0`` is the key of a chunk that is read."""
    secret = folder / "secret.key"
    secret.write_text(CANARY)
    (folder / "link").symlink_to(secret)
    port = web.foreign.rpartition(":")[2]

    def leading(address: Any, templates: Any = None, **more: Any) -> dict[str, Any]:
        refs = serve(web, folder / "x")
        target = [address] if isinstance(address, str) else address
        return {"version": 1, "templates": templates or {}, "refs": refs | {"sm/0.0.0": target}} | more

    environment = "{{x.__globals__[os].environ[AWS_SECRET_ACCESS_KEY]}}"
    return {
        "environment by a callable template": leading(f"{web.foreign}/{environment}", {"x": "{{y}}"}),
        "environment by a template": leading("{{u}}", {"u": f"{web.foreign}/{environment}"}),
        "a template with a call": leading("{{f(c='x')}}", {"f": web.own + "/{{c}}"}),
        "a jinja statement": leading("{{u}}", {"u": "{% for i in range(9) %}x{% endfor %}"}),
        "an unknown template": leading("{{v}}/a", {"u": web.own}),
        "a template inside a template": leading("{{u}}", {"u": "{{w}}", "w": web.own}),
        "attributes in a place holder": leading("{{u.__class__}}", {"u": web.own}),
        "templates that lead elsewhere": leading("{{u}}/a", {"u": web.foreign}),
        "a bad template that nothing uses": leading("x", {"x": "{{y}}"}),
        "a template that is no text": leading("{{u}}", {"u": [web.own]}),
        "gen": leading("x", gen=[{"key": "sm/{{i}}", "url": "{{u}}", "dimensions": {"i": {"stop": 10**9}}}]),
        "another host": leading(f"{web.foreign}/a"),
        "another scheme": leading(web.own.replace("http", "https") + "/a"),
        "a decimal address": leading(f"http://2130706433:{port}/a"),
        "a mapped address": leading(f"http://[::ffff:127.0.0.1]:{port}/a"),
        "an address of all machines": leading(f"http://0.0.0.0:{port}/a"),
        "a name of the loopback": leading(f"http://localhost:{port}/a"),
        "a user before the host": leading(web.own.replace("//", "//127.0.0.1@") + "/a"),
        "a backslash before the host": leading(web.own.replace("//", f"//127.0.0.1:{port}\\@") + "/a"),
        "a line break": leading(f"{web.own}/a\r\nHost: x"),
        "a local file": leading(f"file://{secret}"),
        "a local path": leading(str(secret)),
        "a relative path out": leading("../../../../../.." + str(secret)),
        "a home folder": leading("~/.ssh/id_rsa"),
        "a chain": leading(f"simplecache::{web.own}/a"),
        "a chain behind": leading(f"zip://a::{web.own}/a"),
        "another protocol": leading("ssh://127.0.0.1/a"),
        "data in the address": leading("data:text/plain,a"),
        "metadata of a cloud": leading("http://169.254.169.254/latest/meta-data"),
        "a bucket": leading("s3://somebody/a"),
        "no address": leading([None, 0, 10]),
        "four parts": leading([f"{web.own}/a", 0, 10, 10]),
        "a negative offset": leading([f"{web.own}/a", -10, 10]),
        "an offset that is text": leading([f"{web.own}/a", "0", "10"]),
        "a chunk of a terabyte": leading([f"{web.own}/a", 0, 2**40]),
        "base64 that is none": leading(["x"]) | {"refs": {"sm/0.0.0": "base64:@@@"}},
        "a number": leading(["x"]) | {"refs": {"sm/0.0.0": 3}},
        "too much inline": leading(["x"]) | {"refs": {"sm/0.0.0": "a" * (references.MAX_INLINE + 1)}},
        "another version": leading(["x"]) | {"version": 2},
        "a list": [1, 2, 3],
        "references that are a list": {"version": 1, "refs": []},
        "no JSON": b"\x00\x01",
        "a document as deep as the stack": b'{"refs": ' + b"[" * 200_000,
    }  # fmt: skip


@pytest.mark.slow
def test_hostile_references_are_refused_each_with_one_clear_error(web: Web, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    cases = hostile(web, tmp_path)
    assert len(cases) >= 40
    for title, document in cases.items():
        web.asked.clear()
        catalog = reference_catalog(web, tmp_path, document)
        with pytest.raises(CatalogError) as caught:
            open_entry(catalog, "source0")["sm"].load()
        record = caught.value.record()
        assert all(record.values()), title
        assert CANARY not in str(caught.value), title
        assert all("/thredds/refs.json" in line for line in web.asked), (title, web.asked)
        assert not any(CANARY in line for line in web.asked), title


@pytest.mark.slow
def test_a_local_reference_file_stays_in_its_folder(web: Web, tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
        write_store(folder / "a.zarr", small(), zarr_format=2)
    (inside / "link").symlink_to(outside)
    refs = documents(inside / "again") if (inside / "again").mkdir() is None else {}

    def opened(place: str, **args: Any) -> xr.Dataset:
        held = {key: [v[0].replace("OWN/chunks", place)] if isinstance(v, list) else v for key, v in refs.items()}
        (inside / "refs.json").write_text(json.dumps({"version": 1, "refs": held}))
        options = {"fo": str(inside / "refs.json"), "remote_protocol": "file"}
        more = {f"args__{key}": value for key, value in args.items()}
        entry = changed(args__urlpath="reference://", args__storage_options=options, **more)
        return open_entry(catalog_of(tmp_path, entry), "source0").load()

    for place in (f"{inside}/a.zarr", "a.zarr", f"file://{inside}/a.zarr", f"{inside}/../in/a.zarr"):
        xr.testing.assert_equal(opened(place), small())
    for place in (f"{outside}/a.zarr", "../out/a.zarr", "link/a.zarr", f"{inside}-b", f"{web.own}/chunks"):
        with pytest.raises(CatalogError) as caught:
            opened(place)
        assert "points_to" in caught.value.next
    assert web.asked == []
    xr.testing.assert_equal(opened(f"{outside}/a.zarr", points_to=[str(outside)]), small())


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
