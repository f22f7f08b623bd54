"""Checks that need values: lazy counters computed together with the staged write, judged before the seal."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from smcloud.errors import ClimatologyError, CoverageError, NoDataError, RangeError

TOGETHER: Mapping[str, Callable[[Any, Any], Any]] = {
    "valid": operator.add, "outside": operator.add, "smallest": min, "largest": max,
    "coverage": operator.or_, "repeats": operator.add, "pairs": operator.add,
}  # fmt: skip
# What files hold where nothing was measured: netCDF's defaults, and the codes of the providers.
FILLS = (-9999.0, -999.0, -32767.0, -32768.0, -2147483647.0, 9.96920996838687e36, 1e20)
SAME_SHARE = 0.99


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


def count_months(role: str, value: xr.DataArray, days: xr.DataArray) -> dict[str, xr.DataArray]:
    """Lazy counters of a role's months (time, lat, lon) on the source's grid:

    ``coverage`` (time): cells with a value. Of leaf area index ``repeats``: the cell-months that equal the same
    month a year before to the last bit, and ``pairs``: those that have both.
    """
    counters = {"coverage": (days > 0).sum(["lat", "lon"])}
    if role == "lai":
        later = value.isel(time=slice(12, None)).drop_vars("time")
        before = value.isel(time=slice(None, -12)).drop_vars("time")
        counters |= {"repeats": (later == before).sum(), "pairs": (later.notnull() & before.notnull()).sum()}
    return counters


def add_counters(counted: Sequence[Mapping[str, Mapping[str, xr.DataArray]]]) -> dict[str, dict[str, Any]]:
    """The computed counters of several stretches of time, by role, as those of all of them together.

    ``coverage`` becomes a mapping of months to cells.
    """
    total: dict[str, dict[str, Any]] = {}
    for stretch in counted:
        for role, counters in stretch.items():
            number = {key: _plain(value) for key, value in counters.items()}
            so_far = total.setdefault(role, number)
            if so_far is not number:
                total[role] = {key: TOGETHER[key](so_far[key], value) for key, value in number.items()}
    return total


def _plain(value: Any) -> Any:
    if not isinstance(value, xr.DataArray):
        return value
    if not value.ndim:
        return float(value)
    return dict(zip(value["time"].values.astype("datetime64[M]"), value.values.tolist(), strict=True))


def judge(
    role: str,
    counted: Mapping[str, Any],
    valid_range: tuple[float, float],
    units: str,
    where: str,
    coverage_change: float = 0.5,
) -> None:
    """Raise where the computed counters of ``role`` say that it must not be published.

    :class:`RangeError` names how many values lie outside and the extremes; :class:`NoDataError` says that nothing is
    valid, or which months are empty; :class:`CoverageError` which month differs from the one before;
    :class:`ClimatologyError` that every year is the same.
    """
    low, high = valid_range
    number = {key: _plain(value) for key, value in counted.items()}
    if number["outside"]:
        extremes = (number["smallest"], number["largest"])
        fill = next((fill for fill in FILLS for value in extremes if np.isclose(value, fill, rtol=1e-6)), None)
        raise RangeError(
            f"{role} has values outside its valid range",
            where=where,
            found=f"{number['outside']:.0f} values, from {extremes[0]:.6g} to {extremes[1]:.6g} {units}",
            expected=f"{low:g} to {high:g} {units}",
            next=f"add fill: [{fill:.7g}] to the variable in the catalog entry: it looks like a fill value"
            if fill is not None
            else "correct fill, scale, units or valid_range in the catalog entry",
        )
    if not number["valid"]:
        raise NoDataError(
            f"{role} has no valid value in the period",
            where=where,
            found="all values missing or masked",
            expected="at least one valid value",
            next="check flags, fill values and the period",
        )
    if "coverage" in number and coverage_change < 1:
        _judge_coverage(role, number["coverage"], coverage_change, where)
    if number.get("pairs") and number["repeats"] >= SAME_SHARE * number["pairs"]:
        raise ClimatologyError(
            f"{role} is the same in every year",
            where=where,
            found=f"{number['repeats']:.0f} of {number['pairs']:.0f} values equal those of a year before",
            expected="an observed series",
            next="use an observed leaf area index: a fixed climatology cannot explain a change",
        )


def _judge_coverage(role: str, coverage: Mapping[np.datetime64, int], most: float, where: str) -> None:
    empty = [str(month) for month, cells in coverage.items() if not cells]
    if empty:
        raise NoDataError(
            f"{role} has months without any value",
            where=where,
            found=f"{', '.join(empty[:6])}{' ...' if len(empty) > 6 else ''} ({len(empty)} of {len(coverage)} months)",
            expected="a value in every month",
            next="complete the source or shorten period; if it is so, set coverage_change: 1 in the catalog entry",
        )
    for month, cells in coverage.items():
        before = coverage.get(month - np.timedelta64(1, "M"))
        if before is not None and abs(cells - before) > most * max(cells, before):
            raise CoverageError(
                f"{role} covers a suspiciously different area than in the month before",
                where=where,
                found=f"{cells} cells in {month}, {before} in the month before",
                expected=f"a change of at most {most:.0%}",
                next=f"look at the source in {month}; if it is so, raise coverage_change in the catalog entry",
            )
