"""One small monthly record in every form that can lack a chunk, some of its chunks never written."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import icechunk
import numpy as np
import pandas as pd
import xarray as xr
import zarr

FORMS = ["zarr2", "zarr3", "sharded", "kerchunk", "icechunk", "netcdf4"]
MONTHS = pd.date_range("2000-01-01", periods=12, freq="MS")
CHUNK = (2, 2, 3)
# Chunks (2 months, 2 rows, 3 columns) that are left out: one of four in March and April, two in July and August.
LACKS = [(slice(2, 4), slice(0, 2), slice(0, 3)), (slice(6, 8), slice(2, 4), slice(0, 3)),
         (slice(6, 8), slice(0, 2), slice(3, 6))]  # fmt: skip


def record() -> xr.Dataset:
    values = np.random.default_rng(3).integers(1, 90, (12, 4, 6)).astype("f4") / 2
    return xr.Dataset(
        {"rain": (("time", "lat", "lon"), values, {"units": "m3 m-3"})},
        coords={"time": MONTHS, "lat": [30.0, 10, -10, -30], "lon": np.arange(6) * 60.0 - 150},
    )


def write(
    folder: Path, form: str, ds: xr.Dataset, names: tuple[str, ...] = (), lacking: bool = True,
    lacks: list[Any] = LACKS, name: str = "a",
) -> dict[str, Any]:  # fmt: skip
    """Write ``ds``, all fill values 0 (of Zarr 2 null, which reads as 0), without the chunks ``lacks`` of its values.

    ``names`` lack theirs too; of an axis the first chunk.
    Returns driver and arguments of the entry.
    """
    left = {variable: lacks for variable in ("rain",) if lacking and not set(names) & set(ds.coords)}
    left |= {variable: lacks for variable in names if variable in ds.data_vars}
    left |= {variable: [(slice(0, 2),)] for variable in names if variable in ds.coords}
    if form == "netcdf4":
        path = folder / (name if "." in name else f"{name}.nc")
        _write_hdf5(path, ds, left)
        return {"driver": "netcdf", "args": {"urlpath": str(path), "xarray_kwargs": {"engine": "h5netcdf"}}}
    path = folder / "a.zarr"
    shutil.rmtree(path, ignore_errors=True)
    args: dict[str, Any] = {"urlpath": str(path), "xarray_kwargs": {"consolidated": False}}
    if form == "icechunk":
        icechunk.set_logs_filter("error")
        shutil.rmtree(folder / "ice", ignore_errors=True)
        repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(folder / "ice")))
        session = repository.writable_session("main")
        _write_zarr(session.store, ds, left, 3, None)
        session.commit("months")
        return {"driver": "zarr", "args": {"urlpath": str(folder / "ice")}}
    shards = (12, 4, 6) if form == "sharded" else None
    _write_zarr(path, ds, left, 3 if form in ("zarr3", "sharded") else 2, shards)
    if form == "kerchunk":
        refs = {
            (key := file.relative_to(path).as_posix()): file.read_text() if file.name[0] == "." else [f"a.zarr/{key}"]
            for file in path.rglob("*") if file.is_file()
        }  # fmt: skip
        (folder / "refs.json").write_text(json.dumps({"version": 1, "refs": refs}))
        args |= {"urlpath": "reference://", "storage_options": {"fo": str(folder / "refs.json")}}
        args["storage_options"]["remote_protocol"] = "file"
    return {"driver": "zarr", "args": args}


def _encoded(ds: xr.Dataset, name: str) -> tuple[np.ndarray, dict[str, Any]]:
    if name == "time":
        days = (ds.indexes["time"] - pd.Timestamp("1999-12-01")).days.to_numpy().astype("i4")
        return days, {"units": "days since 1999-12-01", "calendar": "standard"}
    return ds[name].values, dict(ds[name].attrs)


def _write_zarr(store: Any, ds: xr.Dataset, left: dict[str, Any], zarr_format: Any, shards: Any) -> None:
    group = zarr.open_group(store, mode="w", zarr_format=zarr_format)
    for name in ds.variables:
        values, attrs = _encoded(ds, str(name))
        dims = [str(dim) for dim in ds[name].dims]
        chunk = CHUNK if values.ndim == 3 else (2,)
        options: dict[str, Any] = {"dimension_names": dims} if zarr_format == 3 else {}
        attrs |= {} if zarr_format == 3 else {"_ARRAY_DIMENSIONS": dims}
        array = group.create_array(
            str(name),
            shape=values.shape,
            chunks=chunk,
            shards=shards if values.ndim == 3 else None,
            dtype=values.dtype,
            fill_value=0 if zarr_format == 3 else None,
            attributes=attrs,
            config={"write_empty_chunks": True},
            **options,
        )
        kept = np.ones(values.shape, bool)
        for region in left.get(str(name), ()):
            kept[region] = False
        if array.shards:  # a shard leaves out what equals the fill value
            elided = zarr.open_array(store, path=str(name), mode="r+", config={"write_empty_chunks": False})
            elided[...] = np.where(kept, values, 0)
            if kept.all():
                array[...] = values
            continue
        for region in _regions(values.shape, chunk):
            if kept[region].all():
                array[region] = values[region]


def _write_hdf5(path: Path, ds: xr.Dataset, left: dict[str, Any]) -> None:
    with h5py.File(path, "w") as file:
        for name in [*ds.dims, *ds.data_vars]:
            values, attrs = _encoded(ds, str(name))
            chunk = CHUNK if values.ndim == 3 else (2,)
            dataset = file.create_dataset(str(name), values.shape, values.dtype, chunks=chunk, fillvalue=0)
            dataset.attrs.update(attrs)
            if name in ds.dims:
                dataset.make_scale(str(name))
            for axis, dim in enumerate(ds[name].dims if name not in ds.dims else ()):
                dataset.dims[axis].attach_scale(file[str(dim)])
            lacks = [tuple(part.start for part in region) for region in left.get(str(name), ())]
            for region in _regions(values.shape, chunk):
                if tuple(part.start for part in region) not in lacks:
                    dataset[region] = values[region]


def _regions(shape: tuple[int, ...], chunk: tuple[int, ...]) -> Any:
    return itertools.product(
        *([slice(a, a + c) for a in range(0, n, c)] for n, c in zip(shape, chunk, strict=True))
    )  # fmt: skip
