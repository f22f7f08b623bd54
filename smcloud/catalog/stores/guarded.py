"""The store of a source as Zarr gets it: its documents checked, its chunks bounded, what is absent remembered."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from fsspec.implementations.reference import ReferenceFileSystem
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import LocalStore, WrapperStore
from zarr.storage._common import make_store

from smcloud.catalog.arguments import Args
from smcloud.catalog.hosts import client_options
from smcloud.catalog.places import files_of
from smcloud.catalog.stores import documents
from smcloud.catalog.stores.codecs import remember
from smcloud.catalog.stores.destinations import Bounds, guard_of
from smcloud.catalog.stores.references import checked, read_document
from smcloud.catalog.zarr_places import local_store
from smcloud.errors import SourceChangedError

log = logging.getLogger("smcloud")

REMEMBERED = 100_000
_present: OrderedDict[tuple[str, str], bool] = OrderedDict()


class GuardedStore(WrapperStore[Any]):
    """A store of Zarr that is only read.

    Documents are of limited size, and name codecs that decode to what the array declares. Consolidated metadata that
    says less than the documents of ``names`` and of their axes themselves is corrected by these, with a warning. Which
    chunks were there when they were last read is remembered in this process.
    """

    def __init__(self, store: Any, names: Sequence[str] = (), opening: str = "") -> None:
        super().__init__(store)
        self.names = tuple(names)
        self.opening = opening or uuid.uuid4().hex
        self._documents: dict[str, bytes | None] = {}  # each is asked for once

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_documents": {}}  # an array that is sent on has its metadata

    def _with_store(self, store: Any) -> GuardedStore:
        return type(self)(store, self.names, self.opening)

    def __dask_tokenize__(self) -> tuple[str, str]:
        return type(self).__name__, self.opening

    async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
        """Read an object; None where it is absent. Xarray asks without ``prototype`` for dimensions of NCZarr."""
        prototype = prototype or default_buffer_prototype()
        if documents.is_document(key):
            return await self._document(key, prototype)
        return self._noted(key, await self._store.get(key, prototype, byte_range))

    def get_sync(self, key: str, *, prototype: Any = None, byte_range: Any = None) -> Any:
        """Read an object; None where it is absent."""
        if documents.is_document(key):
            return sync(self._document(key, prototype or default_buffer_prototype()))
        return self._noted(key, super().get_sync(key, prototype=prototype, byte_range=byte_range))

    def _noted(self, key: str, value: Any) -> Any:
        _present[self.opening, key] = value is not None
        while len(_present) > REMEMBERED:
            _present.popitem(last=False)
        if value is not None:
            remember(key, value.as_array_like())
        return value

    def is_absent(self, key: str) -> bool:
        """Return whether a chunk is absent: as it was when it was last read, else by asking the store."""
        known = _present.get((self.opening, key))
        return not (sync(self._store.exists(key)) if known is None else known)

    def shard_index(self, key: str, codec: Any, chunks: int) -> Any:
        """Read the index of a shard: offset and length of each of its ``chunks``, uint64 (2 * chunks)."""
        import numpy as np
        from zarr.abc.store import RangeByteRequest, SuffixByteRequest

        sizes, *checksums = codec.index_codecs
        length = 16 * chunks + 4 * len(checksums)
        part = RangeByteRequest(0, length) if codec.index_location == "start" else SuffixByteRequest(length)
        value = sync(self._store.get(key, default_buffer_prototype(), part))
        order = ">u8" if str(getattr(sizes, "endian", None)) in ("big", "Endian.big") else "<u8"
        return np.frombuffer(value.to_bytes()[: 16 * chunks], order)

    async def _document(self, key: str, prototype: Any) -> Any:
        if key not in self._documents:
            self._documents[key] = await self._checked(key, prototype)
        content = self._documents[key]
        return None if content is None else prototype.buffer.from_bytes(content)

    async def _checked(self, key: str, prototype: Any) -> bytes | None:
        """Read a document, None where it is absent; its size, and what it declares, are within bounds."""
        if isinstance(self._store, LocalStore) and (self._store.root / key).is_file():
            documents.require_size(os.path.getsize(self._store.root / key), key)
        value = await self._store.get(key, prototype)
        if value is None:
            return None
        if key.rpartition("/")[2] not in documents.SHAPES:
            documents.require_size(len(value), key)
            return bytes(value.to_bytes())
        document = documents.load(key, value.to_bytes())
        await self._refresh(key, document, prototype)
        for path, _, array in documents.arrays_of(key, document):
            documents.bound(path, array)
        return json.dumps(document).encode()

    async def _refresh(self, key: str, document: dict[str, Any], prototype: Any) -> None:
        """Correct consolidated metadata by the documents of the arrays themselves, where these are longer.

        Those of the variables that are read, and of their axes, are looked at; if one is longer, all are.
        """
        arrays = {own: (path, array) for path, own, array in documents.arrays_of(key, document) if own != key}
        first = documents.needed(key, document, self.names) & set(arrays)
        longer: list[str] = []
        for own in [*sorted(first), *sorted(set(arrays) - first)]:
            if own not in first and not longer:
                break
            path, array = arrays[own]
            value = await self._store.get(own, prototype)
            newest = documents.load(own, value.to_bytes()) if value is not None else array
            if any(new > old for new, old in zip(newest["shape"], array["shape"], strict=False)):
                longer.append(f"{path} {array['shape']} is {newest['shape']}")
                array.clear()
                array.update(newest)
        if longer:
            log.warning("the consolidated metadata of %s is older than its arrays: %s", self._store, ", ".join(longer))


class CheckedReferences(ReferenceFileSystem):  # type: ignore[misc]
    """Kerchunk references that were parsed and checked by us; in another process they are read and checked again."""

    def __init__(self, args: str, digest: str, **options: Any) -> None:
        from fsspec import filesystem
        from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper

        entry_args = Args.model_validate_json(args)
        found = _references(entry_args, digest)
        below = client_options(entry_args).get("remote_options", {})
        files: dict[Any, Any] = {None: AsyncFileSystemWrapper(filesystem("file"), asynchronous=True)}
        addresses = {value[0].partition("://")[0]: value[0] for value in found.values() if isinstance(value, list)}
        for scheme, address in addresses.items():
            if "/" not in scheme:
                fs = filesystem(scheme, **{**guard_of(address), **below, "asynchronous": True})
                files[scheme] = fs if fs.async_impl else AsyncFileSystemWrapper(fs, asynchronous=True)
        super().__init__(fo={}, fs=files, **options)
        self.references = found


_parsed: dict[str, dict[str, Any]] = {}


def _references(args: Args, digest: str, content: bytes | None = None) -> dict[str, Any]:
    """The checked references of the file that ``digest`` is of; read again where this process does not hold it."""
    import fsspec

    address, key = str(args.storage_options["fo"]), digest + args.model_dump_json()
    if key not in _parsed:
        if content is None:
            fs, path = fsspec.core.url_to_fs(address, **client_options(args).get("target_options", {}))
            content = read_document(fs, path, address)
        if hashlib.sha256(content).hexdigest() != digest:
            raise SourceChangedError(
                "a reference file changed while it was used",
                where=address,
                found="another content than at the beginning",
                expected="one state from the first byte to the last",
                next="run the same command again: it begins with what the source holds now",
            )
        while len(_parsed) > 3:
            _parsed.pop(next(iter(_parsed)), None)
        _parsed[key] = checked(content, Bounds(address, args.points_to), address)
    return _parsed[key]


def open_stores(args: Args, names: Sequence[str], group: str = "") -> tuple[dict[str, GuardedStore], str]:
    """Open the Zarr stores, or the kerchunk references, of an entry whose variables are ``names``.

    Returns them by address, and where ``group`` lies in them: in a ZIP archive it may be below a folder.
    """
    import fsspec
    from zarr.storage import FsspecStore

    options = client_options(args)
    if "fo" in options:
        fs, path = fsspec.core.url_to_fs(options["fo"], **options["target_options"])
        fs.invalidate_cache()
        content = read_document(fs, path, options["fo"])
        digest = hashlib.sha256(content).hexdigest()
        _references(args, digest, content)
        references = CheckedReferences(args.model_dump_json(), digest, asynchronous=True)
        return {str(options["fo"]): GuardedStore(FsspecStore(references, read_only=True, path=""), names)}, group
    on_disk, places = files_of(args, options)
    stores, inside = {}, group
    for place in places:
        if on_disk:
            store, inside = local_store(place, group)
        else:
            store = sync(make_store(place, mode="r", storage_options=options or None))
        stores[place] = GuardedStore(store, names)
    return stores, inside
