"""Figures of the study's results by class of change and by property of the land: R4, R5 and R6."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from smcloud.products import palette
from smcloud.products.flags import CLASS_MEANING
from smcloud.report.canvas import sheet
from smcloud.report.context import ReportContext
from smcloud.report.ddww_sentences import ddww_shares
from smcloud.report.labels import label
from smcloud.report.language import message, tell
from smcloud.report.profiles import column
from smcloud.report.rounding import SLOPE_UNITS, Table, words
from smcloud.report.scope import region_name
from smcloud.report.tables import class_records, summary_tables
from smcloud.report.values import plain
from smcloud.secrecy import told

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = {
    "land_cover": message("Land cover"), "texture": message("Soil texture"), "elevation": message("Elevation"),
    "lai": message("Leaf area index"), "aridity": message("Aridity"),
}  # fmt: skip
STUDY_SHARE = 41.06


def _share_rows(got: Mapping[str, float | None]) -> list[tuple[str, float | None, str, str]]:
    """Label, share, attribute of its interval and colour: the share and its opposite by both denominators."""
    own, other = palette.CLASS_COLOURS["WD"], palette.CLASS_COLOURS["TW"]
    return [
        (tell("DDWW, of the changed land with a zone"), got["of_change"], "ddww_share_of_change", own),
        (tell("its opposite (DW and WD), of the same"), got["opposite_of_change"], "", other),
        (tell("DDWW, of all land with a trend and a zone"), got["of_land"], "ddww_share_of_land", own),
        (tell("its opposite, of the same"), got["opposite_of_land"], "", other),
    ]


def share_figure(products: Mapping[str, xr.Dataset], context: ReportContext) -> Figure:
    """Draw the DDWW share by both denominators with its interval, its opposite, and what chance gives."""
    ddww = products["ddww"]
    got, attrs = ddww_shares(ddww, class_records(ddww)), ddww.attrs
    figure = sheet(
        tell(
            "Dry gets drier and wet gets wetter: the share and what chance gives, {period}",
            period=context.period(products),
        ),
        tell(
            "Bars on dots: {level} intervals by tiles of 20 degrees; grey: 95 % of simulated maps whose directions "
            "know "
            "nothing of the zones",
            level=context.level,
        ),
        4.3,
    )
    axes = figure.add_axes((0.3, 0.15, 0.66, 0.66))

    def number(name: str) -> float:
        value = plain(attrs[name]) if name in attrs else None
        return float("nan") if value is None else 100 * value

    rows = _share_rows(got)
    place = np.arange(len(rows), dtype=float)[::-1]
    low, high, expected = number("ddww_null_lower"), number("ddww_null_upper"), got["by_chance"]
    if np.isfinite(low):
        axes.barh(place[0], high - low, left=low, height=0.7, color="#dcdcdc", label=tell("range by chance"))
    if expected is not None:
        axes.plot([100 * expected] * 2, [place[0] - 0.35, place[0] + 0.35], color="#555555", linewidth=2,
                  label=tell("expected from the parts of zones and directions"))  # fmt: skip
    if not region_name(products):  # the study's share is the globe's
        axes.plot([STUDY_SHARE] * 2, [place[0] - 0.35, place[0] + 0.35], color="#a33b00", linewidth=2, linestyle=":",
                  label=tell("the study’s 41.06 %, its zones unknown"))  # fmt: skip
    for y, (_, value, name, colour) in zip(place, rows, strict=True):
        if name:
            axes.hlines(y, number(f"{name}_lower"), number(f"{name}_upper"), color=colour, linewidth=2)
        if value is not None:
            axes.plot(100 * value, y, "o", color=colour, markersize=8)
    axes.set(xlim=(0, 100), ylim=(-0.6, len(rows) - 0.4), xlabel=tell("share of the area (%)"))
    axes.set_yticks(place, labels=[row[0] for row in rows], fontsize=10)
    axes.legend(loc="lower right", fontsize=9, frameon=False)
    _clean(axes)
    return figure


def class_figure(products: Mapping[str, xr.Dataset], context: ReportContext) -> Figure:
    """Draw by class the part of each driver in the mean trend, and where the driver itself rises and falls."""
    rows = summary_tables({"strata": products["strata"]}).get("strata_ddww", [])
    names = [str(name) for name in products["strata"]["driver"].values]
    colours = [positive for positive, _ in palette.driver_colours(names)]
    figure = sheet(
        tell("What goes with each class of change, {period}", period=context.period(products)),
        tell(
            "Means over the cells of a class, which was chosen by its trend: they describe, and nothing here is tested"
        ),
        5.6,
    )
    left, right = figure.add_axes((0.18, 0.11, 0.385, 0.68)), figure.add_axes((0.615, 0.11, 0.365, 0.68))
    place = np.arange(len(rows), dtype=float)[::-1]
    height = 0.75 / len(names)
    shifts = (np.arange(len(names)) - (len(names) - 1) / 2) * height
    for name, colour, shift in zip(names, colours, -shifts, strict=True):
        part = 1e3 * column(rows, f"trend_contribution: {name}")
        left.barh(place + shift, np.nan_to_num(part), height=0.9 * height, color=colour, label=words(name))
        falling, rising = (100 * column(rows, f"{side}_share: {name}") for side in ("falling", "rising"))
        right.barh(place + shift, -np.nan_to_num(falling), height=0.9 * height, color=colour)
        right.barh(place + shift, np.nan_to_num(rising), height=0.9 * height, color=colour)
    total = 1e3 * column(rows, "mean_of_slopes")
    left.plot(total, place, "D", color="#222222", markersize=6, mfc="white", label=tell("mean trend of the class"))
    left.set_xlabel(tell("part of the trend that goes with the driver ({units})", units=SLOPE_UNITS), fontsize=10)
    right.set(xlim=(-105, 105), xlabel=tell("driver has a significant trend on so much of the class (%)"))
    right.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    for side, where, text in (("left", 0.02, tell("falls")), ("right", 0.98, tell("rises"))):
        right.text(where, 1.01, text, transform=right.transAxes, fontsize=10.5, color="#444444", ha=side)
    labels = [
        tell("{class_}: {meaning}", class_=row["key"].split("/")[-1], meaning=_short(str(row["key"]))) for row in rows
    ]
    for axes in (left, right):
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_yticks(place, labels=labels if axes is left else [""] * len(rows), fontsize=9.5)
        _clean(axes)
    left.legend(loc="lower left", bbox_to_anchor=(-0.38, 1.0), ncols=len(names) + 1, fontsize=9.5, frameon=False,
                columnspacing=1.0, borderpad=0.2)  # fmt: skip
    return figure


def _short(key: str) -> str:
    return label(CLASS_MEANING.get(key.split("/")[-1], key))


def strata_figure(products: Mapping[str, xr.Dataset], context: ReportContext) -> Figure:
    """Draw the trend of each stratum with land, and the mean partial r of each driver in it, with their intervals."""
    tables = summary_tables({"strata": products["strata"]})
    groups = {kind: [row for row in tables.get(f"strata_{kind}", []) if row["n_cells"]] for kind in KINDS}
    groups = {kind: rows for kind, rows in groups.items() if rows}
    names = [str(name) for name in products["strata"]["driver"].values]
    colours = [positive for positive, _ in palette.driver_colours(names)]
    count = sum(len(rows) + 1 for rows in groups.values())
    height = 1.9 + 0.27 * count
    figure = sheet(
        tell("Trend and drivers by property of the land, {period}", period=context.period(products)),
        tell(
            "Dots: means; bars: {level} intervals (trend: effective sample size; r: tiles of 20 degrees; hollow: "
            "none); "
            "grey: fewer than 10 cells",
            level=context.level,
        ),
        height,
    )
    bottom, top = 0.55 / height, 1 - 1.05 / height
    left = figure.add_axes((0.185, bottom, 0.375, top - bottom))
    right = figure.add_axes((0.6, bottom, 0.38, top - bottom))
    y, places, labels = float(count - 1), [], []
    bold = []
    for kind, rows in groups.items():
        places.append(y)
        labels.append(tell(KINDS[kind]))
        bold.append(True)
        for row in rows:
            y -= 1
            places.append(y)
            labels.append(told(label(str(row["label"]))).replace("$", r"\$"))
            bold.append(False)
            _row(left, right, y, row, names, colours)
        y -= 1
    ends = [1e3 * row["slope"] for rows in groups.values() for row in rows if row["slope"] is not None]
    far = 1.6 * float(np.max(np.abs(ends))) if ends else 1.0
    left.set(xlim=(-far, far), xlabel=tell("trend of the mean ({units}); a longer bar goes on", units=SLOPE_UNITS))
    right.set_xlabel(tell("mean partial r of all cells"), fontsize=10)
    for axes in (left, right):
        axes.set_ylim(-0.7, count - 0.3)
        axes.set_yticks(places, labels=labels if axes is left else [""] * len(places), fontsize=9.5)
        _clean(axes)
    for text, strong in zip(left.get_yticklabels(), bold, strict=True):
        text.set_fontweight("bold" if strong else "normal")
    for name, colour in zip(names, colours, strict=True):
        right.plot([], [], "o-", color=colour, label=words(name))
    right.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(names), fontsize=9.5, frameon=False, borderpad=0)
    return figure


def _row(left: Axes, right: Axes, y: float, row: dict[str, object], names: list[str], colours: list[str]) -> None:
    own: Table = [row]
    few = int(column(own, "n_cells")[0]) < 10
    slope, lower, upper = (1e3 * column(own, f"slope{end}") for end in ("", "_lower", "_upper"))
    left.hlines(y, lower, upper, color="#b5b5b5" if few else "#555555", linewidth=1.5)
    dark = "#b5b5b5" if few else "#222222"
    left.plot(slope, [y], "o", color=dark, markersize=5, mfc=dark if np.isfinite(lower).all() else "white")
    shifts = np.linspace(0.22, -0.22, len(names)) if len(names) > 1 else np.zeros(1)
    for name, colour, shift in zip(names, colours, shifts, strict=True):
        mean, low, high = (column(own, f"partial_correlation: {name}{end}") for end in ("", "_lower", "_upper"))
        right.hlines(y + shift, low, high, color=colour, linewidth=1.2)
        tone = "#b5b5b5" if few else colour
        right.plot(mean, [y + shift], "o", color=tone, markersize=4, mfc=tone if np.isfinite(low).all() else "white")


def _clean(axes: Axes) -> None:
    axes.axvline(0, color="#333333", linewidth=0.8)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(axis="x", labelsize=9.5)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.label.set_fontsize(10)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
