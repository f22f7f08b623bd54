"""Small files and stores in every form, and how they are read or refused."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import icechunk
import netCDF4
import numpy as np
import pytest
import rasterio
import xarray as xr
import zarr
from pyhdf.SD import SD, SDC

from smcloud.catalog import open_entry
from smcloud.errors import FileFormError, SmcloudError
from smcloud.io_errors import VALUES, reaching
from tests.catalog.entries import catalog_of, changed

LAT, LON = np.array([10.0, 20.0, 30.0]), np.array([10.0, 20.0, 30.0, 40.0])
STEPS = 3


def packed(step: int = 0) -> np.ndarray:
    """Stored numbers of one file: none is 0, which is what lost bytes would read as."""
    return (np.arange(STEPS * 12).reshape(STEPS, 3, 4) + 1000 + 100 * step).astype("i2")


def values(step: int = 0) -> np.ndarray:
    return (packed(step) * 0.001).astype("f4")  # 1.0 to 1.035 m2 m-2


def netcdf(path: Path, form: Any, step: int = 0) -> Path:
    with netCDF4.Dataset(path, "w", format=form) as file:
        for name, size in (("time", None), ("lat", 3), ("lon", 4)):
            file.createDimension(name, size)
            file.createVariable(name, "f8", (name,))
        file["lat"][:], file["lon"][:] = LAT, LON
        file["time"].units = "days since 2000-01-01"
        file["time"][:] = np.arange(STEPS) + STEPS * step
        lai = file.createVariable("lai", "i2", ("time", "lat", "lon"), **({"zlib": True, "fletcher32": True}
                                                                          if form == "NETCDF4" else {}))  # fmt: skip
        lai.set_auto_maskandscale(False)
        lai.scale_factor, lai.units = 0.001, "m2 m-2"
        lai[:] = packed(step)
    return path


def dataset(step: int = 0) -> xr.Dataset:
    days = np.datetime64("2000-01-01") + np.arange(STEPS) + STEPS * step
    ds = xr.Dataset(
        {"lai": (("time", "lat", "lon"), values(step), {"units": "m2 m-2"})},
        {"time": days.astype("M8[ns]"), "lat": LAT, "lon": LON},
    )
    ds["time"].encoding["dtype"] = "f8"
    return ds


def image(path: Path, step: int = 0) -> Path:
    """An ESA CCI image of one day."""
    with h5py.File(path / f"ESACCI-SOILMOISTURE-L3S-SSMV-COMBINED-200001{step + 1:02}000000-fv09.1.nc", "w") as file:
        for name, of in {"time": np.array([10957.0 + step]), "lat": LAT, "lon": LON}.items():
            file[name] = of
            file[name].make_scale(name)
        file["time"].attrs["units"] = "days since 1970-01-01"
        lai = file.create_dataset("lai", (1, 3, 4), "f4", data=values(step)[:1], fletcher32=True, chunks=(1, 3, 4))
        lai.attrs["units"] = "m2 m-2"
        for i, name in enumerate(("time", "lat", "lon")):
            lai.dims[i].attach_scale(file[name])
    return Path(file.filename) if file else path


STRUCTURE = """GROUP=GRID_1\nXDim=4\nYDim=3\nUpperLeftPointMtrs=(-180.0,90.0)\nLowerRightMtrs=(180.0,-90.0)
Projection=GCTP_GEO\nDataFieldName="lai"\nEND_GROUP=GRID_1\n"""


def hdf4(path: Path, step: int = 0) -> Path:
    file = SD(str(path), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    file.attr("StructMetadata.0").set(SDC.CHAR, STRUCTURE)
    array = file.create("lai", SDC.INT16, (3, 4))
    array.attr("scale_factor").set(SDC.FLOAT64, 0.001)
    array[:] = packed(step)[0]
    array.endaccess()
    file.end()
    return path


def tiff(path: Path, step: int = 0) -> Path:
    place = rasterio.transform.from_origin(0, 3, 1, 1)
    with rasterio.open(
        path, "w", "GTiff", 4, 3, 1, crs="EPSG:4326", transform=place, dtype="int16", compress="deflate"
    ) as file:
        file.write(packed(step)[:1])
        file.scales = [0.001]
    return path


def zipped(path: Path, zarr_format: Any, inside: str = "") -> Path:
    folder = path.parent / f"unzipped{zarr_format}"
    dataset().to_zarr(zarr.storage.LocalStore(folder), zarr_format=zarr_format, consolidated=zarr_format == 2)
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, inside + file.relative_to(folder).as_posix())
    shutil.rmtree(folder)
    return path


def repository(path: Path) -> Path:
    icechunk.set_logs_filter("error")
    session = icechunk.Repository.create(icechunk.local_filesystem_storage(str(path))).writable_session("main")
    dataset().to_zarr(session.store, zarr_format=3, consolidated=False)
    session.commit("values")
    return path


def stored(path: Path, zarr_format: Any) -> Path:
    dataset().to_zarr(zarr.storage.LocalStore(path), zarr_format=zarr_format, consolidated=False)
    return path


def variables(name: str = "lai", period: str = "day") -> dict[str, Any]:
    return {"lai": {"name": name, "units": "m2 m-2", "period": period, "valid_range": [0, 10]}}


FILES: dict[str, Any] = {"driver": "netcdf", "args__xarray_kwargs": {}, "metadata__variables": variables()}
STORE: dict[str, Any] = {"driver": "zarr", "args__xarray_kwargs": {}, "metadata__variables": variables()}
PLAIN = STORE | {"args__xarray_kwargs": {"consolidated": False}}


# form -> writes one source of it into a folder, under a name; its entry; the values of the one file
FORMS: dict[str, tuple[Callable[[Path], Path], str, dict[str, Any], np.ndarray]] = {
    "CDF-1": (lambda path: netcdf(path, "NETCDF3_CLASSIC"), "a.nc", FILES, values()),
    "CDF-2": (lambda path: netcdf(path, "NETCDF3_64BIT_OFFSET"), "a.nc", FILES, values()),
    "CDF-5": (lambda path: netcdf(path, "NETCDF3_64BIT_DATA"), "a.nc", FILES, values()),
    "NetCDF-4": (lambda path: netcdf(path, "NETCDF4"), "a.nc", FILES, values()),
    "daily images": (lambda path: image(path.parent), "*.nc", FILES | {"metadata__reader": "esa_cci"}, values()[:1]),
    "HDF4": (
        hdf4, "X.A2000001.hdf", FILES | {"metadata__reader": "hdf4", "metadata__variables": variables(period="8day")},
        values()[:1],
    ),
    "GeoTIFF": (
        tiff, "lai.tif", FILES | {"metadata__reader": "geotiff", "metadata__variables": variables("band_1", "static")},
        values()[0],
    ),
    "Zarr 2": (lambda path: stored(path, 2), "a.zarr", PLAIN, values()),
    "Zarr 3": (lambda path: stored(path, 3), "a.zarr", PLAIN, values()),
    "zipped Zarr 2": (lambda path: zipped(path, 2), "a.zarr.zip", STORE, values()),
    "zipped Zarr 3": (
        lambda path: zipped(path, 3), "a.zarr.zip", PLAIN, values(),
    ),
    "zipped folder": (lambda path: zipped(path, 2, "a.zarr/"), "a.zarr.zip", STORE, values()),
    "Icechunk": (repository, "ice", STORE | {"metadata__reader": "icechunk"}, values()),
}  # fmt: skip


def written(folder: Path, form: str) -> tuple[Path, dict[str, Any]]:
    """Write a source of a form; return its file and its entry."""
    write, name, entry, _ = FORMS[form]
    folder.mkdir(parents=True, exist_ok=True)
    made = write(folder / name)
    return next(folder.glob("*.nc")) if "*" in name else made, {"args__urlpath": str(folder / name)} | entry


def read(folder: Path, entry: dict[str, Any]) -> np.ndarray:
    ds = open_entry(catalog_of(folder, changed(**entry)), "source0")
    with reaching(VALUES, "values"):
        return ds[next(iter(entry["metadata__variables"].values()))["name"]].values


def refused(folder: Path, entry: dict[str, Any], file: Path) -> FileFormError:
    with pytest.raises(SmcloudError) as caught:
        read(folder, entry)
    error = caught.value
    assert (error.code, error.exit_code, error.where) == ("file-form", 3, str(file)), error
    assert file.name in error.what and all(error.record().values())
    return error
