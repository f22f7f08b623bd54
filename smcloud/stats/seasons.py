"""Is there a trend in a series with seasons: the Mann-Kendall test within each season, and over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from smcloud.errors import CalendarError, ConfigurationError
from smcloud.stats.engine.checks import check_alpha, check_min_valid
from smcloud.stats.engine.series import apply_to_series, as_rows, columns_of
from smcloud.stats.significance import COLUMNS, score_columns
from smcloud.stats.time_axis import FloatArray, require_complete, time_series

Block = npt.NDArray[Any]
IntArray = npt.NDArray[np.int64]

# How far before its start a fractional year may lie and still count as that month, as a share of a month.
MONTH_TOLERANCE = 0.01


def seasonal_mann_kendall(
    da: xr.DataArray | xr.Dataset,
    dim: str = "time",
    season: Literal["month"] | int | xr.DataArray | Sequence[object] | npt.NDArray[Any] = "month",
    dependent: bool = False,
    alpha: float = 0.05,
    min_valid: int = 3,
) -> xr.Dataset:
    """Test every series for a monotonic trend by comparing each sample with those of the same season only.

    S and Var S are summed over the seasons. Non-finite values are missing and keep their place on the axis. ``dim``
    must lie in one dask chunk, else the call raises. Values may be float32; arithmetic and results are float64. Ties
    are exact equality. Lazy for dask input.

    Parameters
    ----------
    da : xarray.DataArray or xarray.Dataset
        Monthly or other series with seasons, in any unit. The variables of a Dataset are tested side by side, along a
        new dimension ``variable``.
    dim : str
        Name of the time dimension, whose coordinate is sorted, ascending or descending.
    season : "month", int, or labels
        "month": the calendar month of dates, or of numbers taken as years (2000.0 and 2000.04 are January). An integer:
        so many steps make a cycle, which begins with the first step of the axis, which must be complete. Else one label
        for each step, in the order of ``da``; a DataArray must have the coordinate of ``da`` along ``dim``.
    dependent : bool
        True adds the covariances of the seasons to the variance. Cycles are counted from the first step; the axis must
        be complete and the seasons recur in the same order.
    alpha : float
        Between 0 and 1; it is checked and decides nothing.
    min_valid : int
        Fewest valid samples in all seasons together; 3 or more.

    Returns
    -------
    xarray.Dataset
        Over the dimensions of ``da`` other than ``dim``:

        - ``s``, ``var_s``: sums over the seasons of the score S and of its variance
        - ``tau``: sum of S over the sum of sqrt(P (P - T)), P the pairs and T the tied pairs of a season
        - ``z``, ``p_value``: (S - sgn S)/sqrt(Var S), and the two-sided p
        - ``n``: number of valid samples, int32
        - ``status``: uint8. 1, empty, and 2, fewer than ``min_valid`` samples or no season with two: all NaN but ``n``.
          3, every season constant: S, Var S and Z 0, p 1, tau NaN. 4, the variance with covariances is not positive:
          ``var_s`` is the one without.

    Raises
    ------
    ConfigurationError
        ``alpha``, ``min_valid`` or ``season`` has an impossible value; the labels have another length or coordinate.
    VariableError
        ``da``, or a variable of it, has no dimension ``dim``.
    CalendarError
        Stamps are missing, double or unsorted; steps are missing where the axis must be complete; a label is missing;
        with ``dependent`` the seasons do not recur in the same order.
    ChunkError
        There are several dask chunks along ``dim``.

    Notes
    -----
    With R_ig = [n_g + 1 + sum_j sgn(x_ig - x_jg)]/2 in cycle i and season g, the mean rank (n_g + 1)/2 for a missing
    value, and c cycles, the covariance of two seasons is
    [sum_(i<j) sgn((x_jg - x_ig)(x_jh - x_ih)) + 4 sum_i R_ig R_ih - c (n_g + 1)(n_h + 1)]/3.

    References
    ----------
    Hirsch and Slack 1984, doi:10.1029/WR020i006p00727.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from smcloud.stats import seasonal_mann_kendall
    >>> months = np.arange(48)
    >>> values = 0.25 + 0.05 * np.cos(2 * np.pi * months / 12) + 0.002 * (months // 12)
    >>> time = xr.date_range("2000-01", periods=48, freq="MS")
    >>> out = seasonal_mann_kendall(xr.DataArray(values, dims="time", coords={"time": time}))
    >>> print(f"S = {float(out.s):.0f}, tau = {float(out.tau):.2f}, n = {int(out.n)}")
    S = 72, tau = 1.00, n = 48
    """
    check_alpha(alpha)
    check_min_valid(min_valid)
    array, t = time_series(da, dim)
    index = array.indexes[dim]
    if dependent or isinstance(season, int):
        require_complete(index)
    labels = _season_labels(season, da, array, dim, t)
    codes, seasons = pd.factorize(labels)
    cycle = pd.Series(codes).groupby(codes).cumcount().to_numpy(np.int64)
    if np.any(codes < 0) or (dependent and not np.array_equal(codes, np.arange(t.size) % max(1, len(seasons)))):
        raise CalendarError(
            "the seasons are missing or do not recur in the same order", where=f"season along {dim}",
            found=", ".join(map(str, labels[: len(seasons) + 2])), expected="one step per season and cycle",
            next="dependent=False, or labels that recur",
        )  # fmt: skip
    outputs = columns_of(dict.fromkeys(COLUMNS, ()))
    return apply_to_series(
        _seasonal, [array], dim, outputs, season=codes.astype(np.int64), cycle=cycle, min_valid=min_valid,
        dependent=dependent,
    )  # fmt: skip


def _season_labels(
    season: object, da: xr.DataArray | xr.Dataset, array: xr.DataArray, dim: str, t: FloatArray
) -> npt.NDArray[Any]:
    """One label per step, in ascending order of time."""
    index = array.indexes[dim]
    if isinstance(season, str) and season == "month":
        if isinstance(index, pd.DatetimeIndex | xr.CFTimeIndex):
            return np.asarray(index.month)
        return np.floor(t * 12 + MONTH_TOLERANCE).astype(np.int64) % 12 + 1
    if isinstance(season, int | np.integer) and not isinstance(season, bool) and season >= 1:
        return np.arange(t.size) % int(season)
    if isinstance(season, xr.DataArray):
        labels = season.to_index().to_numpy() if season.dims == (dim,) and season.name == dim else season.to_numpy()
    elif isinstance(season, str | int | bool):
        raise ConfigurationError(
            "no such season", where="season", found=season, expected="month, a number of seasons, or labels",
            next='season="month"',
        )  # fmt: skip
    else:
        labels = np.asarray(season)
    given = da.indexes[dim]
    other = season.indexes.get(dim) if isinstance(season, xr.DataArray) else None
    if labels.shape != (len(given),) or (other is not None and not other.equals(given)):
        raise ConfigurationError(
            "the season labels do not fit the series", where="season", found=labels.shape,
            expected=f"one label for each of {len(given)} steps, on the same coordinate",
        )  # fmt: skip
    return labels[::-1] if len(given) > 1 and not given.equals(index) else labels


def _seasonal(
    values: Block, *, season: IntArray, cycle: IntArray, min_valid: int, dependent: bool
) -> tuple[Block, ...]:
    from smcloud.stats.engine import seasonal_kernels

    rows = as_rows(values)
    out, status = np.empty((len(rows), 5)), np.empty(len(rows), np.uint8)
    seasonal_kernels.seasonal(rows, season, cycle, min_valid, dependent, out, status)
    return score_columns(out, status, values.shape[:-1])
