"""Which of many tests to believe: the control of false discoveries over many cells."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.errors import VariableError
from smcloud.stats.engine.series import check_alpha, check_choice
from smcloud.stats.time_axis import FloatArray

Block = npt.NDArray[Any]


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
