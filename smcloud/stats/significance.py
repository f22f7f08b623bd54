"""Is there a trend: the Mann-Kendall test, and the control of false discoveries over many cells."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.errors import VariableError
from smcloud.stats._series import apply_to_series, as_rows, check_alpha, check_choice, check_min_valid
from smcloud.stats.time_axis import FloatArray, time_series

Block = npt.NDArray[Any]


def mann_kendall(
    da: xr.DataArray | xr.Dataset,
    dim: str = "time",
    method: Literal["original"] = "original",
    alpha: float = 0.05,
    min_valid: int = 3,
) -> xr.Dataset:
    """Mann-Kendall test for a monotonic trend along ``dim``, with the variance of independent samples.

    Returns a Dataset over the other dimensions: ``s`` = sum over i < j of sgn(x_j - x_i), ``var_s`` with the ties of
    the values, ``tau`` (tau-b), ``z`` = (S - sgn S)/sqrt(Var S), two-sided ``p_value`` (float64), ``n`` (int32) and
    ``status`` (uint8 flags). The variables of a Dataset become the dimension ``variable``. Ties are exact equality.
    Lazy for dask input. ``alpha`` is the level of the tests that a method makes on the way; "original" makes none, and
    its p value does not depend on it. (Mann 1945, doi:10.2307/1907187; Kendall 1975)

    NaN rule: non-finite values are missing. Status 1 (empty) and 2 (fewer than ``min_valid`` samples): all NaN but
    ``n``. Status 3 (constant): S, Var S and Z 0, p 1, tau NaN.

    Raises :class:`ConfigurationError`, :class:`VariableError`, :class:`CalendarError`, :class:`ChunkError`.
    """
    check_choice("method", method, ("original",))
    check_alpha(alpha)
    check_min_valid(min_valid)
    array, t = time_series(da, dim)
    outputs = {name: ((), "float64") for name in ("s", "var_s", "tau", "z", "p_value")}
    outputs |= {"n": ((), "int32"), "status": ((), "uint8")}
    return apply_to_series(_mann_kendall, [array], dim, outputs, t=t, min_valid=min_valid)


def _mann_kendall(values: Block, *, t: FloatArray, min_valid: int) -> tuple[Block, ...]:
    from scipy.special import ndtr

    from smcloud.stats import _kernels

    rows = as_rows(values)
    out, status = np.empty((len(rows), 5)), np.empty(len(rows), np.uint8)
    _kernels.mann_kendall(rows, t, min_valid, out, status)
    s, var_s, tau, z, n = out.T
    columns = (s, var_s, tau, z, 2 * ndtr(-np.abs(z)), n.astype(np.int32), status)
    return tuple(column.reshape(values.shape[:-1]) for column in columns)


def fdr(
    p_value: xr.DataArray,
    alpha: float = 0.05,
    method: Literal["bh", "by"] = "bh",
    dims: Hashable | Sequence[Hashable] | None = None,
) -> xr.Dataset:
    """Control the false discovery rate over ``dims`` (all dimensions by default), one family for each other index.

    Returns ``p_adjusted`` (float64) and ``significant`` (bool: p_adjusted <= alpha) with the dimensions of ``p_value``.
    "bh" is Benjamini-Hochberg (1995), for independent or positively dependent tests; "by" Benjamini-Yekutieli (2001,
    doi:10.1214/aos/1013699998), for any dependence.

    NaN rule: NaN stays NaN, is not significant and does not count as a test. Lazy for dask input, which is brought to
    one chunk along ``dims``: meant for fields, not for series.

    Raises :class:`ConfigurationError`, :class:`VariableError` where ``p_value`` lacks one of ``dims``.
    """
    check_alpha(alpha)
    check_choice("method", method, ("bh", "by"))
    if dims is None:
        family: list[Hashable] = list(p_value.dims)
    else:
        family = [dims] if isinstance(dims, str) or not isinstance(dims, Sequence) else list(dims)
    missing = [dim for dim in family if dim not in p_value.dims]
    if missing:
        raise VariableError(
            f"the p values have no dimension {missing[0]}",
            where=str(p_value.name or "p_value"),
            found=", ".join(map(str, p_value.dims)),
            expected=missing[0],
            next="name the dimensions of the field with dims=...",
        )
    whole = p_value.chunk({dim: -1 for dim in family}) if p_value.chunks else p_value
    adjusted = xr.apply_ufunc(
        _adjust,
        whole,
        kwargs={"axes": len(family), "dependent": method == "by"},
        input_core_dims=[family],
        output_core_dims=[family],
        output_dtypes=[np.float64],
        dask="parallelized",
        keep_attrs=False,
    ).transpose(*p_value.dims)
    return xr.Dataset({"p_adjusted": adjusted, "significant": adjusted <= alpha})


def _adjust(p_value: Block, *, axes: int, dependent: bool) -> FloatArray:
    """Adjusted p values, one family over the last ``axes`` axes."""
    families = p_value.reshape(*p_value.shape[: p_value.ndim - axes], -1).astype(np.float64)
    adjusted = np.full(families.shape, np.nan)
    for index in np.ndindex(families.shape[:-1]):
        valid = np.flatnonzero(np.isfinite(families[index]))
        if valid.size == 0:
            continue
        order = valid[np.argsort(families[index][valid], kind="stable")]
        rank = np.arange(1, order.size + 1)
        share = rank / order.size
        if dependent:
            share = share / np.sum(1 / rank)
        raised = families[index][order] / share
        adjusted[index][order] = np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1.0)
    return adjusted.reshape(p_value.shape)
