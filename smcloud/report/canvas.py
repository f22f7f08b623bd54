"""The parts that all maps share: the frame, the land with its outline, the legend, and the scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.cube.axes import edges, steps_of
from smcloud.products import palette
from smcloud.report.context import ReportContext
from smcloud.report.language import message, paragraph, tell
from smcloud.report.projection import Projection, choose_projection, outline, picture, sorted_grid
from smcloud.report.rounding import MINUS, SLOPE_UNITS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

DPI = 150
MANY = 20_000  # cells: their outline is a picture and no lines
SNAPPED = 512  # edges of a path: matplotlib puts the level ones of no longer path on whole pixels
LINE = 150  # letters of a note that fit into the width
STEPS = (30.0, 15.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1)  # degrees between parallels
WIDTH = 10.67  # inches: 1600 pixels
NO_DATA_TEXT = message("land without a value")
NOTE = message("Striped: land where no value could be computed (too few valid years, or no data). White: water.")
NO_MASK_NOTE = message("White: no value could be computed.")

Colours = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def scale_end(values: npt.NDArray[np.float64]) -> float:
    """Find the end of a colour scale: the 95th percentile of the finite ``values``, rounded up; 1 of none above 0."""
    known = values[np.isfinite(values)]
    if not known.size or not known.max() > 0:
        return 1.0
    high = float(np.percentile(known, 95))
    power = 10.0 ** np.floor(np.log10(high))
    nice = power * np.array([1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10])
    return float(nice[nice >= high * (1 - 1e-9)][0])


def tick(value: float) -> str:
    """Label a tick."""
    return f"{value:.3g}".replace("-", MINUS)


def colour_table(colours: Sequence[str]) -> Colours:
    """Convert colours to rows of RGBA."""
    return np.array([(*palette.rgb(colour), 255) for colour in colours], dtype=np.uint8)


def on_map_grid(product: xr.Dataset, names: list[str]) -> xr.Dataset:
    """Select the variables ``names`` with latitudes and longitudes in the order of a map."""
    return xr.Dataset({name: sorted_grid(product[name]) for name in names})


def frame(title: str, subtitle: str) -> tuple[Figure, Axes]:
    """Make an empty figure with its titles, and the axes of the map."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 6.9), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.03, 0.958, title, fontsize=15, weight="bold", va="center")
    figure.text(0.03, 0.918, subtitle, fontsize=10.5, va="center", color="#444444")
    axes = figure.add_axes((0.03, 0.195, 0.94, 0.7))
    axes.set_axis_off()
    return figure, axes


