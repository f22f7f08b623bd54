"""Colours that stay apart for colour-blind readers, and in greyscale where sign or change matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smcloud.products.flags import CLASS_MEANING
from smcloud.products.flags import TIE as TIE_CODE

CLASSES = tuple(CLASS_MEANING)
"""DDWW classes in the order of their codes 1..6: first letter the zone, second the change."""

# Hue is the zone (brown-orange dry, blue wet, plum transition), tone the change: dark is drier, light is wetter.
CLASS_COLOURS = {
    "DD": "#8a4500",
    "DW": "#f5b133",
    "WD": "#0a4aa0",
    "WW": "#62bdf0",
    "TD": "#3f2545",
    "TW": "#b98aae",
}

NOT_SIGNIFICANT = "#e4e4e4"
TIE = "#222222"
NO_DATA = "#fafafa"
NO_DATA_STRIPE = "#8c8c8c"
OUTLINE = "#4d4d4d"

# Brown to teal in ten steps without the pale middle of the usual scale: every significant cell shows its sign.
TREND_STEPS = (
    "#543005", "#7a460a", "#9c6118", "#bf8630", "#dcb871",
    "#74bfc9", "#45a0a6", "#218088", "#0b6068", "#003b42",
)  # fmt: skip

# From pale to dark violet: the less a record could show, the darker; the last is beyond the scale.
DETECTABLE_STEPS = (
    "#e0ddef", "#c9c5e4", "#b1acd7", "#9993c9", "#8179b8", "#6a60a8", "#544794", "#3e317d", "#281d5a",
)  # fmt: skip

# (positive, negative) of each hue, after the colours of Okabe and Ito.
_BLUE, _VERMILLION, _GREEN = ("#0062a8", "#7fc4f2"), ("#d55e00", "#ffb869"), ("#00573c", "#3fb58a")
_FURTHER = (("#8e3a80", "#dba6d3"), ("#8a7400", "#ecd94a"), ("#5c4033", "#b59b8c"))
_BY_ROLE = (("precip", _BLUE), ("temperature", _VERMILLION), ("lai", _GREEN))

_FLAG_COLOURS: dict[str, dict[str, str]] = {
    "ddww_class": CLASS_COLOURS | {"not_significant": NOT_SIGNIFICANT},
    "zone": {"dry": CLASS_COLOURS["DW"], "transition": CLASS_COLOURS["TW"], "wet": CLASS_COLOURS["WW"]},
    "significant": {"significant": TREND_STEPS[-2], "not_significant": NOT_SIGNIFICANT},
}


def driver_colours(drivers: Sequence[str]) -> list[tuple[str, str]]:
    """Choose a (positive, negative) pair of colours for each driver, in its order.

    Precipitation is blue, temperature vermillion and leaf area green where they are present. The
    first six drivers have colours of their own; later ones share the last pair.
    """
    chosen: dict[str, tuple[str, str]] = {}
    for part, pair in _BY_ROLE:
        match = next((name for name in drivers if part in name and name not in chosen), None)
        if match is not None:
            chosen[match] = pair
    free = [pair for pair in (_BLUE, _VERMILLION, _GREEN, *_FURTHER) if pair not in chosen.values()]
    for name in drivers:
        if name not in chosen:
            chosen[name] = free.pop(0) if free else _FURTHER[-1]
    return [chosen[name] for name in drivers]


def flag_colours(name: str, meanings: Mapping[int, str]) -> dict[int, str]:
    """Choose the colours of the codes of a map of flags ``name``, which mean ``meanings``; empty where it has none.

    A dominant driver has the colour of its positive correlation.
    """
    if name == "dominant_driver":
        drivers = [meaning for code, meaning in meanings.items() if 0 < code < TIE_CODE]
        by_meaning = dict(zip(drivers, (positive for positive, _ in driver_colours(drivers)), strict=True))
        by_meaning |= {"none": NOT_SIGNIFICANT, "tie": TIE}
    else:
        by_meaning = _FLAG_COLOURS.get(name, {})
    if not by_meaning:
        return {}
    return {code: by_meaning.get(meaning, NO_DATA) for code, meaning in meanings.items()}


def rgb(colour: str) -> tuple[int, int, int]:
    """Convert ``#rrggbb`` to three integers."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
