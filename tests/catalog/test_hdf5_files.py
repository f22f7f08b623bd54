"""Whole files of HDF5: a small chunk that inflates, and a variable that is shorter than its dimension."""

from __future__ import annotations

import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

from smcloud.catalog import open_entry
from smcloud.catalog.stores.absent import blank, marked_name, show_marks
from smcloud.errors import SmcloudError
from smcloud.io_errors import VALUES, reaching
from tests.catalog.entries import catalog_of, changed, small


def entry(folder: Path, **more: Any) -> dict[str, Any]:
    return changed(driver="netcdf", args__urlpath=str(folder / "a.nc"), args__xarray_kwargs=more)


@pytest.mark.parametrize("library", [{}, {"engine": "netcdf4"}, {"engine": "h5netcdf"}])
@pytest.mark.parametrize("victim", ["sm", "time", "lat"])
def test_a_small_chunk_that_inflates_is_refused_in_values_and_axes(
    tmp_path: Path, victim: str, library: dict[str, str]
) -> None:
    """820 kB took 800 MiB: as large, as it is stored, as a chunk of its size may be."""
    big = small().isel(time=[0]).reindex(lat=np.arange(400.0), lon=np.arange(600.0), fill_value=0.5)
    encoding = {"sm": {"chunksizes": (1, 400, 600), "zlib": True}}
    encoding |= {axis: {"chunksizes": (big.sizes[axis],), "zlib": True} for axis in ("time", "lat")}
    big.to_netcdf(tmp_path / "a.nc", engine="h5netcdf", encoding=encoding)
    xr.testing.assert_equal(open_entry(catalog_of(tmp_path, entry(tmp_path, **library)), "source0").load(), big)
    xr.backends.file_manager.FILE_CACHE.clear()
    size = 800_000 if victim == "sm" else 3_000
    with h5py.File(tmp_path / "a.nc", "r+") as file:
        file[victim].id.write_direct_chunk((0,) * file[victim].ndim, zlib.compress(bytes(size * 250), 9))
    tracemalloc.start()
    try:
        with pytest.raises(SmcloudError) as caught, reaching(VALUES, "here"):
            open_entry(catalog_of(tmp_path, entry(tmp_path, **library)), "source0").load()
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()
    assert caught.value.code == "chunks" and "a.nc" in caught.value.where and victim in caught.value.where


@pytest.mark.parametrize("written", [0, 1, 3])
@pytest.mark.parametrize("chunk", [1, 2])
@pytest.mark.parametrize("fill", [None, False, -9999.0, 0.25])
@pytest.mark.parametrize("zlib", [True, False])
def test_a_variable_that_is_shorter_than_its_dimension_is_missing_beyond(
    tmp_path: Path, written: int, chunk: int, fill: Any, zlib: bool
) -> None:
    """Along an unlimited dimension each variable has its own length in the file: the rest was read as 0."""
    import netCDF4

    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        for name, length in (("time", None), ("lat", 3), ("lon", 5)):
            file.createDimension(name, length)
            file.createVariable(name, "f8", (name,))
        file["time"][:], file["lat"][:], file["lon"][:] = np.arange(4), np.arange(3), np.arange(5)
        file["time"].units = "days since 2000-01-01"
        sm = file.createVariable(
            "sm", "f4", ("time", "lat", "lon"), zlib=zlib, fill_value=fill, chunksizes=(chunk, 3, 5)
        )
        sm.units = "m3 m-3"
        sm[0:written] = 0.5
    ds = show_marks(open_entry(catalog_of(tmp_path, entry(tmp_path)), "source0"))
    made = blank(ds["sm"], ds[marked_name("sm")]).transpose("time", "lat", "lon").values
    expected = np.full((4, 3, 5), np.nan)
    expected[:written] = 0.5
    np.testing.assert_array_equal(made, expected)
    xr.backends.file_manager.FILE_CACHE.clear()
