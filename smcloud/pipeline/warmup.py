"""The kernels that a run needs, compiled while it waits for servers and sources."""

from __future__ import annotations

from contextlib import AbstractContextManager


def compiling_kernels() -> AbstractContextManager[None]:
    """A context in which they are compiled in the background, in the order of their use.

    It is worth a third of a small run's time: one core compiles, which needs nothing else, while the other reads.
    """
    from smcloud.cube import month_kernels, regrid_kernels
    from smcloud.jit import compiling
    from smcloud.stats.engine import break_kernels, driver_kernels, mk_kernels, ols, regression_kernels, short_series

    return compiling(
        [
            month_kernels.add_float32,
            regrid_kernels.rows_float64,
            short_series.slopes_of_lanes,
            short_series.score_of_lanes,
            ols._trend,
            break_kernels.set_breaks,
            break_kernels.line_with_steps,
            driver_kernels._by_inverse,
            regression_kernels.trend_contribution,
            mk_kernels.prewhitened,
            mk_kernels.corrected,
            driver_kernels._by_projection,
        ]
    )
