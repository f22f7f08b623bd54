"""Values of a first step: what they are, how the file packs them, and which of them may be codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.catalog.packing import number_in, stated_scale
from smcloud.errors import CatalogError, RangeError, VariableError
from smcloud.first_study.drafts import Line
from smcloud.first_study.headers import sample

MOST_CODES = 8
SIDE = 2048  # cells along each axis that are looked at
STATED = ("_FillValue", "missing_value")


def packing_line(raw: xr.DataArray) -> Line:
    """Say which codes mean missing and how values are packed, by the file's own attributes."""
    codes = [f"{key} {np.ravel(raw.attrs[key]).tolist()}" for key in STATED if key in raw.attrs]
    scale = stated_scale(raw.attrs, str(raw.name))
    offset = number_in(raw.attrs, "add_offset", 0.0, str(raw.name))
    packed = "no scale_factor" if scale is None else f"scale_factor {scale:g}, add_offset {offset:g}"
    return Line(
        None, f"the file states, and is read with: {' and '.join(codes) or 'no code for missing values'}, {packed}"
    )


def value_lines(lines: Mapping[str, Line], raw: xr.DataArray, values: xr.DataArray) -> dict[str, Line]:
    """Make the lines valid_range and fill of a variable from ``values`` (time, lat, lon) as they are read.

    ``raw`` holds them as they are stored; a value beyond the range may be a code for missing ones.
    """
    scaled = "scale" in lines  # then the range is that of values which nobody can make yet
    said, doubt = "", ""
    try:
        known = _known(values.isel(time=0) if "time" in values.dims else values)
        span = f"holds {known.min():.4g} to {known.max():.4g}" if known.size else "is empty"
        said = f"the first step {span}{', before the scale' if scaled else ''}"
    except RangeError as err:
        said = err.found
    except (CatalogError, VariableError) as err:
        doubt = f"{err.expected}; found: {err.found}"
    allowed = lines["valid_range"].value
    odd = [] if scaled or lines["valid_range"].choose else codes_beyond(raw, allowed)
    if odd and len(odd) <= MOST_CODES:
        doubt = (
            f"{odd} if these stored values mean missing (other files may hold others), or [] and a wider valid_range"
        )
    elif odd:
        span = f"stored values from {odd[0]} to {odd[-1]} lie beyond valid_range"
        doubt = f"[codes that mean missing], or [] and another scale, units or valid_range: {span}"
    note = "; ".join(filter(None, (lines["valid_range"].note, said)))
    choose = lines["valid_range"].choose
    made = {"valid_range": Line(allowed, note, f"{choose}; {said}" if choose else "")}
    return made | ({"fill": Line((), "", doubt)} if doubt else {})


def _known(da: xr.DataArray) -> npt.NDArray[np.float64]:
    middle = {dim: max(0, size - SIDE) // 2 for dim, size in da.sizes.items()}
    values = np.asarray(da.isel({dim: slice(start, start + SIDE) for dim, start in middle.items()}).values, np.float64)
    return values[np.isfinite(values)]


def codes_beyond(raw: xr.DataArray, allowed: tuple[float, float]) -> list[Any]:
    """List stored values of a first step, not stated as missing, that would lie beyond ``allowed`` when unpacked."""
    stored = sample(raw).ravel()
    scale = stated_scale(raw.attrs, str(raw.name)) or 1.0
    value = stored.astype(np.float64) * scale + number_in(raw.attrs, "add_offset", 0.0, str(raw.name))
    stated = [code for key in STATED for code in np.ravel(raw.attrs.get(key, ()))]
    beyond = (value < allowed[0]) | (value > allowed[1])
    odd = np.unique(stored[beyond & ~np.isin(stored, stated) & np.isfinite(value)])
    return [code.item() for code in odd]
