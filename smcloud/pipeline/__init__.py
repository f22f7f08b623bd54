"""The job in stages: check, ingest, compute, publish, report.

Each stage takes the configuration and small records and returns a small record; arrays go from store to
store, never from stage to stage. Dask runs on whatever client is current.

What is named here is imported when it is asked for: a command that finds its work done does not wait for array
libraries.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smcloud.pipeline.compute import compute
    from smcloud.pipeline.findings import require_years
    from smcloud.pipeline.ingest import found_cube, ingest, require_cube
    from smcloud.pipeline.job import Job, check, released, require_shared_store
    from smcloud.pipeline.planning.plan import plan, require_budget
    from smcloud.pipeline.publish import missing_roles, publish, report

__all__ = [
    "Job",
    "check",
    "compute",
    "found_cube",
    "ingest",
    "missing_roles",
    "plan",
    "publish",
    "released",
    "report",
    "require_budget",
    "require_cube",
    "require_shared_store",
    "require_years",
]
_ROOMS = {
    "compute": ("compute",),
    "findings": ("require_years",),
    "ingest": ("found_cube", "ingest", "require_cube"),
    "job": ("Job", "check", "released", "require_shared_store"),
    "planning.plan": ("plan", "require_budget"),
    "publish": ("missing_roles", "publish", "report"),
}


class _Package(ModuleType):
    """Some stages have the name of their module: of the package's two attributes of one name callers get the stage."""

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and name in __all__:
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    room = next((room for room, names in _ROOMS.items() if name in names), None)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{room}"), name)
