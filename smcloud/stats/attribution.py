"""What goes with which driver: the parts of a target's trend, and the driver whose effect leads those of the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.stats.drivers import BY_DRIVER, align_drivers, cells_of, driver_floors
from smcloud.stats.engine.checks import check_choice, check_min_valid
from smcloud.stats.engine.series import apply_to_series, columns_of, in_shape
from smcloud.stats.time_axis import FloatArray, require_complete

Block = npt.NDArray[Any]
Dof = Literal["n", "effective"]


def trend_contribution(
    target: xr.DataArray,
    drivers: xr.Dataset,
    dim: str = "time",
    control_time: bool = True,
    floors: Mapping[str, float] | None = None,
    *,
    dof: Dof = "effective",
    min_valid: int | None = None,
) -> xr.Dataset:
    """Split the target's least-squares trend into the parts that come with the trends of its drivers, and a rest.

    With beta_j from the regression of the target on all drivers and on time, slope(target) = sum over j of
    beta_j slope(driver_j) + unexplained, every slope by least squares on the same cases, and the rest is the
    coefficient of time. So beta_j tells what the target does in years in which the driver departs from its own trend,
    and a driver that does nothing but warm is given no part of a foreign trend. A case is a step at which the target
    and every driver have a finite value. ``dim`` must lie in one dask chunk, else the call raises. Values may be
    float32; arithmetic and results are float64. Slopes are per unit of the coordinate (per year for dates, and for
    numbers that are years). Lazy for dask input.

    Parameters
    ----------
    target : xarray.DataArray
        Series whose trend is split, in any unit.
    drivers : xarray.Dataset
        The drivers, each a variable in a unit of its own, on the coordinates of ``target``.
    dim : str
        The dimension of time, with sorted numbers or dates.
    control_time : bool
        False leaves time out of the regression, the older form: an idle driver that warms by 2 or 4 of its standard
        deviations then takes 0.30 or 0.62 of a trend that it has no part in. The rest is the slope of the residuals.
    floors : mapping of str to float, optional
        Standard deviation (n - 1) over the cases below which a driver is left out, in its own unit, by name.
    dof : {"effective", "n"}
        "effective": the sample size of :func:`partial_correlation` for the errors of beta_j, and that of
        :func:`linear_trend` with ``interval="effective"`` for those of slope(driver_j). "n" takes the cases as
        independent.
    min_valid : int, optional
        Fewest cases of a cell that is used; by default, and at the least, number of drivers + 2, + 3 with time.

    Returns
    -------
    xarray.Dataset
        - ``contribution`` (driver first): beta_j slope(driver_j), unit of ``target`` per unit of the coordinate
        - ``stderr`` (driver first): |slope(driver_j)| se(beta_j), of the driver as it was; the interval is
          ``contribution`` +- t(``df``) ``stderr``
        - ``stderr_total`` (driver first): root of (``stderr``)^2 + beta_j^2 Var(slope(driver_j)), for a driver whose
          own trend is a sample too; NaN where its effective sample size is 2 or less
        - ``df`` (driver first): n_effective - 2 - k, at least 1, k the number of other regressors (time is one)
        - ``unexplained``: slope of the rest. The finite contributions and ``unexplained`` add up to ``slope``
        - ``slope``: that of the target on the cases
        - ``n``: number of cases, int32
        - ``status`` (driver first): uint8. 1, no case, and 2, fewer cases than ``min_valid``: all NaN. 3, constant
          target: 0. 5, the driver is constant or varies less than its floor: it is left out, NaN. 6, the driver is a
          linear combination of others, or of time, to 1e-10 of their spread: it stays in the regression, for the
          others, but its part cannot be told from theirs: NaN, and what they explain together stays in ``unexplained``

    Raises
    ------
    ConfigurationError
        No driver, ``floors`` names no driver, or ``dof`` or ``min_valid`` has an impossible value.
    VariableError
        ``dim`` is missing in the target or in a driver.
    GridError
        Target and drivers lie on different grids or times.
    CalendarError, ChunkError
        Stamps along ``dim`` are missing, double or unsorted (for "effective" also a step); ``dim`` has several dask
        chunks.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from smcloud.stats import trend_contribution
    >>> years = np.arange(2000, 2010)
    >>> rain = xr.DataArray(600 + 5.0 * (years - 2000) + 20 * np.sin(years), [("time", years)])
    >>> moisture = 0.1 + 2e-4 * rain - 3e-4 * (rain.time - 2000)
    >>> parts = trend_contribution(moisture, xr.Dataset({"rain": rain}))
    >>> print(f"{float(parts.contribution[0]):.5f} with rain, {float(parts.unexplained):.5f} rest")
    0.00077 with rain, -0.00030 rest
    """
    arrays, t, names = align_drivers(target, drivers, dim)
    by_driver = dict.fromkeys(("contribution", "stderr", "stderr_total", "df"), BY_DRIVER)
    return apply_to_series(
        _trend_contribution,
        arrays,
        dim,
        columns_of({**by_driver, "unexplained": (), "slope": ()}, BY_DRIVER),
        {"driver": names},
        t=t,
        floors=driver_floors(floors, names),
        min_valid=_least_cases(min_valid, len(names) + control_time),
        control_time=control_time,
        effective=_is_effective(dof, arrays[0], dim),
    )


def _least_cases(min_valid: int | None, regressors: int) -> int:
    least = regressors + 2
    check_min_valid(least if min_valid is None else min_valid, least)
    return least if min_valid is None else min_valid


def _is_effective(dof: str, target: xr.DataArray, dim: str) -> bool:
    check_choice("dof", dof, ("n", "effective"))
    if dof == "effective":
        require_complete(target.indexes[dim])
    return dof == "effective"


def _trend_contribution(
    *blocks: Block, t: FloatArray, floors: FloatArray, min_valid: int, control_time: bool, effective: bool
) -> tuple[Block, ...]:
    from smcloud.stats.engine import case_tiles, regression_kernels

    shape, cells, size = cells_of(blocks)
    out, whole = np.empty((cells, size, 4)), np.empty((cells, 2))
    n, status = np.empty(cells), np.empty((cells, size), np.uint8)
    for inside, tile in case_tiles.case_tiles(blocks, floors, min_valid):
        columns = (out[inside], whole[inside], n[inside], status[inside])
        regression_kernels.trend_contribution(tile, t, floors, min_valid, control_time, effective, *columns)
    return in_shape(shape, *np.moveaxis(out, -1, 0), *whole.T, n.astype(np.int32), status)


def leading_driver(
    target: xr.DataArray,
    drivers: xr.Dataset,
    dim: str = "time",
    control_time: bool = True,
    floors: Mapping[str, float] | None = None,
    *,
    dof: Dof = "effective",
    method: Literal["pearson", "spearman"] = "pearson",
    min_valid: int | None = None,
) -> xr.Dataset:
    """Compare the effects of the drivers, and test by how much the strongest one leads each of the others.

    The effect of driver j is b*_j = b_j s_j: b_j its coefficient in the regression of the target on all drivers (and on
    time), s_j the standard deviation of what these others leave of it. The largest |b*| leads; its order is that of the
    partial correlations. Its lead over driver j is tested by t = (|b*_lead| - |b*_j|)/se with
    se^2 = V_lead + V_j - 2 sgn(b_lead b_j) V_lead,j, s being taken as known. Cases, types and laziness are as for
    :func:`trend_contribution`.

    Parameters
    ----------
    target : xarray.DataArray
        Series along ``dim``, in any unit.
    drivers : xarray.Dataset
        One variable for each driver, on the coordinates of ``target``, in any units.
    dim : str
        The dimension of time, with sorted numbers or dates.
    control_time : bool
        Whether time is one more regressor; it is never compared.
    floors : mapping of str to float, optional
        Standard deviation (n - 1) over the cases below which a driver is left out, in its own unit, by name.
    dof : {"effective", "n"}
        "effective": n_effective - 2 - k degrees of freedom as for :func:`partial_correlation`, in the variance of the
        residuals and in t; of the two drivers the smaller one. "n": those of the regression.
    method : {"pearson", "spearman"}
        "spearman" does the same with ranks over the cases; effects are then in ranks.
    min_valid : int, optional
        Fewest cases of a cell that is used; by default, and at the least, number of drivers + 2, + 3 with time.

    Returns
    -------
    xarray.Dataset
        By ``driver`` (first dimension):

        - ``effect``: b*, unit of ``target``; NaN for a driver that is left out or collinear
        - ``p_value``: 2 times the one-sided p of the leader's lead over this driver; NaN for the leader itself and for
          a driver that is left out; 1 for a collinear one, as its effect is not known, and where ``n_effective`` is
          not known. So the leader leads every other where the largest is below alpha, and where all are NaN there is
          no other
        - ``df``: degrees of freedom of that test
        - ``status``: as for :func:`trend_contribution`; all NaN also for a constant target (3)

        and ``n`` (int32), the number of cases, without ``driver``.

    Raises
    ------
    ConfigurationError, VariableError, GridError, CalendarError, ChunkError
        As :func:`trend_contribution`; ``method`` is unknown.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from smcloud.stats import leading_driver
    >>> year = xr.DataArray(np.arange(30), [("year", np.arange(30))])
    >>> rain, heat = np.sin(7 * year), np.sin(11 * year)
    >>> moisture = 2 * rain - heat + np.sin(5 * year)
    >>> out = leading_driver(moisture, xr.Dataset({"rain": rain, "heat": heat}), dim="year")
    >>> print(out.effect.to_series().round(1).to_dict(), f"p = {float(out.p_value.sel(driver='heat')):.2f}")
    {'rain': 1.5, 'heat': -0.7} p = 0.08
    """
    check_choice("method", method, ("pearson", "spearman"))
    arrays, t, names = align_drivers(target, drivers, dim)
    return apply_to_series(
        _leading_driver,
        arrays,
        dim,
        columns_of(dict.fromkeys(("effect", "p_value", "df"), BY_DRIVER), BY_DRIVER),
        {"driver": names},
        t=t,
        floors=driver_floors(floors, names),
        min_valid=_least_cases(min_valid, len(names) + control_time),
        control_time=control_time,
        ranked=method == "spearman",
        effective=_is_effective(dof, arrays[0], dim),
    )


def _leading_driver(
    *blocks: Block, t: FloatArray, floors: FloatArray, min_valid: int, control_time: bool, ranked: bool, effective: bool
) -> tuple[Block, ...]:
    from smcloud.stats.engine import case_tiles, effect_kernels, rank_cases, student

    shape, cells, size = cells_of(blocks)
    out, n, status = np.empty((cells, size, 3)), np.empty(cells), np.empty((cells, size), np.uint8)
    least = np.zeros_like(floors) if ranked else floors  # as for the correlation: rank_cases judges the values
    for inside, tile in case_tiles.case_tiles(blocks, floors, min_valid):
        if ranked:
            rank_cases.rank_cases(tile, floors, min_valid)
        columns = (out[inside], n[inside], status[inside])
        effect_kernels.leading_driver(tile, t, least, min_valid, control_time, ranked, effective, *columns)
    effect, statistic, df = np.moveaxis(out, -1, 0)
    return in_shape(shape, effect, student.two_sided(statistic, df), df, n.astype(np.int32), status)
