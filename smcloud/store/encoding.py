"""The encoding of arrays in a store: the shape of chunks, the codec, and fill values that say no data and nothing else.

A map of codes is stored as it is, without ``_FillValue``, which would make it float in xarray. What other readers take
for no data is the fill value of the Zarr array: the code for no data, or where a variable has none a number that it
never holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from smcloud import chunking

if TYPE_CHECKING:
    import xarray as xr


# Meanings of a code for no data, the first of them that a variable has.
NO_DATA = ("no_data", "none")


def stored_chunks(variable: xr.Variable) -> tuple[int, ...]:
    """Return the chunk shape on the store: 12 along time, 180 along lat and lon, whole along other dims; indexes whole.

    One size per dim, so that a plain ``xr.open_zarr`` has consistent chunks.
    """
    import xarray as xr

    cut = {"time": chunking.TIME_CHUNK, "lat": chunking.CHUNK, "lon": chunking.CHUNK}
    limits = {} if isinstance(variable, xr.IndexVariable) else cut
    return tuple(max(1, min(limits.get(str(dim), size), size)) for dim, size in variable.sizes.items())


def encoding(ds: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Return the explicit encoding of every variable and coordinate: chunks, and zstd with checksum.

    It depends on names, shapes and types only, never on how a source was encoded.
    """
    from zarr.codecs import ZstdCodec

    encodings: dict[str, dict[str, Any]] = {}
    for name, variable in ds.variables.items():
        chosen: dict[str, Any] = {
            "chunks": stored_chunks(variable),
            "compressors": (ZstdCodec(level=3, checksum=True),),
        }
        if name in ds.coords:
            # A coordinate is never missing; CF allows it no fill value.
            chosen["_FillValue"] = None
        elif variable.dtype.kind in "iu":
            chosen["fill_value"] = fill_value(variable.dtype, variable.attrs)
        if variable.dtype.kind == "M":  # bounds and their coordinate in the same units
            chosen |= {"units": "days since 1970-01-01", "calendar": "standard", "dtype": "int64"}
        encodings[str(name)] = chosen
    return encodings


def encoded(ds: xr.Dataset) -> xr.Dataset:
    """Return ``ds`` with the encoding of every variable, and each told which auxiliary coordinates it has (CF).

    Bounds and grid mappings are none; the group's attribute ``coordinates`` lists them, by which xarray knows them for
    coordinates of the dataset.
    """
    out = ds.copy()
    named = {
        ds[name].attrs[key] for name in ds.variables for key in ("bounds", "grid_mapping") if key in ds[name].attrs
    }
    auxiliary = [name for name in ds.coords if name not in ds.dims and name not in named]
    for name, chosen in encoding(ds).items():
        own = [str(it) for it in auxiliary if name not in ds.coords and {*ds[it].dims} <= {*ds[name].dims}]
        out[name].encoding = chosen | {"coordinates": " ".join(sorted(own)) or None}
    return out


def fill_value(dtype: np.dtype[Any], attrs: Mapping[str, Any]) -> int:
    """Return what stands for no data in an array of integers: its code, or else the last number of the type.

    That is the largest one of an unsigned type, the smallest one of a signed type.
    """
    meanings = str(attrs.get("flag_meanings", "")).split()
    for name in NO_DATA:
        if name in meanings and "flag_values" in attrs:
            return int(attrs["flag_values"][meanings.index(name)])
    limits = np.iinfo(dtype)
    return int(limits.max if dtype.kind == "u" else limits.min)
