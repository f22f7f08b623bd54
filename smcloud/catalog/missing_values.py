"""Which stored values mean missing: told from file and catalog entry before anything is unpacked.

Codes are compared as they are stored, in each file by itself: files of one source may be packed differently. The value
that a Zarr 2 array keeps for chunks that are not written may be a code for missing values or a number like any other;
where the file does not say which, the range of the variable or the catalog does.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.catalog.packing import PACKING, number_in, scale_on_top, stated_scale
from smcloud.catalog.schema import VariableSpec
from smcloud.errors import CalendarError, CatalogError, GridError

Variables = Mapping[Hashable, xr.Variable]
STATED = ("_FillValue", "missing_value")
MISSING = ("nan", "missing", "missing_value", "no_data", "nodata", "fill", "fill_value", "not_available")
FLAG_ATTRIBUTES = ("flag_values", "flag_masks")


class Default(NamedTuple):
    """What a Zarr array has for chunks that are not written. Format 3 must have one, so that it ``asks`` nothing."""

    value: Any
    asks: bool


def state_missing(
    variables: Variables, specs: Sequence[VariableSpec], defaults: Mapping[str, Default], where: str
) -> dict[Hashable, xr.Variable]:
    """Return raw ``variables`` whose attributes state all codes that mean missing: xarray masks these when it decodes.

    ``defaults`` holds by name the values that arrays of a Zarr store have for chunks that are not written. An axis
    has no missing values: a default of 0 would be its first day, or Greenwich, and where a code that the file states
    for it occurs, :class:`CalendarError` or :class:`GridError` says so. Raises
    :class:`CatalogError` where a default may be a value and the entry does not say whether it is.
    """
    out = dict(variables)
    decided: dict[str, bool] = {}
    for name, variable in variables.items():
        if variable.ndim == 1 and not any(name in spec.names for spec in specs):
            _require_no_code(str(name), variable, where)
            attrs = {key: value for key, value in variable.attrs.items() if key not in STATED}
            out[name] = _with(variable, attrs)
    for spec in specs:
        for name in spec.names:
            if name not in variables or variables[name].dtype.kind not in "iufb":  # no numbers are refused later
                continue
            out[name] = _with(out[name], numeric(out[name].attrs, out[name].dtype, f"{where}: {name}"))
            codes = list(spec.fill or ()) if name in (spec.name, spec.uncertainty) else []
            default = defaults.get(name)
            if default is not None and default.value is not None and "_FillValue" not in variables[name].attrs:
                missing = _means_missing(default, out[name], name, spec, where)
                if decided.setdefault(name, missing) is not missing:
                    raise _of_two_minds(default.value, name, where)
                codes += [default.value] if missing else []
            out[name] = _with(out[name], out[name].attrs | _stated(out[name], codes))
    return out


def _require_no_code(name: str, variable: xr.Variable, where: str) -> None:
    """Of an axis: a step that has no place would be sorted to another one. That 0 is a code is a library's default."""
    stated = [code for key in STATED for code in np.ravel(variable.attrs.get(key, ())) if key in variable.attrs]
    codes = [code for code in stated if not isinstance(code, str | bytes) and np.isfinite(code) and code]
    if not codes or variable.dims != (name,) or variable.dtype.kind not in "iuf":
        return
    found = np.flatnonzero(is_code(np.asarray(variable.values), codes))
    if found.size:
        raise (CalendarError if "since" in str(variable.attrs.get("units")) else GridError)(
            "an axis has missing values",
            where=f"{where}: {name}",
            found=f"{found.size} of {variable.size}, the first at position {found[0]}: its fill value {codes[0]:g}",
            expected="a value for each step",
            next="write the source anew with a complete axis",
        )


