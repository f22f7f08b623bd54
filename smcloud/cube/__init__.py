"""Sources to one monthly cube: flags, calendar, units, axes, regridding, checks. Nothing here writes."""

from smcloud.cube.build import Cube, build
from smcloud.cube.checks import judge
from smcloud.cube.sources import Source, open_sources, resolve_months

__all__ = ["Cube", "Source", "build", "judge", "open_sources", "resolve_months"]
