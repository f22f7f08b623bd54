"""The stages publish and report: a release of all products, and its page."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from smcloud import chunking
from smcloud import store as stores
from smcloud.config import Grid, RunConfig, dropped_drivers, load_config
from smcloud.io_errors import NETWORK, reaching
from smcloud.pipeline import identity
from smcloud.pipeline.identity import SourceStates
from smcloud.store import CubeEntry, Prefix, ProductEntry, Release, ReleaseContent, Store
from smcloud.store.layout import TEMPORARY
from smcloud.store.records import INVENTORY, Record

if TYPE_CHECKING:
    from smcloud.pipeline.job import Job
    from smcloud.report import ReportContext


class PageRecord(Record):
    """A rendered report: its full URL, its summary tables, and the scorecard where the true values are known."""

    report: str
    tables: Mapping[str, Any]
    scorecard: Any = None


class RunRecord(Record):
    """Result of a run: ``published`` or ``already published``, the ids, full URLs, and time and tasks by stage.

    ``tables`` are those of the page, to be shown elsewhere.
    """

    status: str
    release: int
    run_id: str
    cube_id: str
    products: Mapping[str, str]
    report: str
    seconds: Mapping[str, float]
    tasks: Mapping[str, int] | None = Field(default=None, exclude_if=lambda tasks: tasks is None)
    scorecard: Any = Field(default=None, exclude_if=lambda scores: scores is None)
    tables: Mapping[str, Any] = Field(default_factory=dict, exclude=True)


def run_record(
    status: str,
    release: Release,
    store_url: str,
    seconds: Mapping[str, float],
    tasks: Mapping[str, int] | None = None,
    page: PageRecord | None = None,
) -> RunRecord:
    """Make the record of a run that ended with ``release``; ``page`` where it was rendered now."""
    store = Store.open(store_url)
    return RunRecord(
        status=status,
        release=release.number,
        run_id=release.run_id,
        cube_id=release.cube.id,
        products={name: store.url_of(product.url) for name, product in release.products.items()},
        report=store.url_of(release.report),
        seconds={stage: round(spent, 2) for stage, spent in seconds.items()},
        tasks=tasks,
        scorecard=None if page is None else page.scorecard,
        tables={} if page is None else page.tables,
    )


def published(path: str, truth: str | None = None) -> tuple[RunRecord | None, SourceStates | None]:
    """Find the release that the file ``path`` asks for, before anything heavy is imported or opened.

    Returns its record, None where there is none, and the states of the sources as far as they were looked at. A page
    that a run has left out is rendered now, with what is scored by ``truth``.
    """
    began = time.perf_counter()
    config = load_config(path)
    release, states = identity.find(config)
    if release is None:
        return None, states
    page = None if has_report(release, config.store) else report(release, config.store, truth=truth)
    seconds = {"check": time.perf_counter() - began}
    return run_record("already published", release, config.store, seconds, page=page), states


def publish(
    config: RunConfig, job: Job, cube: CubeEntry, products: Mapping[str, ProductEntry], allow_older: str = ""
) -> Release:
    """Publish all products together as the next release, or return that of a concurrent run of the same work.

    ``allow_older`` is the reason why the release may step back behind the newest one.
    """
    store = Store.open(job.store)
    with reaching(NETWORK, store.url):
        # It may have been sealed by a run that ended before it could name it.
        named = stores.point_to(Prefix(store, cube.url), stores.cube_path(cube.id), cube.inventory_sha256 or "")
        entry = CubeEntry(**{name: getattr(cube, name) for name in CubeEntry.model_fields} | {"url": named.path})
        content = _content(config, job, entry, products)
        release = stores.publish(store, content, allow_older, job.parent)
        stores.write_doors(store, render_doors)
    return release


def _content(config: RunConfig, job: Job, cube: CubeEntry, products: Mapping[str, ProductEntry]) -> ReleaseContent:
    return ReleaseContent(
        cube=cube,
        products=products,
        report=stores.report_path(job.run_id),
        inputs=job.inputs,
        config=config.model_dump(mode="json"),
        code=identity.versions() | {"smcloud": importlib.metadata.version("smcloud"), "fingerprint": job.fingerprint},
    )


def require_forward(config: RunConfig, job: Job) -> None:
    """Raise :class:`ReleaseConflictError` where the run would step back behind the newest release.

    That is seen before anything is computed, and once more when it is published: another run may be faster.
    """
    store = Store.open(job.store)
    marked = tuple(job.lineage.provisional)
    cube = CubeEntry(id=job.cube_id, url=stores.cube_path(job.cube_id), period=job.period, provisional=marked)
    stores.require_forward(store, _content(config, job, cube, {}))


def render_doors(store: Store, release: Release, digest: str) -> stores.Doors:
    """Render the doors to ``release``, whose record has the sha256 ``digest``."""
    from smcloud.conventions.invented import is_invented
    from smcloud.doors import render
    from smcloud.explorer.files import explorer_files

    return render(
        store,
        release,
        digest,
        explorer=partial(explorer_files, invented=is_invented(entry.version for entry in release.inputs.values())),
    )


def has_report(release: Release, store_url: str) -> bool:
    """Return whether the page of ``release`` exists: a run may have ended between publishing and reporting.

    The doors to the newest release, which are written between the two, are completed here.
    """
    store = Store.open(store_url)
    with reaching(NETWORK, store.url):
        stores.complete_doors(store, render_doors)
        return bool(store.fs.exists(store.join(release.report)))


def report(
    release: Release,
    store_url: str,
    seconds: Mapping[str, float] | None = None,
    truth: str | None = None,
    languages: Sequence[str] = (),
) -> PageRecord:
    """Render the report of ``release`` into the store; ``truth`` (a Zarr of the sample world) adds what is scored.

    The page is in English, and in ``languages`` beside it; what an earlier page left there is removed.
    The doors to the newest release are rendered too: a store may have been moved since.
    These are the scorecard of the products, and the false alarms and finds of every preset on this world's cube.
    """
    from smcloud.report import render, summary_tables, used

    store = Store.open(store_url)
    with reaching(NETWORK, store.url):
        opened = {name: stores.open_product(store_url, name, release.number) for name in release.products}
        context = _context(release, store, opened, dict(seconds or {}), truth)
        products = used(opened)
        place = Path(release.report).parent.as_posix()
        files = render(products, context, languages)
        stores.put_page(store, place, files)
        _remove_former(Prefix(store, place), files)
        stores.write_doors(store, render_doors)
    tables = summary_tables(products)
    return PageRecord(report=store.url_of(release.report), tables=tables, scorecard=context.scorecard)


def _remove_former(place: Prefix, files: Mapping[str, bytes]) -> None:
    """Remove what is no file of the page that lies at ``place`` now: figures and languages of an earlier one."""
    former = [name for name in place.sizes() if name not in files and name != INVENTORY and TEMPORARY not in name]
    for name in former:
        place.remove(name)


def _context(
    release: Release, store: Store, products: Mapping[str, Any], seconds: dict[str, float], truth: str | None
) -> ReportContext:
    from smcloud.report import ReportContext

    config = RunConfig.of_release(release.config)
    land, share = (products["annual"].get(name) for name in ("land_mask", "region_share"))
    scores, presets = None, []
    if truth is not None:
        import xarray as xr

        from smcloud.sample import preset_records, scorecard

        known = xr.open_zarr(truth).load()
        products = {name: ds.load() for name, ds in products.items()}
        scores = scorecard(known, products["trend"], products["drivers"], products["ddww"], config, products["annual"])
        presets = preset_records(known, Prefix(store, release.cube.url).open(chunking.TILES), config)
    return ReportContext(
        title="Soil-moisture change: trend, drivers and DDWW",
        created=release.created,
        run_id=release.run_id,
        cube_id=release.cube.id,
        config=config.model_dump(mode="json"),
        inputs={role: entry.as_json() for role, entry in release.inputs.items()},
        seconds=seconds,
        missing=missing_roles(config),
        scorecard=scores,
        presets=presets,
        land_mask=None if land is None else land.compute(),
        region_share=None if share is None else share.compute(),
        resolution=config.grid.resolution if isinstance(config.grid, Grid) else None,
        explorer=_explorer(store, release),
        release=release.number,
    )


def _explorer(store: Store, release: Release) -> str | None:
    """The address of the explorer for the page of ``release``, where the store has one."""
    from smcloud.explorer.files import PAGE

    up = "../" * release.report.count("/")
    return f"{up}{PAGE}" if store.fs.exists(store.join(PAGE)) else None


def missing_roles(config: RunConfig) -> list[str]:
    """List the roles without an input: drivers of the preset, and those that zones, strata and land are made from."""
    wanted = ("land_mask", *config.zones.roles, "aridity_index", "land_cover", "elevation", "clay", "sand", "lai")
    absent = (role for role in wanted if role not in config.inputs)
    return list(dict.fromkeys((*dropped_drivers(config), *absent)))
