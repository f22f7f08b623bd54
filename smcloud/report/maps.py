"""The maps: significant trend, detectable trend, strongest partial correlation, DDWW classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.products import palette
from smcloud.products.flags import CLASS_MEANING
from smcloud.report.canvas import (
    NO_DATA_TEXT,
    Bools,
    Colours,
    colour_table,
    draw_cells,
    frame,
    legend,
    on_map_grid,
    scale_end,
    two_sided_bar,
)
from smcloud.report.context import ReportContext
from smcloud.report.labels import label
from smcloud.report.language import message, tell
from smcloud.report.rounding import MINUS, SLOPE_UNITS, Record, percent, words
from smcloud.report.tables import class_records, driver_records

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TIE_CODE, NO_DATA_CODE = 254, 255
ENDS = "end_years_slope_change"
ZONE_NOTE = message("Striped: land without a trend (too few valid years, or no data) or without a zone. White: water.")


def trend_limit(trend: xr.Dataset) -> float:
    """Find the end of the colour scale in 1e-3 m3 m-3 yr-1: the 95th percentile of significant |slope|, rounded up.

    Where no cell is significant, it is that of all cells; 1 where there is no value at all.
    """
    slope = np.abs(trend["slope"].values.astype(float)) * 1e3
    chosen = slope[(trend["significant"].values == 1) & np.isfinite(slope)]
    return scale_end(chosen if chosen.size else slope)


def trend_cells(trend: xr.Dataset, limit: float) -> tuple[Colours, Bools]:
    """Return the colours (lat, lon, RGBA) of the trend map, and which cells have no slope.

    A significant cell has the colour of its slope's step (four on each side of zero within the limit, one
    beyond it), any other cell with a slope is light grey.
    """
    slope = trend["slope"].values.astype(float) * 1e3
    missing = ~np.isfinite(slope)
    step = _trend_steps(np.where(missing, 0, slope), limit)
    del slope
    table = colour_table(palette.TREND_STEPS)
    significant = (trend["significant"].values == 1) & ~missing
    return np.where(significant[..., None], table[step], colour_table([palette.NOT_SIGNIFICANT])[0]), missing


def driver_cells(drivers: xr.Dataset) -> tuple[Colours, Bools]:
    """Return the colours (lat, lon, RGBA) of the driver map, and which cells have no data (code 255)."""
    names = [str(name) for name in drivers["driver"].values]
    code = drivers["dominant_driver"].values.astype(int)
    negative = drivers["dominant_correlation"].values < 0
    table = np.zeros((256, 2, 4), dtype=np.uint8)
    table[0] = colour_table([palette.NOT_SIGNIFICANT])[0]
    table[TIE_CODE] = colour_table([palette.TIE])[0]
    for index, pair in enumerate(palette.driver_colours(names), start=1):
        table[index] = colour_table(pair)
    return table[code, negative.astype(int)], code == NO_DATA_CODE


def ddww_cells(ddww: xr.Dataset) -> tuple[Colours, Bools]:
    """Return the colours (lat, lon, RGBA) of the DDWW map, and which cells have no data (code 255)."""
    code = ddww["ddww_class"].values.astype(int)
    table = np.zeros((256, 4), dtype=np.uint8)
    table[0] = colour_table([palette.NOT_SIGNIFICANT])[0]
    table[1:7] = colour_table([palette.CLASS_COLOURS[name] for name in palette.CLASSES])
    return table[code], code == NO_DATA_CODE


def trend_map(products: Mapping[str, xr.Dataset], context: ReportContext) -> Figure:
    """Draw the map of the slope where it is significant."""
    trend = on_map_grid(products["trend"], ["slope", "significant"])
    limit = trend_limit(trend)
    subtitles = {
        "ols": tell("Surface soil moisture, least-squares slope of annual values in {units}, {grid}"),
        "sen": tell("Surface soil moisture, Theil–Sen slope of annual values in {units}, {grid}"),
    }
    estimator = str(dict(context.config.get("trend", {})).get("estimator", ""))
    subtitle = subtitles.get(estimator, tell("Surface soil moisture, slope of annual values in {units}, {grid}"))
    figure, axes = frame(
        tell("Soil-moisture trend {period} where {test}", period=context.period(products), test=context.trend_test),
        subtitle.format(units=SLOPE_UNITS, grid=context.grid),
    )
    draw_cells(figure, axes, trend, trend_cells(trend, limit), context)
    two_sided_bar(figure, limit, (tell("drying"), tell("wetting")))
    legend(
        figure,
        [(palette.NOT_SIGNIFICANT, tell("no significant trend")), (None, tell(NO_DATA_TEXT))],
        (0.66, 0.165),
        rows=2,
    )
    return figure


def end_year_cells(trend: xr.Dataset, limit: float) -> tuple[Colours, Bools]:
    """Return the colours (lat, lon, RGBA) of the map of slopes without end years, and which cells have none.

    The steps of the trend map, of the change of the slope within ``limit`` (1e-3 m3 m-3 yr-1) and beyond.
    """
    change = trend[ENDS].values.astype(float) * 1e3
    missing = ~np.isfinite(change)
    return colour_table(palette.TREND_STEPS)[_trend_steps(np.where(missing, 0, change), limit)], missing


def _trend_steps(values: npt.NDArray[np.float64], limit: float) -> npt.NDArray[np.uint8]:
    """The step of the trend's colours of each of ``values``, which are overwritten: fields are large."""
    values /= limit
    values *= 4
    np.floor(values, out=values)
    values += 5
    return np.clip(values, 0, 9, out=values).astype(np.uint8)


