"""Checks that need values: lazy counters computed together with the staged write, judged before the seal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from smcloud.errors import NoDataError, RangeError

TOGETHER: Mapping[str, Callable[[Iterable[float]], float]] = {
    "valid": sum, "outside": sum, "smallest": min, "largest": max,
}  # fmt: skip


def count(da: xr.DataArray, valid_range: tuple[float, float]) -> dict[str, xr.DataArray]:
    """Lazy scalars about the values of one source variable, in the source's unit, after flags and fills:

    ``valid`` (finite values), ``outside`` (beyond ``valid_range`` or infinite), ``smallest``, ``largest``.
    """
    low, high = valid_range
    da = da if da.size else xr.DataArray(np.nan)
    slack = 1e-6 * (high - low)  # packed integers decode a rounding beside the limit
    finite = np.isfinite(da)
    return {
        "valid": finite.sum(),
        "outside": ((da < low - slack) | (da > high + slack)).sum(),
        "smallest": da.fillna(np.inf).min(),
        "largest": da.fillna(-np.inf).max(),
    }


def add_counters(counted: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, float]]:
    """The computed counters of several stretches of time, by role, as those of all of them together."""
    total: dict[str, dict[str, float]] = {}
    for stretch in counted:
        for role, counters in stretch.items():
            number = {key: float(value) for key, value in counters.items()}
            so_far = total.setdefault(role, number)
            if so_far is not number:
                total[role] = {key: TOGETHER[key]((so_far[key], value)) for key, value in number.items()}
    return total


def judge(role: str, counted: Mapping[str, Any], valid_range: tuple[float, float], units: str, where: str) -> None:
    """Raise where the computed counters of ``role`` say that it must not be published.

    :class:`RangeError` names how many values lie outside and the extremes; :class:`NoDataError` says
    that nothing is valid.
    """
    number = {key: float(value) for key, value in counted.items()}
    if number["outside"]:
        raise RangeError(
            f"{role} has values outside its valid range",
            where=where,
            found=f"{number['outside']:.0f} values, from {number['smallest']:.6g} to {number['largest']:.6g} {units}",
            expected=f"{valid_range[0]:g} to {valid_range[1]:g} {units}",
            next="correct fill, scale, units or valid_range in the catalog entry",
        )
    if not number["valid"]:
        raise NoDataError(
            f"{role} has no valid value in the period",
            where=where,
            found="all values missing or masked",
            expected="at least one valid value",
            next="check flags, fill values and the period",
        )
