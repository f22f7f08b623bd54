"""The job in stages: check, ingest, compute, publish, report.

Each stage takes the configuration and small records and returns a small record; arrays go from store to
store, never from stage to stage. Dask runs on whatever client is current. Stage order lives in :data:`STAGES`.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from smcloud import products as science
from smcloud import published, refresh
from smcloud import store as stores
from smcloud.catalog import load_catalog
from smcloud.cluster import on_each_worker, settle
from smcloud.config import Grid, RunConfig, dropped_drivers
from smcloud.cube import (
    Source,
    add_counters,
    build,
    judge,
    month_range,
    open_sources,
    provisional_flags,
    resolve_months,
)
from smcloud.errors import (
    NothingPublishedError,
    ReleaseConflictError,
    SmcloudError,
    SourceReadError,
    TooFewYearsError,
    UnreachableError,
)
from smcloud.reaching import network
from smcloud.source_state import file_spans
from smcloud.store import Store

STAGES = ("check", "ingest", "compute", "publish", "report")
PRODUCTS = ("annual", "trend", "drivers", "ddww", "regional", "strata")
TILES = {"time": -1, "year": -1, "lat": stores.CHUNK, "lon": stores.CHUNK}


class Job(NamedTuple):
    """What one run is about: its ids, months, inputs and what it leaves out. JSON-able."""

    store: str
    cube_id: str
    run_id: str
    period: tuple[str, str]
    inputs: dict[str, dict[str, str]]
    fingerprint: str
    made_from: dict[str, Any]


def check(config: RunConfig) -> Job:
    """Open catalog, sources and store (metadata only) and derive the two ids.

    Raises the errors of configuration, catalog, sources and store; nothing is written.
    """
    store = Store.open(config.store)
    stores.require_store(store)
    catalog = load_catalog(config.catalog)
    sources = open_sources(config, catalog)
    months = resolve_months(config, sources)
    parts = published.entry_parts(config, catalog)
    inputs = {}
    for role, source in sources.items():
        metadata = catalog.sources[source.entry].metadata
        inputs[role] = {
            "entry": source.entry,
            "version": str(metadata.version or ""),
            "state": parts[source.entry].state,
            "licence": metadata.licence,
            "citation": metadata.citation,
        }
    period = (str(months[0]), str(months[-1]))
    known = refresh.known_files(stores.cube_records(store)) if any(held.files for held in parts.values()) else {}
    spans = {entry: file_spans(catalog, entry, held, known) for entry, held in parts.items()}
    provisional = provisional_flags(sources, months)
    made_from = refresh.made_from(config, sources, parts, spans, months, provisional)
    cube_id = refresh.cube_id(made_from)
    run_id = stores.content_id(config.analysis(), cube_id, published.analysis_code(), published.versions())
    return Job(store.url, cube_id, run_id, period, inputs, published.fingerprint(config, parts), made_from)


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
        seen = on_each_worker(stores.sees, store, path)
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


@network("the sources or the store of this run")
def ingest(config: RunConfig, job: Job) -> dict[str, Any]:
    """Bring the cube of ``job`` about unless it is sealed already; returns its record.

    Where an earlier cube of the store was made in the same way, only the time chunks whose input is new or changed
    are computed, and the others are copied inside the store; the record names these months. The checks that need
    values are computed together with the write, of what is read, and judged before the seal.
    """
    there = found_cube(job)
    if there is not None:
        return there
    try:
        return _build(config, job)
    except ReleaseConflictError:
        there = found_cube(job)  # another run of the same work sealed it meanwhile
        if there is None:
            raise
        return there


def _build(config: RunConfig, job: Job) -> dict[str, Any]:
    import dask

    store, path = Store.open(job.store), stores.cube_path(job.cube_id)
    sources = open_sources(config, load_catalog(config.catalog))
    months = month_range(*job.period)
    cube = build(config, sources, months)
    change = refresh.choose(job.made_from, stores.cube_records(store))
    pieces = {0: cube}
    staged = None
    if change is not None:
        moving = {role: source for role, source in sources.items() if source.steps is not None}
        changed = {start: build(config, moving, months[start:stop]) for start, stop in change.runs}
        datasets = {start: piece.dataset for start, piece in changed.items()}
        staged = stores.stage_refreshed(cube.dataset, datasets, store, path, change.previous)
    if staged is None:
        change, staged = None, (stores.stage(cube.dataset, store, path), {})
    else:
        pieces = changed
    writes, copied = staged
    try:
        with _reading(sources), network(f"{store.url}, or a source"):
            _, counted = dask.compute(writes, [piece.counters for piece in pieces.values()])
        for role, counters in add_counters(counted).items():
            spec = sources[role].spec
            judge(role, counters, spec.valid_range, spec.units, sources[role].where, spec.coverage_change)
    except SmcloudError:
        settle()
        # Where it does not work, what is left is unsealed, so nobody reads it, and the next run writes over it.
        with suppress(UnreachableError):
            stores.discard(store, path)
        raise
    stores.seal(store, path, map(str, cube.dataset.variables), stores.record_object(job.made_from), copied)
    return _cube_record(job, "built" if change is None else "refreshed", change)


def found_cube(job: Job) -> dict[str, Any] | None:
    """The record of this job's cube where it is sealed already, else None."""
    there = stores.is_sealed(Store.open(job.store), stores.cube_path(job.cube_id))
    return _cube_record(job, "already there") if there else None


