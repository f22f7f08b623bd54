"""Which of many tests to believe: the control of false discoveries over many cells."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.errors import VariableError
from smcloud.stats.engine.checks import check_alpha, check_choice
from smcloud.stats.time_axis import FloatArray

Block = npt.NDArray[Any]


def fdr(
    p_value: xr.DataArray,
    alpha: float = 0.05,
    method: Literal["bh", "by"] = "bh",
    dims: Hashable | Sequence[Hashable] | None = None,
) -> xr.Dataset:
    """Adjust p values so that, among the tests called significant, the expected share of false ones is limited.

    NaN stays NaN, is not significant and does not count as a test. p values may be float32; the results are float64.
    Dask input stays lazy and is brought to one chunk along ``dims``: this is meant for fields, not for series.

    Parameters
    ----------
    p_value : xarray.DataArray
        p values, between 0 and 1, with any dimensions.
    alpha : float
        The limit of the expected share; between 0 and 1.
    method : {"bh", "by"}
        "bh", Benjamini and Hochberg, for independent or positively dependent tests; "by", Benjamini and Yekutieli, for
        any dependence.
    dims : hashable or sequence of hashable, optional
        Dimensions of one family of tests, all by default; each index of the other dimensions is a family of its own.

    Returns
    -------
    xarray.Dataset
        Over the dimensions of ``p_value``:

        - ``p_adjusted``: adjusted p value, float64
        - ``significant``: ``p_adjusted`` <= ``alpha``, bool

    Raises
    ------
    ConfigurationError
        ``alpha`` or ``method`` has an impossible value.
    VariableError
        ``p_value`` lacks one of ``dims``.

    References
    ----------
    "bh": Benjamini and Hochberg 1995. "by": Benjamini and Yekutieli 2001, doi:10.1214/aos/1013699998.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from smcloud.stats import fdr
    >>> out = fdr(xr.DataArray([0.001, 0.02, 0.04, 0.8, np.nan], dims="cell"))
    >>> print(out.p_adjusted.values.round(3), out.significant.values)
    [0.004 0.04  0.053 0.8     nan] [ True  True False False False]
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
    one_chunk = p_value.chunk({dim: -1 for dim in family}) if p_value.chunks else p_value
    adjusted = xr.apply_ufunc(
        _adjust,
        one_chunk,
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
