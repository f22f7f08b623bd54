"""Which stored values mean missing: told from file and catalog entry before anything is unpacked.

Codes are compared as they are stored, in each file by itself: files of one source may be packed differently. The value
that a Zarr 2 array keeps for chunks that are not written may be a code for missing values or a number like any other;
where the file does not say which, the range of the variable or the catalog does.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.catalog.schema import VariableSpec
from smcloud.errors import CatalogError

Variables = Mapping[Hashable, xr.Variable]
STATED = ("_FillValue", "missing_value")
MISSING = ("nan", "missing", "missing_value", "no_data", "nodata", "fill", "fill_value", "not_available")
FLAG_ATTRIBUTES = ("flag_values", "flag_masks")


def state_missing(
    variables: Variables, specs: Sequence[VariableSpec], defaults: Mapping[str, Any], where: str
) -> dict[Hashable, xr.Variable]:
    """Return raw ``variables`` whose attributes state all codes that mean missing: xarray masks these when it decodes.

    ``defaults`` holds by name the values that arrays of a Zarr 2 store have for chunks that are not written. An axis
    has no missing values, whatever its attributes say: a default of 0 would be its first day, or Greenwich. Raises
    :class:`CatalogError` where a default may be a value and the entry does not say whether it is.
    """
    out = dict(variables)
    for name, variable in variables.items():
        if variable.ndim == 1 and not any(name in spec.names for spec in specs):
            attrs = {key: value for key, value in variable.attrs.items() if key not in STATED}
            out[name] = _with(variable, attrs)
    for spec in specs:
        for name in filter(lambda name: name in variables, spec.names):
            codes = list(spec.fill or ()) if name in (spec.name, spec.uncertainty) else []
            default = defaults.get(name)
            if default is not None and "_FillValue" not in variables[name].attrs:
                codes += [default] if _means_missing(default, variables[name], name, spec, where) else []
            out[name] = _with(out[name], out[name].attrs | _stated(out[name], codes))
    return out


def _with(variable: xr.Variable, attrs: Mapping[Any, Any]) -> xr.Variable:
    return xr.Variable(variable.dims, variable._data, dict(attrs), variable.encoding, fastpath=True)


def _stated(variable: xr.Variable, codes: Sequence[float]) -> dict[str, Any]:
    """The attribute ``missing_value`` with ``codes`` beside what it states already."""
    raw = codes_as(codes, variable.dtype, unsigned=str(variable.attrs.get("_Unsigned")) == "true")
    if not raw.size:
        return {}
    known = np.ravel(variable.attrs.get("missing_value", np.empty(0, raw.dtype)))
    return {"missing_value": np.unique(np.concatenate([known.astype(raw.dtype), raw]))}


def codes_as(codes: Iterable[float], dtype: np.dtype[Any], unsigned: bool = False) -> npt.NDArray[Any]:
    """``codes`` as values of an array of ``dtype``; those that it cannot hold are left out.

    A code that a catalog gives as a decimal number (-999.99, 1e20) is the nearest number of the array. An array of
    float64 may hold numbers that were float32 once.
    """
    dtype = np.dtype(f"u{dtype.itemsize}") if unsigned and dtype.kind == "i" else dtype.newbyteorder("=")
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.array([int(c) for c in codes if float(c).is_integer() and limits.min <= c <= limits.max], dtype)
    with np.errstate(over="ignore"):
        given = np.array(list(codes), np.float64)
        both = np.concatenate([given, given.astype(np.float32)]) if dtype == np.float64 else given
        return np.unique(both.astype(dtype if dtype.kind == "f" else np.float64))


def is_code(raw: npt.NDArray[Any], codes: Iterable[float]) -> npt.NDArray[np.bool_]:
    """Whether the stored values of an array are among ``codes``."""
    found: npt.NDArray[np.bool_] = np.isin(raw, codes_as(codes, raw.dtype))
    return found


def _means_missing(default: Any, variable: xr.Variable, name: str, spec: VariableSpec, where: str) -> bool:
    """Whether the default of an array stands for missing values; raises where nothing tells."""
    if np.dtype(type(default)).kind not in "iufb" or not np.isfinite(default):
        return True
    if name in (spec.flag, spec.sensor):
        return not _has_meaning(default, variable.attrs)
    low, high = spec.valid_range if name == spec.name else (0.0, spec.valid_range[1] - spec.valid_range[0])
    stated = variable.attrs.get("scale_factor")
    value = float(default) * float(stated if stated is not None else 1.0) + float(variable.attrs.get("add_offset", 0.0))
    value *= 1.0 if spec.scale is None or (stated is not None and spec.attr_units is None) else spec.scale
    if not low <= value <= high:
        return True
    if spec.fill is not None:
        return bool(is_code(np.asarray(default, variable.dtype), spec.fill))
    raise CatalogError(
        "a source does not say whether a value of it is missing",
        where=f"{where}: {name}",
        found=f"{default:g} for what is not written, which {spec.name} can be, and no _FillValue",
        expected=f"fill: [] in the catalog entry where {default:g} is a value, fill: [{default:g}] where it is missing",
        next="add one of the two to the variable in the catalog entry",
    )


def _has_meaning(default: Any, attrs: Mapping[str, Any]) -> bool:
    """Whether a flag may have this value: one that its attributes list, or 0 where it is made of bits or not described.

    A value that is listed as missing is none: ESA CCI lists 127, which has all bits, as NaN.
    """
    listed = [np.ravel(attrs[key]).tolist() for key in FLAG_ATTRIBUTES if key in attrs]
    meanings = str(attrs.get("flag_meanings", "")).lower().split()
    for values in listed:
        if default in values:
            meaning = meanings[values.index(default)] if len(meanings) == len(values) else ""
            return meaning not in MISSING
    return bool(default == 0 and "flag_values" not in attrs)


def float_of(dtype: np.dtype[Any]) -> type[np.float32 | np.float64]:
    """Return the smallest of float32 and float64 that holds all values of ``dtype``: beyond 24 bits the second."""
    return np.float64 if dtype.itemsize > 4 or (dtype.kind in "iu" and dtype.itemsize == 4) else np.float32


def expect_several_codes() -> None:
    """Keep xarray from warning of an array with several codes for missing values: file and entry state them.

    For good, as to take such a filter back is not safe where several threads open sources.
    """
    warnings.filterwarnings("ignore", "variable .* has multiple fill values", xr.SerializationWarning)
