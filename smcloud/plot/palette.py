"""The report's palettes: they stay apart for colour-blind readers, and in greyscale where sign or change matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smcloud.products.palette import (
    CLASS_COLOURS,
    DETECTABLE_STEPS,
    NO_DATA,
    NOT_SIGNIFICANT,
    OUTLINE,
    TREND_STEPS,
    driver_colours,
    flag_colours,
)

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

__all__ = [
    "CLASS_COLOURS",
    "DETECTABLE_STEPS",
    "NOT_SIGNIFICANT",
    "NO_DATA",
    "OUTLINE",
    "TREND_STEPS",
    "detectable",
    "driver_colours",
    "flag_colours",
    "trend",
]


def trend() -> Colormap:
    """Brown (drying) to teal (wetting): eight steps, and one beyond either end. For ``cmap=`` of matplotlib, xarray."""
    return _steps(TREND_STEPS[1:-1], "smcloud trend", under=TREND_STEPS[0], over=TREND_STEPS[-1])


def detectable() -> Colormap:
    """Pale to dark violet: eight steps, and one beyond. For ``cmap=`` of matplotlib, xarray."""
    return _steps(DETECTABLE_STEPS[:-1], "smcloud detectable", over=DETECTABLE_STEPS[-1])


def _steps(colours: tuple[str, ...], name: str, **beyond: str) -> Colormap:
    from matplotlib.colors import ListedColormap

    return ListedColormap(list(colours), name=name).with_extremes(bad=NO_DATA, **beyond)
