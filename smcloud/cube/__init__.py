"""Sources to one monthly cube: flags, calendar, units, axes, regridding, checks. Nothing here writes."""

from smcloud.catalog.fingerprints.file_spans import file_spans
from smcloud.cube.build import Cube, build, make_template, provisional_flags
from smcloud.cube.calendar import Times, month_range
from smcloud.cube.provenance import month_inputs
from smcloud.cube.quality import add_counters, validate_counters
from smcloud.cube.sources import Source, open_sources, resolve_months

__all__ = [
    "Cube",
    "Source",
    "Times",
    "add_counters",
    "build",
    "file_spans",
    "make_template",
    "month_inputs",
    "month_range",
    "open_sources",
    "provisional_flags",
    "resolve_months",
    "validate_counters",
]
