"""The first stage: what a run is about, and whether it can and need be done."""

from __future__ import annotations

from typing import Any, NamedTuple

from smcloud import store as stores
from smcloud.catalog import load_catalog
from smcloud.catalog.fingerprints import pinned
from smcloud.cluster.health import on_each_worker
from smcloud.config import RunConfig
from smcloud.cube import file_spans, month_range, open_sources, provisional_flags, resolve_months
from smcloud.errors import SmcloudError, TooFewYearsError, UnreachableError
from smcloud.io_errors import is_network
from smcloud.pipeline import identity, incremental
from smcloud.store import Store

PLACES = "the sources or the store of this run"  # where a stage may lose its connection


class Job(NamedTuple):
    """What one run is about: its ids, months, inputs and what it leaves out. JSON-able."""

    store: str
    cube_id: str
    run_id: str
    period: tuple[str, str]
    inputs: dict[str, dict[str, Any]]
    fingerprint: str
    lineage: dict[str, Any]


def check(config: RunConfig) -> Job:
    """Open catalog, sources and store (metadata only) and derive the two ids.

    Raises the errors of configuration, catalog, sources and store; nothing is written.
    """
    store = Store.open(config.store)
    stores.require_store(store)
    catalog = load_catalog(config.catalog)
    parts = identity.entry_parts(config, catalog)  # before anything is opened: what comes later is noticed
    catalog = pinned(catalog, {entry: held.version.get("snapshot") for entry, held in parts.items()})
    sources = open_sources(config, catalog)
    months = resolve_months(config, sources)
    inputs: dict[str, dict[str, Any]] = {}
    for role, source in sources.items():
        metadata = catalog.sources[source.entry].metadata
        inputs[role] = {
            "entry": source.entry,
            "version": str(metadata.version or ""),
            "state": parts[source.entry].state,
            "licence": metadata.licence,
            "citation": metadata.citation,
            "source": incremental.reach(source, parts[source.entry]),
        }
    period = (str(months[0]), str(months[-1]))
    known = incremental.known_files(stores.cube_records(store)) if any(held.files for held in parts.values()) else {}
    spans = {entry: file_spans(catalog, entry, held, known) for entry, held in parts.items()}
    provisional = provisional_flags(sources, months)
    lineage = incremental.lineage(config, sources, parts, spans, months, provisional)
    cube_id = incremental.cube_id(lineage)
    run_id = stores.content_id(config.analysis(), cube_id, identity.product_code())
    return Job(store.url, cube_id, run_id, period, inputs, identity.fingerprint(config, parts), lineage)


def require_years(config: RunConfig, job: Job) -> None:
    """Raises :class:`TooFewYearsError` where the period of ``job`` is too short for a trend; a cube may be short."""
    years = len(month_range(*job.period)) // 12
    if years < config.years.min_years:
        raise TooFewYearsError(
            "the period has too few years for a trend",
            where="period",
            found=f"{years} years, {job.period[0]} to {job.period[1]}",
            expected=f"at least {config.years.min_years} (years.min_years)",
            next="lengthen period in the configuration",
        )


def require_shared_store(job: Job) -> None:
    """Raises :class:`UnreachableError` where a worker of the current client sees another store than this process.

    A worker without the endpoint or the credentials of the client would write to, and read from, somewhere else.
    """
    store = Store.open(job.store)
    with stores.probe(store) as path:
        seen = on_each_worker(stores.can_read, store, path)
    blind = {worker: found for worker, found in seen.items() if found}
    if blind:
        worker, found = next(iter(blind.items()))
        raise UnreachableError(
            f"{len(blind)} of {len(seen)} workers do not see the store as the client does",
            where=f"{store.url} from {worker}",
            found=found,
            expected="the object that the client has just put there",
            next="name endpoint and credentials in cluster.forward, or give the workers' account access",
        )


def released(job: Job) -> dict[str, Any] | None:
    """The newest release that carries this job's products, if any."""
    return stores.find_release(Store.open(job.store), job.run_id)


def is_transient(error: BaseException) -> bool:
    """True where trying again may help: the network and its stores, never data or configuration."""
    if isinstance(error, SmcloudError):
        lasting = isinstance(error.__cause__, (FileNotFoundError, PermissionError, NotADirectoryError))
        return error.code == "unreachable" and not lasting
    return is_network(error)
