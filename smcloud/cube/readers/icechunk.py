"""Icechunk repositories: a Zarr hierarchy with versions, read at the tip of a branch or at a pinned snapshot."""

from __future__ import annotations

import xarray as xr

from smcloud.catalog_schema import Entry
from smcloud.source_checks import check_axes
from smcloud.source_state.icechunk import repository, session


def read_icechunk(entry: Entry, where: str) -> xr.Dataset:
    """The group (``xarray_kwargs.group``) of a repository, in its stored chunks unless ``chunks`` says otherwise.

    Read-only, on local disk, ``s3://`` or ``gs://``: anonymously where the entry says so, else with the
    environment's credentials. A missing chunk is an error where the entry vouches for completeness.
    """
    import zarr

    args = entry.args
    opened = session(repository(args, where), args)
    kwargs = {"consolidated": False, **args.xarray_kwargs}
    group = kwargs.get("group")
    raw = xr.open_zarr(
        opened.store, group=group, consolidated=False, chunks=None, decode_cf=False, create_default_indexes=False
    )
    check_axes(raw, where)
    # What an array does about a missing chunk is bound when it is opened.
    with zarr.config.set({"array.read_missing_chunks": not entry.metadata.complete}):
        return xr.open_zarr(opened.store, chunks=dict(args.chunks), **kwargs)
