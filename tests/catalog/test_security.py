"""Nothing in a catalog runs, and nothing but what is listed is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smcloud.catalog import load_catalog, open_entry
from smcloud.errors import (
    CatalogError,
)
from tests.catalog.entries import ENTRY, REFERENCE, catalog_of, changed, refused, small, write_store


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


@pytest.mark.parametrize("key", ["combine", "compat", "concat_dim", "data_vars", "decode_cf", "decode_times", "join",
                                 "mask_and_scale", "use_cftime"])  # fmt: skip
def test_what_is_decided_here_is_no_option(tmp_path, key):
    """It would have no effect, or let codes and packed numbers pass as values."""
    error = refused(tmp_path, changed(args__xarray_kwargs={key: False}))
    assert key in error.found and error.where.endswith(f"xarray_kwargs.{key}")
