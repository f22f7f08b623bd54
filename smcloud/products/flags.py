"""The codes of the published maps and their meanings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NO_DATA, TIE = 255, 254
NOT_LAND, ENDS_NOT_COVERED, CHOSEN_BY_RESULT, NOT_CONNECTED = 7, 8, 9, 10

STATUS = {
    0: "ok",
    1: "empty",
    2: "too_short",
    3: "constant",
    4: "variance_not_corrected",
    5: "dropped",
    6: "collinear",
    NOT_LAND: "not_land",
    ENDS_NOT_COVERED: "ends_not_covered",
    CHOSEN_BY_RESULT: "chosen_by_this_result",
    NOT_CONNECTED: "months_not_connected",
}
SIGNIFICANT = {0: "not_significant", 1: "significant", NO_DATA: "no_data"}
ZONES = {0: "none", 1: "dry", 2: "transition", 3: "wet"}
CLASSES = {0: "not_significant", 1: "DD", 2: "DW", 3: "WD", 4: "WW", 5: "TD", 6: "TW", NO_DATA: "no_data"}
# Codes by class and by the first letter of a zone.
CLASS_FLAGS = {name: flag for flag, name in CLASSES.items() if 0 < flag < NO_DATA}
ZONE_FLAGS = {name[0].upper(): flag for flag, name in ZONES.items() if flag > 0}
CLASS_MEANING = {
    "DD": "dry gets drier",
    "DW": "dry gets wetter",
    "WD": "wet gets drier",
    "WW": "wet gets wetter",
    "TD": "transition gets drier",
    "TW": "transition gets wetter",
}


def flags(meanings: Mapping[int, str]) -> dict[str, Any]:
    """Make ``flag_values`` and ``flag_meanings`` of a uint8 variable; meanings hold no blanks."""
    return {"flag_values": list(meanings), "flag_meanings": " ".join(meanings.values()), "units": "1"}


def driver_flags(names: Sequence[str]) -> dict[str, Any]:
    """Make the flags of ``dominant_driver``: 1.. in the order of ``names``."""
    return flags({0: "none"} | dict(enumerate(names, start=1)) | {TIE: "tie", NO_DATA: "no_data"})
