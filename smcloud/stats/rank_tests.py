"""The Theil-Sen slope and several Mann-Kendall tests that rest on it, of the same series: the slope is found once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.stats.engine.checks import check_alpha, check_min_valid
from smcloud.stats.engine.series import apply_to_series, as_rows, columns_of, in_shape
from smcloud.stats.significance import DEFAULT_LAGS, METHODS
from smcloud.stats.time_axis import FloatArray, require_complete, time_series

Block = npt.NDArray[Any]

TESTS = ("mann_kendall", "prewhitening", "3pw", "hamed_rao")


def rank_tests(da: xr.DataArray, dim: str = "time", alpha: float = 0.05, min_valid: int = 3) -> xr.Dataset:
    """Compute Sen slopes and the p values of :data:`TESTS` of every series; lazy for dask input.

    ``slope`` is that of :func:`~smcloud.stats.theil_sen`, and ``p_value`` (test, ...) that of
    :func:`~smcloud.stats.mann_kendall` by its method, "original" for ``mann_kendall``, to the last bit: NaN rule,
    arguments, units, errors and formulas are theirs. ``n`` and ``status`` are those of "original".
    """
    check_alpha(alpha)
    check_min_valid(min_valid)
    array, t = time_series(da, dim)
    require_complete(array.indexes[dim])
    outputs = columns_of({"slope": (), "p_value": ("test",)})
    return apply_to_series(
        _rank_tests, [array], dim, outputs, {"test": list(TESTS)}, t=t, alpha=alpha, min_valid=min_valid
    )  # fmt: skip


def _rank_tests(values: Block, *, t: FloatArray, alpha: float, min_valid: int) -> tuple[Block, ...]:
    from scipy.special import ndtr, ndtri

    from smcloud.stats.engine import mk_kernels, rank_kernels

    rows, z = as_rows(values), -float(ndtri(alpha / 2))
    lines, status = np.empty((len(rows), 5)), np.empty(len(rows), np.uint8)
    rank_kernels.theil_sen(rows, t, min_valid, z=rank_kernels.NO_LIMITS, interpolated=False, out=lines, status=status)
    slopes, scores = lines[:, 0].copy(), np.empty((len(rows), len(TESTS)))
    rank_kernels.mann_kendall(rows, t, min_valid, lines, status)
    scores[:, 0], n = lines[:, 3], lines[:, 4].astype(np.int32)
    out, other = np.empty((len(rows), 6)), np.empty_like(status)
    for place, method in enumerate(TESTS[1:], start=1):
        number = METHODS.index(method) - 1
        if method in DEFAULT_LAGS:
            mk_kernels.corrected(
                rows, t, slopes, number, min_valid, DEFAULT_LAGS[method], z, True, out, other
            )  # fmt: skip
        else:
            series = np.empty((len(rows), t.size if method == "3pw" else 0))
            mk_kernels.prewhitened(rows, t, slopes, number, min_valid, z, False, True, series, out, other)
        scores[:, place] = out[:, 3]
    return in_shape(
        values.shape[:-1], slopes, 2 * ndtr(-np.abs(scores)), n, status
    )  # fmt: skip
