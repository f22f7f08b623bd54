"""Figures of the study's results by latitude and by wetness: R2 and R3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.products import palette
from smcloud.report.canvas import sheet
from smcloud.report.context import ReportContext
from smcloud.report.language import message, tell
from smcloud.report.profiles import bands, column, latitudes
from smcloud.report.rounding import SLOPE_UNITS, Table, shown, words
from smcloud.report.tables import find, summary_tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEMISPHERES = {
    "north": (message("Northern hemisphere"), "#0062a8"),
    "south": (message("Southern hemisphere"), "#b34a00"),
}


def has_hemispheres(regional: xr.Dataset) -> bool:
    """Return whether ``regional`` holds the parts of both hemispheres."""
    return "part_of_whole" in regional and {*HEMISPHERES} <= {*map(str, regional["region"].values)}


def latitude_figure(products: Mapping[str, xr.Dataset], context: ReportContext) -> Figure:
    """Draw the trend of fixed cells by distance from the equator with its line, and the parts of the global trend."""
    regional = products["regional"]
    rows, regions = bands(products), summary_tables({"regional": regional}).get("regions", [])
    figure = sheet(
        tell(
            "Trend of a fixed set of cells against the distance from the equator, {period}",
            period=context.period(products),
        ),
        tell(
            "Dots: 10-degree bands; lines: least squares through the cells; bars and shades: {level} intervals",
            level=context.level,
        ),
        5.4,
    )
    axes = figure.add_axes((0.08, 0.12, 0.57, 0.66))
    heights = [0.0]
    for shift, (key, (label, colour)) in zip((-0.6, 0.6), HEMISPHERES.items(), strict=True):
        south = key == "south"
        own = [row for row in rows if (limits := latitudes(row)) and (sum(limits) < 0) == south]
        place = np.array([abs(sum(latitudes(row) or (0.0, 0.0))) / 2 for row in own])
        slope, lower, upper = (1e3 * column(own, f"slope_fixed_cells{end}") for end in ("", "_lower", "_upper"))
        axes.vlines(place + shift, lower, upper, color=colour, linewidth=1.4)
        axes.plot(place + shift, slope, "o", color=colour, markersize=6, label=tell(label))
        heights += slope[np.isfinite(slope)].tolist()
        seen = place[np.isfinite(slope)]
        if "latitude_line" in regional and seen.size:
            at = regional["distance"].values
            inside = (at >= seen.min() - 5) & (at <= seen.max() + 5)
            line, low, high = (
                1e3 * regional[f"latitude_line{end}"].sel(region=key).values[inside] for end in ("", "_lower", "_upper")
            )
            axes.plot(at[inside], line, color=colour, linewidth=1.8)
            axes.fill_between(at[inside], low, high, color=colour, alpha=0.13, linewidth=0)
            heights += [*low[np.isfinite(low)], *high[np.isfinite(high)]]
    far = 1.15 * float(np.max(np.abs(heights))) or 1.0
    axes.set(xlim=(0, 90), ylim=(-far, far), xlabel=tell("distance from the equator (degrees)"), ylabel=SLOPE_UNITS)
    axes.set_xticks(np.arange(0, 91, 10))
    _clean(axes)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, fontsize=10, frameon=False, borderpad=0)
    _parts(figure.add_axes((0.735, 0.12, 0.245, 0.66)), regions)
    return figure


def _parts(axes: Axes, regions: Table) -> None:
    """Bars of what each hemisphere adds to the global trend, and their sum."""
    keys = {"south": tell("South"), "north": tell("North"), "globe": tell("Both")}
    found = [find(regions, key) or {} for key in keys]
    part, lower, upper = (1e3 * column(found, f"part_of_whole{end}") for end in ("", "_lower", "_upper"))
    colours = [HEMISPHERES["south"][1], HEMISPHERES["north"][1], "#555555"]
    place = np.arange(3.0)
    axes.bar(place, np.nan_to_num(part), color=colours, width=0.62)
    axes.vlines(place, lower, upper, color="#222222", linewidth=1.6)
    axes.set_xticks(place, labels=list(keys.values()), fontsize=10)
    known = np.concatenate([[0.0], part, lower, upper])
    low, high = float(np.nanmin(known)), float(np.nanmax(known))
    room = 0.15 * (high - low or 1.0)
    axes.set(ylim=(low - room, high + room), xlim=(-0.6, 2.6))
    axes.set_title(tell("Part of the global trend\n({units})", units=SLOPE_UNITS), fontsize=10, loc="left")
    _clean(axes)
    for x, value in zip(place, part, strict=True):
        text = tell("no data") if not np.isfinite(value) else shown("slope", value / 1e3)
        axes.annotate(text, (x, high), (0, 3), textcoords="offset points", ha="center", va="bottom", fontsize=9)


def decile_figure(products: Mapping[str, xr.Dataset], context: ReportContext) -> Figure:
    """Draw mean partial r and share of the strongest driver by decile of mean soil moisture, with their intervals."""
    strata = products["strata"]
    own = strata.sel(stratum=(strata["kind"] == "climatology").values)
    names = [str(name) for name in own["driver"].values]
    figure = sheet(
        tell("The drivers by wetness of the land, {period}", period=context.period(products)),
        tell(
            "Tenths of the land from the driest (1) to the wettest (10); bars: {level} intervals by 20-degree tiles, "
            "hollow without",
            level=context.level,
        ),
        5.4,
    )
    left, right = figure.add_axes((0.075, 0.17, 0.415, 0.6)), figure.add_axes((0.565, 0.17, 0.415, 0.6))
    colours = [positive for positive, _ in palette.driver_colours(names)]
    place = np.arange(1.0, own.sizes["stratum"] + 1)
    shifts = np.linspace(-0.22, 0.22, len(names)) if len(names) > 1 else np.zeros(1)
    for axes, key, scale in ((left, "partial_correlation", 1.0), (right, "dominant_share", 100.0)):
        for name, colour, shift in zip(names, colours, shifts, strict=True):
            mean, lower, upper = (
                scale * own[f"{key}{end}"].sel(driver=name).values
                if f"{key}{end}" in own
                else np.full(place.size, np.nan)
                for end in ("", "_lower", "_upper")
            )
            _dots(axes, place + shift, (mean, lower, upper), colour, words(name))
        axes.set(xlim=(0.4, place.size + 0.6), xlabel=tell("decile of mean soil moisture (below: its mean, m³ m⁻³)"))
        axes.set_xticks(place, labels=[_level(own, k) for k in range(place.size)], fontsize=9)
        _clean(axes)
    left.set_ylabel(tell("mean partial r of all cells"), fontsize=10.5)
    right.set_ylabel(tell("is the strongest on (% of the area tested)"), fontsize=10.5)
    right.set_ylim(bottom=0)
    left.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(names), fontsize=10, frameon=False, borderpad=0)
    return figure


def _level(own: xr.Dataset, k: int) -> str:
    series = own["soil_moisture"].isel(stratum=k).values
    mean = f"{np.nanmean(series):.2f}" if np.isfinite(series).any() else "–"
    return f"{k + 1}\n{mean}"


def _dots(
    axes: Axes, place: npt.NDArray[np.float64], values: Sequence[npt.NDArray[np.float64]], colour: str, label: str
) -> None:
    """Means with their limits; hollow where a mean has none."""
    mean, lower, upper = values
    axes.vlines(place, lower, upper, color=colour, linewidth=1.5, alpha=0.85)
    bounded = np.isfinite(lower) & np.isfinite(upper)
    axes.plot(place[bounded], mean[bounded], "o", color=colour, markersize=6, label=label)
    axes.plot(place[~bounded], mean[~bounded], "o", color=colour, markersize=6, mfc="white")


def _clean(axes: Axes) -> None:
    axes.axhline(0, color="#333333", linewidth=0.8)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