def numeric(attrs: Mapping[Any, Any], dtype: np.dtype[Any], where: str) -> dict[Any, Any]:
    """Return ``attrs`` of an array with packing and codes as numbers, the codes in the array's own type.

    A float32 is never equal to the -999.99 of float64 that a file may state of it, and has fewer digits than integers
    of four bytes, whatever type their scale has. Raises :class:`VariableError` for text that is no number.
    """
    out = dict(attrs)
    if dtype.kind not in "iuf":
        return out
    wide = dtype.kind in "iu" and dtype.itemsize > 2
    for key in PACKING:
        if key in out and (wide or isinstance(out[key], str | bytes | list)):
            out[key] = np.float64(number_in(out, key, 0.0, where))
    unsigned = is_unsigned(attrs)
    if "_Unsigned" in out:
        out["_Unsigned"] = str(unsigned).lower()
    for key in STATED:
        stated = np.ravel(out.get(key, ()))
        if not stated.size or (stated.dtype == dtype and not unsigned):
            continue
        codes = [number_in({key: code}, key, 0.0, where) for code in stated]
        held = codes_as(codes, dtype) if dtype.kind in "iu" else np.array(codes, dtype)
        del out[key]
        if unsigned:  # xarray turns the sign of _FillValue only
            held = np.unique(np.concatenate([codes_as(codes, dtype, unsigned), out.get("missing_value", held[:0])]))
            out["missing_value"] = held.astype(f"u{dtype.itemsize}")
        elif held.size:
            out[key] = held[0] if held.size == 1 else held
    return out


def is_unsigned(attrs: Mapping[Any, Any]) -> bool:
    """Whether integers are to be read without their sign (``_Unsigned``)."""
    text = attrs.get("_Unsigned", "")
    return (text.decode() if isinstance(text, bytes) else str(text)).lower() == "true"


def _with(variable: xr.Variable, attrs: Mapping[Any, Any]) -> xr.Variable:
    return xr.Variable(variable.dims, variable._data, dict(attrs), variable.encoding, fastpath=True)


def _stated(variable: xr.Variable, codes: Sequence[float]) -> dict[str, Any]:
    """The attribute ``missing_value`` with ``codes`` beside what it states already."""
    raw = codes_as(codes, variable.dtype, unsigned=is_unsigned(variable.attrs))
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
        limit = 1 << (8 * dtype.itemsize - 1)
        codes = [int(code) % (1 << 8 * dtype.itemsize) if unsigned and -limit <= code < 0 else code for code in codes]
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


def _means_missing(default: Default, variable: xr.Variable, name: str, spec: VariableSpec, where: str) -> bool:
    """Whether the default of an array stands for missing values; raises where nothing tells."""
    value = default.value
    if np.dtype(type(value)).kind not in "iuf" or not np.isfinite(value):
        return np.dtype(type(value)).kind != "b"  # of two values none can be spared
    if name in (spec.flag, spec.sensor):
        return not _has_meaning(value, variable.attrs)
    read = codes_as([value], variable.dtype, is_unsigned(variable.attrs))
    if not (read.size and in_range(float(read[0]), variable.attrs, name, spec, where)):
        return True
    if spec.fill is not None:
        return bool(is_code(read[:1], spec.fill)[0])
    if default.asks and "missing_value" not in variable.attrs:
        raise undecided(read[0], "what is not written", name, spec, where)
    return False


def in_range(stored: float, attrs: Mapping[Any, Any], name: str, spec: VariableSpec, where: str) -> bool:
    """Whether what is stored as ``stored`` in the variable ``name`` of ``spec`` lies in its valid range, unpacked."""
    here = f"{where}: {name}"
    low, high = spec.valid_range if name == spec.name else (0.0, spec.valid_range[1] - spec.valid_range[0])
    stated = stated_scale(attrs, here)
    value = stored * (1.0 if stated is None else stated) + number_in(attrs, "add_offset", 0.0, here)
    return bool(low <= value * (scale_on_top(stated, spec, here) or 1.0) <= high)


def undecided(value: Any, what: str, name: str, spec: VariableSpec, where: str) -> CatalogError:
    """Make the error of a ``value`` that stands for ``what``, and may be a value or a missing one."""
    return CatalogError(
        "a source does not say whether a value of it is missing",
        where=f"{where}: {name}",
        found=f"{value:.9g} for {what}, which {spec.name} can be, and no _FillValue",
        expected=f"fill: [] in the catalog entry where {value:.9g} is a value, fill: [{value:.9g}] where it is missing",
        next="add one of the two to the variable in the catalog entry",
    )


def _of_two_minds(value: Any, name: str, where: str) -> CatalogError:
    return CatalogError(
        "two roles read one variable, and its default is missing to one and a value to the other",
        where=f"{where}: {name}",
        found=f"{value:.9g}, inside one valid_range and outside the other",
        expected="one meaning, as an entry masks what is missing once, when it is opened",
        next="give one of the roles an entry of its own with the same args",
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
