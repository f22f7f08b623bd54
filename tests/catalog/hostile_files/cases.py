"""The private files, the honest file, and the register of cases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

SECRET = 0.765625  # a soil moisture as good as any, and in no honest file here
TEXT = "BEGIN-PRIVATE-KEY"
AXES = {"time": np.arange(2.0), "lat": np.array([10.0, 20.0, 30.0]), "lon": np.array([10.0, 20.0, 30.0, 40.0])}
SHAPE = (2, 3, 4)
CASES: dict[str, tuple[Callable[[Path], str], dict[str, Any], str]] = {}


def case(found: str, **entry: Any) -> Callable[[Callable[[Path], str]], Callable[[Path], str]]:
    """Register a writer of a hostile source; it gives its address. ``found`` is a word of the error."""

    def register(write: Callable[[Path], str]) -> Callable[[Path], str]:
        CASES[write.__name__] = write, {"driver": "netcdf", "args__xarray_kwargs": {}} | entry, found
        return write

    return register


def make_folder(place: Path) -> Path:
    """Make a folder for the source, with private files beside it that the libraries could read."""
    private = place / "private"
    private.mkdir()
    (private / "little").write_bytes(np.full(SHAPE, SECRET, "<f4").tobytes())
    (private / "big").write_bytes(np.full(SHAPE, SECRET, ">f4").tobytes())
    (private / "key").write_text(TEXT * 20)
    honest(private / "file.nc", fill=SECRET)
    xr.Dataset({"sm": (tuple(AXES), np.full(SHAPE, SECRET, "f4"))}).to_zarr(
        private / "a.zarr", zarr_format=2, consolidated=False
    )
    (place / "source").mkdir()
    return place / "source"


def honest(path: Path, fill: float = 0.25, without: str = "", userblock: int = 0) -> h5py.File:
    """An HDF5 file of soil moisture, as NetCDF-4 has it, ``without`` one of its variables."""
    with h5py.File(path, "w", userblock_size=userblock) as file:
        for name, values in AXES.items():
            if name != without:
                file[name] = values
                file[name].make_scale(name)
        if without != "time":
            file["time"].attrs["units"] = "days since 2000-01-01"
        if without != "sm":
            file["sm"] = np.full(SHAPE, fill, "f4")
            attach(file["sm"])
    return h5py.File(path, "r+")


def attach(values: Any) -> None:
    values.attrs["units"] = "m3 m-3"
    for i, name in enumerate(AXES):
        if name in values.file:
            values.dims[i].attach_scale(values.file[name])


def stored_outside(file: Any, name: str, place: Any, shape: tuple[int, ...] = SHAPE) -> None:
    size = 4 * int(np.prod(shape))
    attach(file.create_dataset(name, shape, "<f4", external=[(str(place), 0, size)]))
