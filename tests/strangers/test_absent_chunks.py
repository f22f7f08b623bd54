"""Chunks that are not there, in every form that can lack one: missing values, or the fill value if the entry says so.

Forms that cannot: NetCDF-3 (its values lie in one piece). HDF4, whose library tells only by what it leaves there, is in
test_hdf4_chunks.py.
"""

from __future__ import annotations

import json
import logging
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dask
import h5py
import numpy as np
import pytest
import xarray as xr

from smcloud.catalog import load_catalog, open_entry
from smcloud.catalog.packing import UNPACKED
from smcloud.catalog.stores.absent import marked_name, show_marks
from smcloud.config import RunConfig, parse_config
from smcloud.cube import CubeInputs, absent_months, add_counters, build, open_inputs
from smcloud.errors import SmcloudError
from smcloud.io_errors import VALUES, reaching
from smcloud.pipeline.ingest import _validate
from tests.strangers.absent_forms import FORMS, LACKS, record, write

NAN = np.float32(np.nan)


def entry(folder: Path, form: str, place: dict[str, Any], spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    variable = {"name": "rain", "units": "m3 m-3", "period": "month", "valid_range": [-1, 100], "coverage_change": 1}
    return {
        "driver": place["driver"],
        "description": "x",
        "args": place["args"],
        "metadata": {
            "licence": "x", "citation": "x", "variables": {"soil_moisture": variable | spec}, **metadata,
            **({"reader": "icechunk"} if form == "icechunk" else {}),
        },
    }  # fmt: skip


def opened(folder: Path, source: dict[str, Any]) -> tuple[RunConfig, CubeInputs]:
    (folder / "catalog.yaml").write_text(json.dumps({"sources": {"a": source}}))
    config = parse_config({
        "preset": "peng2023", "period": {"start": "2000-01", "end": "2000-12"}, "store": str(folder / "store"),
        "catalog": str(folder / "catalog.yaml"), "inputs": {"soil_moisture": "a"}, "grid": "native",
    })  # fmt: skip
    return config, open_inputs(config, load_catalog(config.catalog))


def cube_of(folder: Path, source: dict[str, Any]) -> tuple[xr.DataArray, dict[str, Any]]:
    """The values of the cube, and its counters."""
    config, inputs = opened(folder, source)
    made = build(config, inputs.sources, inputs.months)
    with reaching(VALUES, "a"):
        values, counted = dask.compute(made.dataset["soil_moisture"], made.counters)
    return values.sel(lat=record()["lat"]).transpose("time", "lat", "lon"), add_counters([counted])["soil_moisture"]


def values_of(folder: Path, source: dict[str, Any]) -> tuple[xr.DataArray, int]:
    """The values as the cube gets them, and how many of them are missing for want of a chunk."""
    _, inputs = opened(folder, source)
    found = inputs.sources["soil_moisture"]
    with reaching(VALUES, "a"):
        values, absent = dask.compute(found.values, 0 if found.absent is None else found.absent.sum())
    return values.sel(lat=record()["lat"]).transpose("time", "lat", "lon"), int(absent)


@pytest.mark.parametrize("filled", ["missing", "fill"])
@pytest.mark.parametrize("form", FORMS)
def test_a_source_closes(tmp_path: Path, form: str, filled: str) -> None:
    """One whose absent chunks are filled is handed on as it was opened, and once closed itself without end."""
    place = write(tmp_path, form, record())
    (tmp_path / "catalog.yaml").write_text(
        json.dumps({"sources": {"a": entry(tmp_path, form, place, {}, absent_chunks=filled)}})
    )
    open_entry(load_catalog(tmp_path / "catalog.yaml"), "a").close()


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_an_absent_chunk_is_missing_values_and_is_counted(tmp_path: Path, form: str) -> None:
    place = write(tmp_path, form, record())
    values, counted = cube_of(tmp_path, entry(tmp_path, form, place, {}))
    expected = record()["rain"].values.copy()
    for lack in LACKS:
        expected[lack] = np.nan
    np.testing.assert_array_equal(values, expected)
    assert absent_months(counted) == {"2000-03": 6, "2000-04": 6, "2000-07": 12, "2000-08": 12}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_store_that_leaves_its_fill_value_out_says_so(tmp_path: Path, form: str) -> None:
    place = write(tmp_path, form, record())
    values, absent = values_of(tmp_path, entry(tmp_path, form, place, {}, absent_chunks="fill"))
    expected = record()["rain"].values.copy()
    for lack in LACKS:
        expected[lack] = 0.0
    np.testing.assert_array_equal(values, expected)
    assert absent == 0


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_chunk_of_true_zeros_stays(tmp_path: Path, form: str) -> None:
    whole = record()
    whole["rain"][2:4] = 0.0
    place = write(tmp_path, form, whole, lacking=False)
    for metadata in ({}, {"complete": True}):
        values, absent = values_of(tmp_path, entry(tmp_path, form, place, {}, **metadata))
        np.testing.assert_array_equal(values, whole["rain"])
        assert absent == 0


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_complete_source_lacks_no_chunk(tmp_path: Path, form: str) -> None:
    place = write(tmp_path, form, record())
    with pytest.raises(SmcloudError) as caught:
        values_of(tmp_path, entry(tmp_path, form, place, {}, complete=True))
    assert caught.value.code in ("chunks", "source-read")


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["i2", "u1"])
def test_integers_and_flags_too(tmp_path: Path, form: str, kind: str) -> None:
    """Packed values, and a flag (64: barren ground) whose fill value 0 means that a value may be used."""
    whole = record()
    whole["rain"] = (whole["rain"] * 2).astype(kind)
    whole["flag"] = xr.full_like(whole["rain"], 64).astype("u1")
    place = write(tmp_path, form, whole, names=("flag",))
    values, absent = values_of(tmp_path, entry(tmp_path, form, place, {"flag": "flag", "scale": 0.5, "fill": [200]}))
    expected = whole["rain"].values.astype("f4") * np.float32(0.5)
    for lack in LACKS:
        expected[lack] = np.nan
    np.testing.assert_array_equal(values, expected)
    assert absent == 36


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("axis", ["time", "lat"])
def test_an_axis_lacks_no_chunk(tmp_path: Path, form: str, axis: str) -> None:
    place = write(tmp_path, form, record(), names=(axis,))
    with pytest.raises(SmcloudError) as caught:
        values_of(tmp_path, entry(tmp_path, form, place, {}))
    assert caught.value.code == "chunks"
    assert caught.value.where.endswith(f": {axis}")


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_the_source_stays_lazy_and_its_chunks_too(tmp_path: Path, form: str) -> None:
    place = write(tmp_path, form, record())
    (tmp_path / "c.yaml").write_text(json.dumps({"sources": {"a": entry(tmp_path, form, place, {})}}))
    ds = open_entry(load_catalog(tmp_path / "c.yaml"), "a")
    assert ds["rain"].chunks is not None
    assert list(ds.data_vars) == ["rain"]
    marks = show_marks(ds)[marked_name("rain")]
    assert marks.chunks == ds["rain"].chunks
    expected = np.zeros(marks.shape, bool)
    for lack in LACKS:
        expected[lack] = True
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(marks)), expected)  # another process asks the store again
    np.testing.assert_array_equal(marks.isel(time=slice(3, 7), lat=slice(None, None, -1)), expected[3:7, ::-1])


