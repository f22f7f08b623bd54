"""The figure of a specification curve: sorted excess, its range by chance, the choices below, and which one matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.products import palette
from smcloud.products.choice_grid import CHOICES
from smcloud.products.variance import REST
from smcloud.report.canvas import DPI, WIDTH
from smcloud.report.curve_sentences import STUDY_SHARE, live
from smcloud.report.drawing import to_png
from smcloud.report.labels import label as told
from smcloud.report.language import message, tell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.float64]

TITLE = message("Dry gets drier, wet gets wetter? What each choice does to the answer")
HEIGHT = 10.2
BINS = 160  # columns of the matrix: neighbours in the order of the excess
LEFT, MIDDLE, RIGHT, GAP = 0.185, 0.575, 0.14, 0.02
MARK, STUDY, INK, MUTED = "#0062a8", "#d55e00", "#222222", "#666666"
BESIDE = 1.15  # of a row of the matrix between two choices


def curve_png(ds: xr.Dataset) -> bytes:
    """Draw a loaded product ``sensitivity`` and render it; the same product gives the same bytes."""
    return to_png(curve_figure(ds))


def curve_figure(ds: xr.Dataset) -> Figure:
    """Draw the curve; where no combination has an excess, say so in its place."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    excess = live(ds, "ddww_excess")
    order = np.argsort(excess, kind="stable")
    figure.text(0.03, 1 - 0.27 / HEIGHT, tell(TITLE), fontsize=15, weight="bold", va="center")
    figure.text(0.03, 1 - 0.56 / HEIGHT, _subtitle(ds, excess.size), fontsize=10.5, va="center", color="#444444")
    top = figure.add_axes((LEFT, 0.625, MIDDLE, 0.27))
    matrix = figure.add_axes((LEFT, 0.06, MIDDLE, 0.53))
    bars = figure.add_axes((LEFT + MIDDLE + GAP, 0.06, RIGHT, 0.53))
    if not excess.size:
        for axes in (top, matrix, bars):
            axes.set_axis_off()
        top.text(
            0.5, 0.5, tell("No combination has a DDWW share: nothing changes significantly"), ha="center", fontsize=13
        )
        return figure
    _draw_curve(top, ds, order)
    places = _rows_of_matrix()
    _draw_matrix(matrix, ds, order, places)
    _draw_shares(bars, ds, places)
    return figure


def _subtitle(ds: xr.Dataset, count: int) -> str:
    total = int((ds["void"].values == "").sum())
    first, last = (str(ds.attrs.get(f"time_coverage_{end}", ""))[:4] for end in ("start", "end"))
    values = {"count": f"{count:,}", "more": f"{total - count:,}", "first": first, "last": last}
    if not (first and last):
        if total == count:
            return tell("{count} combinations of choices in the order of the excess", **values)
        return tell(
            "{count} combinations of choices in the order of the excess, {more} more without significant change",
            **values,
        )
    if total == count:
        return tell("{first}–{last}; {count} combinations of choices in the order of the excess", **values)
    return tell(
        "{first}–{last}; {count} combinations of choices in the order of the excess, {more} more without significant "
        "change",
        **values,
    )


def _draw_curve(axes: Axes, ds: xr.Dataset, order: npt.NDArray[np.int64]) -> None:
    excess, expected = (100 * live(ds, name)[order] for name in ("ddww_excess", "ddww_expected_share"))
    place = np.arange(order.size, dtype=np.float64) + 0.5
    lower, upper = (100 * live(ds, f"ddww_null_{end}")[order] - expected for end in ("lower", "upper"))
    at, (low, high, study) = _by_bin(place, lower, upper, 100 * STUDY_SHARE - expected)
    fields = int(ds.attrs.get("null_fields", 0))
    if np.isfinite(low).any():
        label = tell("{level} range by chance ({fields} fields)", level=_level(ds), fields=fields)
        axes.fill_between(at, low, high, color="#bdbdbd", alpha=0.55, linewidth=0, label=label, zorder=1)
    if not ds.attrs.get("region_name"):  # the study's share is the globe's
        label = tell("were the share the study’s 41.06 %")
        axes.plot(at, study, "_", color=STUDY, markersize=5, mew=1.8, label=label, zorder=3)
    axes.plot(
        place, excess, color=INK, linewidth=2.2, label=tell("excess of this record"), zorder=4, solid_capstyle="butt"
    )
    own = int(ds.attrs.get("own_combination", -1))
    kept = np.flatnonzero(np.isfinite(ds["ddww_excess"].values))[order]
    if own in kept:
        x = int(np.flatnonzero(kept == own)[0])
        axes.plot(place[x], excess[x], "o", color=MARK, markersize=8, mec="white", label=tell("this run"), zorder=5)
    axes.axhline(0, color="#333333", linewidth=0.8, zorder=2)
    axes.set(xlim=(0, order.size), ylim=_limits(excess, low, high, study))
    axes.set_ylabel(tell("DDWW share less\nits own chance (points)"), fontsize=10.5)
    axes.set_xticks([])
    axes.tick_params(labelsize=10)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4, fontsize=9, frameon=False, borderpad=0.2,
                handletextpad=0.4, columnspacing=1.0, handlelength=1.6)  # fmt: skip
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)


