"""The first stage: the ids, months and inputs of a run, and whether it can be done and has to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smcloud import store as stores
from smcloud.catalog import Catalog
from smcloud.catalog.fingerprints import pinned
from smcloud.catalog.fingerprints.file_spans import file_spans
from smcloud.cluster.health import on_each_worker
from smcloud.config import RunConfig
from smcloud.cube import CubeInputs, open_inputs, provisional_flags
from smcloud.errors import UnreachableError
from smcloud.pipeline import identity, incremental
from smcloud.pipeline.identity import SourceStates
from smcloud.store import InputEntry, Lineage, Release, Store


@dataclass(frozen=True)
class Job:
    """One run: its ids, months and inputs, and what was opened to find them.

    ``catalog`` is pinned to the states that were fingerprinted, ``opened`` holds its sources: plan and ingest use them
    again in the same process. ``parent`` is the newest release when the run began, 0 where there is none.
    """

    store: str
    cube_id: str
    run_id: str
    period: tuple[str, str]
    inputs: Mapping[str, InputEntry]
    fingerprint: str
    lineage: Lineage
    parent: int
    catalog: Catalog
    opened: CubeInputs

    def record(self) -> dict[str, Any]:
        """Return what identifies the job, as plain values."""
        return {
            "store": self.store,
            "cube_id": self.cube_id,
            "run_id": self.run_id,
            "period": list(self.period),
            "inputs": {role: entry.as_json() for role, entry in self.inputs.items()},
            "fingerprint": self.fingerprint,
            "lineage": self.lineage.as_json(),
        }


def check(config: RunConfig, states: SourceStates | None = None) -> Job:
    """Open catalog, sources and store (metadata only) and derive the ids of the run.

    ``states`` are those of the sources where they are known already. Raises the errors of configuration, catalog,
    sources and store; nothing is written.
    """
    store = Store.open(config.store)
    stores.require_store(store)
    stores.require_chain(store)
    parent = stores.latest_release(store)
    if states is None:
        states = identity.look_at_sources(config)  # before anything is opened, so that later changes are noticed
    parts = states.parts
    catalog = pinned(states.catalog, {entry: parts_of.version.get("snapshot") for entry, parts_of in parts.items()})
    opened = open_inputs(config, catalog)
    months = opened.months
    inputs = {
        role: _input(catalog, source.entry, parts[source.entry].state, incremental.reach(source, parts[source.entry]))
        for role, source in opened.sources.items()
    }
    known = {}
    if any(parts_of.files for parts_of in parts.values()):
        known = incremental.known_files(stores.cube_lineages(store).values())
    spans = {entry: file_spans(catalog, entry, parts_of, known) for entry, parts_of in parts.items()}
    provisional = provisional_flags(opened.sources, months)
    lineage = incremental.lineage_of(config, opened.sources, parts, spans, months, provisional)
    cube_id = incremental.cube_id(lineage)
    return Job(
        store=store.url,
        cube_id=cube_id,
        run_id=identity.run_id(config, cube_id, inputs),
        period=lineage.period,
        inputs=inputs,
        fingerprint=identity.fingerprint(config, states),
        lineage=lineage,
        parent=parent,
        catalog=catalog,
        opened=opened,
    )


def _input(catalog: Catalog, entry: str, state: str, reach: dict[str, str]) -> InputEntry:
    metadata = catalog.sources[entry].metadata
    return InputEntry(
        entry=entry,
        version=str(metadata.version or ""),
        state=state,
        licence=metadata.licence,
        citation=metadata.citation,
        source=reach,
    )


def require_shared_store(job: Job) -> None:
    """Raise :class:`UnreachableError` where a worker of the current client sees another store than this process.

    A worker without the endpoint or the credentials of the client would write to, and read from, somewhere else. Raises
    :class:`ConfigurationError` where the store does not create an object only once.
    """
    store = Store.open(job.store)
    stores.require_create_only(store)
    with stores.probe(store) as path:
        seen = on_each_worker(stores.can_read, store, path)
    blind = {worker: answer for worker, answer in seen.items() if answer}
    if blind:
        worker, answer = next(iter(blind.items()))
        raise UnreachableError(
            f"{len(blind)} of {len(seen)} workers do not see the store as the client does",
            where=f"{store.url} from {worker}",
            found=answer,
            expected="the object that the client has just put there",
            next="name the endpoint in cluster.forward, and give the workers' account access to the store",
        )


def released(job: Job) -> Release | None:
    """Find the newest release that carries this job's products, if any."""
    return stores.find_release(Store.open(job.store), job.run_id)
