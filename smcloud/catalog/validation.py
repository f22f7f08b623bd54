"""Checks of a source before any of it is read: its variables, their units, chunks that fit in memory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from smcloud.catalog.meaning import check_meaning
from smcloud.catalog.schema import VariableSpec
from smcloud.catalog.units import is_scaled, same_units
from smcloud.errors import CalendarError, ChunkError, GridError, UnitError, VariableError

if TYPE_CHECKING:
    import xarray as xr

TIME = ("time", "valid_time")
MAX_CHUNK_BYTES = 2 * 2**30
MAX_CHUNKS = 20_000_000


def check_variables(ds: xr.Dataset, variables: Mapping[str, VariableSpec], where: str) -> None:
    """Raise where ``ds`` does not hold what the catalog says, or holds what cannot be processed.

    :class:`VariableError` names a variable that is missing or holds no numbers, :class:`UnitError` a unit that differs,
    :class:`ChunkError` chunks that no memory holds; what :func:`check_meaning` raises. Only metadata is read.
    """
    for role, spec in variables.items():
        for needed in filter(None, (spec.name, spec.flag, spec.sensor, spec.uncertainty)):
            if needed not in ds:
                raise VariableError(
                    "a source lacks a variable",
                    where=where,
                    found=", ".join(map(str, ds.data_vars)) or "no variable",
                    expected=needed,
                    next="correct metadata.variables of the catalog entry",
                )
            if ds[needed].dtype.kind not in "iufb":
                raise VariableError(
                    "the values of a source are not numbers",
                    where=f"{where}: {needed}",
                    found=ds[needed].dtype,
                    expected="integers or floating-point numbers",
                    next="name another variable in the catalog entry, or write the source anew as numbers",
                )
            _check_chunks(ds[needed], f"{where}: {needed}")
            _check_whole(ds[needed], f"{where}: {needed}")
        # What holds for the values holds for their uncertainty: both are scaled and converted alike.
        for name in filter(None, (spec.name, spec.uncertainty)):
            _check_units(ds[name], spec, f"{where}: {name}")
        check_meaning(role, ds, spec, where)


def _check_whole(da: xr.DataArray, where: str) -> None:
    """An axis holds no missing value: such a step would belong nowhere, and leave without a word."""
    for axis, index in da.indexes.items():
        holes = index.isna()
        if holes.any():
            raise (CalendarError if index.dtype.kind in "mM" or axis in TIME else GridError)(
                "an axis has missing values",
                where=f"{where}: {axis}",
                found=f"{int(holes.sum())} of {len(index)}, the first at position {int(holes.argmax())}",
                expected="a value for each step",
                next="write the source anew with a complete axis",
            )


def _check_units(da: xr.DataArray, spec: VariableSpec, where: str) -> None:
    stated = spec.attr_units or spec.units
    unit = str(da.attrs.get("units", stated))
    codes = spec.aggregate == "class" and same_units(unit, "class")
    if not codes and not same_units(unit, stated):
        raise UnitError(
            "a source's unit is not the catalog's",
            where=where,
            found=unit or "no unit",
            expected=stated,
            next="correct units (or attr_units) in the catalog entry if the source is right",
        )
    scale = da.encoding.get("scale_factor", 1.0)
    if scale != 1 and spec.attr_units is None and is_scaled(unit):
        raise UnitError(
            "a source's unit is scaled, and its values are scaled too: they may have been meant as one",
            where=where,
            found=f"{unit}, scale_factor {scale:g}",
            expected="a unit without a number",
            next=f"set attr_units: {unit} and units to that of the values as they are read",
        )


def check_axes(raw: xr.Dataset, where: str) -> None:
    """Refuse axes that do not fit in memory: opening a Dataset reads them whole.

    ``raw`` is the source without chunks, decoding and indexes, so that only its metadata has been read.
    """
    for name in set(raw.dims) & set(raw.variables):
        da = raw[name]
        chunk = da.encoding.get("chunks") or da.encoding.get("chunksizes") or ()
        stored = math.prod(chunk) * da.dtype.itemsize
        if max(stored, da.nbytes) > MAX_CHUNK_BYTES:
            raise _too_large(da.nbytes, stored, f"{where}: {name}")


def check_shape(sizes: Mapping[str, int], where: str) -> None:
    """Refuse an image whose axes, which its reader makes as float64, do not fit in memory."""
    for axis, size in sizes.items():
        if 8 * size > MAX_CHUNK_BYTES:
            raise _too_large(8 * size, 0, f"{where}: {axis}")


def _too_large(size: int, stored: int, where: str) -> ChunkError:
    return ChunkError(
        "a source's axis is too large to read",
        where=where,
        found=f"{size / 2**30:.1f} GiB" + (f" in chunks of {stored / 2**30:.1f} GiB" if stored else ""),
        expected=f"at most {MAX_CHUNK_BYTES / 2**30:.0f} GiB",
        next="check the source's metadata",
    )


def _check_chunks(da: xr.DataArray, where: str) -> None:
    """A store of a few bytes can declare terabytes: refuse what cannot be read before anything is read."""
    stored = da.encoding.get("chunks") or da.encoding.get("chunksizes") or ()
    largest = max(math.prod(stored), math.prod(max(sizes) for sizes in da.chunks or ())) * da.dtype.itemsize
    number = math.prod(-(-size // chunk) for size, chunk in zip(da.shape, stored, strict=False))
    if largest > MAX_CHUNK_BYTES or number > MAX_CHUNKS:
        raise ChunkError(
            "a source's chunks cannot be worked on",
            where=where,
            found=f"{number} chunks of up to {largest / 2**30:.1f} GiB",
            expected=f"at most {MAX_CHUNKS} chunks of {MAX_CHUNK_BYTES / 2**30:.0f} GiB",
            next="set args.chunks of the entry, or check the source's metadata",
        )


def too_large(found: str, limit: int, where: str) -> ChunkError:
    """Make the error of a chunk that decodes to more than its array declares."""
    return ChunkError(
        "a chunk decodes to more than its array declares",
        where=where,
        found=found,
        expected=f"{limit} bytes",
        next="do not use this source: it is damaged, or made to exhaust memory",
    )
