"""The three maps: significant trend, strongest partial correlation, DDWW classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.cube.axes import edges
from smcloud.products.flags import CLASS_MEANING
from smcloud.report import palette
from smcloud.report.context import SLOPE_UNITS, ReportContext
from smcloud.report.projection import choose_projection, outline, picture, sorted_grid
from smcloud.report.rounding import MINUS, Record, percent, words
from smcloud.report.tables import class_records, driver_records

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 150
WIDTH = 10.67  # inches: 1600 pixels
TIE_CODE, NO_DATA_CODE = 254, 255
NO_DATA_TEXT = "land without a value"
NOTE = "Striped: land where no value could be computed (too few valid years, or no data). White: water."
ZONE_NOTE = "Striped: land without a trend (too few valid years, or no data) or without a zone. White: water."
NO_MASK_NOTE = "White: no value could be computed, or water; the run has no land mask."

Colours = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]


def trend_limit(trend: xr.Dataset) -> float:
    """Find the end of the colour scale in 1e-3 m3 m-3 yr-1: the 95th percentile of significant |slope|, rounded up.

    Where no cell is significant, it is that of all cells; 1 where there is no value at all.
    """
    slope = np.abs(trend["slope"].values.astype(float)) * 1e3
    chosen = slope[(trend["significant"].values == 1) & np.isfinite(slope)]
    if not chosen.size:
        chosen = slope[np.isfinite(slope)]
    if not chosen.size or not chosen.max() > 0:
        return 1.0
    high = float(np.percentile(chosen, 95))
    power = 10.0 ** np.floor(np.log10(high))
    nice = power * np.array([1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10])
    return float(nice[nice >= high * (1 - 1e-9)][0])


def trend_cells(trend: xr.Dataset, limit: float) -> tuple[Colours, Bools]:
    """Return the colours (lat, lon, RGBA) of the trend map, and which cells have no slope.

    A significant cell has the colour of its slope's step (four on each side of zero within the limit, one
    beyond it), any other cell with a slope is light grey.
    """
    slope = trend["slope"].values.astype(float) * 1e3
    missing = ~np.isfinite(slope)
    step = np.clip(np.floor(np.where(missing, 0, slope) / limit * 4) + 5, 0, 9).astype(int)
    table = _table(palette.TREND_STEPS)
    significant = (trend["significant"].values == 1) & ~missing
    return np.where(significant[..., None], table[step], _table([palette.NOT_SIGNIFICANT])[0]), missing


def driver_cells(drivers: xr.Dataset) -> tuple[Colours, Bools]:
    """Return the colours (lat, lon, RGBA) of the driver map, and which cells have no data (code 255)."""
    names = [str(name) for name in drivers["driver"].values]
    code = drivers["dominant_driver"].values.astype(int)
    negative = drivers["dominant_correlation"].values < 0
    table = np.zeros((256, 2, 4), dtype=np.uint8)
    table[0] = _table([palette.NOT_SIGNIFICANT])[0]
    table[TIE_CODE] = _table([palette.TIE])[0]
    for index, pair in enumerate(palette.driver_colours(names), start=1):
        table[index] = _table(pair)
    return table[code, negative.astype(int)], code == NO_DATA_CODE


def ddww_cells(ddww: xr.Dataset) -> tuple[Colours, Bools]:
    """Return the colours (lat, lon, RGBA) of the DDWW map, and which cells have no data (code 255)."""
    code = ddww["ddww_class"].values.astype(int)
    table = np.zeros((256, 4), dtype=np.uint8)
    table[0] = _table([palette.NOT_SIGNIFICANT])[0]
    table[1:7] = _table([palette.CLASS_COLOURS[name] for name in palette.CLASSES])
    return table[code], code == NO_DATA_CODE


def trend_map(products: Mapping[str, xr.Dataset], context: ReportContext) -> Figure:
    """Draw the map of the slope where it is significant."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap

    trend = _on_map_grid(products["trend"], ["slope", "significant"])
    limit = trend_limit(trend)
    estimator = {"ols": "least-squares", "sen": "Theil–Sen"}.get(
        str(dict(context.config.get("trend", {})).get("estimator", "")), "estimated"
    )
    figure, axes = _frame(
        f"Soil-moisture trend {context.period(products)} where {context.trend_test}",
        f"Surface soil moisture, {estimator} slope of annual values in {SLOPE_UNITS}, {context.grid}",
    )
    _draw(figure, axes, trend, trend_cells(trend, limit), context)
    bar = figure.add_axes((0.05, 0.105, 0.52, 0.028))
    steps = list(palette.TREND_STEPS)
    scale = ListedColormap(steps[1:-1]).with_extremes(under=steps[0], over=steps[-1])
    bounds = list(np.linspace(-limit, limit, 9))
    mappable = ScalarMappable(BoundaryNorm(bounds, 8), scale)
    colorbar = figure.colorbar(mappable, cax=bar, orientation="horizontal", extend="both", extendfrac=0.12)
    colorbar.set_ticks(bounds, labels=[_tick(bound) for bound in bounds])
    colorbar.ax.tick_params(labelsize=10, length=3)
    figure.text(0.05, 0.145, "drying", fontsize=10.5, ha="left", color=steps[0])
    figure.text(0.57, 0.145, "wetting", fontsize=10.5, ha="right", color=steps[-1])
    figure.text(0.31, 0.145, SLOPE_UNITS, fontsize=10.5, ha="center")
    _legend(figure, [(palette.NOT_SIGNIFICANT, "no significant trend"), (None, NO_DATA_TEXT)], (0.66, 0.165), rows=2)
    return figure


