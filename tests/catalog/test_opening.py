from __future__ import annotations

import copy
import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from smcloud.catalog import Catalog, check_entries, load_catalog, open_entry
from smcloud.catalog.fingerprints import source_state
from smcloud.catalog.validation import same_units
from smcloud.config import load_config
from smcloud.errors import (
    CalendarError,
    CatalogError,
    ChunkError,
    GridError,
    SmcloudError,
    UnitError,
    UnreachableError,
    VariableError,
)

PUBLIC = Path(__file__).parents[2] / "catalogs" / "public.yaml"
ENTRY: dict[str, Any] = {
    "driver": "zarr",
    "description": "a small store",
    "args": {"urlpath": "{{ CATALOG_DIR }}/a.zarr", "chunks": {}, "xarray_kwargs": {"consolidated": False}},
    "metadata": {
        "licence": "CC0-1.0",
        "citation": "invented",
        "variables": {"soil_moisture": {"name": "sm", "units": "m3 m-3", "period": "day", "valid_range": [0, 1]}},
    },
}


def small(seed: int = 0) -> xr.Dataset:
    values = np.random.default_rng(seed).random((4, 3, 5)).astype("float32")
    return xr.Dataset(
        {"sm": (("time", "lat", "lon"), values, {"units": "m3 m-3"})},
        coords={"time": pd.date_range("2000-01-01", periods=4), "lat": [1.0, 2, 3], "lon": [1.0, 2, 3, 4, 5]},
    )


def write_store(path: Path, ds: xr.Dataset, zarr_format: Any = 3, **options: Any) -> None:
    ds.to_zarr(path, zarr_format=zarr_format, consolidated=False, **options)


def changed(**changes: Any) -> dict[str, Any]:
    """The entry with dotted keys replaced; ``__`` stands for a dot."""
    entry = copy.deepcopy(ENTRY)
    for dotted, value in changes.items():
        *above, last = dotted.split("__")
        at = entry
        for key in above:
            at = at.setdefault(key, {})
        at[last] = value
    return entry


def catalog_of(folder: Path, *entries: dict[str, Any], **named: dict[str, Any]) -> Catalog:
    sources = {f"source{i}": entry for i, entry in enumerate(entries)} | named
    path = folder / "catalog.yaml"
    path.write_text(yaml.dump({"sources": sources}, Dumper=NoAliases))
    return load_catalog(path)


class NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def refused(folder: Path, entry: dict[str, Any]) -> CatalogError:
    with pytest.raises(CatalogError) as caught:
        catalog_of(folder, entry)
    error = caught.value
    assert error.exit_code == 2
    assert all(error.record().values()), error.record()
    assert "sources.source0" in error.where
    return error


# ------------------------------------------------------------------------------------------ opening


def test_a_source_opens_lazily_with_its_values(tmp_path: Path) -> None:
    write_store(tmp_path / "a.zarr", small())
    catalog = catalog_of(tmp_path, ENTRY)
    ds = open_entry(catalog, "source0")
    assert isinstance(ds["sm"].data, dask.array.Array)
    xr.testing.assert_equal(ds.load(), small())


def test_a_role_is_found_by_name_or_by_variable(tmp_path: Path) -> None:
    two = changed()
    two["metadata"]["variables"]["wetness"] = ENTRY["metadata"]["variables"]["soil_moisture"] | {"name": "w"}
    catalog = catalog_of(tmp_path, two)
    assert catalog.spec("soil_moisture", "source0")[1].name == "sm"
    assert catalog.spec("soil_moisture", "source0:wetness")[1].name == "w"
    for reference, where in (("other", "sources.other"), ("source0:x", "sources.source0.metadata.variables")):
        with pytest.raises(CatalogError) as caught:
            catalog.spec("soil_moisture", reference)
        assert caught.value.where.endswith(where)
        assert "inputs.soil_moisture" in caught.value.next
    with pytest.raises(CatalogError) as caught:
        catalog.spec("lai", "source0")
    assert caught.value.found == "lai"
    with pytest.raises(CatalogError):
        open_entry(catalog, "other")


