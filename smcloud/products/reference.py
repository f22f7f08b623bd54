"""A second record of soil moisture beside the first: its trend, and how far the two agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.products.annual import REFERENCE, cell_areas
from smcloud.stats import area_weighted_series

Block = npt.NDArray[Any]


def agreement(series: xr.DataArray, reference: xr.DataArray, min_years: int) -> dict[str, xr.DataArray]:
    """Compute ``reference_r``, ``reference_rmse``, ``reference_bias`` (series less reference) of annual series; lazy.

    (year, lat, lon) to (lat, lon) float64, by xskillscore over the years that both have; NaN for fewer than
    ``min_years`` of them, r also where one of the two is constant.
    """
    columns = xr.apply_ufunc(
        _agreement, series, reference, input_core_dims=[["year"], ["year"]], output_core_dims=[[], [], []],
        kwargs={"min_years": min_years}, dask="parallelized", output_dtypes=[np.float64] * 3,
    )  # fmt: skip
    return dict(zip(("reference_r", "reference_rmse", "reference_bias"), columns, strict=True))


def same_sign_share(maps: xr.Dataset) -> xr.DataArray | None:
    """Compute the share of the area with both slopes where ``slope`` and ``reference_slope`` have the same sign.

    It has no dimension; NaN without such an area. None without a reference. Lazy where ``maps`` are.
    """
    if "reference_slope" not in maps:
        return None
    both = maps["slope"].notnull() & maps["reference_slope"].notnull()
    same = (np.sign(maps["slope"]) == np.sign(maps["reference_slope"])).astype("float64").where(both)
    everywhere = xr.ones_like(same, bool).expand_dims("region")
    return area_weighted_series(same, cell_areas(maps), everywhere)["mean"].isel(region=0, drop=True)


def _agreement(x: Block, y: Block, min_years: int) -> tuple[Block, Block, Block]:
    """Rows are made contiguous first: sums would depend on the memory layout of the block."""
    import xskillscore

    x, y = np.broadcast_arrays(x, y)
    valid = np.isfinite(x) & np.isfinite(y)
    usable = valid.sum(axis=-1) >= min_years
    out = np.full((3, *usable.shape), np.nan)
    if usable.any():
        kept = [np.where(valid, member, np.nan)[usable] for member in (x, y)]
        a, b = (xr.DataArray(np.ascontiguousarray(row, np.float64), dims=("cell", "year")) for row in kept)
        moving = np.logical_and(*(np.nanmax(row, axis=-1) > np.nanmin(row, axis=-1) for row in kept))
        for k, score in enumerate((xskillscore.pearson_r, xskillscore.rmse, xskillscore.me)):
            values = score(a, b, dim="year", skipna=True).to_numpy()
            out[k][usable] = np.where(moving, values, np.nan) if k == 0 else values
    return out[0], out[1], out[2]


__all__ = ["REFERENCE", "agreement", "same_sign_share"]
