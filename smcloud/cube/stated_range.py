"""Values that a file's own ``valid_range`` excludes and the catalog allows: whether they are missing, nobody says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.catalog import VariableSpec
from smcloud.catalog.packing import Packing
from smcloud.errors import VariableError

Range = tuple[float, float]
ENDS = (("min", -1), ("max", 1))
SLACK = 1e-5  # of a range: what packing and float32 may be off by


def require_stated_range(da: xr.DataArray, spec: VariableSpec, packing: Packing, where: str) -> xr.DataArray:
    """Return ``da`` (values in the unit of ``spec``); reading it raises :class:`VariableError` for values that the
    file's ``valid_range``, ``valid_min`` or ``valid_max`` exclude, and the catalog's allows.

    The range is that of the values as they are stored, or where it is in floating point and they are integers, perhaps
    that of the values they are unpacked to: what is outside of both counts. A catalog entry with ``fill`` has said what
    is missing. Lazy; nothing is added where no value can be in doubt.
    """
    stated = _stated(da.attrs)
    if stated is None or spec.fill is not None:
        return da
    as_stored = sorted(limit * packing.scale + packing.offset for limit in stated)
    ranges = [_wider(as_stored[0], as_stored[1])]
    if not (packing.dtype.kind in "iu" and _is_whole(da.attrs)):
        ranges.append(_wider(stated[0] * packing.top, stated[1] * packing.top))
    if any(low <= spec.valid_range[0] and spec.valid_range[1] <= high for low, high in ranges):
        return da
    how = {"ranges": ranges, "allowed": spec.valid_range, "packing": packing, "stated": stated, "where": where}
    checked: xr.DataArray = xr.apply_ufunc(
        _checked, da, kwargs=how, dask="parallelized", output_dtypes=[da.dtype], keep_attrs=True
    )
    checked.encoding = da.encoding
    return checked


def _stated(attrs: Mapping[Any, Any]) -> Range | None:
    """The range that a file states; None for none, and for what is no range of numbers."""
    try:
        limits = [float(limit) for limit in np.ravel(attrs.get("valid_range", ()))]
        if len(limits) != 2:
            limits = [float(np.ravel(attrs.get(f"valid_{end}", sign * np.inf))[0]) for end, sign in ENDS]
    except (TypeError, ValueError):
        return None
    return (limits[0], limits[1]) if limits[0] < limits[1] and np.isfinite(limits).any() else None


def _is_whole(attrs: Mapping[Any, Any]) -> bool:
    keys = [key for key in ("valid_range", "valid_min", "valid_max") if key in attrs]
    return all(np.asarray(attrs[key]).dtype.kind in "iu" for key in keys)


def _wider(low: float, high: float) -> Range:
    slack = SLACK * max(abs(limit) for limit in (low, high, 0.0) if np.isfinite(limit))
    return low - slack, high + slack


def _checked(
    values: npt.NDArray[Any], ranges: list[Range], allowed: Range, packing: Packing, stated: Range, where: str
) -> npt.NDArray[Any]:
    doubtful = (values >= allowed[0]) & (values <= allowed[1])
    for low, high in ranges:
        doubtful &= (values < low) | (values > high)
    if doubtful.any():
        code = packing.stored(float(values[doubtful][0]))
        raise VariableError(
            "a source holds values outside the range that it states itself",
            where=where,
            found=f"{code:.9g} as it is stored ({int(doubtful.sum())} such values), "
            f"and a range from {stated[0]:.9g} to {stated[1]:.9g}",
            expected=f"fill: [{code:.9g}] in the catalog entry where it stands for missing, fill: [] where it counts",
            next="add one of the two to the variable in the catalog entry, or narrow its valid_range",
        )
    return values
