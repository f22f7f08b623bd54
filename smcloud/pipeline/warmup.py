"""Compiles the kernels that a run needs while it waits for servers and sources; or all of them, for an image.

``python -m smcloud.pipeline.warmup`` compiles every kernel into the cache of this machine.
"""

from __future__ import annotations

import pkgutil
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any


def compiling_kernels() -> AbstractContextManager[None]:
    """Compile the kernels in the background while the context lasts, in the order of their use.

    It saves a third of a small run's time: one core compiles, which needs nothing else, while the other reads.
    """
    from smcloud.jit import compiling

    return compiling(_of_a_run())


def kernels_to_compile() -> tuple[int, int]:
    """Count the kernels of a run that are not kept on this machine yet, and all of them."""
    from smcloud.config.cache_folder import cache_folder
    from smcloud.jit.cache import digest

    folder, kernels = cache_folder() / "kernels" / digest(), _of_a_run()
    kept = {file.name.rpartition(".kernel")[0].rpartition(".")[0] for file in folder.glob("*.kernel")}
    return sum(f"{kernel.__module__}.{kernel.__qualname__}" not in kept for kernel in kernels), len(kernels)


def _of_a_run() -> list[Any]:
    """The kernels of a run in the order of their use."""
    from smcloud.cube import month_kernels, regrid_kernels
    from smcloud.stats.engine import (
        anomaly_kernels,
        break_kernels,
        driver_kernels,
        effect_kernels,
        idle_drivers,
        level_kernels,
        mk_kernels,
        ols,
        regression_kernels,
        residual_kernels,
        short_series,
        year_kernels,
    )

    return [
        month_kernels.add_float32,
        regrid_kernels.rows_float64,
        year_kernels._of_float32,
        level_kernels.month_levels,
        anomaly_kernels.choose_months,
        anomaly_kernels.year_values,
        short_series.slopes_of_lanes,
        short_series.score_of_lanes,
        ols._trend,
        residual_kernels.lag1_of_residuals,
        break_kernels.set_breaks,
        break_kernels.line_with_steps,
        driver_kernels._by_inverse,
        idle_drivers.settle_idle_drivers,
        regression_kernels.trend_contribution,
        effect_kernels.leading_driver,
        mk_kernels.prewhitened,
        mk_kernels.corrected,
        driver_kernels._by_projection,
    ]


def compile_all() -> int:
    """Compile every kernel and return their number. Those that are in the cache are only loaded."""
    import smcloud.stats.engine
    from smcloud.cube import month_kernels, regrid_kernels  # noqa: F401  # they mark their kernels
    from smcloud.jit import KERNELS

    for module in pkgutil.iter_modules(smcloud.stats.engine.__path__, f"{smcloud.stats.engine.__name__}."):
        import_module(module.name)
    for kernel in KERNELS:
        kernel.compile()  # type: ignore[attr-defined]
    return len(KERNELS)


if __name__ == "__main__":
    print(f"{compile_all()} kernels are compiled")
