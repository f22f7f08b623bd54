"""The forms in which a source is met, and a writer for each that stores exactly the arrays that it is given."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Raw:
    """An array as it is stored: nothing is packed, filled or decoded on the way to the disk.

    ``attrs`` are written as they are, ``_FillValue`` among them. ``fill`` is what the store keeps beside them as the
    value of chunks that are not written (Zarr, HDF5); the positions of such chunks are ``absent``.
    """

    dims: tuple[str, ...]
    values: Values
    attrs: Mapping[str, Any] = field(default_factory=dict)
    fill: Any = None
    chunks: tuple[int, ...] | None = None
    absent: tuple[tuple[int, ...], ...] = ()

    @property
    def stored_chunks(self) -> tuple[int, ...]:
        """The chunk shape: one chunk where none is given."""
        return self.chunks or tuple(max(1, n) for n in self.values.shape)


Arrays = Mapping[str, Raw]
Place = dict[str, Any]  # driver, args, reader of an entry


def write(form: str, folder: Path, arrays: Arrays, name: str = "source") -> Place:
    """Write ``arrays`` below ``folder`` in one of :data:`FORMS`; returns driver, args and reader of its entry."""
    return WRITERS[form](folder, arrays, name)


def write_zarr(group: Any, arrays: Arrays, zarr_format: int) -> None:
    """Write ``arrays`` into an open Zarr group, each chunk whatever it holds, but for the absent ones."""
    import zarr

    for name, raw in arrays.items():
        fill = raw.attrs.get("_FillValue", raw.fill) if zarr_format == 2 else raw.fill
        kind = {"dimension_names": raw.dims} if zarr_format == 3 else {}
        dtype = raw.values.dtype
        default = fill if fill is not None or zarr_format == 2 else dtype.type(0)
        array = group.create_array(
            name, shape=raw.values.shape, chunks=raw.stored_chunks, dtype=dtype, fill_value=default,
            attributes=_plain(raw.attrs, zarr_format, raw.dims, dtype), config={"write_empty_chunks": True}, **kind,
        )  # fmt: skip
        for at in np.ndindex(*(-(-n // c) for n, c in zip(raw.values.shape, raw.stored_chunks, strict=True))):
            if at not in raw.absent:
                window = tuple(slice(i * c, (i + 1) * c) for i, c in zip(at, raw.stored_chunks, strict=True))
                array[window] = raw.values[window]
    assert isinstance(group, zarr.Group)


def _plain(attrs: Mapping[str, Any], zarr_format: int, dims: tuple[str, ...], dtype: np.dtype[Any]) -> dict[str, Any]:
    """Attributes as JSON; Zarr 2 keeps a ``_FillValue`` as the array's own, Zarr 3 as xarray encodes it."""
    from xarray.backends.zarr import FillValueCoder

    plain = {key: getattr(value, "tolist", lambda v=value: v)() for key, value in attrs.items()}
    stated = plain.pop("_FillValue", None)
    if zarr_format == 2:
        return plain | {"_ARRAY_DIMENSIONS": list(dims)}
    return plain if stated is None else plain | {"_FillValue": FillValueCoder.encode(stated, dtype)}


def _zarr(zarr_format: int) -> Callable[[Path, Arrays, str], Place]:
    def writer(folder: Path, arrays: Arrays, name: str) -> Place:
        import zarr

        write_zarr(zarr.open_group(folder / f"{name}.zarr", mode="w", zarr_format=zarr_format), arrays, zarr_format)
        return _place("zarr", folder / f"{name}.zarr", xarray_kwargs={"consolidated": False})

    return writer


def _kerchunk(folder: Path, arrays: Arrays, name: str) -> Place:
    _zarr(2)(folder, arrays, f"{name}-chunks")
    store = folder / f"{name}-chunks.zarr"
    references: dict[str, Any] = {}
    for path in sorted(path for path in store.rglob("*") if path.is_file()):
        document = path.name.startswith(".z")
        key = path.relative_to(store).as_posix()
        references[key] = path.read_text() if document else [str(path), 0, path.stat().st_size]
    (folder / f"{name}.json").write_text(json.dumps({"version": 1, "refs": references}))
    options = {"fo": str(folder / f"{name}.json"), "remote_protocol": "file"}
    return _place("zarr", "reference://", storage_options=options, xarray_kwargs={"consolidated": False})


def _icechunk(folder: Path, arrays: Arrays, name: str) -> Place:
    import icechunk
    import zarr

    icechunk.set_logs_filter("error")
    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(folder / f"{name}.ice")))
    session = repository.writable_session("main")
    write_zarr(zarr.open_group(session.store, mode="w", zarr_format=3), arrays, 3)
    session.commit("written")
    return _place("zarr", folder / f"{name}.ice", reader="icechunk")


def _netcdf(kind: str) -> Callable[[Path, Arrays, str], Place]:
    def writer(folder: Path, arrays: Arrays, name: str) -> Place:
        write_netcdf(folder / f"{name}.nc", arrays, kind)
        return _place("netcdf", folder / f"{name}.nc")

    return writer


