"""What libraries leave where nothing was ever written: a number like any other, which may be a value or missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from smcloud.catalog.missing_values import STATED, codes_as, in_range, is_unsigned, undecided
from smcloud.catalog.schema import VariableSpec
from smcloud.errors import CatalogError

# What the libraries of NetCDF (and HDF4, unless without a sign) leave in integers that were never written; in floats no
# range holds it.
UNWRITTEN = {
    "i1": -127, "u1": 255, "i2": -32767, "u2": 65535, "i4": -2147483647, "u4": 4294967295,
    "i8": -9223372036854775806, "u8": 18446744073709551614,
}  # fmt: skip
HDF4_UNWRITTEN = {"u1": 129, "u2": 32769, "u4": 2147483649}


class Doubt(NamedTuple):
    """A stored value that may mean missing or not, and the error that says so where it occurs."""

    code: Any
    error: CatalogError


def unwritten_in_doubt(
    dtype: np.dtype[Any], attrs: Mapping[Any, Any], spec: VariableSpec, where: str, left: Any = None
) -> Doubt | None:
    """Return what libraries leave (``left``: :data:`UNWRITTEN`) in integers of ``dtype`` that were never written, where
    ``spec`` allows it as a value and neither the file nor the catalog says what it is."""
    code = (UNWRITTEN if left is None else left).get(dtype.str[1:])
    if code is None or spec.fill is not None or any(key in attrs for key in STATED):
        return None
    read = codes_as([code], dtype, is_unsigned(attrs))[0]
    if not in_range(float(read), attrs, spec.name, spec, where):
        return None
    place = where.removesuffix(f": {spec.name}")
    return Doubt(np.array(code, dtype), undecided(read, "what was never written", spec.name, spec, place))


def require_without(raw: npt.NDArray[Any], code: Any, error: CatalogError) -> None:
    """Raise ``error`` where ``code`` is among stored values."""
    if np.isin(raw, code).any():
        raise error
