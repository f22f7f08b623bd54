"""Icechunk repositories: where they lie, the snapshot that is read, and the commit that last wrote each time chunk.

A repository's history names the chunks that every commit wrote, so no chunk is listed. The tokens differ from run to
run of the writer, never from look to look: a rewrite of equal values counts as a change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from smcloud.catalog_schema import Args, Catalog, Entry
from smcloud.errors import CatalogError
from smcloud.source_state.chunks import TIME, Chunks, Layout, layout

AXIS_BYTES = 2**26


def repository(args: Args, where: str) -> Any:
    """The opened repository: on local disk, ``s3://`` or ``gs://``.

    Anonymously where the entry says so, else with the environment's credentials.
    """
    import icechunk

    icechunk.set_logs_filter("error")  # it warns of commits, which are never made here
    return icechunk.Repository.open(_storage(args, where))


def session(opened: Any, args: Args) -> Any:
    """A read-only session at the pinned snapshot, or else at the tip of the branch."""
    if args.snapshot:
        return opened.readonly_session(snapshot_id=args.snapshot)
    return opened.readonly_session(branch=args.branch)


def pinned(catalog: Catalog, snapshots: Mapping[str, str | None]) -> Catalog:
    """``catalog`` with entries pinned to ``snapshots``, where they have one: what was looked at is what is read."""
    entries = dict(catalog.sources)
    for name, snapshot in snapshots.items():
        if snapshot is None:
            continue
        args = entries[name].args.model_copy(update={"snapshot": snapshot})
        entries[name] = entries[name].model_copy(update={"args": args})
    return catalog.model_copy(update={"sources": entries})


def snapshot_parts(entry: Entry, names: list[str], where: str) -> tuple[str, list[str], dict[str, Chunks]]:
    """The snapshot, what shapes the variables ``names`` but for their growth, and their time chunks."""
    import zarr
    from zarr.core.buffer import default_buffer_prototype

    opened = repository(entry.args, where)
    at = session(opened, entry.args)
    place = str(entry.args.xarray_kwargs.get("group") or "").strip("/")
    group: Any = zarr.open_group(at.store, path=place, mode="r")
    layouts, shape = {}, []
    for name in names:
        document = group[name].metadata.to_buffer_dict(default_buffer_prototype())["zarr.json"]
        found = layout({"zarr.json": document.to_bytes().decode()})
        if found is None:
            return at.snapshot_id, [at.snapshot_id], {}
        layouts[name] = found
        shape.append(found.digest)
    for axis in sorted({dim for held in layouts.values() for dim in held.dims} - set(TIME)):
        if axis in group:
            read = group[axis].nbytes <= AXIS_BYTES  # what declares more is refused when it is opened
            content = group[axis][:].tobytes() if read else at.snapshot_id.encode()
            shape.append(f"{axis} {hashlib.sha256(content).hexdigest()}")
    written = _last_written(opened, at.snapshot_id, {f"/{place}/{name}".replace("//", "/"): held
                                                     for name, held in layouts.items()})  # fmt: skip
    chunks = {
        name: Chunks(0 if held.time is None else held.steps, digests)
        for (name, held), digests in zip(layouts.items(), written, strict=True)
    }
    return at.snapshot_id, shape, chunks


def _last_written(opened: Any, snapshot: str, layouts: Mapping[str, Layout]) -> list[tuple[str, ...]]:
    """For each array, by path, the last commit up to ``snapshot`` that wrote into each time chunk.

    Behind the oldest commit that is known (history expires), or a move of arrays, all chunks are of that commit.
    """
    found: dict[str, dict[int, str]] = {path: {} for path in layouts}
    oldest = snapshot
    for commit in opened.ancestry(snapshot_id=snapshot):
        if commit.parent_id is None or all(len(found[path]) >= held.count for path, held in layouts.items()):
            break
        oldest = commit.id
        change = opened.diff(from_snapshot_id=commit.parent_id, to_snapshot_id=commit.id)
        for path, held in layouts.items():
            for position in change.updated_chunks.get(path, ()):
                found[path].setdefault(held.chunk_of(position), commit.id)
            if path in change.new_arrays:
                found[path] |= {i: found[path].get(i, commit.id) for i in range(held.count)}
        if change.moved_nodes:
            break
    return [tuple(found[path].get(i, f"to {oldest}") for i in range(held.count)) for path, held in layouts.items()]


def _storage(args: Args, where: str) -> Any:
    import icechunk

    url, options = args.urls[0], args.storage_options
    scheme, _, rest = url.rpartition("://")
    if len(args.urls) > 1 or scheme not in ("", "file", "s3", "gs", "gcs"):
        raise CatalogError(
            "an Icechunk repository cannot be read from there",
            where=where,
            found=", ".join(args.urls),
            expected="one local path, s3:// or gs:// address",
            next="correct urlpath of the entry",
        )
    if scheme in ("", "file"):
        return icechunk.local_filesystem_storage(rest)
    bucket, _, prefix = rest.partition("/")
    anonymous = bool(options.get("anon")) or options.get("token") == "anon"
    known: dict[str, Any] = {"bucket": bucket, "prefix": prefix, "anonymous": anonymous, "from_env": not anonymous}
    if scheme in ("gs", "gcs"):
        return icechunk.gcs_storage(**known)
    client = options.get("client_kwargs", {})
    endpoint = options.get("endpoint_url") or client.get("endpoint_url")
    return icechunk.s3_storage(
        **known,
        region=options.get("region_name") or client.get("region_name"),
        endpoint_url=endpoint,
        allow_http=bool(endpoint) and str(endpoint).startswith("http://"),
        force_path_style=bool(endpoint),
        requester_pays=bool(options.get("requester_pays")),
    )
