"""The encoding of arrays in a store: the shape of chunks, the codec, no fill value where nothing is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smcloud import chunking

if TYPE_CHECKING:
    import xarray as xr


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
        encodings[str(name)] = chosen
    return encodings
