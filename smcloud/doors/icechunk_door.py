"""A virtual Icechunk repository over a store: a tag for each release, whose references point to the sealed chunks.

Nothing is copied. The references hold the address of the store, so a store that was moved needs new ones, and who opens
the repository must say that it may read at that address.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import re
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smcloud.doors.addresses import Address, is_plain
from smcloud.errors import IntegrityError
from smcloud.store import CubeEntry, Prefix, ProductEntry, Release, Store, read_release
from smcloud.store.arrays import ZARR_JSON
from smcloud.store.objects import read
from smcloud.store.sealed import read_sealed

if TYPE_CHECKING:
    import icechunk

FOLDER, MAIN = "icechunk", "main"
HEAD = f"{FOLDER}/repo"  # the one object that is replaced; all others have names that are used once
FIRST = f"{FOLDER}/snapshots/1CECHNKREP0F1RSTCMT0"  # every repository begins with it, as the format says
_CHUNK = re.compile(r"(.+)/c((?:/\d+)*)")
_log = logging.getLogger(__name__)


def container_of(address: Address) -> str | None:
    """Return the prefix of all references, which readers must consent to; None where there can be no such door.

    It is not made for s3://, as a reader's region and endpoint are not known to the store.
    """
    if not is_plain(address.base):
        return None
    if address.is_local:
        return f"file://{address.base}/"
    return f"{address.base}/" if address.base.startswith(("https://", "http://")) else None


def tag_of(number: int) -> str:
    """Return the tag of a release."""
    return f"release-{number}"


def icechunk_files(store: Store, newest: Release, container: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the head of the repository and the objects beside it that are new, by path in the store.

    Releases without a tag are tagged, but for older ones that are damaged, and ``main`` is the newest. A repository
    that cannot be gone on with, or whose references lead elsewhere, is made anew.
    """
    import icechunk

    icechunk.set_logs_filter("error")  # that its files lie on a disk for a moment is no news to anybody
    with tempfile.TemporaryDirectory(prefix="smcloud-icechunk-") as folder:
        place, before = Path(folder) / "before", _fetch(store, Path(folder) / "before")
        repository = _opened(place, container) if before else None
        if repository is None:
            place, before = Path(folder) / "anew", {}
            repository = _created(place, store, container)
        known = repository.list_tags()
        for number in range(1, newest.number + 1):
            if tag_of(number) not in known:
                with suppress(IntegrityError) if number < newest.number else nullcontext():
                    _tag(repository, store, read_release(store, number), container)
        if repository.lookup_branch(MAIN) != (latest := repository.lookup_tag(tag_of(newest.number))):
            repository.reset_branch(MAIN, latest)
        made = {f"{FOLDER}/{file.relative_to(place).as_posix()}": file.read_bytes() for file in _files(place)}
    return {HEAD: made.pop(HEAD)}, {path: content for path, content in made.items() if path not in before}


def _fetch(store: Store, place: Path) -> dict[str, bytes]:
    """Bring into ``place`` what is needed to go on with a repository: its head, and the snapshot that it began with."""
    found = {path: content for path in (HEAD, FIRST) if (content := read(store, path)) is not None}
    for path, content in found.items():
        file = place / path.removeprefix(f"{FOLDER}/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return found


def _files(place: Path) -> list[Path]:
    """The objects of a repository; earlier heads, which it keeps on a disk, are none."""
    return [file for file in sorted(place.rglob("*")) if file.is_file() and file.parent.name != "overwritten"]


def _opened(place: Path, container: str) -> icechunk.Repository | None:
    import icechunk

    try:
        repository = icechunk.Repository.open(icechunk.local_filesystem_storage(str(place)))
        repository.lookup_snapshot(Path(FIRST).name)
    except icechunk.IcechunkError as err:
        _log.warning("the Icechunk repository of the store is made anew: %s", err)
        return None
    return repository if container in (repository.config.virtual_chunk_containers or {}) else None


def _created(place: Path, store: Store, container: str) -> icechunk.Repository:
    import icechunk

    web = icechunk.http_store({"allow_http": "true"} if container.startswith("http://") else None)
    target = icechunk.local_filesystem_store(store.url) if container.startswith("file://") else web
    config = icechunk.RepositoryConfig.default()
    config.set_virtual_chunk_container(icechunk.VirtualChunkContainer(container, target))
    place.mkdir()
    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(place)), config=config)
    repository.save_config()
    return repository


def _tag(repository: icechunk.Repository, store: Store, release: Release, container: str) -> None:
    """Commit what ``release`` names, after the empty snapshot with which every repository begins, and tag it."""
    tag = tag_of(release.number)
    branch = f"for-{tag}"
    repository.create_branch(branch, Path(FIRST).name)
    session = repository.writable_session(branch)
    entries: dict[str, CubeEntry | ProductEntry] = {"cube": release.cube, **release.products}
    with ThreadPoolExecutor(1) as pool:  # the thread of the caller may have a loop of its own
        pool.submit(asyncio.run, _write(session.store, store, entries, container)).result()
    snapshot = session.commit(f"release {release.number}, run {release.run_id}, {release.created}")
    repository.create_tag(tag, snapshot)
    repository.delete_branch(branch)


async def _write(
    target: icechunk.IcechunkStore, store: Store, entries: Mapping[str, CubeEntry | ProductEntry], container: str
) -> None:
    await _set(target, "zarr.json", {"zarr_format": 3, "node_type": "group", "attributes": {}})
    for name, entry in entries.items():
        place = Prefix(store, entry.url)
        sealed = read_sealed(place, entry)
        root = json.loads(sealed.root)
        nodes = root.pop("consolidated_metadata")["metadata"]
        await _set(target, f"{name}/{ZARR_JSON}", root)
        for array, node in nodes.items():
            await _set(target, f"{name}/{array}/{ZARR_JSON}", node)
        references: dict[str, list[icechunk.VirtualChunkSpec]] = {}
        for path in sealed.digests:
            if match := _CHUNK.fullmatch(path):
                reference = _reference(match[2], f"{container}{entry.url}/{path}", sealed.sizes[path])
                references.setdefault(match[1], []).append(reference)
        for array, chunks in references.items():
            target.set_virtual_refs(f"{name}/{array}", chunks)


def _reference(index: str, location: str, size: int) -> icechunk.VirtualChunkSpec:
    import icechunk

    return icechunk.VirtualChunkSpec([int(part) for part in index.split("/") if part], location, 0, size)


async def _set(target: icechunk.IcechunkStore, key: str, content: dict[str, Any]) -> None:
    from zarr.buffer import cpu

    await target.set(key, cpu.Buffer.from_bytes(json.dumps(_strict(content), allow_nan=False).encode()))


def _strict(value: Any) -> Any:
    """``value`` as JSON knows it: an attribute that is no number is null, which a plain Zarr may spell ``NaN``."""
    if isinstance(value, dict):
        return {key: _strict(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_strict(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
