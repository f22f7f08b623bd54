"""Why a statistic has no value, or only some of its values: the ``status`` flags, and what they mean."""

from __future__ import annotations

OK = 0
EMPTY = 1
TOO_SHORT = 2
CONSTANT = 3
NOT_CORRECTED = 4
DROPPED = 5
COLLINEAR = 6

FEWEST_PAIRS = 5  # valid pairs of neighbouring steps; fewer say nothing about an autocorrelation

FLAGS = {
    OK: "ok",
    EMPTY: "empty",
    TOO_SHORT: "too_short",
    CONSTANT: "constant",
    NOT_CORRECTED: "variance_not_corrected",
    DROPPED: "dropped",
    COLLINEAR: "collinear",
}


def status_attributes() -> dict[str, object]:
    """CF attributes of a ``status`` variable (uint8)."""
    return {
        "long_name": "why a cell has no value",
        "flag_values": list(FLAGS),
        "flag_meanings": " ".join(FLAGS.values()),
    }
