"""The series of the whole: what a fixed set of cells has in common, its trend with the wedge of its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from smcloud.report.canvas import sheet
from smcloud.report.context import ReportContext
from smcloud.report.language import tell
from smcloud.report.rounding import percent
from smcloud.report.scope import of_region, whole
from smcloud.report.tables import summary_tables
from smcloud.report.values import areas

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OF_NOTE = 0.05
_ENDS = ("", "_lower", "_upper")
BLUE, ORANGE = "#0062a8", "#d55e00"


def sensor_changes(trend: xr.Dataset) -> list[tuple[float, float]]:
    """List where the sensors change on at least :data:`OF_NOTE` of the area whose sensors are known.

    Each as position on the axis of years, whose values stand for the middle of their year, and share of that area;
    changes of one year are one. Empty where the product knows no sensors.
    """
    if "break_year" not in trend or "n_breaks" not in trend:
        return []
    known = np.isfinite(trend["n_breaks"].transpose("lat", "lon").values)
    weight = np.where(known, areas(trend), 0.0)
    year = trend["break_year"].transpose("break", "lat", "lon").values.astype(float)
    found = []
    for each in np.unique(np.floor(year[np.isfinite(year)])):
        here = np.floor(year) == each
        own = np.where(here, weight, 0.0)
        if own.sum() >= OF_NOTE * weight.sum() > 0:
            place = float(np.where(here, year * own, 0.0).sum() / own.sum()) - 0.5
            found.append((place, float(own.sum() / weight.sum())))
    return found


def _mark_sensor_changes(axes: Axes, changes: Sequence[tuple[float, float]]) -> None:
    for at, share in changes:
        axes.axvline(at, color="#a33b00", linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(
            tell("sensors change on\n{share} of the area", share=percent(share)), (at, 0.98), (4, 0),
            xycoords=("data", "axes fraction"), textcoords="offset points", fontsize=9, color="#a33b00", va="top",
        )  # fmt: skip


def mean_series(products: Mapping[str, xr.Dataset], context: ReportContext) -> Figure:
    """Draw the series of a fixed set of cells with the line of its slope and the wedge of its interval.

    Beside it, thin, the mean of all cells with a value; where no set of cells is fixed, that mean is the series.
    """
    regional = products["regional"]
    globe = whole(summary_tables({"regional": regional}).get("regions", []))
    own = regional.sel(region=globe["key"] if globe else "globe")
    years, means = regional["year"].values.astype(float), own["soil_moisture"].values.astype(float)
    title = tell("Global mean soil moisture {period}", period=context.period(products))
    if of_region(globe):
        title = tell("Mean soil moisture of the region {period}", period=context.period(products))
    figure = sheet(title, tell("Area-weighted mean of annual soil moisture, m³ m⁻³"), 4.6)
    axes = figure.add_axes((0.08, 0.1, 0.89, 0.66))
    known = np.isfinite(means)
    series, key = means, "slope"
    if "fixed_cells_course" in own and known.any() and globe and globe.get("slope_fixed_cells") is not None:
        series, key = own["fixed_cells_course"].values.astype(float) + means[known].mean(), "slope_fixed_cells"
        label = tell("what a fixed set of cells has in common")
        axes.plot(years, series, "o-", color="#333333", markersize=5, linewidth=1.2, label=label, zorder=3)
        label = tell("mean of all cells with a value")
        axes.plot(years[known], means[known], "-", color=ORANGE, linewidth=1.1, label=label)
    else:
        label = tell("mean of all cells with a value")
        axes.plot(years[known], means[known], "o-", color="#333333", markersize=5, linewidth=1.2, label=label)
    if globe is not None and globe[key] is not None and known.any():
        _wedge(axes, years, series, {end: globe.get(f"{key}{end}") for end in _ENDS}, context)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, fontsize=8.5, frameon=False, borderpad=0)
    else:
        none = tell("No trend of the region could be computed") if of_region(globe) else ""
        none = none or tell("No global trend could be computed")
        axes.text(0.5, 0.5, none, transform=axes.transAxes, ha="center", fontsize=13)
    _style(axes, years, bool(known.any()))
    if known.any() and "trend" in products:
        _mark_sensor_changes(axes, sensor_changes(products["trend"]))
    return figure


def _wedge(
    axes: Axes,
    years: npt.NDArray[np.float64],
    series: npt.NDArray[np.float64],
    slopes: Mapping[str, float | None],
    context: ReportContext,
) -> None:
    """The line of a slope through the middle of ``series``, and the wedge of its limits."""
    known = np.isfinite(series)
    centre, level = years[known].mean(), series[known].mean()
    line, lower, upper = (
        level + (float("nan") if slope is None else slope) * (years - centre) for slope in slopes.values()
    )
    widest = np.max(np.abs(upper - lower))
    if not np.isfinite(widest) or widest > 4 * np.ptp(series[known]):
        note = tell("the interval of the slope is too wide to draw: see the table")
        axes.text(0.98, 0.04, note, transform=axes.transAxes, ha="right", fontsize=10, color="#555555")
    else:
        label = tell("{level} interval of the slope", level=context.level)
        axes.fill_between(years, lower, upper, color=BLUE, alpha=0.15, linewidth=0, label=label)
    axes.plot(years, line, color=BLUE, linewidth=2, label=tell("its least-squares trend"))


def _style(axes: Axes, years: npt.NDArray[np.float64], drawn: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    if drawn:
        # The wedge of a wide interval would flatten the series: it may extend beyond the picture.
        heights = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines])
        heights = heights[np.isfinite(heights)]
        room = 0.5 * (np.ptp(heights) or 0.01)
        axes.set_ylim(heights.min() - room, heights.max() + room)
    else:
        axes.set_yticks([])
    axes.set_xlim(years.min() - 0.8, years.max() + 0.8)
    axes.set_ylabel("m³ m⁻³", fontsize=10.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.ticklabel_format(useOffset=False)
    axes.tick_params(labelsize=10)
    axes.grid(color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
