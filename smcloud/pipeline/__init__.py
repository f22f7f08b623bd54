"""The job in stages: check, ingest, compute, publish, report.

Each stage takes the configuration and small records and returns a small record; arrays go from store to
store, never from stage to stage. Dask runs on whatever client is current. Stage order lives in :data:`STAGES`.
"""

from smcloud.pipeline.building import found_cube, ingest, require_cube
from smcloud.pipeline.computing import PRODUCTS, compute
from smcloud.pipeline.job import Job, check, is_transient, released, require_shared_store, require_years
from smcloud.pipeline.planning import plan, require_budget
from smcloud.pipeline.publishing import notes_on, publish, report

STAGES = ("check", "ingest", "compute", "publish", "report")

__all__ = [
    "PRODUCTS",
    "STAGES",
    "Job",
    "check",
    "compute",
    "found_cube",
    "ingest",
    "is_transient",
    "notes_on",
    "plan",
    "publish",
    "released",
    "report",
    "require_budget",
    "require_cube",
    "require_shared_store",
    "require_years",
]
