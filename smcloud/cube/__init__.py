"""From sources to one monthly cube: flags, calendar, units, axes, regridding, checks. Nothing here writes."""

from smcloud.cube.absence import absent_months
from smcloud.cube.build import Cube, build, make_template, provisional_flags
from smcloud.cube.calendar import Times, month_range
from smcloud.cube.provenance import month_inputs
from smcloud.cube.quality import add_counters, validate_counters
from smcloud.cube.sources import CubeInputs, Source, open_inputs, open_sources, resolve_months
from smcloud.cube.units import require_convertible

__all__ = [
    "Cube",
    "CubeInputs",
    "Source",
    "Times",
    "absent_months",
    "add_counters",
    "build",
    "make_template",
    "month_inputs",
    "month_range",
    "open_inputs",
    "open_sources",
    "provisional_flags",
    "require_convertible",
    "resolve_months",
    "validate_counters",
]