def sheet(title: str, subtitle: str, height: float) -> Figure:
    """Make an empty figure of so many inches with its titles."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.03, 1 - 0.27 / height, title, fontsize=15, weight="bold", va="center")
    figure.text(0.03, 1 - 0.55 / height, subtitle, fontsize=10.5, va="center", color="#444444")
    return figure


def draw_cells(
    figure: Figure, axes: Axes, grid: xr.Dataset, cells: tuple[Colours, Bools], context: ReportContext, note: str = NOTE
) -> None:
    """Draw cells, coasts and parallels; ``cells`` are the colours and which cells have no value."""
    colours, missing = cells
    centres = grid["lat"].values.astype(float), grid["lon"].values.astype(float)
    lat, lon = (edges(axis, context.resolution or step) for axis, step in zip(centres, steps_of(*centres), strict=True))
    view = choose_projection(lat, lon)
    land = ~missing if context.land_mask is None else sorted_grid(context.land_mask).values > 0
    colours = np.where((land | ~missing)[..., None], colours, np.uint8(0))
    left, right, bottom, top = view.extent
    axes.set(xlim=(left, right), ylim=(bottom, top))
    wide = (right - left) / (top - bottom)
    axes.set_aspect("equal" if 0.5 < wide < 4 else "auto")
    _graticule(axes, view)
    axes.apply_aspect()
    image = picture(colours, missing & land, lat, lon, view, width=round(axes.get_window_extent().width))
    axes.imshow(image, extent=(left, right, bottom, top), interpolation="nearest", zorder=2, aspect=axes.get_aspect())
    told = [tell(note if context.land_mask is not None else NO_MASK_NOTE)]
    if context.has_polygons and context.land_mask is not None:
        told.append(tell("White is also what lies outside the region."))
    below = [tell(view.name)]
    if context.region_share is not None:
        below.insert(0, tell("Thick line: around the cells that the region has a part of."))
        _region_line(axes, sorted_grid(context.region_share).values > 0, lat, lon, view)
    lines = [paragraph(told), paragraph(below)]
    text = "\n".join(lines) if len("".join(lines)) > LINE else paragraph(lines)
    figure.text(0.03, 0.014, text, fontsize=9, va="bottom", color="#444444")
    if context.land_mask is not None:  # without one the outline would be drawn round every gap
        axes.add_collection(_coast(outline(land, lat, lon, view), many=land.size > MANY), autolim=False)
    rim = np.concatenate([view.lat, view.lat[::-1], view.lat[:1]])
    side = np.repeat(np.array([view.lon[0], view.lon[1], view.lon[0]]), [view.lat.size, view.lat.size, 1])
    axes.plot(*view.forward(rim, side), color="#999999", linewidth=0.8, zorder=4, clip_on=False)
    if bool(missing.all()):
        box = {"facecolor": "white", "edgecolor": palette.OUTLINE}
        axes.text(
            0.5,
            0.5,
            tell("No cell has a value"),
            transform=axes.transAxes,
            ha="center",
            fontsize=14,
            bbox=box,
            zorder=5,
        )


def _coast(segments: Floats, many: bool) -> PathCollection:
    """Lines along the edges ``segments`` (segment, end, xy), in few paths: one for each edge would take seconds."""
    from matplotlib.collections import PathCollection
    from matplotlib.path import Path

    codes = np.tile(np.array([Path.MOVETO, Path.LINETO], Path.code_type), SNAPPED)
    parts = [segments[at : at + SNAPPED].reshape(-1, 2) for at in range(0, len(segments), SNAPPED)]
    paths = [Path(part, codes[: len(part)]) for part in parts]
    coast = PathCollection(
        paths, facecolors="none", edgecolors=palette.OUTLINE, linewidths=0.35 if many else 0.7, zorder=3
    )
    coast.set_rasterized(many)
    return coast


def _region_line(axes: Axes, inside: Bools, lat: Floats, lon: Floats, view: Projection) -> None:
    """Draw the edge of a region, where its cells end and where the grid does."""
    from matplotlib.collections import LineCollection

    segments = outline(np.pad(inside, 1), np.pad(lat, 1, mode="edge"), np.pad(lon, 1, mode="edge"), view)
    axes.add_collection(
        LineCollection(list(segments), colors="#111111", linewidths=1.8, zorder=5, capstyle="round", clip_on=False)
    )


def _graticule(axes: Axes, view: Projection) -> None:
    """Parallels every 30 degrees; of a part of the earth parallels and meridians as they fit, with their degrees."""
    south, north, (west, east) = float(view.lat[0]), float(view.lat[-1]), view.lon
    around = east - west >= 350
    step = 30.0 if around else next((it for it in STEPS if max(north - south, east - west) / it >= 4), STEPS[-1])
    for parallel in step * np.arange(np.ceil(south / step), np.floor(north / step) + 1):
        if south < parallel < north:
            x, y = view.forward([parallel, parallel], [west, east])
            axes.plot(x, y, color="#dddddd", linewidth=0.6, zorder=1)
            axes.annotate(_degrees(parallel, "SN"), (x[0], y[0]), (-7, 0), textcoords="offset points", fontsize=8,
                          color="#777777", ha="right", va="center")  # fmt: skip
    for meridian in () if around else step * np.arange(np.ceil(west / step), np.floor(east / step) + 1):
        x, y = view.forward([south, north], [meridian, meridian])
        axes.plot(x, y, color="#dddddd", linewidth=0.6, zorder=1)
        turned = (meridian + 180) % 360 - 180
        axes.annotate(_degrees(turned, "WE"), (x[0], y[0]), (0, -4), textcoords="offset points", fontsize=8,
                      color="#777777", ha="center", va="top")  # fmt: skip


def _degrees(value: float, signs: str) -> str:
    return f"{abs(value):g}°{'' if value in (0, -180) else signs[int(value > 0)]}"


def legend(figure: Figure, entries: Sequence[tuple[str | None, str]], corner: tuple[float, float], rows: int) -> None:
    """Put a legend of (colour, label) at ``corner`` in so many ``rows``; no colour is land without a value."""
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


def two_sided_bar(figure: Figure, limit: float, ends: tuple[str, str]) -> None:
    """Draw the scale of brown and teal steps up to ``limit`` either way, with words at its ends."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap

    bar = figure.add_axes((0.05, 0.105, 0.52, 0.028))
    steps = list(palette.TREND_STEPS)
    scale = ListedColormap(steps[1:-1]).with_extremes(under=steps[0], over=steps[-1])
    bounds = list(np.linspace(-limit, limit, 9))
    mappable = ScalarMappable(BoundaryNorm(bounds, 8), scale)
    colorbar = figure.colorbar(mappable, cax=bar, orientation="horizontal", extend="both", extendfrac=0.12)
    colorbar.set_ticks(bounds, labels=[tick(bound) for bound in bounds])
    colorbar.ax.tick_params(labelsize=10, length=3)
    figure.text(0.05, 0.145, ends[0], fontsize=10.5, ha="left", color=steps[0])
    figure.text(0.57, 0.145, ends[1], fontsize=10.5, ha="right", color=steps[-1])
    figure.text(0.31, 0.145, SLOPE_UNITS, fontsize=10.5, ha="center")
