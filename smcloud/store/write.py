"""Writing of a new prefix: metadata and small arrays at once, large arrays as one lazy write.

Paths carry content ids, so two runs that write one prefix write the same bytes. They may do so side by side:
every object is put whole, nothing is removed between them, and whoever seals first seals for both.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from smcloud.errors import ChunkError, GridError, ReleaseConflictError
from smcloud.io_errors import STORE, reaching
from smcloud.store.arrays import ZARR_JSON
from smcloud.store.encoding import encoded, stored_chunks
from smcloud.store.inventory import is_sealed
from smcloud.store.lazy_writes import LazyWrites, Nowhere, lazy_variables, region_writes, writes_of
from smcloud.store.objects import Place

if TYPE_CHECKING:
    import xarray as xr


def stage(ds: xr.Dataset, place: Place) -> LazyWrites:
    """Write metadata and in-memory variables of ``ds`` to the prefix ``path``; return the rest as lazy writes.

    Pass them with any counters to one computation, and each source block is computed once for both. Blocks are
    rechunked to whole stored chunks first. What an interrupted run left unsealed at ``path`` is written over, or
    removed where its arrays were laid out in another way; a sealed prefix raises :class:`ReleaseConflictError`.
    """
    ds = align(ds.drop_encoding())
    template = template_of(ds)
    write_template(place, template)
    return region_writes(ds, {}, place, template)


def write_template(place: Place, template: dict[str, bytes]) -> None:
    """Write all metadata and in-memory variables, over what an interrupted run left or in its place."""
    if is_sealed(place):
        raise _sealed(place.url, "inventory.json")
    root = template.pop(ZARR_JSON)
    if not _fits(place, template, root):
        place.remove()
    place.write_all(template)
    place.create(ZARR_JSON, root)


def dry_run_writes(ds: xr.Dataset) -> LazyWrites:
    """Return the lazy writes that :func:`stage` would return, to be counted: they write nothing."""
    ds = align(ds.drop_encoding())
    targets = {name: Nowhere(variable.shape, variable.dtype) for name, variable in lazy_variables(ds).items()}
    regions = {name: tuple(slice(0, size) for size in target.shape) for name, target in targets.items()}
    return writes_of(ds, targets, regions)


def append(ds: xr.Dataset, place: Place) -> LazyWrites:
    """Add variables to the unsealed prefix ``path`` and merge attributes; return what is lazy as lazy writes.

    Coordinates that exist already must be equal (:class:`GridError`). A sealed prefix that holds anything
    else than ``ds`` raises :class:`ReleaseConflictError`; one that holds just that is left as it is.
    """
    import xarray as xr
    import zarr

    url, options = place.url, place.store.options or None
    with reaching(STORE, url):
        existing = xr.open_zarr(url, consolidated=False, chunks=None, zarr_format=3, storage_options=options)
        shared = [name for name in ds.coords if name in existing.coords]
        for name in shared:
            ours, theirs = ds[name].reset_coords(drop=True), existing[name].reset_coords(drop=True)
            if not ours.equals(theirs):
                raise GridError(
                    f"the coordinate {name} differs from the one that is there",
                    where=url,
                    found=_brief(ours),
                    expected=_brief(theirs),
                    next="put both on one grid first",
                )
        added_only = align(ds.drop_vars(shared).drop_encoding())
        template = template_of(added_only)
        added = json.loads(template.pop(ZARR_JSON))["attributes"]
        there = place.read_all(template.keys() & place.sizes().keys())
        changed = [key for key, content in template.items() if there.get(key) != content]
        group = zarr.open_group(url, mode="r+", zarr_format=3, storage_options=options, use_consolidated=False)
        attributes = dict(group.attrs)
        if (changed or attributes | added != attributes) and is_sealed(place):
            raise _sealed(url, ", ".join(changed[:3]) or "other attributes")
        place.write_all({key: template[key] for key in changed})
        if attributes | added != attributes:
            group.attrs.put(attributes | added)
    return region_writes(added_only, {}, place, template)


def align(ds: xr.Dataset) -> xr.Dataset:
    """Rechunk ``ds`` so that every dask chunk, except the last along a dim, is a multiple of the stored chunk; lazy.

    Only dims that need it are rechunked. Lazy dates and texts are computed, and texts are of the type that Zarr stores
    with their own lengths, as others read no other.
    """
    aligned = ds.copy()
    for name, variable in ds.variables.items():
        if variable.dtype.kind == "U":
            aligned[name] = aligned[name].compute().astype(np.dtypes.StringDType())
            continue
        if variable.chunks is None:
            continue
        if variable.dtype.kind not in "fiub":
            # How dates and texts are encoded depends on their values: bounds and labels, always small.
            aligned[name] = aligned[name].compute()
            continue
        needed = dict(zip(variable.dims, stored_chunks(variable), strict=True))
        wrong = {
            dim: _multiple(chunks, needed[dim])
            for dim, chunks in zip(variable.dims, variable.chunks, strict=True)
            if any(chunk % needed[dim] for chunk in chunks[:-1])
        }
        if wrong:
            aligned[name] = aligned[name].chunk(wrong)
    check_alignment(aligned)
    return aligned


def check_alignment(ds: xr.Dataset) -> None:
    """Raise :class:`ChunkError` if two dask blocks of ``ds`` would write into one stored chunk."""
    for name, variable in ds.variables.items():
        for dim, chunks, stored in zip(variable.dims, variable.chunks or (), stored_chunks(variable), strict=False):
            if any(chunk % stored for chunk in chunks[:-1]):
                raise ChunkError(
                    "dask chunks and stored chunks do not line up: two tasks would write one chunk",
                    where=f"{name}, {dim}",
                    found=chunks,
                    expected=f"multiples of {stored}",
                    next=f'.chunk({{"{dim}": {stored}}})',
                )


def _multiple(chunks: tuple[int, ...], stored: int) -> int:
    """The largest multiple of ``stored`` that is no larger than the largest dask chunk, at least one."""
    return max(1, max(chunks) // stored) * stored


def template_of(ds: xr.Dataset) -> dict[str, bytes]:
    """Collect every object that xarray writes for ``ds`` at once: all metadata, and the chunks of what is in memory."""
    from xarray.backends import ZarrStore
    from zarr.storage import MemoryStore

    memory: dict[str, Any] = {}
    group = ZarrStore.open_group(MemoryStore(memory), mode="w", zarr_format=3, consolidated=False, write_empty=True)
    encoded(ds).dump_to_store(group)  # as to_zarr, without its graph of the lazy variables, which nobody would run
    return {key: buffer.to_bytes() for key, buffer in memory.items()}


def _fits(place: Place, template: dict[str, bytes], root: bytes) -> bool:
    """Whether what is at ``path``, if anything, has the same arrays and attributes as ``template``."""
    metadata = [key for key in (ZARR_JSON, *template) if key.endswith(ZARR_JSON)]
    existing = place.read_all(place.sizes().keys() & set(metadata))
    theirs_root = existing.pop(ZARR_JSON, None)
    if theirs_root is not None:
        try:
            ours, theirs = json.loads(root)["attributes"], json.loads(theirs_root)["attributes"]
        except (ValueError, KeyError, TypeError):  # a machine lost its power
            return False
        if theirs | ours != theirs:
            return False
    return all(raw == template[key] for key, raw in existing.items())


def _sealed(url: str, found: str) -> ReleaseConflictError:
    return ReleaseConflictError(
        "the prefix is sealed: what is published never changes",
        where=url,
        found=found,
        expected="a new or unfinished prefix",
        next="use what is there: smcloud products STORE lists it",
    )


def _brief(coordinate: xr.DataArray) -> str:
    values = coordinate.values.ravel()
    return f"{coordinate.sizes} {values[:2]} to {values[-1:]}"