def test_daily_files_join_into_one_axis_and_disagreeing_ones_fail(tmp_path: Path) -> None:
    ds = small()
    for i in range(4):
        ds.isel(time=[i]).to_netcdf(tmp_path / f"day{i}.nc", engine="h5netcdf")
    entry = changed(driver="netcdf", args__urlpath="{{ CATALOG_DIR }}/day*.nc", args__xarray_kwargs={})
    catalog = catalog_of(tmp_path, entry)
    xr.testing.assert_equal(open_entry(catalog, "source0").load(), ds)
    files = [f"{{{{ CATALOG_DIR }}}}/day{i}.nc" for i in (2, 0)]
    listed = catalog_of(tmp_path, changed(driver="netcdf", args__urlpath=files, args__xarray_kwargs={}))
    xr.testing.assert_equal(open_entry(listed, "source0").load(), ds.isel(time=[0, 2]))
    # another variable on latitudes that differ by a rounding: an outer join would double the rows
    other = ds.rename(sm="other").isel(time=[0]).assign_coords(lat=ds["lat"] + 1e-7)
    other.to_netcdf(tmp_path / "day0_other.nc", engine="h5netcdf")
    files = [f"{{{{ CATALOG_DIR }}}}/{name}.nc" for name in ("day0", "day0_other")]
    two = catalog_of(tmp_path, changed(driver="netcdf", args__urlpath=files, args__xarray_kwargs={}))
    with pytest.raises(GridError) as caught:
        open_entry(two, "source0")
    assert "lat" in caught.value.found
    assert all(caught.value.record().values())
    other.assign_coords(lat=ds["lat"], time=other["time"] + np.timedelta64(6, "h")).to_netcdf(
        tmp_path / "day0_other.nc", engine="h5netcdf"
    )
    with pytest.raises(CalendarError) as late:
        open_entry(two, "source0")
    assert "time" in late.value.expected
    assert all(late.value.record().values())


def test_references_open_over_http(tmp_path: Path, http: Callable[[Path], str]) -> None:
    write_store(tmp_path / "a.zarr", small(), zarr_format=2)
    base = http(tmp_path)
    files = [path for path in (tmp_path / "a.zarr").rglob("*") if path.is_file()]
    refs: dict[str, Any] = {}
    for path in files:
        key = path.relative_to(tmp_path / "a.zarr").as_posix()
        refs[key] = path.read_text() if path.name.startswith(".z") else [f"{base}/a.zarr/{key}"]
    (tmp_path / "refs.json").write_text(json.dumps({"version": 1, "refs": refs}))
    entry = changed(
        args__urlpath="reference://",
        args__storage_options={
            "fo": f"{base}/refs.json",
            "remote_protocol": "http",
            "remote_options": {"asynchronous": True},
        },
    )
    catalog = catalog_of(tmp_path, entry)
    xr.testing.assert_equal(open_entry(catalog, "source0").load(), small())
    before = source_state(catalog, "source0")
    (tmp_path / "refs.json").write_text(json.dumps({"version": 1, "refs": refs}, indent=1))
    assert source_state(catalog, "source0") == before  # the same references in other words
    next(held for key, held in refs.items() if key.startswith("sm/") and isinstance(held, list))[0] += "?again"
    (tmp_path / "refs.json").write_text(json.dumps({"version": 1, "refs": refs}))
    assert source_state(catalog, "source0") != before


