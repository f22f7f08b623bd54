"""The provisional steps of a source: ERA5T follows the final ERA5, and is replaced by it some months later."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from smcloud.catalog.schema import FINAL, PROVISIONAL, ValidEnd
from smcloud.cube.calendar import Steps, Times
from smcloud.errors import CatalogError, VariableError

TIME = ("time", "valid_time")


class ValidLimits(NamedTuple):
    """The end of a source's final record and, behind it, of its provisional part."""

    final: str
    provisional: str | None


def valid_limits(ds: xr.Dataset, end: ValidEnd, steps: Steps, where: str) -> ValidLimits:
    """Return the limits that ``valid_end`` states, by attributes or by months before the last of ``steps``.

    Raises :class:`CatalogError` for an attribute that the source lacks.
    """
    if end.months is not None:
        last = (steps.end[-1] - np.timedelta64(1, "s")).astype("datetime64[M]")
        final = (last - np.timedelta64(end.months - 1, "M")).astype("datetime64[D]") - np.timedelta64(1, "D")
        return ValidLimits(str(final), str(steps.end[-1].astype("datetime64[s]")))
    for attr in filter(None, (end.attr, end.provisional_attr)):
        if attr not in ds.attrs:
            raise CatalogError(
                "a source lacks the attribute of its valid end",
                where=where,
                found=", ".join(map(str, ds.attrs)) or "none",
                expected=attr,
                next="correct metadata.valid_end of the catalog entry",
            )
    provisional = str(ds.attrs[end.provisional_attr]) if end.provisional_attr else None
    return ValidLimits(str(ds.attrs[end.attr]), provisional)


def prefer_final(da: xr.DataArray, where: str) -> tuple[xr.DataArray, xr.DataArray | None]:
    """Remove ``expver`` from ``da``; return it and which of its steps are provisional: None where it has no ``expver``.

    Where ``expver`` is a dimension (1 final, 5 provisional, the one missing where the other holds), final values
    come first; a step is provisional where no final value exists, and that is known, lazily, from the values. Where it
    is a coordinate of the steps, or one for all of them, every one but 1 is provisional.
    """
    if "expver" not in da.coords:
        return da, None
    codes = da["expver"].astype(int)
    if "expver" not in da.dims:
        time = next((da[axis] for axis in TIME if axis in da.dims), None)
        marks = (codes != FINAL).reset_coords(drop=True)
        if time is not None and not codes.ndim:
            marks = marks.broadcast_like(time.drop_vars(time.coords))
        return da.drop_vars("expver"), marks if marks.ndim else None
    if set(codes.values.tolist()) != {FINAL, PROVISIONAL}:
        raise VariableError(
            "a source has versions that are not known",
            where=where,
            found=f"expver {', '.join(map(str, codes.values))}",
            expected=f"expver {FINAL} (final) and {PROVISIONAL} (provisional)",
            next="choose one version in the source",
        )
    final, later = (da.isel(expver=codes.values.tolist().index(code), drop=True) for code in (FINAL, PROVISIONAL))
    maps = [dim for dim in final.dims if dim not in TIME]
    return final.fillna(later).assign_attrs(da.attrs), final.isnull().all(maps) & later.notnull().any(maps)


def provisional_months(flags: Any, steps: Steps, months: Times) -> xr.DataArray:
    """Mark each of ``months`` that uses any provisional step with 1, others with 0: int8 (time).

    ``flags`` says of each step whether it is provisional, as a numpy or dask array; lazy where that is.
    """
    within = [flags[steps.within(months[i : i + 1])].any() for i in range(len(months))]
    months_flags = np.array(within) if isinstance(flags, np.ndarray) else _stack(within)
    return xr.DataArray(months_flags.astype(np.int8), dims="time")


def _stack(flags: Any) -> Any:
    import dask.array

    return dask.array.stack(flags).rechunk(-1)
