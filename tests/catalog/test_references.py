"""Kerchunk references of strangers: nothing of them runs, leaks or leads elsewhere."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from smcloud.catalog import open_entry
from smcloud.catalog.fingerprints import source_state
from smcloud.catalog.stores import references
from smcloud.errors import CatalogError
from tests.catalog.entries import catalog_of, changed, small, write_store
from tests.catalog.references import CANARY, Web, documents, reference_catalog, serve


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
