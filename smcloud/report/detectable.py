"""The map of the slope that each cell could have shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from smcloud.products import palette
from smcloud.report.canvas import Bools, Colours, colour_table, draw_cells, frame, legend, on_map_grid, scale_end, tick
from smcloud.report.context import ReportContext
from smcloud.report.language import message, tell
from smcloud.report.rounding import SLOPE_UNITS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DETECTABLE = "minimum_detectable_slope"
UNTESTED_NOTE = message(
    "Striped: land without a test (too few valid years, no data, or constant values). White: water."
)


def detectable_cells(trend: xr.Dataset, limit: float) -> tuple[Colours, Bools]:
    """Return the colours (lat, lon, RGBA) of the map of the detectable slope, and which cells have none.

    Eight steps up to ``limit`` (1e-3 m3 m-3 yr-1), one beyond it.
    """
    slope = trend[DETECTABLE].values.astype(float)  # worked on in place, as fields are large
    missing = ~np.isfinite(slope)
    slope[missing], last = 0, len(palette.DETECTABLE_STEPS) - 1
    slope *= 1e3
    slope /= limit
    slope *= last
    np.clip(np.floor(slope, out=slope), 0, last, out=slope)
    return colour_table(palette.DETECTABLE_STEPS)[slope.astype(np.uint8)], missing


def detectable_map(products: Mapping[str, xr.Dataset], context: ReportContext) -> Figure:
    """Draw the map of the slope that a cell could have shown."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap

    trend = on_map_grid(products["trend"], [DETECTABLE])
    limit = scale_end(trend[DETECTABLE].values.astype(float) * 1e3)
    figure, axes = frame(
        tell("What could have been found, {period}", period=context.period(products)),
        tell(
            "Slope that 80 % of such records show with p < {alpha} under the autocorrelation that neighbours share, in "
            "{units}, {grid}",
            alpha=f"{context.alpha:g}",
            units=SLOPE_UNITS,
            grid=context.grid,
        ),
    )
    draw_cells(figure, axes, trend, detectable_cells(trend, limit), context, UNTESTED_NOTE)
    bar = figure.add_axes((0.05, 0.105, 0.52, 0.028))
    *steps, beyond = palette.DETECTABLE_STEPS
    bounds = list(np.linspace(0, limit, len(steps) + 1))
    scale = ScalarMappable(BoundaryNorm(bounds, len(steps)), ListedColormap(steps).with_extremes(over=beyond))
    colorbar = figure.colorbar(scale, cax=bar, orientation="horizontal", extend="max", extendfrac=0.12)
    colorbar.set_ticks(bounds, labels=[tick(bound) for bound in bounds])
    colorbar.ax.tick_params(labelsize=10, length=3)
    figure.text(0.05, 0.145, tell("small trends show"), fontsize=10.5, ha="left")
    figure.text(0.57, 0.145, tell("only large ones do"), fontsize=10.5, ha="right")
    legend(figure, [(None, tell("land without a test"))], (0.66, 0.14), rows=1)
    return figure
