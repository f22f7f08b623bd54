"""Arguments of an entry for xarray and clients: none changes a value in silence, and those that are left do as told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import pytest
import xarray as xr

from smcloud.catalog import open_entry
from smcloud.errors import CatalogError, SmcloudError
from smcloud.io_errors import VALUES, reaching
from tests.catalog.entries import REFERENCE, catalog_of, changed, refused, small, write_store

NETCDF = {"driver": "netcdf", "args__xarray_kwargs": {}}
ICE = {"metadata__reader": "icechunk", "args__xarray_kwargs": {}}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The small record as a Zarr store, in two forms of NetCDF, and in a repository."""
    write_store(tmp_path / "a.zarr", small())
    small().to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    small().to_netcdf(tmp_path / "classic.nc", engine="scipy", format="NETCDF3_64BIT")
    icechunk.set_logs_filter("error")
    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(tmp_path / "ice")))
    session = repository.writable_session("main")
    small().to_zarr(session.store, zarr_format=3, consolidated=False)
    session.commit("small")
    return tmp_path


# By form: what says so in the entry, beside the argument that is tried.
FORMS: dict[str, dict[str, Any]] = {
    "zarr": {},
    "netcdf4": NETCDF | {"args__urlpath": "{{ CATALOG_DIR }}/a.nc"},
    "netcdf3": NETCDF | {"args__urlpath": "{{ CATALOG_DIR }}/classic.nc"},
    "icechunk": ICE | {"args__urlpath": "{{ CATALOG_DIR }}/ice"},
}


def entry(form: str, **given: Any) -> dict[str, Any]:
    return changed(**(FORMS[form] | given))


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("decode_timedelta", True, "a count of days became a duration"),
        ("decode_coords", False, "what marks provisional steps was no coordinate"),
        ("decode_coords", "all", "as above, the other way"),
        ("concat_characters", False, "the same of texts, in classic files"),
        ("drop_variables", ["expver"], "provisional steps counted as final"),
        ("mask_and_scale", False, "packed values"),
        ("use_cftime", True, "another calendar"),
        ("decode_times", True, "decided here"),
    ],
)
def test_what_decides_about_values_is_no_argument(tmp_path: Path, key: str, value: Any, why: str) -> None:
    for form in FORMS:
        error = refused(tmp_path, entry(form, args__xarray_kwargs={key: value}))
        assert f"args.xarray_kwargs.{key}" in error.where, why


@pytest.mark.parametrize(
    ("form", "key", "value"),
    [
        *[("zarr", "consolidated", value) for value in (1, "yes", "maybe", None)],
        *[(form, "group", value) for form in FORMS for value in (5, ["a"], True, None, "../a")],
        *[(form, "drop_variables", value) for form in FORMS for value in (5, [1], [["a"]], None)],
        ("netcdf4", "consolidated", True),
        ("netcdf3", "engine", "zarr"),
        ("zarr", "engine", "netcdf4"),
        ("zarr", "engine", ["zarr"]),
    ],
)
def test_an_argument_of_another_type_or_driver_is_refused(tmp_path: Path, form: str, key: str, value: Any) -> None:
    assert f"args.xarray_kwargs.{key}" in refused(tmp_path, entry(form, args__xarray_kwargs={key: value})).where


@pytest.mark.parametrize(
    "options",
    [{"client_kwargs": "x"}, {"region_name": {"a": 1}}, {"asynchronous": True},
     {"client_kwargs": {"asynchronous": True}}, {"project": {"a": 1}}, {"anon": {}}, {"requester_pays": "no"}],
)  # fmt: skip
def test_an_option_of_another_type_or_place_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    assert "args.storage_options" in refused(tmp_path, changed(args__storage_options=options)).where


def test_chunks_of_references_are_fetched_side_by_side(tmp_path: Path) -> None:
    options = REFERENCE | {"remote_options": {"asynchronous": True}}
    catalog_of(tmp_path, changed(args__urlpath="reference://", args__storage_options=options))


