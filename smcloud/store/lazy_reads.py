"""Lazy reads of the arrays of a prefix: each block is fetched, decoded and put together by the task that wants it."""

from __future__ import annotations

import itertools
import math
import uuid
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from smcloud.errors import IntegrityError
from smcloud.store.arrays import ZARR_JSON, ArrayOfPrefix, StoredArray
from smcloud.store.objects import Place
from smcloud.store.sealed import Digests, require_digest, require_sealed_objects

if TYPE_CHECKING:
    import xarray as xr


def with_lazy_reads(
    ds: xr.Dataset, place: Place, chunks: Mapping[str, int], digests: Digests | None = None, each_chunk: bool = False
) -> xr.Dataset:
    """Return ``ds``, opened by xarray without dask, with every variable but indexes in dask ``chunks``.

    Dims that ``chunks`` lacks are cut as they are stored, -1 is the whole dim. A variable that is stored as it is read
    is read by us; xarray reads one that it decodes (dates, texts, packed or masked numbers). Metadata are held against
    ``digests``, where given, and with ``each_chunk`` every chunk: ours when it is read, xarray's now.
    """
    import dask.array

    lazy = {name: variable for name, variable in ds.variables.items() if name not in ds.xindexes}
    metadata = place.read_all(f"{name}/{ZARR_JSON}" for name in lazy)
    read: dict[Hashable, xr.Variable] = {}
    theirs: list[str] = []
    for name, variable in lazy.items():
        stored = dict(zip(variable.dims, variable.encoding.get("chunks") or variable.shape, strict=True))
        wanted: dict[Hashable, int] = {dim: chunks.get(str(dim), stored[dim]) for dim in variable.dims}
        key = f"{name}/{ZARR_JSON}"
        if digests is not None:
            require_digest(place, key, metadata[key] or b"", digests.get(key, ""))
        source = StoredValues(place, str(name), metadata[key] or b"")
        _require_readable(source)
        if not _read_as_stored(variable, source.dtype):
            theirs.append(str(name))
            read[name] = variable.chunk(wanted)
            continue
        if digests is not None and each_chunk:
            source = replace(source, digests={k: digest for k, digest in digests.items() if k.startswith(f"{name}/")})
        data = dask.array.from_array(
            source,
            chunks=tuple(wanted.values()),
            name=f"{name}-{uuid.uuid4().hex}",
            asarray=False,
            fancy=False,
            meta=np.empty((0,) * variable.ndim, source.dtype),
        )
        read[name] = variable.copy(data=data)
    if digests is not None and each_chunk and theirs:
        require_sealed_objects(place, digests, theirs)
    return ds.assign(read)


def _require_readable(source: StoredValues) -> None:
    try:
        source.stored  # noqa: B018 - parses the metadata
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise IntegrityError(
            "the metadata of an array are gone or damaged",
            where=f"{source.place.url}/{source.name}/{ZARR_JSON}",
            found=f"{type(err).__name__}: {err}"[:120] if source.metadata else "nothing",
            expected="the metadata of an array in Zarr 3",
            next=f"smcloud verify {source.place.store.url}",
        ) from err


def _read_as_stored(variable: xr.Variable, dtype: npt.DTypeLike) -> bool:
    if variable.dtype != dtype or variable.dtype.kind not in "fiub":
        return False
    fill = variable.encoding.get("_FillValue")
    packed = {"scale_factor", "add_offset"} & variable.encoding.keys()
    return not packed and (fill is None or bool(np.isnan(fill)))


@dataclass(frozen=True)
class StoredValues(ArrayOfPrefix):
    """The values of an array of a prefix: dask cuts blocks out of it. A chunk that is not there raises.

    So does one whose sha256 is not that of ``digests``, where they are given.
    """

    digests: Digests | None = None

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:
        """Read positions or slices with a positive step, one for each dim."""
        index = index if isinstance(index, tuple) else (index,)
        region: list[slice] = []
        rest: list[Any] = []
        for part, size in zip(index, self.shape, strict=True):
            if isinstance(part, slice):
                start, stop, step = part.indices(size)
                region.append(slice(start, max(start, stop)))
                rest.append(slice(None, None, step))
            else:
                region.append(slice(part, part + 1))
                rest.append(0)
        return self.read(tuple(region))[tuple(rest)]

    def read(self, region: tuple[slice, ...]) -> npt.NDArray[Any]:
        """Read the values of ``region``: slices with ends, of step 1."""
        array = self.stored
        out = np.empty([part.stop - part.start for part in region], array.dtype)
        if not out.size and out.ndim:
            return out
        wanted = [
            range(part.start // step, math.ceil(part.stop / step))
            for part, step in zip(region, array.chunk, strict=True)
        ]
        positions = {f"{self.name}/{array.key(position)}": position for position in itertools.product(*wanted)}
        objects = self.place.read_all(positions)
        for key, position in positions.items():
            raw = objects.pop(key)
            if raw is None:
                raise _missing(self.place, key)
            if self.digests is not None:
                require_digest(self.place, key, raw, self.digests.get(key, ""))
            _place_chunk(array, raw, position, region, out)
        return out


def _place_chunk(
    array: StoredArray, raw: bytes, position: tuple[int, ...], region: tuple[slice, ...], out: npt.NDArray[Any]
) -> None:
    """Decode a chunk and put what of it lies in ``region`` at its place in ``out``."""
    target: list[Any] = []
    part: list[Any] = []
    for at, step, wanted in zip(position, array.chunk, region, strict=True):
        first, stop = max(at * step, wanted.start), min((at + 1) * step, wanted.stop)
        target.append(slice(first - wanted.start, stop - wanted.start))
        part.append(slice(first - at * step, stop - at * step))
    view = out[(*target, ...)]  # of no dim too a view, where a plain index gives a copy
    if view.shape == array.chunk and view.flags.c_contiguous:
        array.decode_into(raw, view)
    else:
        view[...] = array.decode(raw)[(*part, ...)]


def _missing(place: Place, key: str) -> ValueError:
    from zarr.errors import ChunkNotFoundError

    return ChunkNotFoundError(f"the chunk {key} of {place.url} is not there")
