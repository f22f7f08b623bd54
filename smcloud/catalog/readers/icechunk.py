"""Icechunk repositories: a Zarr hierarchy with versions, read at the tip of a branch or at a pinned snapshot."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from smcloud.catalog.arguments import Args
from smcloud.catalog.elsewhere import require_folder_alone
from smcloud.catalog.plain_axes import require_plain_axes
from smcloud.catalog.schema import Entry
from smcloud.catalog.stated_axes import with_stated_axes
from smcloud.catalog.validation import check_axes
from smcloud.errors import CatalogError

if TYPE_CHECKING:
    import xarray as xr


def read_icechunk(entry: Entry, where: str) -> xr.Dataset:
    """Open the group (``xarray_kwargs.group``) of a repository, in its stored chunks unless ``chunks`` says otherwise.

    Read-only, on local disk, ``s3://`` or ``gs://``: anonymously where the entry says so, else with the
    environment's credentials. A missing chunk is an error where the entry vouches for completeness.
    """
    import xarray as xr
    import zarr

    from smcloud.catalog.readers.zarr_arrays import ZarrArrays
    from smcloud.catalog.stores.absent import all_names, with_marks
    from smcloud.catalog.stores.guarded import GuardedStore
    from smcloud.catalog.stores.zarr_chunks import zarr_chunks

    args = entry.args
    store: Any = GuardedStore(session(repository(args, where), args).store)
    kwargs = {"consolidated": False, **args.xarray_kwargs, "decode_times": False}
    group = kwargs.get("group")
    raw = xr.open_dataset(
        store, engine=ZarrArrays, group=group, consolidated=False, decode_cf=False, create_default_indexes=False
    )
    check_axes(raw, where)
    kwargs |= {"engine": ZarrArrays, "specs": tuple(entry.metadata.variables.values()), "where": where}
    # How an array treats a missing chunk is fixed when it is opened.
    with zarr.config.set({"array.read_missing_chunks": not entry.metadata.complete}):
        ds = xr.open_dataset(store, chunks=dict(args.chunks), **kwargs)
    require_plain_axes(ds, where)
    marked = with_marks(ds, zarr_chunks(store, group, ds, all_names(entry)), entry, where)
    return with_stated_axes(marked, entry.metadata.axes, where)


def repository(args: Args, where: str) -> Any:
    """Open a repository on local disk, ``s3://`` or ``gs://``.

    Anonymously where the entry says so, else with the environment's credentials.
    """
    import icechunk

    icechunk.set_logs_filter("error")  # it warns of commits, which are never made here
    return icechunk.Repository.open(_storage(args, where))


def session(opened: Any, args: Args) -> Any:
    """Open a read-only session at the pinned snapshot, or else at the tip of the branch."""
    if args.snapshot is not None:
        return opened.readonly_session(snapshot_id=args.snapshot)
    return opened.readonly_session(branch=args.branch)


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
        if os.path.isdir(rest):
            require_folder_alone(rest)
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