def _limits(excess: FloatArray, low: FloatArray, high: FloatArray, study: FloatArray) -> tuple[float, float]:
    """Limits of the upper panel: all of the curve and its range, and all but the outermost of the study's marks."""
    known = study[np.isfinite(study)]
    ends = np.quantile(known, [0.02, 0.98]) if known.size else known
    values = np.concatenate([excess, low, high, ends, [0.0]])
    bottom, top = np.nanmin(values), np.nanmax(values)
    room = 0.06 * max(top - bottom, 1.0)
    return float(bottom - room), float(top + room)


def _level(ds: xr.Dataset) -> str:
    return f"{100 * (1 - float(ds.attrs.get('alpha', 0.05))):g} %"


def _by_bin(place: FloatArray, *columns: FloatArray) -> tuple[FloatArray, list[FloatArray]]:
    """Means of neighbours in the order, and where their middles lie."""
    edges = np.linspace(0, place.size, min(BINS, place.size) + 1)
    which = np.clip(np.searchsorted(edges, place) - 1, 0, edges.size - 2)
    out = []
    for values in columns:
        known = np.isfinite(values)
        count = np.bincount(which[known], minlength=edges.size - 1)
        total = np.bincount(which[known], values[known], edges.size - 1)
        out.append(np.where(count > 0, total / np.maximum(count, 1), np.nan))
    return (edges[1:] + edges[:-1]) / 2, out


def _rows_of_matrix() -> dict[str, list[float]]:
    """Heights of the options of each choice, from 0 downwards."""
    out, height = {}, 0.0
    for choice in CHOICES:
        out[choice.name] = [height + at for at in range(len(choice.options))]
        height += len(choice.options) + BESIDE
    return out


def _draw_matrix(axes: Axes, ds: xr.Dataset, order: npt.NDArray[np.int64], places: dict[str, list[float]]) -> None:
    """For each option, how many of the neighbours in the order have it: white none, dark all."""
    last = max(height for heights in places.values() for height in heights)
    axes.set(xlim=(0, order.size), ylim=(last + 0.6, -1.5))
    position = np.arange(order.size, dtype=np.float64) + 0.5
    for number, choice in enumerate(CHOICES):
        chosen = live(ds, choice.name)[order].astype(object)
        colour = np.array(palette.rgb(MARK if number % 2 else INK)) / 255
        for option, height in zip(choice.options, places[choice.name], strict=True):
            has = chosen == option.name
            _, (share,) = _by_bin(position, has.astype(float))
            shade = share[None, :, None]
            image = np.clip(1 - shade * (1 - colour), 0, 1)
            axes.imshow(image, extent=(0, order.size, height + 0.42, height - 0.42), aspect="auto",
                        interpolation="nearest", zorder=2)  # fmt: skip
            axes.plot([0, order.size], [height + 0.46] * 2, color="#e4e4e4", linewidth=0.5, zorder=1)
            faint = INK if has.any() else "#a8a8a8"
            axes.annotate(told(option.label), (0, height), (-6, 0), textcoords="offset points", ha="right", va="center",
                          fontsize=9, color=faint)  # fmt: skip
        above = places[choice.name][0] - 0.95
        axes.annotate(told(choice.label), (0, above), (-6, 0), textcoords="offset points", ha="right", va="center",
                      fontsize=9, weight="bold", color=colour, annotation_clip=False)  # fmt: skip
    axes.set(xlim=(0, order.size), ylim=(last + 0.6, -1.5), yticks=[], xticks=[])
    axes.set_xlabel(tell("combinations in the order of the excess; the darker, the more neighbours made this choice"),
                    fontsize=9.5, color=MUTED)  # fmt: skip
    for side in ("top", "right", "bottom", "left"):
        axes.spines[side].set_visible(False)


def _draw_shares(axes: Axes, ds: xr.Dataset, places: dict[str, list[float]]) -> None:
    """The share of the variance of each choice, beside its options."""
    last = max(height for heights in places.values() for height in heights)
    shares = {str(name): 100 * float(ds["variance_share"].sel(choice=name)) for name in ds["choice"].values}
    known = [share for name, share in shares.items() if name != REST and np.isfinite(share)]
    axes.set(ylim=(last + 0.6, -1.5), xlim=(0, max([*known, 1.0]) * 1.35), yticks=[], xticks=[])
    for number, choice in enumerate(CHOICES):
        share, middle = shares[choice.name], float(np.mean(places[choice.name]))
        if np.isfinite(share):
            axes.barh(middle, share, height=1.1, color=MARK if number % 2 else INK)
        text = (
            f"{share:.0f} %"
            if share >= 0.95 or share == 0
            else f"{share:.1f} %"
            if np.isfinite(share)
            else tell("not known")
        )
        axes.annotate(text, (share if np.isfinite(share) else 0, middle), (4, 0), textcoords="offset points",
                      va="center", fontsize=10)  # fmt: skip
    together = tell("several together: {share}", share=f"{shares[REST]:.0f} %") if np.isfinite(shares[REST]) else ""
    axes.set_title(tell("share of the variance\nof the excess"), fontsize=10, loc="left", pad=4)
    axes.set_xlabel(together, fontsize=9.5, color=MUTED, loc="left")
    axes.axvline(0, color="#333333", linewidth=0.8)
    for side in ("top", "right", "bottom", "left"):
        axes.spines[side].set_visible(False)
