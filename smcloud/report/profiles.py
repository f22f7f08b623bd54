"""Two figures beside the maps: the zonal profile and the series of the mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.products import palette
from smcloud.report.canvas import sheet
from smcloud.report.context import ReportContext
from smcloud.report.rounding import SLOPE_UNITS, Record, Table, percent
from smcloud.report.scope import of_region, whole
from smcloud.report.tables import summary_tables
from smcloud.report.values import areas
from smcloud.secrecy import told

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LATITUDE = re.compile(r"((?<![\d°NSns])-?\d+(?:\.\d+)?)\s*°?\s*([NS])?")
OF_NOTE = 0.05
_LINES = ("slope", "slope_lower", "slope_upper")
DRY, WET = palette.TREND_STEPS[2], palette.TREND_STEPS[7]


def latitudes(record: Record) -> tuple[float, float] | None:
    """Read the south and north limit of a band from its label or key, such as ``60°S–50°S`` or ``-60..-50``."""
    for text in (record["label"], record["key"]):
        limits = [-abs(float(value)) if side == "S" else float(value) for value, side in _LATITUDE.findall(str(text))]
        if len(limits) == 2:
            return min(limits), max(limits)
    return None


def bands(products: Mapping[str, xr.Dataset]) -> Table:
    """Sort the 10-degree bands from south to north; in the table's own order where a label names no latitudes."""
    rows = summary_tables({"regional": products["regional"]}).get("bands", [])
    limits = [latitudes(row) for row in rows]
    if any(limit is None for limit in limits):
        return rows
    return [row for _, row in sorted(zip(limits, rows, strict=True), key=lambda pair: pair[0] or (0.0, 0.0))]


def zonal_profile(products: Mapping[str, xr.Dataset], context: ReportContext) -> Figure:
    """Draw the shares of drying and wetting, slope with its interval, and coverage, by 10-degree band."""
    rows = bands(products)
    place = np.arange(len(rows), dtype=float)
    labels = [told(row["label"]).replace("$", r"\$") for row in rows]  # a dollar would begin a formula
    figure = sheet(
        f"Soil-moisture change by latitude, {context.period(products)}",
        f"Area-weighted, 10-degree bands; significant: {context.trend_test}; bars on slopes: {context.level} interval",
        7.2,
    )
    left = figure.add_axes((0.105, 0.1, 0.335, 0.76))
    drying, wetting = 100 * column(rows, "drying_share"), 100 * column(rows, "wetting_share")
    left.barh(place, -np.nan_to_num(drying), color=DRY, height=0.72, label="drying")
    left.barh(place, np.nan_to_num(wetting), color=WET, height=0.72, label="wetting")
    reach = float(np.nanmax(np.concatenate([drying, wetting, [1.0]]))) * 1.12
    left.set(xlim=(-reach, reach), xlabel="significant share of the area with data (%)")
    left.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    left.text(0.02, 1.015, "drying", transform=left.transAxes, color=DRY, fontsize=11, ha="left")
    left.text(0.98, 1.015, "wetting", transform=left.transAxes, color=WET, fontsize=11, ha="right")
    middle = figure.add_axes((0.47, 0.1, 0.335, 0.76))
    fixed = any(row.get("slope_fixed_cells") is not None for row in rows)
    name, of = ("slope_fixed_cells", "a fixed set of cells") if fixed else ("slope", "the band’s mean")
    slope, mean = 1e3 * column(rows, name), 1e3 * column(rows, "mean_of_slopes")
    lower, upper = 1e3 * column(rows, f"{name}_lower"), 1e3 * column(rows, f"{name}_upper")
    middle.hlines(place, lower, upper, color="#555555", linewidth=1.6)
    middle.plot(slope, place, "o", color="#222222", markersize=6, label=f"trend of {of}")
    middle.plot(mean, place - 0.3, "D", color="#d55e00", markersize=4.5, mfc="white", label="mean of the cells’ trends")
    ends = np.abs(np.concatenate([lower, upper, mean]))
    far = 1.1 * float(np.nanmax(ends)) if np.isfinite(ends).any() else 1.0
    middle.set(xlim=(-far, far), xlabel=f"slope ({SLOPE_UNITS})")
    middle.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, fontsize=8.5, frameon=False, borderpad=0.2,
                  handletextpad=0.2, columnspacing=0.8)  # fmt: skip
    right = figure.add_axes((0.835, 0.1, 0.135, 0.76))
    land, covered = column(rows, "area_km2"), column(rows, "covered_area_km2")
    with np.errstate(invalid="ignore", divide="ignore"):
        coverage = np.where(land > 0, 100 * covered / land, np.nan)
    right.barh(place, np.nan_to_num(coverage), color="#8c8c8c", height=0.72)
    right.set(xlim=(0, 100), xlabel="land with data (%)")
    for axes in (left, middle, right):
        _style(axes, place, labels if axes is left else [])
    for y, value in zip(place, slope, strict=True):
        if not np.isfinite(value):
            reason = "no data" if land[int(y)] > 0 else "no land"
            middle.text(0.0, y, reason, fontsize=8.5, color="#666666", ha="center", va="center",
                        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
    return figure


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
            f"sensors change on\n{percent(share)} of the area", (at, 0.98), (4, 0), xycoords=("data", "axes fraction"),
            textcoords="offset points", fontsize=9, color="#a33b00", va="top",
        )  # fmt: skip


