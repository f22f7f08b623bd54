"""Icechunk repositories: the snapshot that is read, and the commit that last wrote each time chunk.

A repository's history names the chunks that every commit wrote, so no chunk is listed. The tokens differ from run to
run of the writer, never from look to look: a rewrite of equal values counts as a change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from smcloud.catalog.fingerprints.chunks import TIME, Chunks, Layout, layout
from smcloud.catalog.readers.icechunk import repository, session
from smcloud.catalog.schema import Catalog, Entry

AXIS_BYTES = 2**26


def pinned(catalog: Catalog, snapshots: Mapping[str, str | None]) -> Catalog:
    """Pin those entries of ``catalog`` that have one to their ``snapshots``: what was fingerprinted is what is read."""
    entries = dict(catalog.sources)
    for name, snapshot in snapshots.items():
        if snapshot is None:
            continue
        args = entries[name].args.model_copy(update={"snapshot": snapshot})
        entries[name] = entries[name].model_copy(update={"args": args})
    return catalog.model_copy(update={"sources": entries})


def snapshot_parts(entry: Entry, names: list[str], where: str) -> tuple[str, list[str], dict[str, Chunks]]:
    """Return the snapshot, what defines the variables ``names`` apart from their growth, and their time chunks."""
    import zarr
    from zarr.core.buffer import default_buffer_prototype

    opened = repository(entry.args, where)
    at = session(opened, entry.args)
    place = str(entry.args.xarray_kwargs.get("group") or "").strip("/")
    group: Any = zarr.open_group(at.store, path=place, mode="r")
    layouts, shape = {}, []
    for name in names:
        document = group[name].metadata.to_buffer_dict(default_buffer_prototype())["zarr.json"]
        array_layout = layout({"zarr.json": document.to_bytes().decode()})
        if array_layout is None:
            return at.snapshot_id, [at.snapshot_id], {}
        layouts[name] = array_layout
        shape.append(array_layout.digest)
    for axis in sorted({dim for array_layout in layouts.values() for dim in array_layout.dims} - set(TIME)):
        if axis in group:
            read = group[axis].nbytes <= AXIS_BYTES  # a larger axis is refused when it is opened
            content = group[axis][:].tobytes() if read else at.snapshot_id.encode()
            shape.append(f"{axis} {hashlib.sha256(content).hexdigest()}")
    written = _last_written(opened, at.snapshot_id, {f"/{place}/{name}".replace("//", "/"): array_layout
                                                     for name, array_layout in layouts.items()})  # fmt: skip
    chunks = {
        name: Chunks(0 if array_layout.time is None else array_layout.steps, digests)
        for (name, array_layout), digests in zip(layouts.items(), written, strict=True)
    }
    return at.snapshot_id, shape, chunks


def _last_written(opened: Any, snapshot: str, layouts: Mapping[str, Layout]) -> list[tuple[str, ...]]:
    """For each array, by path, the last commit up to ``snapshot`` that wrote into each time chunk.

    Behind the oldest commit that is known (history expires), or a move of arrays, all chunks are of that commit.
    """
    commits: dict[str, dict[int, str]] = {path: {} for path in layouts}
    oldest = snapshot
    for commit in opened.ancestry(snapshot_id=snapshot):
        if commit.parent_id is None or all(
            len(commits[path]) >= array_layout.count for path, array_layout in layouts.items()
        ):
            break
        oldest = commit.id
        change = opened.diff(from_snapshot_id=commit.parent_id, to_snapshot_id=commit.id)
        for path, array_layout in layouts.items():
            for position in change.updated_chunks.get(path, ()):
                commits[path].setdefault(array_layout.chunk_of(position), commit.id)
            if path in change.new_arrays:
                commits[path] |= {i: commits[path].get(i, commit.id) for i in range(array_layout.count)}
        if change.moved_nodes:
            break
    return [
        tuple(commits[path].get(i, f"to {oldest}") for i in range(array_layout.count))
        for path, array_layout in layouts.items()
    ]
