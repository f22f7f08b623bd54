"""ESA CCI (v02.2 to v09.2) and C3S (TCDR, ICDR) soil moisture as NetCDF files of one image each, dated by their names.

A record is thousands of files, and each takes a tenth of a second to open. Only the first is opened for its
metadata; every other one is held against it when its values are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from smcloud.catalog.file_form import HDF5
from smcloud.catalog.missing_values import is_code
from smcloud.catalog.packing import stated_scale
from smcloud.catalog.readers.local_files import Image, date_in, dated, local_files, stacked
from smcloud.catalog.readers.netcdf_files import NetcdfFiles, opened_hdf5
from smcloud.catalog.readers.sensor_codes import bit_attrs, bits_of_codes, recoded
from smcloud.catalog.schema import FINAL, PROVISIONAL, Entry
from smcloud.catalog.stores.hdf5 import absent_chunks
from smcloud.catalog.stores.hdf5_chunks import whole
from smcloud.catalog.validation import check_axes
from smcloud.catalog.versions import require_one_version

DATE, FORM = r"-(\d{8})\d{6}-", "%Y%m%d"
AXES = ("time", "lat", "lon")


def read_daily_images(entry: Entry, where: str) -> xr.Dataset:
    """Open the images of an entry as one Dataset (time, lat, lon), float32, one block for each file and variable.

    Packed integers are unpacked by each file's own attributes, and sensor codes become bits by them.
    ``valid_range`` hides nothing: v02.2 states it for the unpacked values. Variables that are times (``t0``) are left
    out. Where interim files of C3S (``-ICDR-``) are among them, ``expver`` (time) is 5 for these and 1 for the others;
    an interim file of a day that has a final one (``-TCDR-``) is left out. Raises :class:`CalendarError` for names
    without a date and for two files of one date, :class:`VariableError` for sensors that are not known,
    :class:`ChunkError` for axes too large to read; a block raises ValueError where its file is of another day, grid or
    unit.
    """
    files = local_files(entry, where, HDF5)
    newest = entry.metadata.versions is not None
    if not newest:  # the interim record goes on under the version that it began with
        for kind in (False, True):
            require_one_version([file for file in files if _is_interim(file) == kind], where)
    files, dates = dated(_final_first(files), DATE, FORM, where, newest=True)
    specs = entry.metadata.variables.values()
    sensors = {spec.sensor for spec in specs if spec.sensor}
    codes = {name: spec.fill or () for spec in specs for name in (spec.name, spec.uncertainty)}
    dropped = entry.args.xarray_kwargs.get("drop_variables", [])
    with xr.open_dataset(
        files[0], engine=NetcdfFiles, decode_times=False, drop_variables=dropped, create_default_indexes=False
    ) as first:
        check_axes(first, where)
        first = first.drop_vars([name for name, da in first.data_vars.items() if _is_time(da) or da.dims != AXES])
        lat, lon = first["lat"].load(), first["lon"].load()
        variables = {}
        for name, da in first.data_vars.items():
            read = partial(_image, name=str(name), units=da.attrs.get("units"), lat=lat.values, lon=lon.values)
            read = partial(read, codes=codes.get(str(name), ()), filled=entry.metadata.absent_chunks == "fill")
            if any(spec.scale is not None and name in (spec.name, spec.uncertainty) for spec in specs):
                read = partial(read, scaled=stated_scale(da.encoding, where) is not None)
            if name in sensors:
                bits_of_codes(da.attrs, f"{where}: {name}")
                da.attrs = bit_attrs(da.attrs)
                read = partial(read, sensor=True)
            packing = {key: da.encoding[key] for key in ("scale_factor", "add_offset") if key in da.encoding}
            variables[name] = xr.Variable(AXES, stacked(files, (lat.size, lon.size), read), da.attrs, packing)
        coords: dict[str, Any] = {"time": dates, "lat": lat.variable, "lon": lon.variable}
        interim = [_is_interim(file) for file in files]
        if any(interim):
            coords["expver"] = ("time", np.where(interim, PROVISIONAL, FINAL))
        return xr.Dataset(variables, coords, first.attrs)


def _is_interim(file: str) -> bool:
    return "-ICDR-" in file.rsplit("/", 1)[-1]


def _final_first(files: list[str]) -> list[str]:
    """``files`` without the interim ones of days that have a final one."""
    final = {date_in(file, DATE, FORM) for file in files if not _is_interim(file)}
    return [file for file in files if not _is_interim(file) or date_in(file, DATE, FORM) not in final - {None}]


def _is_time(da: xr.DataArray) -> bool:
    return str(da.attrs.get("units", "")).startswith("days ")


def _image(
    path: str, name: str, units: str | None, *, lat: np.ndarray, lon: np.ndarray, codes: Sequence[float], filled: bool,
    sensor: bool = False, scaled: bool | None = None,
) -> Image:  # fmt: skip
    """One variable of one file, unpacked.

    Its fill value and ``codes`` are NaN, and so is what was never written, unless ``filled``. ``scaled`` says that the
    first file states a scale, or does not, where the catalog gives one.
    """
    with opened_hdf5(path) as file:
        shapes = {axis: file[axis].shape for axis in AXES}
        if shapes != {"time": (1,), "lat": lat.shape, "lon": lon.shape} or file[name].shape != (1, lat.size, lon.size):
            raise ValueError(f"{path} holds {name} {file[name].shape}, another shape than the first file")
        time = xr.Variable("time", whole(file["time"], path), {"units": _text(file["time"].attrs["units"])})
        # v02.2 states 1 January 2000 as 10956.999999999534 days: the nearest hour is meant.
        stamp = xr.DataArray(xr.conventions.decode_cf_variable("time", time)).dt.round("h").values
        if stamp[0].astype("datetime64[D]") != date_in(path, DATE, FORM):
            raise ValueError(f"{path} holds {stamp}, another day than its name")
        if not (np.array_equal(whole(file["lat"], path), lat) and np.array_equal(whole(file["lon"], path), lon)):
            raise ValueError(f"{path} is on another grid than the first file")
        attrs = file[name].attrs
        stated = _text(attrs["units"]) if "units" in attrs else None
        if stated != units:
            raise ValueError(f"{path} states {name} in {stated}, the first file in {units}")
        if scaled is not None and scaled is not (stated_scale(attrs, f"{path}: {name}") is not None):
            raise ValueError(f"{path} states {'no ' if scaled else 'a '}scale_factor, unlike the first file")
        chunks = absent_chunks(file[name], f"{path}: {name}")
        raw = whole(file[name], f"{path}: {name}")[0]
        values = raw.astype(np.float32)
        if "scale_factor" in attrs:
            values *= np.ravel(attrs["scale_factor"])[0]
        if "add_offset" in attrs:
            values += np.ravel(attrs["add_offset"])[0]
        values[is_code(raw, [*codes, *(np.ravel(attrs["_FillValue"]) if "_FillValue" in attrs else ())])] = np.nan
        if chunks is not None and not filled:
            for _, *region in chunks.absent((slice(0, 1), *(slice(0, n) for n in raw.shape))):
                values[tuple(region)] = np.nan
        table = bits_of_codes(attrs, f"{path}: {name}") if sensor else None
        return values if table is None else recoded(values, table, f"{path}: {name}")


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