@pytest.mark.parametrize("key", ["branch", "snapshot"])
def test_a_pin_without_a_name_is_no_pin(place: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty snapshot read the tip of the branch."""
    refused(place, entry("icechunk", **{f"args__{key}": ""}))
    monkeypatch.setenv("SMCLOUD_PIN", "")
    with pytest.raises(CatalogError):
        open_entry(catalog_of(place, entry("icechunk", **{f"args__{key}": "{{ env(SMCLOUD_PIN) }}"})), "source0")


@pytest.mark.parametrize("key", ["branch", "snapshot"])
@pytest.mark.parametrize("name", ["../../x", "main/../x", "nope", ".", "refs/main"])
def test_a_branch_or_snapshot_that_is_not_there_is_one_error(place: Path, key: str, name: str) -> None:
    with pytest.raises(SmcloudError) as caught:
        open_entry(catalog_of(place, entry("icechunk", **{f"args__{key}": name})), "source0")
    assert caught.value.exit_code == 3 and name in caught.value.found


KEPT: list[dict[str, Any]] = [
    {"args__xarray_kwargs": {"drop_variables": ["nope"]}},
    {"args__xarray_kwargs": {"drop_variables": "nope"}},
    {"args__chunks": {"time": 0}},
    {"args__chunks": {"time": -1, "lat": 2}},
    {"args__chunks": {"time": 3}},
    {"args__chunks": {"nothing": 7}},
    {"args__storage_options": {"anon": True}},
    {"args__storage_options": {"region_name": "x", "endpoint_url": "https://h.example"}},
]


@pytest.mark.filterwarnings("ignore:The specified chunks")
@pytest.mark.filterwarnings("ignore:Failed to open Zarr store with consolidated")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("given", KEPT, ids=[str(one) for one in KEPT])
def test_what_is_left_changes_no_value(place: Path, form: str, given: dict[str, Any]) -> None:
    ds = open_entry(catalog_of(place, entry(form, **given)), "source0")
    xr.testing.assert_equal(ds.load(), small())
    ds.close()


@pytest.mark.parametrize("library", ["netcdf4", "h5netcdf", "scipy"])
@pytest.mark.parametrize("form", ["netcdf4", "netcdf3"])
def test_no_library_changes_a_value(place: Path, form: str, library: str) -> None:
    ds = open_entry(catalog_of(place, entry(form, args__xarray_kwargs={"engine": library})), "source0")
    xr.testing.assert_equal(ds.load(), small())
    ds.close()


@pytest.mark.filterwarnings("ignore:Failed to open Zarr store with consolidated")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("axis", ["time", "lat", "sm"])
def test_without_an_axis_or_the_variable_there_is_no_cube(place: Path, form: str, axis: str) -> None:
    from smcloud.config import parse_config
    from smcloud.cube import build, open_inputs

    catalog = catalog_of(place, entry(form, args__xarray_kwargs={"drop_variables": [axis]}))
    config = parse_config({
        "preset": "peng2023", "period": {"start": "2000-01", "end": "2000-01"}, "store": "nowhere", "grid": "native",
        "catalog": catalog.path, "inputs": {"soil_moisture": "source0"},
    })  # fmt: skip
    with pytest.raises(SmcloudError) as caught, reaching(VALUES, "here"):
        inputs = open_inputs(config, catalog)
        build(config, inputs.sources, inputs.months).dataset.load()
    assert caught.value.exit_code in (2, 3) and all(caught.value.record().values())


# ------------------------------------------------------------------- two roles that read one variable


def two(**second: Any) -> dict[str, Any]:
    one = {"name": "sm", "units": "m3 m-3", "period": "day", "valid_range": [0, 1]}
    return changed(metadata__variables={"soil_moisture": one | {"fill": []}, "wetness": one | {"fill": []} | second})


def test_two_roles_of_one_variable_have_one_fill_and_the_error_says_why(tmp_path: Path) -> None:
    error = refused(tmp_path, two(fill=[0.5]))
    assert error.where.endswith("metadata.variables.wetness.fill")
    for word in ("soil_moisture", "reads sm too", "an entry of its own"):
        assert word in error.expected
    catalog_of(tmp_path, two(aggregate="sum"))
    # The uncertainty of one role is masked by its codes as well.
    uncertain = two(name="other", uncertainty="sm", fill=[0.5])
    assert "reads sm too" in refused(tmp_path, uncertain).expected


@pytest.mark.filterwarnings("ignore:Failed to open Zarr store with consolidated")
def test_each_with_an_entry_of_its_own_has_its_own_fill(place: Path) -> None:
    ds = small()
    ds["sm"][0, 0, 0], ds["sm"][1, 1, 1] = 0.25, 0.5
    write_store(place / "b.zarr", ds)
    for code in (0.25, 0.5):
        one = changed(args__urlpath="{{ CATALOG_DIR }}/b.zarr", metadata__variables__soil_moisture__fill=[code])
        made = open_entry(catalog_of(place, one), "source0")["sm"].values
        np.testing.assert_array_equal(made, np.where(ds["sm"] == code, np.nan, ds["sm"]))


def test_a_default_that_only_one_of_two_roles_takes_for_a_value_is_refused(place: Path) -> None:
    """The other one's range excludes it, and what is masked for one is masked for both."""
    write_store(place / "two.zarr", small(), 2, encoding={"sm": {"_FillValue": None}})
    one = two(valid_range=[-1, -0.5])
    one["args"]["urlpath"] = "{{ CATALOG_DIR }}/two.zarr"
    document = place / "two.zarr" / "sm" / ".zarray"
    document.write_text(json.dumps(json.loads(document.read_text()) | {"fill_value": 0.0}))
    with pytest.raises(CatalogError) as caught:
        open_entry(catalog_of(place, one), "source0")
    assert "two roles read one variable" in caught.value.what and "an entry of its own" in caught.value.next