def test_months_of_absent_chunks_are_named_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = write(tmp_path, "zarr3", record())
    _, counted = cube_of(tmp_path, entry(tmp_path, "zarr3", place, {}))
    config_source = SimpleNamespace(
        spec=SimpleNamespace(valid_range=(-1, 100), units="m3 m-3", coverage_change=1), where="a:rain", packing=UNPACKED
    )
    counted = {key: value for key, value in counted.items() if not key.startswith("cube_")}  # no soil is so wet
    job: Any = SimpleNamespace(opened=SimpleNamespace(sources={"soil_moisture": config_source}))
    with caplog.at_level(logging.WARNING, "smcloud"):
        _validate(job, {"soil_moisture": counted})
    (line,) = [r.getMessage() for r in caplog.records if "not there" in r.getMessage()]
    assert "a:rain" in line and "2000-07 (12 cells)" in line and "absent_chunks: fill" in line


def test_blocks_of_a_geotiff_that_were_never_written_are_missing(tmp_path: Path) -> None:
    import rasterio
    from rasterio.transform import from_origin
    from rasterio.windows import Window

    profile = {"driver": "GTiff", "width": 64, "height": 32, "count": 1, "dtype": "float32", "crs": "EPSG:4326",
               "transform": from_origin(-180, 80, 5, 5), "tiled": True, "blockxsize": 16, "blockysize": 16,
               "sparse_ok": True}  # fmt: skip
    values = np.random.default_rng(0).random((32, 64), "f4")
    values[:16, 16:32] = 0.0
    with rasterio.open(tmp_path / "a.tif", "w", **profile) as file:
        for row in (0, 16):
            for column in range(0, 64, 16):
                if (row, column) != (0, 16):
                    file.write(values[row : row + 16, column : column + 16], 1, window=Window(column, row, 16, 16))
    for metadata, gap in (({}, NAN), ({"absent_chunks": "fill"}, 0.0)):
        source = {
            "driver": "netcdf", "description": "x", "args": {"urlpath": str(tmp_path / "a.tif")},
            "metadata": {"reader": "geotiff", "licence": "x", "citation": "x", **metadata, "variables": {
                "aridity_index": {"name": "band_1", "units": "1", "period": "static", "valid_range": [0, 1]}}},
        }  # fmt: skip
        (tmp_path / "c.yaml").write_text(json.dumps({"sources": {"a": source}}))
        expected = values.copy()
        expected[:16, 16:32] = gap
        np.testing.assert_array_equal(open_entry(load_catalog(tmp_path / "c.yaml"), "a")["band_1"], expected)


