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
OWN_RANGE = ("valid_range", "valid_min", "valid_max")
FRACTIONS = ("lai", "aridity_index")  # whole numbers of them are packed


def packing_line(raw: xr.DataArray) -> Line:
    """Say which codes mean missing and how values are packed, by the file's own attributes."""
    codes = [f"{key} {np.ravel(raw.attrs[key]).tolist()}" for key in STATED if key in raw.attrs]
    scale = stated_scale(raw.attrs, str(raw.name))
    offset = number_in(raw.attrs, "add_offset", 0.0, str(raw.name))
    packed = "no scale_factor" if scale is None else f"scale_factor {scale:g}, add_offset {offset:g}"
    return Line(
        None, f"the file states, and is read with: {' and '.join(codes) or 'no code for missing values'}, {packed}"
    )


def value_lines(role: str, lines: Mapping[str, Line], raw: xr.DataArray, values: xr.DataArray) -> dict[str, Line]:
    """Make the lines valid_range, scale and fill of a variable from ``values`` (time, lat, lon) as they are read.

    ``raw`` holds them as they are stored; a value beyond the range may be a code for missing ones. Integers that are
    numbers of something finer are asked for their scale, and then for their codes too, at once: without the first the
    second cannot be told.
    """
    said, doubt = "", ""
    try:
        known = _known(values.isel(time=0) if "time" in values.dims else values)
        said = (
            f"the first step holds {known.min():.4g} to {known.max():.4g}" if known.size else "the first step is empty"
        )
    except RangeError as err:
        said = err.found
    except (CatalogError, VariableError) as err:
        doubt = f"{err.expected}; found: {err.found}"
    allowed, choose = lines["valid_range"].value, lines["valid_range"].choose
    presumed = lines["scale"].value if "scale" in lines else 1.0  # of values which nobody can make yet
    odd = [] if choose else codes_beyond(raw, allowed, presumed)
    made: dict[str, Line] = {}
    if _is_finer(role, lines, raw, len(odd) > MOST_CODES):
        made["scale"] = Line(
            None, "", "the factor that the product's guide gives for stored integers, 1 where they are the values"
        )
        doubt = "; ".join(filter(None, (_codes_of(raw), lines["fill"].choose if "fill" in lines else "", doubt)))
    elif odd and len(odd) <= MOST_CODES:
        doubt = (
            f"{odd} if these stored values mean missing (other files may hold others), or [] and a wider valid_range"
        )
    elif odd and "scale" not in lines:
        span = f"stored values from {odd[0]} to {odd[-1]} lie beyond valid_range"
        doubt = f"[codes that mean missing], or [] and another scale, units or valid_range: {span}"
    said += ", before the scale" if said and {"scale"} & (made.keys() | lines.keys()) else ""
    note = "; ".join(filter(None, (lines["valid_range"].note, said)))
    made["valid_range"] = Line(allowed, note, "; ".join(filter(None, (choose, said))) if choose else "")
    return made | ({"fill": Line((), "", doubt)} if doubt else {})


def _is_finer(role: str, lines: Mapping[str, Line], raw: xr.DataArray, beyond: bool) -> bool:
    """Whether integers without a scale may need one: they go beyond what the role can be, or it is never whole."""
    if raw.dtype.kind not in "iu" or "scale" in lines or stated_scale(raw.attrs, str(raw.name)) is not None:
        return False
    if role == "land_mask" or lines["aggregate"].value == "class":
        return False
    return beyond or role in FRACTIONS or bool(lines["valid_range"].choose)


def _codes_of(raw: xr.DataArray) -> str:
    stored = np.unique(sample(raw)).tolist()
    some = stored if len(stored) <= 2 * MOST_CODES else [*stored[:3], "...", *stored[-MOST_CODES:]]
    own = [f"{key} {np.ravel(raw.attrs[key]).tolist()}" for key in OWN_RANGE if key in raw.attrs]
    file = f"; the file says {' and '.join(own)}" if own else ""
    return (
        f"[codes that mean missing] by the product's guide (other files may hold others), [] for none: stored are "
        f"{', '.join(map(str, some))}{file}"
    )


def _known(da: xr.DataArray) -> npt.NDArray[np.float64]:
    middle = {dim: max(0, size - SIDE) // 2 for dim, size in da.sizes.items()}
    values = np.asarray(da.isel({dim: slice(start, start + SIDE) for dim, start in middle.items()}).values, np.float64)
    return values[np.isfinite(values)]


def codes_beyond(raw: xr.DataArray, allowed: tuple[float, float], factor: float = 1.0) -> list[Any]:
    """List stored values of a first step, not stated as missing, that lie beyond ``allowed`` when unpacked and scaled.

    ``factor`` is the part of the scale that the entry gives.
    """
    stored = sample(raw).ravel()
    scale = stated_scale(raw.attrs, str(raw.name)) or 1.0
    value = stored.astype(np.float64) * scale + number_in(raw.attrs, "add_offset", 0.0, str(raw.name))
    stated = [code for key in STATED for code in np.ravel(raw.attrs.get(key, ()))]
    value *= factor
    beyond = (value < allowed[0]) | (value > allowed[1])
    odd = np.unique(stored[beyond & ~np.isin(stored, stated) & np.isfinite(value)])
    return [code.item() for code in odd]