def driver_map(products: Mapping[str, xr.Dataset], context: ReportContext) -> Figure:
    """Draw the map of the driver with the strongest significant partial correlation, and its sign."""
    drivers = _on_map_grid(products["drivers"], ["dominant_driver", "dominant_correlation"])
    names = [str(name) for name in products["drivers"]["driver"].values]
    drivers = drivers.assign_coords(driver=names)
    figure, axes = _frame(
        f"Strongest partial correlation {context.period(products)} where {context.driver_test}",
        "Annual soil moisture with each driver, the others held fixed: dark positive, light negative; "
        f"shares of the area with a result; {context.grid}",
    )
    _draw(figure, axes, drivers, driver_cells(drivers), context)
    shares = {str(row["driver"]): row for row in driver_records(products["drivers"])}
    entries: list[tuple[str | None, str]] = []
    same: dict[tuple[str, str], list[str]] = {}
    for name, pair in zip(names, palette.driver_colours(names), strict=True):
        same.setdefault(pair, []).append(name)
    for (positive, negative), group in same.items():
        label = " or ".join(words(name) for name in group)
        entries.append((positive, f"+ {label}  {_together(shares, group, 'positive_share')}"))
        entries.append((negative, f"{MINUS} {label}  {_together(shares, group, 'negative_share')}"))
    entries.append((palette.NOT_SIGNIFICANT, f"none significant {percent(shares['none']['share'])}"))
    entries.append((palette.TIE, f"tie {percent(shares['tie']['share'])}"))
    entries.append((None, NO_DATA_TEXT))
    _legend(figure, entries, (0.03, 0.165), rows=2 if len(same) <= 3 else 4)
    return figure


def ddww_map(products: Mapping[str, xr.Dataset], context: ReportContext) -> Figure:
    """Draw the map of the six DDWW classes."""
    ddww = _on_map_grid(products["ddww"], ["ddww_class"])
    figure, axes = _frame(
        f"Dry gets drier, wet gets wetter? {context.period(products)} where {context.trend_test}",
        f"Dark: drier, light: wetter; per cent: shares of the area with a significant change; {context.grid}",
    )
    _draw(figure, axes, ddww, ddww_cells(ddww), context, ZONE_NOTE)
    shares = {str(row["class"]): row["share_of_change"] for row in class_records(products["ddww"])}
    entries: list[tuple[str | None, str]] = [
        (palette.CLASS_COLOURS[name], f"{name} {CLASS_MEANING[name]}  {percent(shares.get(name))}")
        for name in palette.CLASSES
    ]
    entries += [(palette.NOT_SIGNIFICANT, "no significant change"), (None, "no trend or no zone")]
    _legend(figure, entries, (0.03, 0.165), rows=2)
    return figure


def _together(shares: Mapping[str, Record], names: Sequence[str], key: str) -> str:
    known = [shares[name][key] for name in names if shares[name][key] is not None]
    return percent(sum(known) if known else None)


