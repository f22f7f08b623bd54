"""Sources to one monthly cube: flags, calendar, units, axes, regridding, checks. Nothing here writes."""

from smcloud.cube.build import Cube, build, outline, provisional_flags
from smcloud.cube.calendar import Times, month_range
from smcloud.cube.checks import add_counters, judge
from smcloud.cube.file_spans import file_spans
from smcloud.cube.inputs import month_inputs
from smcloud.cube.sources import Source, open_sources, resolve_months

__all__ = [
    "Cube",
    "Source",
    "Times",
    "add_counters",
    "build",
    "file_spans",
    "judge",
    "month_inputs",
    "month_range",
    "open_sources",
    "outline",
    "provisional_flags",
    "resolve_months",
]
