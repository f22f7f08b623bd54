"""The parts of a source: which of them change with what, in both formats of Zarr, in files and on an object store."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from smcloud.catalog import load_catalog
from smcloud.catalog.fingerprints import source_parts
from smcloud.catalog.fingerprints.file_spans import file_spans


def world(steps=10, seed=0):
    values = np.random.default_rng(seed).random((30, 3, 5)).astype("float32")[:steps]
    return xr.Dataset(
        {
            "sm": (("time", "lat", "lon"), values, {"units": "m3 m-3"}),
            "flag": (("time", "lat", "lon"), np.zeros(values.shape, "int8")),
            "unused": (("time", "lat", "lon"), values + 1),
        },
        coords={"time": pd.date_range("2000-01-01", periods=steps), "lat": [1.0, 2, 3], "lon": [1.0, 2, 3, 4, 5]},
    )


def write(ds, path, zarr_format):
    encoding = {name: {"chunks": (4, 2, 5)} for name in ds.data_vars}
    ds.drop_encoding().to_zarr(path, mode="w", zarr_format=zarr_format, consolidated=False, encoding=encoding)


@pytest.fixture
def parts(tmp_path):
    """A function that gives the parts of the source at an address, ``a.zarr`` beside the catalog by default."""

    def make(urlpath="{{ CATALOG_DIR }}/a.zarr", driver="zarr", options=None, spans=None, **spec):
        variable = {"name": "sm", "units": "m3 m-3", "period": "day", "valid_range": [0, 1]} | spec
        args = {"urlpath": urlpath, "storage_options": options or {}}
        metadata = {"licence": "x", "citation": "x", "variables": {"soil_moisture": variable}}
        entry = {"driver": driver, "description": "x", "args": args, "metadata": metadata}
        (tmp_path / "catalog.yaml").write_text(yaml.safe_dump({"sources": {"a": entry}}))
        catalog = load_catalog(tmp_path / "catalog.yaml")
        found = source_parts(catalog, "a")
        return found if spans is None else (found, file_spans(catalog, "a", found, spans))

    return make


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_growth_and_a_changed_past_are_told_apart(parts, tmp_path, zarr_format):
    write(world(), tmp_path / "a.zarr", zarr_format)
    before = parts(flag="flag")
    assert set(before.chunks) == {"sm", "flag"} and before.chunks["sm"].steps == 4
    assert len(set(before.chunks["sm"].digests)) == 3
    write(world(14), tmp_path / "a.zarr", zarr_format)
    longer = parts(flag="flag")
    assert longer.reading == before.reading and longer.extent != before.extent and longer.state != before.state
    assert len(longer.chunks["sm"].digests) == 4
    same = [a == b for a, b in zip(before.chunks["sm"].digests, longer.chunks["sm"].digests, strict=False)]
    assert same == [True, True, False]  # the third grew from two steps to four
    edited = world(14)
    edited["sm"][5, 0, 0] = 0.5
    write(edited, tmp_path / "a.zarr", zarr_format)
    changed = parts(flag="flag")
    same = [a == b for a, b in zip(longer.chunks["sm"].digests, changed.chunks["sm"].digests, strict=True)]
    assert same == [True, False, True, True]
    assert dataclasses.replace(changed, chunks={}) == dataclasses.replace(longer, chunks={})
    assert changed.chunks["flag"] == longer.chunks["flag"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda ds: ds.assign_coords(lat=[1.0, 2, 4]), "reading"),
        (lambda ds: ds["sm"].attrs.update(scale_factor_of="x") or ds, "reading"),
        (lambda ds: ds.assign_coords(time=ds["time"] + np.timedelta64(1, "D")), "extent"),
        (lambda ds: ds.assign_attrs(valid_time_stop="2000-01-05"), "extent"),
        (lambda ds: ds.assign(unused=ds["unused"] * 2), None),
    ],
)
def test_what_else_a_change_touches(parts, tmp_path, change, what):
    write(world(), tmp_path / "a.zarr", 3)
    before = parts()
    write(change(world()), tmp_path / "a.zarr", 3)
    after = parts()
    assert (after.state != before.state) == (what is not None)
    assert after.chunks == before.chunks
    assert (after.reading != before.reading) == (what == "reading")
    if what != "reading":  # rewritten metadata counts as a change of the extent too
        assert (after.extent != before.extent) == (what == "extent")


def test_the_catalogs_words_on_reading_count(parts, tmp_path):
    write(world(), tmp_path / "a.zarr", 3)
    assert parts().reading != parts(stamp="end").reading


def test_a_static_variable_is_one_part(parts, tmp_path):
    world().isel(time=0, drop=True).to_zarr(tmp_path / "a.zarr", zarr_format=3, consolidated=False)
    held = parts(period="static").chunks["sm"]
    assert held.steps == 0 and len(held.digests) == 1


def test_files_are_parts_and_known_ones_are_not_opened(parts, tmp_path):
    for i in range(3):
        world(30).isel(time=slice(10 * i, 10 * i + 10)).to_netcdf(tmp_path / f"{i}.nc", engine="h5netcdf")
    found, spans = parts("{{ CATALOG_DIR }}/*.nc", "netcdf", spans={})
    assert [Path(path).name for path in found.files.values()] == ["0.nc", "1.nc", "2.nc"]
    assert [span[0][:10] + " " + span[1][:10] for span in spans.values()] == [
        "2000-01-01 2000-01-10", "2000-01-11 2000-01-20", "2000-01-21 2000-01-30"
    ]  # fmt: skip
    known = {digest: ["never", "opened"] for digest in found.files}
    assert parts("{{ CATALOG_DIR }}/*.nc", "netcdf", spans=known)[1] == known


@pytest.mark.slow
def test_objects_of_a_store_count_by_their_etag(parts, s3_endpoint, monkeypatch):
    import s3fs

    options = {"client_kwargs": {"endpoint_url": s3_endpoint}}
    fs = s3fs.S3FileSystem(**options)
    fs.mkdir("sources")

    def put(ds):
        ds.to_zarr(fs.get_mapper("sources/a.zarr"), mode="w", zarr_format=2, consolidated=True)

    put(world().chunk(time=4))
    before = parts("s3://sources/a.zarr", options=options)
    assert before.chunks["sm"].steps == 4 and len(set(before.chunks["sm"].digests)) == 3
    assert parts("s3://sources/a.zarr", options=options) == before
    edited = world()
    edited["sm"][5, 0, 0] = 0.5
    put(edited.chunk(time=4))
    after = parts("s3://sources/a.zarr", options=options)
    same = [a == b for a, b in zip(before.chunks["sm"].digests, after.chunks["sm"].digests, strict=True)]
    assert same == [True, False, True]
    # Too many to list: only the layout is known, and growth is still seen.
    monkeypatch.setattr("smcloud.catalog.fingerprints.objects.LISTED_OBJECTS", 2)
    assert parts("s3://sources/a.zarr", options=options).chunks["sm"].digests == ("", "", "")
