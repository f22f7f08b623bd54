"""Opening of what a release names, and of what a run has staged; a lost chunk is an error, never NaN."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, get_args

from smcloud import chunking
from smcloud.errors import IntegrityError, NothingPublishedError
from smcloud.io_errors import STORE, reaching
from smcloud.store.arrays import stored_array
from smcloud.store.attribution import attributed
from smcloud.store.inventory import is_sealed
from smcloud.store.layout import Store
from smcloud.store.lazy_reads import with_lazy_reads
from smcloud.store.links import require_no_way_out
from smcloud.store.objects import Place
from smcloud.store.records import CubeEntry, ProductEntry, Release
from smcloud.store.release import find_release, latest_release, newest_release, read_release
from smcloud.store.sealed import Digests, Verify, read_sealed, require_sealed_objects

if TYPE_CHECKING:
    import xarray as xr

_lock = threading.Lock()


def open_cube(store: str, version: int | str | None = None, verify: Verify = "metadata") -> xr.Dataset:
    """Open the cube of a release: the monthly fields that its products were computed from.

    Nothing is read but metadata. Blocks hold the whole record of 180 x 180 cells, so that a series along time is in one
    chunk. Missing values are NaN; a chunk that is lost or damaged never is, but raises when it is read.

    Parameters
    ----------
    store : str
        Path or URL of the store.
    version : int or str, optional
        Number of a release, or the id of the run that made it; by default the newest release.
    verify : {"metadata", "chunks"}
        What is held against the digests of the release: the metadata, now; or every chunk too, when it is read.

    Returns
    -------
    xarray.Dataset
        Lazy, over (time, lat, lon), with the units in the attributes of each variable.

    Raises
    ------
    ConfigurationError
        The protocol of the URL is unknown or not installed.
    NothingPublishedError
        There is no release, or none with this number or run id; the error names those there are.
    IntegrityError
        What the release names is gone or is not what was sealed, or its record cannot be read.
    NotAStoreError
        A link of the disk, or a record that is far too large, shows that smcloud did not write this.
    UnreachableError
        The place cannot be reached.

    Examples
    --------
    >>> from smcloud import open_cube
    >>> cube = open_cube(store)  # the path or URL of a store
    >>> print(cube.soil_moisture.dims, cube.soil_moisture.units)
    ('time', 'lat', 'lon') m3 m-3
    """
    opened = Store.open(store)
    record = _release(opened, version)
    return attributed(_open_released(opened, record.cube, chunking.TILES, verify), record, "cube")


def open_product(store: str, name: str, version: int | str | None = None, verify: Verify = "metadata") -> xr.Dataset:
    """Open a product of a release, such as its trends.

    Nothing is read but metadata; chunks are those of the store. Missing values are NaN; a chunk that is lost or damaged
    never is, but raises when it is read.

    Parameters
    ----------
    store : str
        Path or URL of the store.
    name : str
        Name of the product; ``smcloud products`` lists those of a store.
    version : int or str, optional
        As for :func:`open_cube`.
    verify : {"metadata", "chunks"}
        As for :func:`open_cube`.

    Returns
    -------
    xarray.Dataset
        Lazy, with the units in the attributes of each variable.

    Raises
    ------
    NothingPublishedError
        The release has no product of this name; else as for :func:`open_cube`.
    ConfigurationError, IntegrityError, NotAStoreError, UnreachableError
        As for :func:`open_cube`.

    Examples
    --------
    >>> from smcloud import open_product
    >>> trend = open_product(store, "trend", version=1)
    >>> print(trend.slope.dims, trend.slope.units)
    ('lat', 'lon') m3 m-3 yr-1
    """
    opened = Store.open(store)
    record = _release(opened, version)
    if name not in record.products:
        raise NothingPublishedError(
            "the release has no such product",
            where=f"{opened.url}: release {record.number}",
            found=name,
            expected=" or ".join(record.products),
            next=f"smcloud products {opened.url}",
        )
    return attributed(_open_released(opened, record.products[name], {}, verify), record, name)


def open_staged(place: Place, chunks: Mapping[str, int] = chunking.TILES) -> xr.Dataset:
    """Open a prefix, sealed or not, lazily in ``chunks``; dims that a variable lacks are ignored."""
    return _open(place, chunks, is_sealed(place))


def _open(
    place: Place,
    chunks: Mapping[str, int],
    consolidated: bool,
    digests: Digests | None = None,
    each_chunk: bool = False,
) -> xr.Dataset:
    # How an array treats a missing chunk is fixed when it is opened, and goes with it to the workers.
    # The setting is global to the process: the lock keeps a second thread from restoring it too early.
    import xarray as xr
    import zarr

    url = place.url
    with reaching(STORE, url), _lock, zarr.config.set({"array.read_missing_chunks": False}):
        opened: xr.Dataset = xr.open_zarr(
            url,
            chunks=None,
            consolidated=consolidated,
            zarr_format=3,  # else metadata of format 2 are asked for too
            decode_timedelta=False,
            storage_options=place.store.options or None,
        )
        return with_lazy_reads(opened, place, chunks, digests, each_chunk)


def _open_released(
    store: Store, entry: CubeEntry | ProductEntry, chunks: Mapping[str, int], verify: Verify
) -> xr.Dataset:
    if verify not in get_args(Verify):
        raise ValueError(f"verify: {verify!r} is neither {' nor '.join(map(repr, get_args(Verify)))}")
    place = Place(store, entry.url)
    require_no_way_out(store, entry.url)
    root, digests, _ = read_sealed(place, entry)
    _require_texts(place, root)
    if verify == "chunks":
        require_sealed_objects(place, digests)
    return _open(place, chunks, True, digests, verify == "chunks")


def _require_texts(place: Place, root: bytes) -> None:
    """Decode all texts ourselves first: xarray reads labels when it opens, and its decoder believes any number."""
    arrays = json.loads(root).get("consolidated_metadata", {}).get("metadata", {})
    for name, metadata in arrays.items():
        if metadata.get("data_type") != "string":
            continue
        array = stored_array(json.dumps(metadata).encode())
        for key in (f"{name}/{array.key(position)}" for position in array.positions()):
            raw = place.read(key)
            try:
                array.decode(raw or b"")
            except (ValueError, RuntimeError) as err:
                raise IntegrityError(
                    "texts of a prefix that a release names are gone or damaged",
                    where=f"{place.url}/{key}",
                    found=str(err) if raw else "nothing",
                    expected="as many texts as the array says",
                    next=f"smcloud verify {place.store.url}",
                ) from err


def _release(store: Store, version: int | str | None) -> Release:
    if version is None:
        return newest_release(store)
    if isinstance(version, int):
        return read_release(store, version)
    record = find_release(store, version)
    if record is None:
        latest = latest_release(store)
        raise NothingPublishedError(
            "no release has this run",
            where=store.url,
            found=f"run id {version}",
            expected=f"a run id of releases 1 to {latest}" if latest else "a store with a release",
            next=f"smcloud products {store.url}",
        )
    return record
