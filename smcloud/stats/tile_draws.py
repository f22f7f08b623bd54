"""What draws of tiles of 20 degrees tell of a mean over cells, and of a straight line through them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.stats.lattice import limits_of
from smcloud.stats.tile_sums import TILES, tile_sums
from smcloud.stats.time_axis import FloatArray

Block = npt.NDArray[Any]

# With fewer tiles there is no interval.
LEAST_TILES = 10
# Of the sum of squares: what rounding leaves of the spread of equal values.
SAME = 1e-12


def mean_of_tiles(sums: xr.Dataset, replicates: int, seed: int, alpha: float) -> xr.Dataset:
    """Average over the tiles of :func:`tile_sums`, with limits from tiles that are drawn with replacement.

    A replicate draws as many tiles as hold a value, and is sum of ``sum`` over sum of ``covered_area``; the limits are
    its ``alpha``/2 and 1 - ``alpha``/2 quantiles. Lazy for dask input; the same arguments give the same bits.

    Parameters
    ----------
    sums : xarray.Dataset
        ``sum``, ``covered_area`` and ``n_cells`` (..., tile).
    replicates : int
        Number of draws; 0 for no limits (NaN).
    seed : int
        Seed of the random numbers.
    alpha : float
        The limits enclose 1 - ``alpha``.

    Returns
    -------
    xarray.Dataset
        Over the dimensions of ``sums`` but ``tile``: ``mean``, NaN where no cell has a value; ``lower`` and ``upper``,
        NaN with fewer than 10 tiles that hold a value; ``n_cells``, int64.
    """
    mean, lower, upper = xr.apply_ufunc(
        _means, *_whole(sums["sum"], sums["covered_area"]), input_core_dims=[["tile"]] * 2,
        output_core_dims=[[]] * 3, kwargs={"draws": Draws(replicates, seed), "alpha": alpha}, dask="parallelized",
        output_dtypes=[np.float64] * 3,
    )  # fmt: skip
    return xr.Dataset({"mean": mean, "lower": lower, "upper": upper, "n_cells": sums["n_cells"].sum("tile")})


def line_of_tiles(
    y: xr.DataArray, x: xr.DataArray, weights: xr.DataArray, groups: xr.DataArray,
    replicates: int, seed: int, alpha: float, at: FloatArray | None = None,
) -> xr.Dataset:  # fmt: skip
    """Fit y = c + g x over the cells of each group, weighted by area, with limits from tiles drawn as in the mean.

    g = S_xy/S_xx with S_uv the area-weighted sum of products of the departures from the area-weighted means, over the
    cells where both have a finite value. A replicate fits its line to the cells of its tiles. Arithmetic is float64,
    and no chunking changes a bit. Lazy for dask input.

    Parameters
    ----------
    y, x : xarray.DataArray
        Fields in any units, ``y`` with the dimensions of ``x`` (lat, lon) or with others before them.
    weights, groups : xarray.DataArray
        Area of the cells in km2 and members of the regions, as in :func:`tile_sums`.
    replicates, seed, alpha
        As in :func:`mean_of_tiles`.
    at : numpy.ndarray, optional
        Places of x where the line itself is wanted.

    Returns
    -------
    xarray.Dataset
        Over region and the dimensions of ``y`` before those of the cells: ``gradient``, ``lower``, ``upper`` in the
        unit of y per unit of x, NaN where no two cells differ in x, limits also with fewer than 10 tiles; ``n_cells``
        (int64); with ``at`` the line ``line``, ``line_lower`` and ``line_upper`` over one more dimension, ``place``.
    """
    both = y.notnull() & x.notnull()
    x, y = x.astype("float64"), y.astype("float64")
    parts = [tile_sums(moment.where(both), weights, groups) for moment in (x, y, x * x, x * y)]
    places = np.empty(0) if at is None else np.asarray(at, np.float64)
    found = xr.apply_ufunc(
        _lines, *_whole(parts[0]["covered_area"], *(part["sum"] for part in parts)), input_core_dims=[["tile"]] * 5,
        output_core_dims=[[]] * 3 + [["place"]] * 3, dask="parallelized", output_dtypes=[np.float64] * 6,
        kwargs={"draws": Draws(replicates, seed), "alpha": alpha, "places": places},
        dask_gufunc_kwargs={"output_sizes": {"place": places.size}},
    )  # fmt: skip
    out = xr.Dataset(dict(zip(("gradient", "lower", "upper"), found[:3], strict=True)))
    if at is not None:
        lines = dict(zip(("line", "line_lower", "line_upper"), found[3:], strict=True))
        out = out.assign(lines).assign_coords(place=places)
    return out.assign(n_cells=parts[0]["n_cells"].sum("tile"))


@dataclass(frozen=True)
class Draws:
    """How tiles are drawn: ``replicates`` times as many as there are, with replacement."""

    replicates: int
    seed: int

    def totals(self, held: FloatArray) -> FloatArray:
        """Add up the columns (column, tile) of each draw, (replicate, column); none with fewer than 10 tiles."""
        number = held.shape[-1]
        count = self.replicates if number >= LEAST_TILES else 0
        times = np.zeros((count, number))
        if count:
            drawn = np.random.default_rng(self.seed).integers(number, size=times.shape)
            np.add.at(times, (np.arange(count)[:, None], drawn), 1.0)
        return np.einsum("rt,ct->rc", times, np.ascontiguousarray(held))


def _whole(*arrays: xr.DataArray) -> list[xr.DataArray]:
    """Lazy sums of all groups in one chunk."""
    return [array.chunk({dim: -1 for dim in array.dims}) if array.chunks else array for array in arrays]


def _means(total: Block, area: Block, *, draws: Draws, alpha: float) -> tuple[FloatArray, ...]:
    """Mean and limits (...) of sums (..., tile)."""
    out = np.full((math.prod(total.shape[:-1]), 3), np.nan)
    for position, columns in enumerate(_rows(total, area)):
        held = columns[:, columns[1] > 0]
        if held.size:
            top, bottom = (math.fsum(column) for column in held.tolist())
            drawn = draws.totals(held)
            out[position] = top / bottom, *limits_of(drawn[:, 0] / drawn[:, 1], alpha)
    return tuple(np.moveaxis(out.reshape(*total.shape[:-1], 3), -1, 0))


def _lines(
    area: Block, x: Block, y: Block, xx: Block, xy: Block, *, draws: Draws, alpha: float, places: FloatArray
) -> tuple[FloatArray, ...]:
    """Gradient with limits (...), and line with limits (..., place), of sums (..., tile)."""
    shape = y.shape[:-1]
    slopes, lines = np.full((math.prod(shape), 3), np.nan), np.full((math.prod(shape), 3, places.size), np.nan)
    for position, columns in enumerate(_rows(*np.broadcast_arrays(area, x, y, xx, xy))):
        held = columns[:, columns[0] > 0]
        whole = np.array([[math.fsum(column) for column in held.tolist()]])
        (slope,), (line,) = _fitted(whole, places)
        drawn, fitted = _fitted(draws.totals(held), places)
        slopes[position] = slope, *limits_of(drawn, alpha)
        lines[position, 0] = line
        for place in range(places.size):
            lines[position, 1:, place] = limits_of(fitted[:, place], alpha)
    return (
        *np.moveaxis(slopes.reshape(*shape, 3), -1, 0),
        *np.moveaxis(lines.reshape(*shape, 3, places.size), -2, 0),
    )


def _rows(*arrays: Block) -> FloatArray:
    """Arrays (..., tile) as (row, array, tile)."""
    return np.stack([np.ascontiguousarray(array, np.float64).reshape(-1, TILES) for array in arrays], axis=1)


def _fitted(sums: FloatArray, places: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Gradients (row) and lines (row, place) of sums (row, 5) of w, w x, w y, w x^2, w x y; NaN where x is the same."""
    area, x, y, xx, xy = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = xx - x * x / area
        gradient = np.where(spread > SAME * xx, (xy - x * y / area) / spread, np.nan)
        line = (y / area)[:, None] + gradient[:, None] * (places - (x / area)[:, None])
    return gradient, line
