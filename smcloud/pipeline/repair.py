"""Repair of releases: what is damaged is made once more, and put back where its digest is the one that was sealed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from smcloud import chunking
from smcloud import store as stores
from smcloud.cluster import open_cluster
from smcloud.config import RunConfig
from smcloud.errors import IntegrityError, SmcloudError
from smcloud.pipeline import identity
from smcloud.pipeline.compute import StoreWriter, make_and_check
from smcloud.pipeline.ingest import build_cube
from smcloud.pipeline.inputs import cells_of, for_computing
from smcloud.pipeline.job import check
from smcloud.pipeline.publish import has_report, report
from smcloud.products import Publication, RunFacts
from smcloud.sample.demo import truth_beside
from smcloud.store import Attempts, CubeEntry, Prefix, ProductEntry, Release, Store, cube_path, product_path
from smcloud.store.doors import door_problems
from smcloud.store.pointers import mend_pointers
from smcloud.store.records import INVENTORY
from smcloud.store.restore import restore
from smcloud.store.verify import prefix_findings

Entry = CubeEntry | ProductEntry


class Repair(NamedTuple):
    """What was put back and what was not, paths in the store; and why not, in words."""

    repaired: list[str]
    left: list[str]
    why: list[str]


def repair(store: Store, release: int | None = None) -> Repair:
    """Repair what verify finds of a release, the newest by default: cube, products, page, and the doors to the newest.

    The cube is built from its sources, the products are computed from the cube, each in a folder that is removed again.
    An object is put back only if it has the digest with which it was sealed, so nothing else can come of it: not where
    sources, code or libraries are others than they were. Lost records and foreign objects are left as they are.
    """
    record = stores.newest_release(store) if release is None else stores.read_release(store, release)
    done = Repair([], [], [])
    damaged: dict[str, list[str]] = {entry.url: _damaged(store, entry) for entry in record.prefixes}
    config = RunConfig.of_release(record.config).model_copy(update={"store": store.url})
    if any(damaged.values()):
        with open_cluster(config.cluster), Attempts(store) as attempts:
            try:
                _repair_prefixes(done, store, damaged, record, config, attempts)
            finally:
                attempts.remove_all()
    _complete_pages(done, store, record)
    return done


def _repair_prefixes(
    done: Repair,
    store: Store,
    damaged: Mapping[str, list[str]],
    record: Release,
    config: RunConfig,
    attempts: Attempts,
) -> None:
    """First the cube, then the products, which are made from it."""
    if damaged[record.cube.url]:
        _put_back(done, store, damaged, [record.cube], lambda: _cube(config, attempts, record))
    broken = [product for product in record.products.values() if damaged[product.url]]
    if broken and not _damaged(store, record.cube):
        _put_back(done, store, damaged, broken, lambda: _products(config, attempts, record))
    elif broken:
        _leave(done, damaged, broken, "products cannot be computed from a damaged cube")


def _damaged(store: Store, entry: Entry) -> list[str]:
    findings = prefix_findings(store, entry)
    return [finding.path.removeprefix(f"{entry.url}/") for finding in findings if finding.problem]


def _put_back(
    done: Repair,
    store: Store,
    damaged: Mapping[str, list[str]],
    entries: Sequence[Entry],
    make: Callable[[], dict[str, stores.Attempt]],
) -> None:
    """Make the prefixes of ``entries`` once more and put back what is damaged of them."""
    try:
        made = make()
    except SmcloudError as err:
        _leave(done, damaged, entries, f"{err.what}: {err.found}")
        return
    for entry in entries:
        sealed = entry.inventory_sha256 or ""
        good, bad = restore(Prefix(store, entry.url), made[entry.url].prefix, damaged[entry.url], sealed)
        if INVENTORY in good:  # only now it is known what else is damaged
            damaged[entry.url][:] = _damaged(store, entry)
            more, bad = restore(Prefix(store, entry.url), made[entry.url].prefix, damaged[entry.url], sealed)
            good += more
        done.repaired.extend(f"{entry.url}/{name}" for name in good)
        if bad:
            _leave(done, {entry.url: bad}, [entry], "not what the same work gives: foreign, or made by other code")


def _leave(done: Repair, damaged: Mapping[str, list[str]], entries: Sequence[Entry], why: str) -> None:
    done.left.extend(f"{entry.url}/{name}" for entry in entries for name in damaged[entry.url])
    done.why.append(why)


def _cube(config: RunConfig, attempts: Attempts, record: Release) -> dict[str, stores.Attempt]:
    job = check(config)
    if job.cube_id != record.cube.id:
        raise _other("the cube", record.cube.id, job.cube_id, "sources, code or libraries are others than they were")
    attempt = attempts.begin_anew(cube_path(job.cube_id), record.cube.url)
    build_cube(config, job, attempt, anew=True)
    return {record.cube.url: attempt}


def _products(config: RunConfig, attempts: Attempts, record: Release) -> dict[str, stores.Attempt]:
    run_id = identity.run_id(config, record.cube.id, record.inputs)
    if run_id != record.run_id:
        raise _other("the products", record.run_id, run_id, "code or libraries are others than they were")
    released = {name: product.url for name, product in record.products.items()}
    cube = for_computing(Prefix(attempts.store, record.cube.url).open(chunking.TILES))
    inputs = {role: entry.as_json() for role, entry in record.inputs.items()}
    facts = RunFacts(record.cube.period, record.cube.provisional, inputs)
    writer = StoreWriter(Publication(config, facts, cells_of(cube)), attempts, run_id, released)
    make_and_check(cube, config, writer)
    writer.seal_folders()
    return {entry.url: writer.attempt(name) for name, entry in record.products.items()}


def _other(what: str, wanted: str, actual: str, why: str) -> IntegrityError:
    return IntegrityError(
        f"{what} cannot be made again as it was",
        where=wanted,
        found=f"id {actual}, for {why}",
        expected=f"id {wanted}",
        next="run with the versions that the release names, or restore from a copy of the store",
    )


def _complete_pages(done: Repair, store: Store, record: Release) -> None:
    """Complete page and doors, and name again what a damaged pointer named."""
    problems = door_problems(store)
    try:
        if not has_report(record, store.url) and not done.left:
            report(record, store.url, truth=truth_beside(store.url))
            done.repaired.append(record.report)
    except IntegrityError as err:
        done.why.append(f"{err.what}: {err.found}")
    done.repaired.extend(sorted(problems.keys() - door_problems(store).keys()))
    paths: dict[str, Entry] = {cube_path(record.cube.id): record.cube}
    paths |= {product_path(name, product.run_id): product for name, product in record.products.items()}
    for path, entry in paths.items():
        done.repaired.extend(mend_pointers(store, path, entry.url, entry.inventory_sha256 or ""))