def _tick(value: float) -> str:
    return f"{value:.3g}".replace("-", MINUS)


def _table(colours: Sequence[str]) -> Colours:
    return np.array([(*palette.rgb(colour), 255) for colour in colours], dtype=np.uint8)


def _on_map_grid(product: xr.Dataset, names: list[str]) -> xr.Dataset:
    return xr.Dataset({name: sorted_grid(product[name]) for name in names})


def _frame(title: str, subtitle: str) -> tuple[Figure, Axes]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 6.9), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.03, 0.958, title, fontsize=15, weight="bold", va="center")
    figure.text(0.03, 0.918, subtitle, fontsize=10.5, va="center", color="#444444")
    axes = figure.add_axes((0.03, 0.195, 0.94, 0.7))
    axes.set_axis_off()
    return figure, axes


def _draw(
    figure: Figure, axes: Axes, grid: xr.Dataset, cells: tuple[Colours, Bools], context: ReportContext, note: str = NOTE
) -> None:
    from matplotlib.collections import LineCollection

    colours, missing = cells
    lat = edges(grid["lat"].values.astype(float), context.resolution)
    lon = edges(grid["lon"].values.astype(float), context.resolution)
    view = choose_projection(lat, lon)
    land = ~missing if context.land_mask is None else sorted_grid(context.land_mask).values > 0
    colours = np.where((land | ~missing)[..., None], colours, np.uint8(0))
    left, right, bottom, top = view.extent
    axes.set(xlim=(left, right), ylim=(bottom, top))
    wide = (right - left) / (top - bottom)
    axes.set_aspect("equal" if 0.5 < wide < 4 else "auto")
    for parallel in np.arange(-60, 61, 30):
        if view.lat[0] < parallel < view.lat[-1]:
            x, y = view.forward([parallel, parallel], list(view.lon))
            axes.plot(x, y, color="#dddddd", linewidth=0.6, zorder=1)
            label = f"{abs(parallel)}°{'S' if parallel < 0 else 'N'}" if parallel else "0°"
            axes.annotate(label, (x[0], y[0]), (-7, 0), textcoords="offset points", fontsize=8, color="#777777",
                          ha="right", va="center")  # fmt: skip
    axes.apply_aspect()
    image = picture(colours, missing & land, lat, lon, view, width=round(axes.get_window_extent().width))
    axes.imshow(image, extent=(left, right, bottom, top), interpolation="nearest", zorder=2, aspect=axes.get_aspect())
    text = note if context.land_mask is not None else NO_MASK_NOTE
    figure.text(0.03, 0.014, f"{text} {view.name}.", fontsize=9, va="bottom", color="#444444")
    segments = outline(land, lat, lon, view)
    fine = 0.35 if land.size > 20000 else 0.7
    axes.add_collection(LineCollection(list(segments), colors=palette.OUTLINE, linewidths=fine, zorder=3))
    rim = np.concatenate([view.lat, view.lat[::-1], view.lat[:1]])
    side = np.repeat(np.array([view.lon[0], view.lon[1], view.lon[0]]), [view.lat.size, view.lat.size, 1])
    axes.plot(*view.forward(rim, side), color="#999999", linewidth=0.8, zorder=4, clip_on=False)
    if bool(missing.all()):
        box = {"facecolor": "white", "edgecolor": palette.OUTLINE}
        axes.text(
            0.5, 0.5, "No cell has a value", transform=axes.transAxes, ha="center", fontsize=14, bbox=box, zorder=5
        )


def _legend(figure: Figure, entries: Sequence[tuple[str | None, str]], corner: tuple[float, float], rows: int) -> None:
    from matplotlib.patches import Patch

    patches = [
        Patch(facecolor=palette.NO_DATA, edgecolor=palette.NO_DATA_STRIPE, hatch="//////", linewidth=0.8, label=label)
        if colour is None
        else Patch(facecolor=colour, edgecolor=palette.OUTLINE, linewidth=0.5, label=label)
        for colour, label in entries
    ]
    figure.legend(
        handles=patches, loc="upper left", bbox_to_anchor=corner, ncols=-(-len(entries) // rows),
        fontsize=9.5, frameon=False, handlelength=1.6, handleheight=1.1, columnspacing=1.6, borderaxespad=0,
        borderpad=0,
    )  # fmt: skip
