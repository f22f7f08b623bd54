"""One way from labelled arrays to a kernel over series, shared by every statistic along time."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.stats.status import status_attributes

Dims = tuple[str, ...]


def columns_of(floats: Mapping[str, Dims], by: Dims = ()) -> dict[str, tuple[Dims, str]]:
    """Own dimensions and dtype of each result: the named float64 columns, then ``n`` (int32), and ``status`` (uint8).

    ``by`` are the own dimensions of ``status``.
    """
    named = {name: (dims, "float64") for name, dims in floats.items()}
    return {**named, "n": ((), "int32"), "status": (by, "uint8")}


def apply_to_series(
    function: Callable[..., tuple[npt.NDArray[Any], ...]],
    arrays: Sequence[xr.DataArray],
    dim: str,
    outputs: Mapping[str, tuple[Sequence[str], str]],
    coordinates: Mapping[str, Sequence[str]] | None = None,
    **parameters: object,
) -> xr.Dataset:
    """Run ``function`` once per block; ``dim`` is the last axis of what it gets.

    ``outputs`` gives for each result its own dimensions (after those of the block) and its dtype; ``coordinates``
    the labels of these. Lazy for dask input, and one task per block whatever the number of results.
    """
    labels = dict(coordinates or {})
    run = functools.partial(function, **parameters)
    if any(array.chunks is not None for array in arrays):
        shapes = [([len(labels[name]) for name in dims], np.dtype(dtype)) for dims, dtype in outputs.values()]
        run = functools.partial(_lazily, run, shapes)
    results = xr.apply_ufunc(
        run,
        *arrays,
        input_core_dims=[[dim]] * len(arrays),
        output_core_dims=[list(dims) for dims, _ in outputs.values()],
        dask="allowed",
        keep_attrs=False,
    )
    variables = {name: result.variable for name, result in zip(outputs, results, strict=True)}
    dataset = xr.Dataset(variables, coords={**results[0].coords, **labels})  # all results have the same coordinates
    dataset["status"].attrs = status_attributes()
    return dataset.transpose(*labels, ...)


def _lazily(
    function: Callable[..., tuple[npt.NDArray[Any], ...]],
    shapes: Sequence[tuple[Sequence[int], np.dtype[Any]]],
    *arrays: Any,
) -> tuple[Any, ...]:
    """The results as dask arrays (``shapes``: own lengths and dtype of each), from one task per block.

    Blocks go to ``function`` as they are; xarray's own way (dask's apply_gufunc) would copy each of them.
    """
    import dask.array

    dims = max(array.ndim for array in arrays) - 1
    loop = tuple(range(dims))
    pairs = [part for array in arrays for part in (array, (*loop[dims + 1 - array.ndim :], dims))]
    meta = np.empty((0,) * dims, object)
    packed = dask.array.blockwise(functools.partial(_one_block, function), loop, *pairs, concatenate=False, meta=meta)
    results = []
    for i, (lengths, dtype) in enumerate(shapes):
        own = dict(enumerate(lengths, start=dims))
        meta = np.empty((0,) * (dims + len(own)), dtype)
        pick = operator.itemgetter(i)
        results.append(dask.array.blockwise(pick, (*loop, *own), packed, loop, new_axes=own, meta=meta))
    return tuple(results)


def _one_block(
    function: Callable[..., tuple[npt.NDArray[Any], ...]], *chunks: Sequence[npt.NDArray[Any]]
) -> tuple[npt.NDArray[Any], ...]:
    """``function`` of the only chunk along time of each array."""
    return function(*(chunk for (chunk,) in chunks))


def in_shape(shape: tuple[int, ...], *columns: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], ...]:
    """Columns (cell, ...) with the cells in the ``shape`` of their block."""
    return tuple(column.reshape((*shape, *column.shape[1:])) for column in columns)


def as_rows(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """A block as contiguous float64 rows: one row per cell."""
    return np.ascontiguousarray(values, dtype=np.float64).reshape(-1, values.shape[-1])