def end_year_map(products: Mapping[str, xr.Dataset], context: ReportContext) -> Figure:
    """Draw the map of the largest change of the slope where one or two years at an end are left out."""
    trend = on_map_grid(products["trend"], [ENDS])
    limit = scale_end(np.abs(trend[ENDS].values.astype(float)) * 1e3)
    figure, axes = frame(
        tell("What leaving out the ends of the record does to the slope, {period}", period=context.period(products)),
        tell(
            "Largest change without one or two years at the first, the last or both ends, {units}, {grid}",
            units=SLOPE_UNITS,
            grid=context.grid,
        ),
    )
    draw_cells(figure, axes, trend, end_year_cells(trend, limit), context)
    two_sided_bar(figure, limit, (tell("lower without them"), tell("higher without them")))
    legend(figure, [(None, tell(NO_DATA_TEXT))], (0.66, 0.14), rows=1)
    return figure


def driver_map(products: Mapping[str, xr.Dataset], context: ReportContext) -> Figure:
    """Draw the map of the driver with the strongest significant partial correlation, and its sign."""
    drivers = on_map_grid(products["drivers"], ["dominant_driver", "dominant_correlation"])
    names = [str(name) for name in products["drivers"]["driver"].values]
    drivers = drivers.assign_coords(driver=names)
    figure, axes = frame(
        tell(
            "Strongest partial correlation {period} where {test}",
            period=context.period(products),
            test=context.driver_test,
        ),
        tell(
            "Annual soil moisture with each driver, the others held fixed: dark positive, light negative; shares of "
            "the "
            "area with a result; {grid}",
            grid=context.grid,
        ),
    )
    draw_cells(figure, axes, drivers, driver_cells(drivers), context)
    shares = {str(row["driver"]): row for row in driver_records(products["drivers"])}
    entries: list[tuple[str | None, str]] = []
    same: dict[tuple[str, str], list[str]] = {}
    for name, pair in zip(names, palette.driver_colours(names), strict=True):
        same.setdefault(pair, []).append(name)
    for (positive, negative), group in same.items():
        group_label = tell(" or ").join(words(name) for name in group)
        entries.append((positive, f"+ {group_label}  {_together(shares, group, 'positive_share')}"))
        entries.append((negative, f"{MINUS} {group_label}  {_together(shares, group, 'negative_share')}"))
    entries.append((palette.NOT_SIGNIFICANT, tell("none significant {share}", share=percent(shares["none"]["share"]))))
    entries.append((palette.TIE, tell("tie {share}", share=percent(shares["tie"]["share"]))))
    entries.append((None, tell(NO_DATA_TEXT)))
    legend(figure, entries, (0.03, 0.165), rows=2 if len(same) <= 3 else 4)
    return figure


def ddww_map(products: Mapping[str, xr.Dataset], context: ReportContext) -> Figure:
    """Draw the map of the six DDWW classes."""
    ddww = on_map_grid(products["ddww"], ["ddww_class"])
    figure, axes = frame(
        tell(
            "Dry gets drier, wet gets wetter? {period} where {test}",
            period=context.period(products),
            test=context.trend_test,
        ),
        tell(
            "Dark: drier, light: wetter; per cent: shares of the area with a significant change; {grid}",
            grid=context.grid,
        ),
    )
    draw_cells(figure, axes, ddww, ddww_cells(ddww), context, ZONE_NOTE)
    shares = {str(row["class"]): row["share_of_change"] for row in class_records(products["ddww"])}
    entries: list[tuple[str | None, str]] = [
        (palette.CLASS_COLOURS[name], f"{name} {label(CLASS_MEANING[name])}  {percent(shares.get(name))}")
        for name in palette.CLASSES
    ]
    entries += [(palette.NOT_SIGNIFICANT, tell("no significant change")), (None, tell("no trend or no zone"))]
    legend(figure, entries, (0.03, 0.165), rows=2)
    return figure


def _together(shares: Mapping[str, Record], names: Sequence[str], key: str) -> str:
    known = [shares[name][key] for name in names if shares[name][key] is not None]
    return percent(sum(known) if known else None)
