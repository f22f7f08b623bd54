"""The zonal profile: shares, slopes and coverage by band of latitude."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.products import palette
from smcloud.report.canvas import sheet
from smcloud.report.context import ReportContext
from smcloud.report.labels import label
from smcloud.report.language import tell
from smcloud.report.rounding import SLOPE_UNITS, Record, Table
from smcloud.report.tables import summary_tables
from smcloud.secrecy import told

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LATITUDE = re.compile(r"((?<![\d°NSns])-?\d+(?:\.\d+)?)\s*°?\s*([NS])?")
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
    labels = [told(label(row["label"])).replace("$", r"\$") for row in rows]  # a dollar would begin a formula
    figure = sheet(
        tell("Soil-moisture change by latitude, {period}", period=context.period(products)),
        tell(
            "Area-weighted, 10-degree bands; significant: {test}; bars on slopes: {level} interval",
            test=context.trend_test,
            level=context.level,
        ),
        7.2,
    )
    left = figure.add_axes((0.105, 0.1, 0.335, 0.76))
    drying, wetting = 100 * column(rows, "drying_share"), 100 * column(rows, "wetting_share")
    left.barh(place, -np.nan_to_num(drying), color=DRY, height=0.72, label=tell("drying"))
    left.barh(place, np.nan_to_num(wetting), color=WET, height=0.72, label=tell("wetting"))
    reach = float(np.nanmax(np.concatenate([drying, wetting, [1.0]]))) * 1.12
    left.set(xlim=(-reach, reach), xlabel=tell("significant share of the area with data (%)"))
    left.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    left.text(0.02, 1.015, tell("drying"), transform=left.transAxes, color=DRY, fontsize=11, ha="left")
    left.text(0.98, 1.015, tell("wetting"), transform=left.transAxes, color=WET, fontsize=11, ha="right")
    middle = figure.add_axes((0.47, 0.1, 0.335, 0.76))
    fixed = any(row.get("slope_fixed_cells") is not None for row in rows)
    name = "slope_fixed_cells" if fixed else "slope"
    of = tell("trend of a fixed set of cells") if fixed else tell("trend of the band’s mean")
    slope, mean = 1e3 * column(rows, name), 1e3 * column(rows, "mean_of_slopes")
    lower, upper = 1e3 * column(rows, f"{name}_lower"), 1e3 * column(rows, f"{name}_upper")
    middle.hlines(place, lower, upper, color="#555555", linewidth=1.6)
    middle.plot(slope, place, "o", color="#222222", markersize=6, label=of)
    middle.plot(
        mean, place - 0.3, "D", color="#d55e00", markersize=4.5, mfc="white", label=tell("mean of the cells’ trends")
    )
    ends = np.abs(np.concatenate([lower, upper, mean]))
    far = 1.1 * float(np.nanmax(ends)) if np.isfinite(ends).any() else 1.0
    middle.set(xlim=(-far, far), xlabel=tell("slope ({units})", units=SLOPE_UNITS))
    middle.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, fontsize=8.5, frameon=False, borderpad=0.2,
                  handletextpad=0.2, columnspacing=0.8)  # fmt: skip
    right = figure.add_axes((0.835, 0.1, 0.135, 0.76))
    land = _coverage(right, rows)
    for axes in (left, middle, right):
        _style(axes, place, labels if axes is left else [])
    for y, value in zip(place, slope, strict=True):
        if not np.isfinite(value):
            reason = tell("no data") if land[int(y)] > 0 else tell("no land")
            middle.text(0.0, y, reason, fontsize=8.5, color="#666666", ha="center", va="center",
                        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
    return figure


def _coverage(right: Axes, rows: Table) -> npt.NDArray[np.float64]:
    """Bars of the share of land with data by band; returns the land."""
    place = np.arange(len(rows), dtype=float)
    land, covered = column(rows, "area_km2"), column(rows, "covered_area_km2")
    with np.errstate(invalid="ignore", divide="ignore"):
        coverage = np.where(land > 0, 100 * covered / land, np.nan)
    right.barh(place, np.nan_to_num(coverage), color="#8c8c8c", height=0.72)
    right.set(xlim=(0, 100), xlabel=tell("land with data (%)"))
    return land


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
