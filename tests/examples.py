"""How many examples a property is tried on."""

import os


def examples(number: int) -> int:
    """``number``, or a handful where HYPOTHESIS_PROFILE is ``development`` (make check)."""
    return min(number, 8) if os.environ.get("HYPOTHESIS_PROFILE") == "development" else number
