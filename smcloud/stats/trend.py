"""Linear trends of series: least squares, Theil-Sen, and the parts of a trend that drivers explain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.stats.correlation import align_drivers, cells_of, driver_floors
from smcloud.stats.engine.series import apply_to_series, check_alpha, check_choice, check_min_valid
from smcloud.stats.time_axis import FloatArray, require_complete, time_series

Block = npt.NDArray[Any]


def linear_trend(
    da: xr.DataArray | xr.Dataset,
    dim: str = "time",
    alpha: float = 0.05,
    min_valid: int = 3,
    interval: Literal["t", "effective"] = "t",
) -> xr.Dataset:
    """Ordinary least-squares trend along ``dim``.

    Returns a Dataset over the other dimensions: ``slope``, ``slope_lower``, ``slope_upper`` (unit of ``da`` per unit
    of the coordinate; per year for dates), ``intercept`` (at coordinate 0), ``stderr`` of the slope, two-sided
    ``p_value``, ``n_effective`` (float64), ``n`` (int32, valid samples) and ``status`` (uint8 flags). The variables
    of a Dataset become the dimension ``variable``. Lazy for dask input.

    ``interval="t"``: standard error, interval and p with n - 2 degrees of freedom; ``n_effective`` equals ``n``.
    ``interval="effective"``: residual variance, quantile and p with n_eff - 2, where n_eff = n (1 - phi)/(1 + phi),
    phi = max(0, (n r1 + 2)/(n - 4)), r1 the lag-1 autocorrelation of the residuals on the true axis, which must be
    complete (Santer et al. 2000, doi:10.1029/1999JD901105, with a bias-corrected r1).

    NaN rule: non-finite values are missing and keep their place. Status 1 (empty) and 2 (fewer than ``min_valid``
    samples): all NaN but ``n``. Status 3 (constant): slope, limits and stderr 0, p 1. Status 2 with a slope: n <= 4 or
    n_eff <= 2, the line is given but "effective" cannot tell its stderr, limits and p. A straight line has stderr 0 and
    p 0.

    Raises :class:`ConfigurationError`, :class:`VariableError`, :class:`CalendarError` (a bad coordinate; for
    "effective" one with missing steps), :class:`ChunkError`.
    """
    check_alpha(alpha)
    check_min_valid(min_valid)
    check_choice("interval", interval, ("t", "effective"))
    array, t = time_series(da, dim)
    if interval == "effective":
        require_complete(array.indexes[dim])
    names = ("slope", "slope_lower", "slope_upper", "intercept", "stderr", "p_value", "n_effective")
    outputs = {name: ((), "float64") for name in names} | {"n": ((), "int32"), "status": ((), "uint8")}
    return apply_to_series(
        _linear_trend, [array], dim, outputs, t=t, alpha=alpha, min_valid=min_valid, effective=interval == "effective"
    )


def _linear_trend(values: Block, *, t: FloatArray, alpha: float, min_valid: int, effective: bool) -> tuple[Block, ...]:
    from scipy.special import stdtrit

    from smcloud.stats.engine import ols, student

    rows = values.reshape(-1, t.size)
    out, status = np.empty((len(rows), 7)), np.empty(len(rows), np.uint8)
    ols.linear_trend(rows, t, min_valid, effective, out, status)
    slope, intercept, stderr, statistic, df, n_effective, n = out.T
    freedom, which = np.unique(df, return_inverse=True)  # few without "effective", and the quantile is dear
    half = np.where(stderr == 0, 0.0, stdtrit(freedom, 1 - alpha / 2)[which] * stderr)
    p_value = student.two_sided(statistic, df)
    columns = (slope, slope - half, slope + half, intercept, stderr, p_value, n_effective, n.astype(np.int32), status)
    return tuple(column.reshape(values.shape[:-1]) for column in columns)


def theil_sen(
    da: xr.DataArray | xr.Dataset,
    dim: str = "time",
    alpha: float = 0.05,
    min_valid: int = 3,
    limits: Literal["scipy", "interpolated"] = "scipy",
) -> xr.Dataset:
    """Theil-Sen trend along ``dim``: the median of the slopes of all pairs of valid samples.

    Returns a Dataset over the other dimensions: ``slope``, ``slope_lower``, ``slope_upper``, ``intercept`` (median of
    the values less slope times median of their times; float64), ``n`` (int32) and ``status`` (uint8 flags). The
    variables of a Dataset become the dimension ``variable``. Lazy for dask input.

    With N slopes in ascending order and C = z sqrt(Var S), Var S with the ties of the values, the limits are those of
    ranks round((N - C)/2) and round((N + C)/2) + 1, counted from 1 (Sen 1968, doi:10.1080/01621459.1968.10480934;
    ``scipy.stats.theilslopes``). ``limits="interpolated"`` interpolates between the slopes on both sides of the places
    (N - C)/2 and (N + C)/2, counted from 1, as the MeteoSwiss reference data do (Collaud Coen et al. 2020,
    doi:10.5194/amt-13-6945-2020); both lie half a place low, so they are not those of the series turned round. A limit
    is NaN where its place lies outside the slopes.

    NaN rule: as :func:`linear_trend`; constant series: slope and limits 0. Status 2 with a slope: n is too small for
    the limits.

    Raises :class:`ConfigurationError`, :class:`VariableError`, :class:`CalendarError`, :class:`ChunkError`.
    """
    check_alpha(alpha)
    check_min_valid(min_valid)
    check_choice("limits", limits, ("scipy", "interpolated"))
    array, t = time_series(da, dim)
    names = ("slope", "slope_lower", "slope_upper", "intercept")
    outputs = {name: ((), "float64") for name in names} | {"n": ((), "int32"), "status": ((), "uint8")}
    return apply_to_series(
        _theil_sen, [array], dim, outputs, t=t, alpha=alpha, min_valid=min_valid, interpolated=limits == "interpolated"
    )


def _theil_sen(values: Block, *, t: FloatArray, alpha: float, min_valid: int, interpolated: bool) -> tuple[Block, ...]:
    from scipy.special import ndtri

    from smcloud.stats.engine import rank_kernels

    rows = values.reshape(-1, t.size)
    out, status = np.empty((len(rows), 5)), np.empty(len(rows), np.uint8)
    z = -float(ndtri(alpha / 2))
    rank_kernels.theil_sen(rows, t, min_valid, z, interpolated, out, status)
    slope, lower, upper, intercept, n = out.T
    columns = (slope, lower, upper, intercept, n.astype(np.int32), status)
    return tuple(column.reshape(values.shape[:-1]) for column in columns)


def trend_contribution(
    target: xr.DataArray,
    drivers: xr.Dataset,
    dim: str = "time",
    floors: Mapping[str, float] | None = None,
) -> xr.Dataset:
    """The parts of the target's least-squares trend that come with the trends of its drivers.

    From the regression of ``target`` on all ``drivers`` over the complete cases:
    slope(target) = sum over j of beta_j slope(driver_j) + slope(residual), where every slope is least squares on the
    same cases. Returns ``contribution`` (driver, ...) = beta_j slope(driver_j) and ``residual``, both in the unit of
    ``target`` per unit of the coordinate (float64), ``n`` (int32, complete cases) and ``status`` (driver, ...).

    NaN rule: a case needs the target and every driver. Fewer than (number of drivers + 2) cases: all NaN, status 1 or
    2. A constant driver, or one whose standard deviation (n - 1) lies below ``floors[name]``, is left out: status 5,
    contribution NaN. Collinear drivers (status 6) stay in the regression for the sake of the others, but their parts
    cannot be told apart: contribution NaN, and what they explain together stays in ``residual``. So the finite
    contributions and ``residual`` always add up to the slope. Constant target: 0, status 3.

    Raises :class:`ConfigurationError`, :class:`VariableError`, :class:`GridError` where target and drivers have
    different coordinates, :class:`CalendarError`, :class:`ChunkError`.
    """
    arrays, t, names = align_drivers(target, drivers, dim)
    outputs = {
        "contribution": (("driver",), "float64"),
        "residual": ((), "float64"),
        "n": ((), "int32"),
        "status": (("driver",), "uint8"),
    }
    return apply_to_series(
        _trend_contribution,
        arrays,
        dim,
        outputs,
        {"driver": names},
        t=t,
        floors=driver_floors(floors, names),
        min_valid=len(names) + 2,
    )


def _trend_contribution(*blocks: Block, t: FloatArray, floors: FloatArray, min_valid: int) -> tuple[Block, ...]:
    from smcloud.stats.engine import case_kernels, regression_kernels

    shape, cells, size = cells_of(blocks)
    contribution, status = np.empty((cells, size)), np.empty((cells, size), np.uint8)
    residual, n = np.empty(cells), np.empty(cells)
    for inside, tile in case_kernels.case_tiles(blocks):
        columns = (contribution[inside], residual[inside], n[inside], status[inside])
        regression_kernels.trend_contribution(tile, t, floors, min_valid, *columns)
    return (
        contribution.reshape(*shape, size),
        residual.reshape(shape),
        n.astype(np.int32).reshape(shape),
        status.reshape(*shape, size),
    )
