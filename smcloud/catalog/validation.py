"""Checks of a source before any of it is read: its variables, their units, chunks that fit in memory."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from functools import cache
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

from smcloud.catalog.schema import VariableSpec
from smcloud.catalog.security import is_plain_unit
from smcloud.errors import ChunkError, UnitError, VariableError

if TYPE_CHECKING:
    import xarray as xr

MAX_CHUNK_BYTES = 2 * 2**30
MAX_CHUNKS = 20_000_000


def check_variables(ds: xr.Dataset, variables: Iterable[VariableSpec], where: str) -> None:
    """Raise where ``ds`` does not hold what the catalog says, or holds what cannot be processed.

    :class:`VariableError` names a variable that is missing or holds no numbers, :class:`UnitError` a unit that differs,
    :class:`ChunkError` chunks that no memory holds. Only metadata is read.
    """
    for spec in variables:
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
        # What holds for the values holds for their uncertainty: both are scaled and converted alike.
        for name in filter(None, (spec.name, spec.uncertainty)):
            _check_units(ds[name], spec, f"{where}: {name}")


def _check_units(da: xr.DataArray, spec: VariableSpec, where: str) -> None:
    stated = spec.attr_units or spec.units
    unit = str(da.attrs.get("units", stated))
    if not same_units(unit, stated):
        raise UnitError(
            "a source's unit is not the catalog's",
            where=where,
            found=unit,
            expected=stated,
            next="correct units (or attr_units) in the catalog entry if the source is right",
        )
    # Half of saturation is not half of the soil's volume, though both are percent: porosity lies between them.
    if "saturation" in str(da.attrs.get("long_name", "")).lower() and (spec.scale is None or spec.attr_units is None):
        raise UnitError(
            "soil moisture in percent of saturation is not volumetric",
            where=where,
            found=f"{unit} ({da.attrs['long_name']})",
            expected="m3 m-3",
            next="use a volumetric product, or give attr_units: percent, units: m3 m-3 and scale: porosity / 100",
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


@cache
def unit_registry() -> Any:
    """Load pint with the unit words of CF, when a unit is not a plain match for the first time."""
    logging.getLogger("pint.util").setLevel(logging.ERROR)  # it warns of every word that CF redefines
    import cf_xarray.units

    return cf_xarray.units.units


def same_units(left: str, right: str) -> bool:
    """Return whether two unit strings mean the same (``m^3 m^-3`` and ``m3 m-3``); unknown ones compare as text."""
    if left == right:
        return True
    if not (is_plain_unit(left) and is_plain_unit(right)):
        return False
    registry = unit_registry()
    import pint

    try:
        return bool(registry.parse_units(left) == registry.parse_units(right))
    except (ValueError, TypeError, AttributeError, AssertionError, ArithmeticError, TokenError, pint.errors.PintError):
        return False