def mean_series(products: Mapping[str, xr.Dataset], context: ReportContext) -> Figure:
    """Draw the series of the whole with the line of its slope and the wedge of its interval."""
    from matplotlib.ticker import MaxNLocator

    regional = products["regional"]
    years = regional["year"].values.astype(float)
    rows = summary_tables({"regional": regional}).get("regions", [])
    globe = whole(rows)
    means = regional["soil_moisture"].sel(region=globe["key"] if globe else "globe").values.astype(float)
    title = "Mean soil moisture of the region" if of_region(globe) else "Global mean soil moisture"
    figure = sheet(
        f"{title} {context.period(products)}",
        "Area-weighted mean of annual soil moisture, m³ m⁻³",
        4.6,
    )
    axes = figure.add_axes((0.08, 0.1, 0.89, 0.66))
    known = np.isfinite(means)
    axes.plot(years[known], means[known], "o-", color="#333333", markersize=5, linewidth=1, label="annual mean")
    if "fixed_cells_course" in regional and known.any():
        course = regional["fixed_cells_course"].sel(region=globe["key"] if globe else "globe").values.astype(float)
        label = "what a fixed set of cells has in common, at the same mean"
        axes.plot(years, course + means[known].mean(), "-", color="#d55e00", linewidth=1.4, label=label)
    if globe is not None and globe["slope"] is not None and known.any():
        centre, level = years[known].mean(), means[known].mean()
        slopes = {part: float("nan") if globe.get(part) is None else globe[part] for part in _LINES}
        line = {part: level + slope * (years - centre) for part, slope in slopes.items()}
        widest = np.max(np.abs(line["slope_upper"] - line["slope_lower"]))
        if not np.isfinite(widest) or widest > 4 * np.ptp(means[known]):
            note = "the interval of the slope is too wide to draw: see the table"
            axes.text(0.98, 0.04, note, transform=axes.transAxes, ha="right", fontsize=10, color="#555555")
        else:
            limits = line["slope_lower"], line["slope_upper"]
            interval = f"{context.level} interval of the slope"
            axes.fill_between(years, *limits, color="#0062a8", alpha=0.15, linewidth=0, label=interval)
        axes.plot(years, line["slope"], color="#0062a8", linewidth=2, label="least-squares trend")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, fontsize=8.5, frameon=False, borderpad=0)
    else:
        what = "trend of the region" if of_region(globe) else "global trend"
        axes.text(0.5, 0.5, f"No {what} could be computed", transform=axes.transAxes, ha="center", fontsize=13)
    if known.any():
        # The wedge of a wide interval would flatten the series: it may extend beyond the picture.
        heights = np.concatenate([line.get_ydata() for line in axes.lines])
        room = 0.5 * (np.ptp(heights) or 0.01)
        axes.set_ylim(heights.min() - room, heights.max() + room)
    else:
        axes.set_yticks([])
    if known.any() and "trend" in products:
        _mark_sensor_changes(axes, sensor_changes(products["trend"]))
    axes.set_xlim(years.min() - 0.8, years.max() + 0.8)
    axes.set_ylabel("m³ m⁻³", fontsize=10.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.ticklabel_format(useOffset=False)
    axes.tick_params(labelsize=10)
    axes.grid(color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure


def column(rows: Table, key: str) -> npt.NDArray[np.float64]:
    """Return a column of a table as numbers, NaN where it is missing."""
    return np.array([np.nan if row.get(key) is None else float(row[key]) for row in rows])


def _style(axes: Axes, place: npt.NDArray[np.float64], labels: list[str]) -> None:
    axes.set_ylim(-0.6, place.size - 0.4)
    axes.set_yticks(place, labels=labels or [""] * place.size, fontsize=9.5)
    axes.tick_params(axis="x", labelsize=9.5)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.label.set_fontsize(10)
    axes.axvline(0, color="#333333", linewidth=0.8)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