@pytest.fixture
def http(request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """A function that serves a folder on the loopback and returns its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    def serve(folder: Path) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        request.addfinalizer(server.server_close)
        request.addfinalizer(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}"

    return serve


# ----------------------------------------------------------------------- what a source really holds


def test_a_missing_variable_or_companion_is_named(tmp_path: Path) -> None:
    write_store(tmp_path / "a.zarr", small())
    variables = "metadata__variables__soil_moisture__"
    for key in ("name", "flag", "sensor", "uncertainty"):
        catalog = catalog_of(tmp_path, changed(**{variables + key: "nowhere"}))
        with pytest.raises(VariableError) as caught:
            open_entry(catalog, "source0")
        assert (caught.value.found, caught.value.expected) == ("sm", "nowhere")
        with pytest.raises(VariableError):
            check_entries(catalog)


def test_a_unit_must_be_the_catalogs_unless_the_catalog_says_the_source_errs(tmp_path: Path) -> None:
    ds = small()
    ds["sm"].attrs["units"] = "m"
    write_store(tmp_path / "a.zarr", ds)
    wrong = catalog_of(tmp_path, changed(metadata__variables__soil_moisture__units="m day-1"))
    with pytest.raises(UnitError) as caught:
        open_entry(wrong, "source0")
    assert (caught.value.found, caught.value.expected) == ("m", "m day-1")
    known = changed(
        metadata__variables__soil_moisture__units="m day-1", metadata__variables__soil_moisture__attr_units="m"
    )
    assert "sm" in open_entry(catalog_of(tmp_path, known), "source0")


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("m3 m-3", "m**3 m**-3", True),
        ("m3 m-3", "m^3 m^-3", True),
        ("m2 m-2", "m²/m²", True),
        ("K", "kelvin", True),
        ("(0 - 1)", "(0 - 1)", True),
        ("K", "degC", False),
        ("mm", "m", False),
        ("%", "1", False),
        ("m", "m day-1", False),
        ("(0 - 1)", "1", False),
        ("nonsense", "m", False),
    ],
)
def test_units_are_compared_by_meaning(left: str, right: str, same: bool) -> None:
    assert same_units(left, right) is same


def array_v2(path: Path, shape: list[int], chunks: list[int]) -> None:
    """A store of a few hundred bytes that declares whatever it is told."""
    path.mkdir(parents=True)
    meta = {"chunks": chunks, "compressor": None, "dtype": "<f4", "fill_value": "NaN", "filters": None, "order": "C"}
    (path / ".zarray").write_text(json.dumps(meta | {"shape": shape, "zarr_format": 2}))
    (path / ".zattrs").write_text(json.dumps({"_ARRAY_DIMENSIONS": ["t", "y", "x"][: len(shape)], "units": "m3 m-3"}))
    (path.parent / ".zgroup").write_text('{"zarr_format": 2}')


def test_a_small_store_that_declares_terabytes_is_refused_before_any_read(tmp_path: Path) -> None:
    huge = [100_000, 20_000, 20_000]
    for shape, chunks, setting in ((huge, huge, {}), (huge, huge, {"t": 1}), ([10**9, 1, 1], [1, 1, 1], {"t": 10**8})):
        shutil.rmtree(tmp_path / "a.zarr", ignore_errors=True)
        array_v2(tmp_path / "a.zarr" / "sm", shape, chunks)
        with pytest.raises(ChunkError) as caught:
            open_entry(catalog_of(tmp_path, changed(args__chunks=setting)), "source0")
        assert "args.chunks" in caught.value.next


def test_an_axis_that_does_not_fit_in_memory_is_refused_before_it_is_read(tmp_path: Path) -> None:
    for shape, chunk in ((10**12, 10**12), (10**12, 10**5), (4, 10**12)):
        shutil.rmtree(tmp_path / "a.zarr", ignore_errors=True)
        array_v2(tmp_path / "a.zarr" / "sm", [shape], [10**8])
        array_v2(tmp_path / "a.zarr" / "t", [shape], [chunk])
        with pytest.raises(ChunkError) as caught:
            open_entry(catalog_of(tmp_path, ENTRY), "source0")
        assert caught.value.where.endswith(": t")


# -------------------------------------------------------------------------- nothing in the file runs


@pytest.mark.parametrize(
    "text",
    [
        "{func(os:system)}",
        "{import(os:system)}",
        "{data(other)}",
        "{pickle64(gASV)}",
        "{{ env(AWS_SECRET_ACCESS_KEY) }}",
        "{{ env(HOME) }}",
        "{{ shell(id) }}",
        "{{ ''.__class__.__mro__ }}",
        "{% for i in range(9) %}x{% endfor %}",
        "{{ env(SMCLOUD_X) | upper }}",
        "{{ env(SMCLOUD_{{ env(HOME) }}) }}",
        "data_{year}.nc",
    ],
)
def test_templates_other_than_the_two_are_refused(tmp_path: Path, text: str) -> None:
    for change in (
        {"args__urlpath": f"/data/{text}"},
        {"args__urlpath": ["/data/a.nc", text]},
        {"args__storage_options": {"client_kwargs": {"endpoint_url": text}}},
        {"args__xarray_kwargs": {"group": text}},
        {"description": text},
        {"args__chunks": {text: 3}},
    ):
        assert refused(tmp_path, changed(**change)).found.count(text)


def test_an_environment_value_cannot_bring_a_template_or_a_scheme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = catalog_of(tmp_path, changed(args__urlpath="{{ env(SMCLOUD_PLACE) }}/a.zarr"))
    for value in ("{func(os:system)}", "ssh://host", "simplecache::s3://b", "{{ env(HOME) }}"):
        monkeypatch.setenv("SMCLOUD_PLACE", value)
        with pytest.raises(CatalogError):
            open_entry(catalog, "source0")


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system [touch {marker}]",
        "!!python/name:os.system",
        "!!python/module:os",
        "!!python/object/new:os.system [touch {marker}]",
    ],
)
def test_python_tags_are_refused(tmp_path: Path, tag: str) -> None:
    path, marker = tmp_path / "c.yaml", tmp_path / "ran"
    path.write_text(f"sources:\n  x: {tag.format(marker=marker)}\n")
    with pytest.raises(CatalogError) as caught:
        load_catalog(path)
    assert "python" in caught.value.found
    assert not marker.exists()


@pytest.mark.parametrize(
    "text",
    [
        "plugins: {source: [{module: os}]}\nsources: {}",
        "import_on_startup: true\nsources: {}",
        "sources: []",
        "sources:",
        "[]",
        "data: {}\nentries: {}\nversion: 2",
        "sources: {a: &a {}, b: *a}",
        "sources: {a: {}, a: {}}",
        "sources: {}",
    ],
)
def test_another_form_of_catalog_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(CatalogError) as caught:
        load_catalog(path)
    assert all(caught.value.record().values())


REFERENCE = {"fo": "https://host/refs.json", "remote_protocol": "https"}
BAD = [
    ({"driver": "csv"}, "driver"),
    ({"driver": "intake_xarray.netcdf.NetCDFSource"}, "driver"),
    ({"driver": ["zarr"]}, "driver"),
    ({"plugins": {"source": []}}, "plugins"),
    ({"parameters": {}}, "parameters"),
    ({"cache": []}, "cache"),
    ({"import_on_startup": True}, "import_on_startup"),
    ({"args__allow_import": True}, "args.allow_import"),
    *[
        ({"args__urlpath": url}, "args.urlpath")
        for url in (
            "ssh://host/a",
            "github://org:repo@main/a",
            "ftp://host/a",
            "sftp://host/a",
            "zip://a::https://host/b",
            "simplecache::s3://bucket/a",
            "/data/a::ssh://host/b",
            "file:///data/a.zip::https://host/b",
            "filecache::https://host/a",
            "jupyter://host/a",
            "data:text/plain,a",
            "SSH://host/a",
            "dask://worker/a",
            "",
            [],
            ["/data/a.nc", "ssh://host/b"],
            3,
            "https://user:word@host/a",
        )
    ],
    ({"args__storage_options": {"secret": "hush-hush"}}, "args.storage_options.secret"),
    ({"args__storage_options": {"key": "hush-hush"}}, "args.storage_options.key"),
    ({"args__storage_options": {"token": "hush-hush"}}, "args.storage_options.token"),
    ({"args__storage_options": {"token": {"refresh_token": "hush-hush"}}}, "args.storage_options.token"),
    (
        {"args__storage_options": {"client_kwargs": {"aws_secret_access_key": "hush-hush"}}},
        "args.storage_options.client_kwargs.aws_secret_access_key",
    ),
    (
        {"args__storage_options": {"client_kwargs": {"headers": {"Authorization": "hush-hush"}}}},
        "args.storage_options.client_kwargs.headers",
    ),
    (
        {"args__storage_options": {"endpoint_url": "https://me:hush-hush@host"}},
        "args.storage_options.endpoint_url",
    ),
    ({"args__storage_options": {"get_client": "os.system"}}, "args.storage_options.get_client"),
    ({"args__storage_options": {"endpoint_url": ["https://host"]}}, "args.storage_options.endpoint_url"),
    ({"args__urlpath": "reference://"}, "args"),
    ({"args__urlpath": "reference://x", "args__storage_options": REFERENCE}, "args"),
    ({"args__storage_options": REFERENCE}, "args.urlpath"),
    *[
        ({"args__urlpath": "reference://", "args__storage_options": REFERENCE | change}, f"args.storage_options.{key}")
        for change, key in (
            ({"fo": "ssh://host/refs.json"}, "fo"),
            ({"fo": "simplecache::https://host/refs.json"}, "fo"),
            ({"fo": "reference://x"}, "fo"),
            ({"fo": {"version": 1, "refs": {}}}, "fo"),
            ({"remote_protocol": "ssh"}, "remote_protocol"),
            ({"remote_protocol": "reference"}, "remote_protocol"),
            ({"remote_protocol": ["https"]}, "remote_protocol"),
            ({"target_protocol": "github"}, "target_protocol"),
            ({"remote_options": {"secret": "hush-hush"}}, "remote_options.secret"),
            ({"remote_options": {"client_kwargs": {"auth": "hush-hush"}}}, "remote_options.client_kwargs.auth"),
            ({"target_options": {"fo": "ssh://host/a"}}, "target_options.fo"),
            ({"simple_templates": False}, "simple_templates"),
            ({"template_overrides": {"u": "ssh://host"}}, "template_overrides"),
            ({"fs": {"ssh": {}}}, "fs"),
        )
    ],
    ({"args__xarray_kwargs": {"preprocess": "os.system"}}, "args.xarray_kwargs.preprocess"),
    ({"args__xarray_kwargs": {"backend_kwargs": {}}}, "args.xarray_kwargs.backend_kwargs"),
    ({"args__xarray_kwargs": {"engine": "pydap"}}, "args.xarray_kwargs.engine"),
    ({"args__xarray_kwargs": {"engine": "cfgrib"}}, "args.xarray_kwargs.engine"),
    ({"args__xarray_kwargs": {"urlpath": "ssh://host"}}, "args.xarray_kwargs.urlpath"),
    ({"args__xarray_kwargs": {"storage_options": {}}}, "args.xarray_kwargs.storage_options"),
    ({"args__xarray_kwargs": {"group": {"a": 1}}}, "args.xarray_kwargs.group"),
    ({"args__chunks": {"time": "many"}}, "args.chunks.time"),
    ({"metadata__reader": "os.system"}, "metadata.reader"),
    ({"metadata__licence": None}, "metadata.licence"),
    ({"metadata__variables": {}}, "metadata.variables"),
    ({"metadata__variables__soil_moisture__unit": "m"}, "metadata.variables.soil_moisture.unit"),
    ({"metadata__variables__soil_moisture__period": "week"}, "metadata.variables.soil_moisture.period"),
    ({"metadata__variables__soil_moisture__valid_range": [1, 0]}, "metadata.variables.soil_moisture.valid_range"),
    ({"metadata__variables__soil_moisture__aggregate": "class"}, "metadata.variables.soil_moisture.legend"),
    ({"metadata__variables__Soil-1": ENTRY["metadata"]["variables"]["soil_moisture"]}, "metadata.variables"),
]


@pytest.mark.parametrize(("change", "key"), BAD, ids=[f"{i}-{key}" for i, (_, key) in enumerate(BAD)])
def test_what_is_not_allowed_is_refused_by_key_and_secrets_are_not_shown(
    tmp_path: Path, change: dict[str, Any], key: str
) -> None:
    error = refused(tmp_path, changed(**change))
    assert error.where == f"{tmp_path / 'catalog.yaml'}: sources.source0.{key}"
    assert "hush" not in str(error)


@pytest.mark.parametrize("name", ["lai_hv", "lai_lv", "leaf_area_index_high_vegetation", "LAI_HV"])
def test_the_climatological_lai_of_era5_is_refused(tmp_path: Path, name: str) -> None:
    spec = {"name": name, "units": "m2 m-2", "period": "month", "valid_range": [0, 10]}
    error = refused(tmp_path, changed(metadata__variables={"lai": spec}))
    assert error.found == name
    assert "climatology" in error.expected


def test_the_names_of_entries_can_be_referred_to(tmp_path: Path) -> None:
    with pytest.raises(CatalogError) as caught:
        catalog_of(tmp_path, **{"a:b": ENTRY})
    assert caught.value.found == "a:b"


def test_intake_is_told_to_import_nothing(tmp_path: Path) -> None:
    import intake

    write_store(tmp_path / "a.zarr", small())
    open_entry(catalog_of(tmp_path, ENTRY), "source0")
    assert intake.conf["allow_import"] is False
    assert intake.conf["allow_pickle"] is False
    assert intake.conf["import_on_startup"] is False


# ---------------------------------------------------------------------------------- what is reachable


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


def test_a_missing_file_is_unreachable_with_a_short_text(tmp_path: Path) -> None:
    catalog = catalog_of(
        tmp_path, ENTRY, changed(driver="netcdf", args__urlpath="/nowhere/*.nc", args__xarray_kwargs={})
    )
    for text in check_entries(catalog).values():
        assert text.startswith("unreachable: ")
        assert len(text) < 200
        assert "\n" not in text
    for name in catalog.sources:
        with pytest.raises(UnreachableError) as caught:
            source_state(catalog, name)
        assert caught.value.exit_code == 4


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
    began = time.monotonic()
    answers = list(check_entries(catalog).values())
    assert time.monotonic() - began < 14.0  # before the deadline: by the probe, not by giving up
    assert all("the host 127.0.0.1 does not answer" in answers[i] for i in (0, 1, 3)), answers
    assert "the host no-such-host.invalid is not known" in answers[2]


def test_a_missing_catalog_is_an_error_of_usage(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(CatalogError) as caught:
            load_catalog(path)
        assert caught.value.exit_code == 2


# ------------------------------------------------------------------------------------ source states


def state(folder: Path, **changes: Any) -> str:
    folder.mkdir(exist_ok=True)
    return source_state(catalog_of(folder, changed(**changes)), "source0")


def test_the_same_content_elsewhere_has_the_same_state(tmp_path: Path) -> None:
    write_store(tmp_path / "a.zarr", small())
    first = state(tmp_path)
    shutil.copytree(tmp_path / "a.zarr", tmp_path / "other" / "renamed.zarr", copy_function=shutil.copyfile)
    assert state(tmp_path / "other", args__urlpath="{{ CATALOG_DIR }}/renamed.zarr") == first
    assert state(tmp_path, args__chunks={"time": 1}) == first
    assert state(tmp_path, metadata__licence="other words") == first


def test_changed_content_or_reading_has_another_state(tmp_path: Path) -> None:
    write_store(tmp_path / "a.zarr", small(), encoding={"sm": {"compressors": None}})
    states = [state(tmp_path)]
    sizes = {path: path.stat().st_size for path in (tmp_path / "a.zarr").rglob("*")}
    chunk = tmp_path / "a.zarr" / "sm" / "c" / "0" / "0" / "0"
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1  # one bit, the same size
    chunk.write_bytes(bytes(content))
    assert sizes == {path: path.stat().st_size for path in (tmp_path / "a.zarr").rglob("*")}
    states.append(state(tmp_path))
    chunk.unlink()
    states.append(state(tmp_path))
    states.append(state(tmp_path, metadata__variables__soil_moisture__stamp="end"))
    states.append(state(tmp_path, args__xarray_kwargs={"consolidated": False, "mask_and_scale": False}))
    assert len(set(states)) == len(states)


def test_of_large_sources_the_time_of_change_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smcloud.catalog.fingerprints.objects.FULL_DIGEST_BYTES", 10)
    write_store(tmp_path / "a.zarr", small())
    first = state(tmp_path)
    assert state(tmp_path) == first
    os.utime(tmp_path / "a.zarr" / "sm" / "zarr.json", (0, 0))
    assert state(tmp_path) != first


def test_one_file_and_many_files(tmp_path: Path) -> None:
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        for i in (0, 1):
            small(i).to_netcdf(folder / f"{i}.nc", engine="h5netcdf")
    every = {"driver": "netcdf", "args__urlpath": "{{ CATALOG_DIR }}/*.nc"}
    first = state(tmp_path / "one", **every)
    assert state(tmp_path / "two", **every) == first
    (tmp_path / "two" / "1.nc").unlink()
    assert state(tmp_path / "two", **every) != first


def test_a_remote_store_is_known_by_its_metadata(tmp_path: Path, http: Callable[[Path], str]) -> None:
    write_store(tmp_path / "a.zarr", small())
    write_store(tmp_path / "same.zarr", small(seed=1))
    write_store(tmp_path / "longer.zarr", xr.concat([small(), small()], "time"))
    base = http(tmp_path)
    states = [state(tmp_path, args__urlpath=f"{base}/{name}.zarr") for name in ("a", "same", "longer")]
    assert states[0] == states[1]
    assert states[0] != states[2]
    with pytest.raises(UnreachableError):
        state(tmp_path, args__urlpath=f"{base}/nothing.zarr")


# ---------------------------------------------------------------------------------------- real files


@pytest.mark.slow
def test_real_images_open_through_a_catalog(test_data: Path, tmp_path: Path) -> None:
    images = test_data / "cci_images"
    files = sorted(images.glob("ESACCI-SOILMOISTURE-L3S-SSMV-PASSIVE-*.nc"))
    variables = {
        "soil_moisture": {
            "name": "sm",
            "units": "m3 m-3",
            "period": "day",
            "valid_range": [0, 1],
            "flag": "flag",
            "uncertainty": "sm_uncertainty",
        }
    }
    entry = changed(
        driver="netcdf",
        args__urlpath=f"{images}/ESACCI-SOILMOISTURE-L3S-SSMV-PASSIVE-*.nc",
        args__xarray_kwargs={"drop_variables": ["t0"]},
        metadata__variables=variables,
    )
    old = changed(
        driver="netcdf",
        args__urlpath=str(images / "ESACCI-SOILMOISTURE-L3S-SSMV-COMBINED-20000101000000-fv02.2.nc"),
        args__xarray_kwargs={},
        metadata__variables=variables,
    )
    catalog = catalog_of(tmp_path, passive=entry, old=old)
    assert check_entries(catalog) == {"passive": "ok", "old": "ok"}
    ds = open_entry(catalog, "passive")
    assert dict(ds.sizes) == {"time": 3, "lat": 720, "lon": 1440}
    assert list(ds["time"].dt.strftime("%Y-%m-%d").values) == ["2016-12-29", "2016-12-30", "2016-12-31"]
    with xr.open_dataset(files[1]) as direct:
        np.testing.assert_array_equal(ds["sm"].isel(time=1).values, direct["sm"].isel(time=0).values)
    assert ds["sm"].min() >= 0  # -9999 is gone
    share = float(ds["sm"].notnull().mean())
    assert 0.050 < share < 0.053
    assert source_state(catalog, "passive") != source_state(catalog, "old")


def test_the_public_entry_of_c3s_opens_a_real_file(test_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMCLOUD_C3S_SOIL_MOISTURE", str(test_data / "cci_images"))
    ds = open_entry(load_catalog(PUBLIC), "c3s")
    assert str(ds["time"].values[0])[:10] == "2014-01-01"
    assert "t0" not in ds


# ------------------------------------------------------------------------------ the catalog of stores


@pytest.fixture(scope="module")
def public() -> Catalog:
    return load_catalog(PUBLIC)


def test_the_public_catalog_holds_the_sources_of_the_study(public: Catalog) -> None:
    roles = {name: set(entry.metadata.variables) for name, entry in public.sources.items()}
    assert {name for name, held in roles.items() if "soil_moisture" in held} == {
        "esa_cci_sm",
        "esa_cci_sm_v071",
        "esa_cci_sm_v081",
        "esa_cci_sm_v091",
        "esa_cci_sm_v092",
        "esa_cci_sm_adjusted",
        "esa_cci_sm_files",
        "esa_cci_sm_active_files",
        "c3s",
        "esdc",
    }
    references = {name for name, held in roles.items() if "soil_moisture_reference" in held}
    assert references == {"era5_hourly", "era5_icechunk", "era5_monthly_soil_moisture"}
    for name in ("era5_hourly", "era5_icechunk", "era5_monthly"):
        assert {"precipitation", "soil_temperature"} <= roles[name]
    for name in ("glass_lai", "glass_lai_avhrr", "seasfire_lai", "modis_lai"):
        assert roles[name] == {"lai"}
    static = set().union(
        *(roles[name] for name in ("aridity", "land_cover", "soil_texture", "elevation", "era5_land_mask"))
    )
    assert roles["esa_cci_land_cover"] == {"land_cover"}
    assert static == {"aridity_index", "land_cover", "clay", "sand", "elevation", "land_mask"}


def test_every_public_entry_says_whose_it_is(public: Catalog) -> None:
    for entry in public.sources.values():
        assert entry.metadata.licence
        assert "doi:10." in entry.metadata.citation or "Climate Data Store" in entry.metadata.citation
        assert len(entry.description) > 80


def test_the_traps_of_the_real_sources_are_in_their_entries(public: Catalog) -> None:
    hourly = public.sources["era5_hourly"]
    assert hourly.metadata.valid_end is not None
    assert hourly.metadata.valid_end.attr == "valid_time_stop"
    assert hourly.args.chunks["time"] > 1  # one task for each hour would be a million
    rain = hourly.metadata.variables["precipitation"]
    assert (rain.period, rain.stamp, rain.aggregate, rain.units) == ("hour", "end", "sum", "m")
    monthly = public.sources["era5_monthly"].metadata.variables["precipitation"]
    assert (monthly.units, monthly.attr_units, monthly.aggregate) == ("m day-1", "m", "mean")
    assert public.sources["esa_cci_sm_adjusted"].metadata.variables["soil_moisture"].uncertainty is None
    assert public.sources["esa_cci_sm"].metadata.variables["soil_moisture"].flag == "flag"
    height = public.sources["elevation"].metadata.variables["elevation"]
    assert height.scale == pytest.approx(1 / 9.80665, rel=1e-15)
    assert public.sources["aridity"].metadata.variables["aridity_index"].scale == 0.0001
    assert len(public.sources["land_cover"].metadata.variables["land_cover"].legend) == 17


def test_monthly_means_in_metres_per_day_become_the_depth_of_the_month(
    public: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from smcloud.cube.units import convert

    months = pd.date_range("2000-01-01", periods=3, freq="MS")
    where = {"valid_time": months, "latitude": [1.0, 0.0], "longitude": [0.0, 0.25]}
    field = np.full((3, 2, 2), 0.002, "float32")
    dims = ("valid_time", "latitude", "longitude")
    rain = xr.Dataset({"tp": (dims, field, {"units": "m"})}, where)
    heat = xr.Dataset({"stl1": (dims, field + 280, {"units": "K"})}, where)
    rain.to_netcdf(tmp_path / "tp.nc", engine="h5netcdf")
    heat.to_netcdf(tmp_path / "stl1.nc", engine="h5netcdf")
    monkeypatch.setenv("SMCLOUD_ERA5_MONTHLY", str(tmp_path))
    ds = open_entry(public, "era5_monthly")
    spec = public.sources["era5_monthly"].metadata.variables["precipitation"]
    days = xr.DataArray([31.0, 29.0, 31.0], dims="valid_time", coords={"valid_time": ds["valid_time"]})
    depth = convert(ds["tp"].astype("float64"), "precipitation", spec.units, spec.aggregate, days, "tp")
    assert depth.attrs["units"] == "mm month-1"
    np.testing.assert_allclose(depth.isel(latitude=0, longitude=0), [62.0, 58.0, 62.0], rtol=1e-6)


def test_the_configuration_of_the_readme_finds_its_inputs(public: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(
        """
preset: peng2023
period: {start: 2000-01, end: 2021-12}
catalog: catalogs/public.yaml
inputs:
  soil_moisture: esa_cci_sm
  precipitation: era5_monthly
  soil_temperature: era5_monthly
  lai: glass_lai
  aridity_index: aridity
  land_cover: land_cover
  clay: soil_texture
  sand: soil_texture
  elevation: elevation
  land_mask: era5_land_mask
store: out
"""
    )
    for role, reference in load_config(path).inputs.items():
        name, spec = public.spec(role, reference)
        assert name in public.sources
        assert spec.units


def test_where_there_is_no_network_the_public_catalog_is_checked_in_seconds(
    public: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("SMCLOUD_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name in ("STORAGE_EMULATOR_HOST", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)

    def no_network(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", no_network)
    answers = check_entries(public)
    assert set(answers) == set(public.sources)
    assert all(text.startswith(("unreachable: ", "reader ")) and len(text) < 120 for text in answers.values()), answers
    assert "storage.googleapis.com" in answers["era5_hourly"]
    assert "cci-ke-o.s3-ext.jc.rl.ac.uk" in answers["esa_cci_sm"]
    assert "data.cci.ceda.ac.uk" in answers["esa_cci_sm_v091"]


def test_errors_of_the_catalog_are_those_of_the_house(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\x00\xff\xfe")
    for path in ("ssh://host/c.yaml", "http://127.0.0.1:1/c.yaml", tmp_path / "binary.yaml"):
        with pytest.raises(SmcloudError) as caught:
            load_catalog(path)
        assert all(caught.value.record().values())