@contextmanager
def _reading(sources: Mapping[str, Source]) -> Iterator[None]:
    """What sources, codecs and file systems raise while blocks are read, as one error of ours."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as err:
        first = next(iter(str(err).splitlines()), "")
        raise SourceReadError(
            "a source cannot be read to its end",
            where=", ".join(sorted({source.where for source in sources.values()})),
            found=f"{type(err).__name__}: {first}",
            expected="chunks that are there and decode",
            next="smcloud run CONFIG --debug names the chunk; fetch the source again, then run again",
        ) from err


def require_cube(job: Job) -> dict[str, Any]:
    """The record of this job's cube; raises :class:`NothingPublishedError` where it is not there yet."""
    there = found_cube(job)
    if there is None:
        raise NothingPublishedError(
            "the cube of this configuration is not there",
            where=job.store,
            found="no sealed cube",
            expected=stores.cube_path(job.cube_id),
            next="smcloud ingest CONFIG, or smcloud run CONFIG for everything",
        )
    return there


def _cube_record(job: Job, status: str, change: refresh.Change | None = None) -> dict[str, Any]:
    """``new`` and ``recomputed`` name the months of a refreshed cube, ``previous`` the cube it was made from."""
    path = stores.cube_path(job.cube_id)
    provisional = stores.open_staged(Store.open(job.store), path)["provisional"].load()
    return {
        "id": job.cube_id,
        "url": path,
        "period": list(job.period),
        "provisional": [f"{month:%Y-%m}" for month in provisional.indexes["time"][provisional.values == 1]],
        "status": status,
        "built": status != "already there",
        "previous": change.previous if change else None,
        "new": change.new if change else [],
        "recomputed": change.recomputed if change else [],
    }


@network("the sources or the store of this run")
def compute(config: RunConfig, job: Job) -> dict[str, dict[str, Any]]:
    """Cube to sealed products: the maps tile by tile, then what needs the whole field, then the tables.

    Returns url, run id and inventory hash of each product. Products already sealed are kept. Without drivers
    there is no drivers product, without an aridity index no ddww.
    """
    import dask

    store = Store.open(job.store)
    path = {name: stores.product_path(name, job.run_id) for name in PRODUCTS}

    written: dict[str, list[str]] = {}

    def sealed(name: str) -> bool:
        return stores.is_sealed(store, path[name])

    def write(datasets: Mapping[str, xr.Dataset]) -> None:
        written.update({name: [str(v) for v in ds.variables] for name, ds in datasets.items()})
        missing = {name: science.stored(ds) for name, ds in datasets.items() if not sealed(name)}
        dask.compute({name: stores.stage(ds, store, path[name]) for name, ds in missing.items()})

    def opened(name: str) -> xr.Dataset:
        return stores.open_staged(store, path[name], TILES)

    cube = stores.open_staged(store, stores.cube_path(job.cube_id), TILES)
    write({"annual": science.annual(cube, config)})
    annual = opened("annual")
    maps = {"trend": science.trend_maps(annual, config, cube)}
    if config.drivers.names:
        maps["drivers"] = science.driver_maps(annual, config, cube)
    write(maps)
    finish = {"trend": science.trend_fields, "drivers": science.driver_fields}
    fields = {}
    for name in maps:
        fields[name] = opened(name).load()
        if not sealed(name):
            more = finish[name](fields[name], config)
            stores.append(more, store, path[name])
            written[name] += [str(v) for v in more.variables if v not in written[name]]
            fields[name] = opened(name).load()
    tables = {}
    ddww = science.ddww(fields["trend"], annual, config)
    if ddww is not None:
        ddww = ddww.compute()
        attributes = science.ddww_attributes(ddww)
        if (interval := science.ddww_interval(annual, config)) is not None:
            attributes |= science.interval_attributes(interval.compute())
        tables["ddww"] = ddww.assign_attrs(ddww.attrs | attributes)
    tables["regional"] = science.table(
        annual, fields["trend"], fields.get("drivers"), *science.regions(annual["lat"], annual["lon"]), config
    )
    strata = science.strata(annual, fields["trend"], ddww, config)
    if strata is not None:
        tables["strata"] = science.table(annual, fields["trend"], fields.get("drivers"), *strata, config)
    write(tables)
    return {
        name: {
            "url": path[name],
            "run_id": job.run_id,
            "inventory_sha256": stores.seal(store, path[name], expected=written[name])["inventory_sha256"],
        }
        for name in PRODUCTS
        if name in written
    }


