"""Zarr arrays as the sources store them: format 2, whole globes, about a year in a chunk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numcodecs
import numpy as np
import zarr

from smcloud.sample.fields import Array


def new_store(path: str, attrs: Mapping[str, Any]) -> zarr.Group:
    """An empty group in place of whatever is at ``path``."""
    return zarr.open_group(path, mode="w", zarr_format=2, attributes=dict(attrs))


def new_array(
    group: zarr.Group, name: str, dims: tuple[str, ...], shape: tuple[int, ...], dtype: str, fill: Any, *,
    attrs: Mapping[str, Any], steps: int = 366,
) -> zarr.Array[Any]:  # fmt: skip
    """One array, chunked by about a year of whole globes; zstd, and every chunk is there."""
    chunks = (min(steps, shape[0]), *shape[1:])
    return group.create_array(
        name, shape=shape, dtype=dtype, chunks=chunks, fill_value=fill, compressors=numcodecs.Zstd(level=1),
        attributes={**attrs, "_ARRAY_DIMENSIONS": list(dims)}, config={"write_empty_chunks": True},
    )  # fmt: skip


def write_axis(group: zarr.Group, name: str, values: np.ndarray, attrs: Mapping[str, Any]) -> None:
    """A coordinate in one chunk."""
    array = new_array(group, name, (name,), values.shape, values.dtype.str, None, attrs=attrs, steps=values.size)
    array[:] = values


def write_lat_lon(group: zarr.Group, names: tuple[str, str], lat: Array, lon: Array, dtype: str) -> None:
    """Latitude and longitude under the source's own names."""
    write_axis(group, names[0], lat.astype(dtype), {"units": "degrees_north", "standard_name": "latitude"})
    write_axis(group, names[1], lon.astype(dtype), {"units": "degrees_east", "standard_name": "longitude"})


def flush(out: Mapping[str, zarr.Array[Any]], blocks: dict[str, list[np.ndarray]], start: int, *, last: bool) -> int:
    """Write whole chunks of what has gathered, keep the rest; returns where the next write begins."""
    end = start
    for name, array in out.items():
        block = np.concatenate(blocks[name])
        steps = block.shape[0] if last else block.shape[0] // array.chunks[0] * array.chunks[0]
        if steps:
            array[start : start + steps] = block[:steps]
        blocks[name] = [block[steps:]]
        end = start + steps
    return end
