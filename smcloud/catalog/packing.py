"""How stored numbers are packed: the scale that file and catalog state, and what a value is stored as."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from smcloud.catalog.schema import VariableSpec
from smcloud.catalog.units import same_units
from smcloud.errors import UnitError, VariableError

if TYPE_CHECKING:
    import xarray as xr

PACKING = ("scale_factor", "add_offset")


def number_in(attrs: Mapping[Any, Any], key: str, default: float, where: str) -> float:
    """Return an attribute as a number, which may be alone in a list; text may spell one.

    Raises :class:`VariableError` where it is none, or several.
    """
    try:
        (number,) = np.ravel(attrs.get(key, default))
        return float(number)
    except ValueError as err:
        raise _no_factor(attrs, key, where) from err


def stated_scale(attrs: Mapping[Any, Any], where: str) -> float | None:
    """Return the scale that a file states, or None; an offset alone states that it is 1."""
    if "scale_factor" not in attrs and not number_in(attrs, "add_offset", 0.0, where):
        return None
    scale = number_in(attrs, "scale_factor", 1.0, where)
    if not scale or not math.isfinite(scale):
        raise _no_factor(attrs, "scale_factor", where)
    return scale


def _no_factor(attrs: Mapping[Any, Any], key: str, where: str) -> VariableError:
    return VariableError(
        f"the {key} of a source is not a number" + ", or makes all values one" * (key == "scale_factor"),
        where=where,
        found=attrs[key],
        expected="one finite number" + " that is not 0" * (key == "scale_factor"),
        next="correct the attribute in the source",
    )


def scale_on_top(stated: float | None, spec: VariableSpec, where: str) -> float | None:
    """Return what values that are scaled as their file ``stated`` are still to be multiplied by; None for nothing.

    A scale that catalog and file both state is applied once: they are compared as float32. Another one converts the
    file's unit where the entry gives ``attr_units`` that are another unit; else raises :class:`UnitError`.
    """
    if spec.scale is None or (stated is not None and np.float32(stated) == np.float32(spec.scale)):
        return None
    if stated is not None and (spec.attr_units is None or same_units(spec.attr_units, spec.units)):
        raise UnitError(
            "a source states another scale than the catalog",
            where=where,
            found=f"scale_factor {stated:.9g}",
            expected=f"scale {spec.scale:.9g}",
            next="leave scale out of the catalog entry; where it converts what the source holds, give as attr_units "
            "the unit that the source states and as units that of the result",
        )
    return spec.scale


class Packing(NamedTuple):
    """How a source stores its values: value = stored * scale + offset; ``fill`` are the catalog's codes, ``top`` is the
    part of the scale that only the catalog gives."""

    fill: tuple[float, ...] = ()
    scale: float = 1.0
    offset: float = 0.0
    dtype: np.dtype[Any] = np.dtype(np.float64)
    top: float = 1.0

    def stored(self, value: float) -> float:
        """Return what ``value`` is stored as; integers are whole."""
        code = (value - self.offset) / self.scale
        return float(np.rint(code)) if self.dtype.kind in "iu" and np.isfinite(code) else code


UNPACKED = Packing()


def packing_in(da: xr.DataArray, spec: VariableSpec, where: str) -> Packing:
    """Return the packing of a decoded variable: that of its (first) file, and what the catalog adds."""
    stated = stated_scale(da.encoding, where)
    top = scale_on_top(stated, spec, where) or 1.0
    offset = number_in(da.encoding, "add_offset", 0.0, where)
    dtype = np.dtype(da.encoding.get("dtype", da.dtype))
    return Packing(spec.fill or (), (1.0 if stated is None else stated) * top, offset * top, dtype, top)