@network("the sources or the store of this run")
def publish(
    config: RunConfig, job: Job, cube: Mapping[str, Any], products: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Make all products visible together: the next release of the store, or the one a racing twin made."""
    record = {
        "cube": {key: cube[key] for key in ("id", "url", "period", "provisional")},
        "products": {name: dict(product) for name, product in products.items()},
        "report": stores.report_path(job.run_id),
        "inputs": job.inputs,
        "config": config.model_dump(mode="json"),
        "code": published.versions()
        | {"smcloud": importlib.metadata.version("smcloud"), "fingerprint": job.fingerprint},
    }
    store = Store.open(job.store)
    release = stores.publish(store, record)
    stores.write_catalog(store)
    return release


@network("the sources or the store of this run")
def report(
    release: Mapping[str, Any], store_url: str, seconds: Mapping[str, float] | None = None, truth: str | None = None
) -> dict[str, Any]:
    """Render the report of ``release`` into its place; ``truth`` (a Zarr of the sample world) adds what is scored.

    These are the scorecard of the products, and the false alarms and finds of every preset on this world's cube.
    """
    from smcloud.report import ReportContext, render, summary_tables

    store = Store.open(store_url)
    products = {name: stores.open_product(store_url, name, release["number"]).load() for name in release["products"]}
    config = RunConfig.model_validate(release["config"])
    scores, presets = None, []
    if truth is not None:
        from smcloud.sample import preset_records, scorecard

        known = xr.open_zarr(truth).load()
        scores = scorecard(known, products["trend"], products["drivers"], products["ddww"])
        presets = preset_records(known, stores.open_staged(store, release["cube"]["url"], TILES), config)
    context = ReportContext(
        title="Soil-moisture change: trend, drivers and DDWW",
        created=release["created"],
        run_id=next(iter(release["products"].values()))["run_id"],
        cube_id=release["cube"]["id"],
        config=config.model_dump(mode="json"),
        inputs=release["inputs"],
        seconds=dict(seconds or {}),
        notes=notes_on(config),
        scorecard=scores,
        presets=presets,
        land_mask=products["annual"].get("land_mask"),
        resolution=config.grid.resolution if isinstance(config.grid, Grid) else None,
    )
    place = Path(release["report"]).parent.as_posix()
    for name, content in render(products, context).items():
        stores.put(store, f"{place}/{name}", content)
    return {"report": store.url_of(release["report"]), "tables": summary_tables(products), "scorecard": scores}


def notes_on(config: RunConfig) -> list[str]:
    """Sentences about what a run leaves out because a role has no input."""
    notes = [f"The role {name} has no input: it is not among the drivers." for name in dropped_drivers(config)]
    consequences = {
        "aridity_index": "no DDWW classes and no aridity strata",
        "land_mask": "land is where soil moisture has values",
        "land_cover": "no land-cover strata",
        "elevation": "no elevation strata",
        "clay": "no soil-texture strata",
        "sand": "no soil-texture strata",
        "lai": "no leaf-area strata",
    }
    absent = [role for role in consequences if role not in config.inputs]
    return notes + [f"The role {role} has no input: {consequences[role]}." for role in absent]


def is_transient(error: BaseException) -> bool:
    """True where trying again may help: the network and its stores, never data or configuration."""
    if isinstance(error, SmcloudError):
        lasting = isinstance(error.__cause__, (FileNotFoundError, PermissionError, NotADirectoryError))
        return error.code == "unreachable" and not lasting
    return isinstance(error, (ConnectionError, TimeoutError))
