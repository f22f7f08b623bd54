"""Whether a value outside its range looks like one that means missing, and what the catalog entry should then say."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from smcloud.catalog.packing import Packing

# Values in files where nothing was measured: netCDF's defaults, and the codes of the providers.
FILLS = (
    -9999.0, -999.0, -99.0, -9999.9, -999.99, -999.9, -99.9, -99.99, -99999.0, 9999.0, 99999.0, -32767.0, -32768.0,
    -2147483647.0, -2147483648.0, 9.96920996838687e36, 1e20, -1e20, 1e30, -1e30, 1e34, -1e34, 1e35, 1e36,
    3.4028234663852886e38, -3.4028234663852886e38, 1.7976931348623157e308, -1.7976931348623157e308,
)  # fmt: skip


def advice(
    extremes: tuple[float, float], repeated: Collection[float], limits: tuple[float, float], packing: Packing
) -> str:
    """Say what to change in a catalog entry: never what it says already.

    ``extremes`` are the smallest and the largest value, ``repeated`` those of them that are that of several months. A
    value beyond ``limits`` that is a usual fill value, or an end of its integers, is named as it is stored; one that
    repeats is asked for.
    """
    for value, outside in zip(extremes, (extremes[0] < limits[0], extremes[1] > limits[1]), strict=True):
        code = packing.stored(value)
        if not outside or not np.isfinite(code) or code in packing.fill:
            continue
        key = f"fill: [{', '.join(map(_shortest, (*packing.fill, code)))}]"
        ends = (np.iinfo(packing.dtype).min, np.iinfo(packing.dtype).max) if packing.dtype.kind in "iu" else ()
        if any(np.isclose(code, fill, rtol=1e-6) for fill in (*FILLS, *ends)):
            return f"add {key} to the variable in the catalog entry: it looks like a fill value"
        if value in repeated:
            return (
                f"if {_shortest(code)} stands for missing, add {key} to the variable in the catalog entry; "
                "else correct scale, units or valid_range there"
            )
    wrong = "scale, units or valid_range" if packing.fill else "fill, scale, units or valid_range"
    return f"correct {wrong} in the catalog entry"


def _shortest(code: float) -> str:
    """The shortest number that float32 rounds to the same value (-999.99), or where none does, all digits."""
    with np.errstate(over="ignore"):
        single = np.float32(code)
    return f"{float(str(single)):.9g}" if float(single) == code else f"{code:.17g}"