def write_netcdf(path: Path, arrays: Arrays, kind: str) -> None:
    """Write a NetCDF file of netCDF4's ``kind``."""
    import netCDF4

    with netCDF4.Dataset(path, "w", format=kind) as file:
        for raw in arrays.values():
            for dim, size in zip(raw.dims, raw.values.shape, strict=True):
                if dim not in file.dimensions:
                    file.createDimension(dim, size)
        for key, raw in arrays.items():
            attrs = dict(raw.attrs)
            chunks = {"chunksizes": raw.chunks} if kind == "NETCDF4" and raw.chunks else {}
            fill = attrs.pop("_FillValue", False)
            array = file.createVariable(key, raw.values.dtype, raw.dims, fill_value=fill, **chunks)
            array.set_auto_maskandscale(False)
            array.setncatts(attrs)
            array[...] = raw.values


def _geotiff(folder: Path, arrays: Arrays, name: str) -> Place:
    import rasterio
    from rasterio.transform import from_origin

    lat, lon = arrays["lat"].values, arrays["lon"].values
    down = lat[0] > lat[-1]
    high, wide = abs(float(lat[1] - lat[0])), float(lon[1] - lon[0])
    for key, raw in arrays.items():
        if raw.dims != ("lat", "lon"):
            continue
        transform = from_origin(float(lon[0]) - wide / 2, float(lat.max()) + high / 2, wide, high)
        profile = {"driver": "GTiff", "count": 1, "dtype": raw.values.dtype, "crs": "EPSG:4326", "transform": transform}
        height, width = raw.values.shape
        with rasterio.open(folder / f"{key}.tif", "w", height=height, width=width, **profile) as file:
            file.write(raw.values if down else raw.values[::-1], 1)
            if "_FillValue" in raw.attrs:
                file.nodata = raw.attrs["_FillValue"]
            file.scales = (float(raw.attrs.get("scale_factor", 1.0)),)
            file.offsets = (float(raw.attrs.get("add_offset", 0.0)),)
            if "units" in raw.attrs:
                file.units = (raw.attrs["units"],)
    layers = [str(folder / f"{key}.tif") for key, raw in arrays.items() if raw.dims == ("lat", "lon")]
    return _place("netcdf", layers if len(layers) > 1 else layers[0], reader="geotiff")


def _hdf4(folder: Path, arrays: Arrays, name: str) -> Place:
    """One file for each step, dated by its name, in the structure of HDF-EOS2; ``time`` is datetime64."""
    from pyhdf.SD import SD, SDC

    kinds = {"f4": SDC.FLOAT32, "f8": SDC.FLOAT64, "i2": SDC.INT16, "u1": SDC.UINT8, "i1": SDC.INT8, "u2": SDC.UINT16}
    lat, lon = arrays["lat"].values, arrays["lon"].values
    (key, raw), = ((key, raw) for key, raw in arrays.items() if raw.dims == ("time", "lat", "lon"))  # fmt: skip
    high, wide = abs(float(lat[1] - lat[0])) / 2, float(lon[1] - lon[0]) / 2
    corners = (lon[0] - wide, lat.max() + high, lon[-1] + wide, lat.min() - high)
    west, north, east, south = map(float, corners)
    structure = (
        f"GROUP=GRID_1\nXDim={lon.size}\nYDim={lat.size}\nUpperLeftPointMtrs=({west},{north})\n"
        f'LowerRightMtrs=({east},{south})\nProjection=GCTP_GEO\nDataFieldName="{key}"\nEND_GROUP=GRID_1\n'
    )
    (folder / name).mkdir()
    for stamp, image in zip(arrays["time"].values.astype("datetime64[s]").tolist(), raw.values, strict=True):
        file = SD(str(folder / name / f"X.A{stamp:%Y%j}.hdf"), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
        file.attr("StructMetadata.0").set(SDC.CHAR, structure)
        kind = kinds[image.dtype.str[1:]]
        array = file.create(key, kind, image.shape)
        for attr, value in raw.attrs.items():
            if isinstance(value, str):
                array.attr(attr).set(SDC.CHAR, value)
            else:
                number = getattr(value, "item", lambda v=value: v)()
                array.attr(attr).set(kind if attr == "_FillValue" else SDC.FLOAT64, number)
        array[:] = image if lat[0] > lat[-1] else image[::-1]
        array.endaccess()
        file.end()
    return _place("netcdf", folder / name / "*.hdf", reader="hdf4")


def _place(driver: str, urlpath: Path | str | list[str], reader: str = "default", **args: Any) -> Place:
    address = urlpath if isinstance(urlpath, list) else str(urlpath)
    return {"driver": driver, "reader": reader, "args": {"urlpath": address} | args}


WRITERS: Mapping[str, Callable[[Path, Arrays, str], Place]] = {
    "zarr2": _zarr(2),
    "zarr3": _zarr(3),
    "kerchunk": _kerchunk,
    "icechunk": _icechunk,
    "netcdf3": _netcdf("NETCDF3_CLASSIC"),
    "cdf5": _netcdf("NETCDF3_64BIT_DATA"),
    "netcdf4": _netcdf("NETCDF4"),
    "hdf4": _hdf4,
    "geotiff": _geotiff,
}
FORMS = tuple(WRITERS)
# Those that hold whatever axes and attributes they are given.
FREE = ("zarr2", "zarr3", "kerchunk", "icechunk", "netcdf3", "cdf5", "netcdf4")
STORES = ("zarr2", "zarr3", "kerchunk", "icechunk")
FILES = ("netcdf3", "cdf5", "netcdf4")