def test_a_daily_image_whose_chunk_was_never_written(tmp_path: Path) -> None:
    image = np.arange(1, 25, dtype="f4").reshape(1, 4, 6)
    for day in (1, 2):
        with h5py.File(tmp_path / f"ESACCI-SOILMOISTURE-L3S-SSMV-COMBINED-2000010{day}000000-fv09.1.nc", "w") as file:
            axes = {"time": [day - 1], "lat": [30.0, 10, -10, -30], "lon": np.arange(6) * 60.0 - 150}
            for name, values in axes.items():
                file.create_dataset(name, data=np.array(values, "f8")).make_scale(name)
            file["time"].attrs["units"] = "days since 2000-01-01 00:00:00"
            held = file.create_dataset("rain", image.shape, "f4", chunks=(1, 2, 3), fillvalue=0)
            for axis, name in enumerate(axes):
                held.dims[axis].attach_scale(file[name])
            held.attrs["units"] = "m3 m-3"
            held[:, :2], held[:, 2:, :3] = image[:, :2], image[:, 2:, :3]
            if day == 1:
                held[...] = image
    for metadata, gap in (({}, NAN), ({"absent_chunks": "fill"}, 0.0)):
        place = {"driver": "netcdf", "args": {"urlpath": str(tmp_path / "*.nc")}}
        source = entry(tmp_path, "images", place, {"period": "day"}, reader="esa_cci", **metadata)
        (tmp_path / "c.yaml").write_text(json.dumps({"sources": {"a": source}}))
        expected = np.concatenate([image, image])
        expected[1, 2:, 3:] = gap
        np.testing.assert_array_equal(open_entry(load_catalog(tmp_path / "c.yaml"), "a")["rain"], expected)


def test_files_of_which_one_lacks_a_chunk_are_joined(tmp_path: Path) -> None:
    whole = record()
    write(tmp_path, "netcdf4", whole.isel(time=slice(0, 6)), name="a0.nc", lacks=LACKS[:1])
    write(tmp_path, "netcdf4", whole.isel(time=slice(6, 12)), name="a1.nc", lacking=False)
    place = {"driver": "netcdf", "args": {"urlpath": str(tmp_path / "a*.nc"), "xarray_kwargs": {"engine": "h5netcdf"}}}
    values, counted = cube_of(tmp_path, entry(tmp_path, "netcdf4", place, {}))
    expected = whole["rain"].values.copy()
    expected[LACKS[0]] = np.nan
    np.testing.assert_array_equal(values, expected)
    assert absent_months(counted) == {"2000-03": 6, "2000-04": 6}
