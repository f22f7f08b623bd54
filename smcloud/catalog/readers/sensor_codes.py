"""Sensor codes as bits: ESA CCI numbers the sensors and their pairs in v02.2, and has a bit mask from v03 on.

Both come with ``flag_values`` and ``flag_meanings``; which of the two it is, these tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.errors import VariableError

# Bits of ESA CCI's sensor mask, from 2^0 on.
SENSORS = (
    "SMMR", "SSMI", "TMI", "AMSRE", "WindSat", "AMSR2", "SMOS", "AMIWS", "ASCATA", "ASCATB", "SMAP", "MODEL", "GPM",
    "FY3B", "FY3D", "ASCATC", "FY3C",
)  # fmt: skip
BITS = {name.upper(): 1 << k for k, name in enumerate(SENSORS)}
# v02.2 ends in 2014 and merges the scatterometer of Metop-A alone; NaN stands for "no sensor".
OLD_NAMES = {"ASCAT": BITS["ASCATA"], "NAN": 0}


def bits_of_codes(attrs: Mapping[str, Any], where: str) -> dict[int, int] | None:
    """Map codes to bits of ``SENSORS``; None where they are these bits already, or the source does not explain them.

    Raises :class:`VariableError` for a sensor that is not known and for lists that do not belong together.
    """
    if "flag_values" not in attrs or "flag_meanings" not in attrs:
        return None
    meanings = attrs["flag_meanings"]
    words = (meanings.decode() if isinstance(meanings, bytes) else str(meanings)).split()
    codes = [int(code) for code in np.ravel(attrs["flag_values"])]
    if len(words) != len(codes):
        raise _refused(f"{len(codes)} flag_values, {len(words)} flag_meanings", "a meaning for each value", where)
    table = {code: _bits(word, where) for code, word in zip(codes, words, strict=True)}
    return None if all(code == bits for code, bits in table.items()) else table


def _bits(meaning: str, where: str) -> int:
    """Bits of one sensor, or of those that ``+`` joins: AMSR_E+ASCAT."""
    bits = 0
    for name in meaning.split("+"):
        plain = re.sub("[^A-Z0-9]", "", name.upper())
        bit = BITS.get(plain, OLD_NAMES.get(plain))
        if bit is None:
            raise _refused(name, f"one of {', '.join(SENSORS)}", where)
        bits |= bit
    return bits


def _refused(found: str, expected: str, where: str) -> VariableError:
    return VariableError(
        "the sensor codes of a source are not known",
        where=where,
        found=found,
        expected=expected,
        next="leave sensor out of the catalog entry",
    )


def recoded(codes: npt.NDArray[Any], table: Mapping[int, int], where: str) -> npt.NDArray[np.float32]:
    """Translate ``codes`` (numbers, NaN where missing) to bits, NaN where missing.

    Raises :class:`VariableError` for a code that ``table`` lacks.
    """
    out = np.full(codes.shape, np.nan, np.float32)
    for code in np.unique(codes[~np.isnan(codes)]).tolist():
        if code not in table:
            raise _refused(f"code {code:g}", f"one of {', '.join(map(str, table))}", where)
        out[codes == code] = table[code]
    return out


def as_bits(da: xr.DataArray, where: str) -> xr.DataArray:
    """Translate ``da`` to bits, lazily; return it as it is where it holds bits already."""
    table = bits_of_codes(da.attrs, where)
    if table is None:
        return da
    kwargs = {"table": table, "where": where}
    out: xr.DataArray = xr.apply_ufunc(recoded, da, kwargs=kwargs, dask="parallelized", output_dtypes=[np.float32])
    out.attrs = bit_attrs(da.attrs)
    return out


def bit_attrs(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Adapt ``attrs`` to values that are bits now."""
    kept = {key: value for key, value in attrs.items() if key not in ("flag_values", "flag_meanings", "valid_range")}
    return kept | {"flag_masks": [1 << k for k in range(len(SENSORS))], "flag_meanings": " ".join(SENSORS)}
