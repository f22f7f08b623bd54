"""The order of the stages, in one place: check, ingest, compute, publish, report.

The command line calls the stages as they are, the flows as tasks of Prefect: both hand in how (:class:`Hooks`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from smcloud.cluster import open_cluster
from smcloud.cluster.health import count_tasks
from smcloud.config import RunConfig, load_config
from smcloud.io_errors import fault_of
from smcloud.pipeline.compute import compute as compute_products
from smcloud.pipeline.findings import require_years
from smcloud.pipeline.identity import SourceStates
from smcloud.pipeline.ingest import CubeRecord, found_cube, ingest, require_cube
from smcloud.pipeline.job import Job, check, released, require_shared_store
from smcloud.pipeline.planning.plan import announce, require_budget
from smcloud.pipeline.publish import RunRecord, has_report, publish, report, require_forward, run_record

if TYPE_CHECKING:
    from distributed import Client

STAGES = ("check", "ingest", "compute", "publish", "report")
log = logging.getLogger("smcloud")


class StageWrapper(Protocol):
    """Changes how a stage is called, but not its arguments and result."""

    def __call__[**P, R](self, stage: Callable[P, R], /) -> Callable[P, R]:
        """Return the function to call in place of ``stage``."""


def as_it_is[**P, R](stage: Callable[P, R], /) -> Callable[P, R]:
    """Return the stage itself."""
    return stage


def unseen(client: Client, stage: str) -> AbstractContextManager[None]:
    """Watch nothing."""
    return nullcontext()


@dataclass(frozen=True)
class Hooks:
    """Functions that a caller puts around the stages.

    ``wrap`` is applied to each, ``watch`` is entered while one works on the cluster of a client, ``opened`` is told of
    the cluster. ``patient``: nobody waits at a terminal, so a gateway that does not answer is asked again for a while.
    """

    wrap: StageWrapper = as_it_is
    watch: Callable[[Client, str], AbstractContextManager[None]] = unseen
    opened: Callable[[Client], None] = lambda client: None
    patient: bool = False


class Runner:
    """One pass through the stages for one configuration; keeps how long each took and how many tasks it was.

    ``allow_older`` is the reason why its release may step back behind the newest one.
    """

    def __init__(self, config: RunConfig, hooks: Hooks, job: Job | None = None, allow_older: str = "") -> None:
        self.config, self.hooks, self.checked, self.allow_older = config, hooks, job, allow_older
        self.seconds: dict[str, float] = {}
        self.tasks: dict[str, int] = {}

    def job(self, states: SourceStates | None = None) -> Job:
        """Return the job as it was checked before, or check it now."""
        if self.checked is None:
            with self._timed("check"):
                self.checked = self.hooks.wrap(check)(self.config, states)
        return self.checked

    def cube(self) -> CubeRecord:
        """Return the record of the cube alone; build or update it on a cluster where there is none yet."""
        job = self.job()
        sealed = self.hooks.wrap(found_cube)(job)
        if sealed is not None:
            return sealed
        self.hooks.wrap(require_budget)(self.config, job, products=False)
        announce(self.config, job, products=False)
        cube, _ = self._on_cluster(job, products=False)
        return cube

    def release(self, truth: str | None = None, with_cube: bool = True) -> RunRecord:
        """Run all stages, to a release and its page; without ``with_cube`` the cube must exist already."""
        wrap, job = self.hooks.wrap, self.job()
        require_years(self.config, job)
        release = wrap(released)(job)
        if release is not None:
            page = None
            if not wrap(has_report)(release, job.store):
                page = wrap(report)(release, job.store, self.seconds, truth)
            return run_record("already published", release, job.store, self.seconds, page=page)
        if not self.allow_older:
            wrap(require_forward)(self.config, job)
        cube = None if with_cube else wrap(require_cube)(job)
        wrap(require_budget)(self.config, job)
        announce(self.config, job)
        cube, products = self._on_cluster(job, cube)
        with self._timed("publish"):
            release = wrap(publish)(self.config, job, cube, products, self.allow_older)
        with self._timed("report"):
            page = wrap(report)(release, job.store, self.seconds, truth)
        return run_record("published", release, job.store, self.seconds, self.tasks, page)

    def _on_cluster(self, job: Job, cube: CubeRecord | None = None, products: bool = True) -> tuple[CubeRecord, Any]:
        """Make cube and products; once more, on a new cluster, where scheduler or gateway was lost.

        What the first attempt has sealed is not computed again.
        """
        patience = self.config.cluster.wait_seconds
        # A user who started the run by hand is told at once that there is no gateway.
        for attempt, wait in (("first", patience if self.hooks.patient else 0), ("last", patience)):
            try:
                with open_cluster(self.config.cluster, wait) as client:
                    self.hooks.opened(client)
                    self.hooks.wrap(require_shared_store)(job)
                    made = cube or self._stage(client, "ingest", ingest, job)
                    return made, self._stage(client, "compute", compute_products, job) if products else None
            except Exception as err:  # a lost connection may surface as any error
                if attempt == "last" or fault_of(err) != "lost":
                    raise
                log.warning("the cluster was lost (%s): once more on a fresh one", type(err).__name__)
        raise AssertionError("the last attempt returns or raises")

    def _stage[R](self, client: Client, name: str, stage: Callable[[RunConfig, Job], R], job: Job) -> R:
        """Run one stage on the cluster; record its time and tasks."""
        before, _ = count_tasks(client)
        with self._timed(name), self.hooks.watch(client, name):
            made = self.hooks.wrap(stage)(self.config, job)
        self.tasks[name] = count_tasks(client)[0] - before
        return made

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        log.info("%s ...", stage)
        yield
        self.seconds[stage] = time.perf_counter() - start
        log.info("%s done in %.1f s", stage, self.seconds[stage])


def checked(config: RunConfig, states: SourceStates | None = None) -> Job:
    """Check a whole run before anything heavy starts: sources, years, budget."""
    job = Runner(config, Hooks()).job(states)
    require_years(config, job)
    require_budget(config, job)
    return job


def runner_of(path: str, hooks: Hooks, job: Job | None = None, allow_older: str = "") -> Runner:
    """Make the runner of a configuration file; ``job`` where it was checked in this process already."""
    return Runner(hooks.wrap(load_config)(path), hooks, job, allow_older)
