"""Icechunk repositories: a Zarr hierarchy with versions, read at the tip of a branch or at a pinned snapshot."""

from __future__ import annotations

from typing import Any

import xarray as xr

from smcloud.catalog_schema import Args, Entry
from smcloud.errors import CatalogError
from smcloud.source_checks import check_axes


def read_icechunk(entry: Entry, where: str) -> xr.Dataset:
    """The group (``xarray_kwargs.group``) of a repository, in its stored chunks unless ``chunks`` says otherwise.

    Read-only, on local disk, ``s3://`` or ``gs://``: anonymously where the entry says so, else with the
    environment's credentials. A missing chunk is an error where the entry vouches for completeness.
    """
    import icechunk
    import zarr

    icechunk.set_logs_filter("error")  # it warns of commits, which are never made here
    args = entry.args
    repository = icechunk.Repository.open(_storage(args, where))
    if args.snapshot:
        session = repository.readonly_session(snapshot_id=args.snapshot)
    else:
        session = repository.readonly_session(branch=args.branch)
    kwargs = {"consolidated": False, **args.xarray_kwargs}
    group = kwargs.get("group")
    raw = xr.open_zarr(
        session.store, group=group, consolidated=False, chunks=None, decode_cf=False, create_default_indexes=False
    )
    check_axes(raw, where)
    # What an array does about a missing chunk is bound when it is opened.
    with zarr.config.set({"array.read_missing_chunks": not entry.metadata.complete}):
        return xr.open_zarr(session.store, chunks=dict(args.chunks), **kwargs)


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
