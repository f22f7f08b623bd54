"""What is sealed of a release, as its doors tell it: arrays, attributes and coordinates of cube and products."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smcloud.errors import IntegrityError
from smcloud.store import CubeEntry, Prefix, ProductEntry, Release, Store
from smcloud.store.arrays import ZARR_JSON
from smcloud.store.attribution import attributed
from smcloud.store.sealed import read_sealed, require_digest

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

CUBE = "cube"


@dataclass(frozen=True)
class Array:
    """One array of a group, as its sealed metadata describes it; ``dtype`` is a name of numpy, or ``string``."""

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    attrs: Mapping[str, Any]

    @property
    def is_map(self) -> bool:
        """Whether each of its last two dims is one of the globe, so that it can be drawn."""
        return self.dims[-2:] == ("lat", "lon")

    @property
    def is_of_overview(self) -> bool:
        """Whether it belongs to a map in coarser cells."""
        return any(dim.startswith(("lat_x", "lon_x")) for dim in self.dims)


@dataclass(frozen=True)
class Group:
    """The cube or a product: its name and path in the store, and what is known of it.

    ``attrs`` are those that readers are given: what is sealed, and beside it what only the release knows.
    ``coordinates`` holds the values of each array that is named like its only dim; times are datetime64. ``bounds``
    those of the edges of its cells, by axis, where they are stored. ``is_strict`` tells whether its metadata are JSON
    by the standard: Python also writes and reads ``NaN``.
    """

    name: str
    entry: CubeEntry | ProductEntry
    attrs: Mapping[str, Any]
    arrays: Mapping[str, Array]
    coordinates: Mapping[str, np.ndarray[Any, Any]]
    bounds: Mapping[str, np.ndarray[Any, Any]]
    is_strict: bool

    @property
    def title(self) -> str:
        """What it is, in a line."""
        return str(self.attrs.get("title") or self.name)

    @property
    def sizes(self) -> dict[str, int]:
        """The length of each dim."""
        return {dim: size for array in self.arrays.values() for dim, size in zip(array.dims, array.shape, strict=True)}

    @property
    def variables(self) -> list[Array]:
        """The arrays that are content: neither coordinates nor their bounds."""
        beside = {str(array.attrs["bounds"]) for array in self.arrays.values() if "bounds" in array.attrs}
        named = " ".join(str(array.attrs.get("coordinates", "")) for array in self.arrays.values())
        beside |= {*named.split(), *str(self.attrs.get("coordinates", "")).split(), *self.coordinates}
        return [array for name, array in self.arrays.items() if name not in beside]


def read_groups(store: Store, release: Release) -> dict[str, Group]:
    """Read the cube and the products of ``release``: their consolidated metadata and coordinates, no other chunk.

    Raises :class:`IntegrityError` where metadata are not what was sealed.
    """
    entries: dict[str, CubeEntry | ProductEntry] = {CUBE: release.cube, **release.products}
    return {name: _read_group(store, release, name, entry) for name, entry in entries.items()}


def _read_group(store: Store, release: Release, name: str, entry: CubeEntry | ProductEntry) -> Group:
    place = Prefix(store, entry.url)
    content, digests, _ = read_sealed(place, entry)
    spelled: list[str] = []
    try:
        root = json.loads(content, parse_constant=spelled.append)
        found = root["consolidated_metadata"]["metadata"]
        arrays = {key: _array(key, node) for key, node in sorted(found.items()) if node["node_type"] == "array"}
        attrs = dict(root["attributes"])
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise IntegrityError(
            "the metadata of a sealed prefix cannot be read",
            where=place.url,
            found=err,
            expected="a Zarr group with consolidated metadata",
            next=f"smcloud verify {store.url}",
        ) from err
    edges = {axis: str(arrays[axis].attrs.get("bounds")) for axis in ("lat", "lon") if axis in arrays}
    edges = {axis: key for axis, key in edges.items() if key in arrays}
    axes = [key for key, array in arrays.items() if array.dims == (key,)]
    opened = _opened(place, content, digests, {*axes, *edges.values()})
    coordinates = {key: opened[key].values for key in axes}
    bounds = {axis: opened[key].values for axis, key in edges.items()}
    known = attrs | attributed(opened, release, name).attrs
    return Group(name, entry, known, arrays, coordinates, bounds, not spelled)


def _opened(place: Prefix, root: bytes, digests: Mapping[str, str], names: Iterable[str]) -> xr.Dataset:
    """Open the arrays ``names`` as their sealed bytes, fetched at once, hold them, and the attributes of the group."""
    import xarray as xr
    from zarr.core.buffer import cpu
    from zarr.storage import MemoryStore

    wanted = set(names)
    held = {ZARR_JSON: root}
    for key, chunk in place.read_all(key for key in digests if key.partition("/")[0] in wanted).items():
        require_digest(place, key, chunk or b"", digests[key])
        held[key] = chunk or b""
    store = MemoryStore({key: cpu.Buffer.from_bytes(chunk) for key, chunk in held.items()}, read_only=True)
    others = set(json.loads(root)["consolidated_metadata"]["metadata"]) - wanted
    opened: xr.Dataset = xr.open_zarr(
        store, chunks=None, consolidated=True, zarr_format=3, decode_timedelta=False, drop_variables=others
    )
    return opened


def _array(name: str, node: Mapping[str, Any]) -> Array:
    shape = tuple(int(size) for size in node["shape"])
    dims = tuple(str(dim) for dim in node.get("dimension_names") or ())
    if len(dims) != len(shape):
        raise ValueError(f"{name} has dims {dims} of shape {shape}")
    dtype = node["data_type"]
    return Array(name, dims, shape, dtype if isinstance(dtype, str) else "string", dict(node.get("attributes", {})))
