"""The kernels that a run needs, compiled while it waits for servers and sources."""

from __future__ import annotations

from contextlib import AbstractContextManager


def compiling_kernels() -> AbstractContextManager[None]:
    """A context in which they are compiled in the background, in the order of their use.

    It is worth a third of a small run's time: one core compiles, which needs nothing else, while the other reads.
    """
    from smcloud.compile import compiling
    from smcloud.cube import _month_kernels, _regrid_kernels
    from smcloud.stats import _break_kernels, _driver_kernels, _mk_kernels, _ols, _regression_kernels, _short_series

    return compiling(
        [
            _month_kernels.add_float32,
            _regrid_kernels.rows_float64,
            _short_series.slopes_of_lanes,
            _short_series.score_of_lanes,
            _ols._trend,
            _break_kernels.set_breaks,
            _break_kernels.line_with_steps,
            _driver_kernels._by_inverse,
            _regression_kernels.trend_contribution,
            _mk_kernels.prewhitened,
            _mk_kernels.corrected,
            _driver_kernels._by_projection,
        ]
    )
