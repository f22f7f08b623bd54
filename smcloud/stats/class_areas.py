"""Areas by zone and direction of change, for every pair of several maps of change and several of zones."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.chunking import CHUNK
from smcloud.stats.area_sums import add_blocks
from smcloud.stats.lattice import COLUMNS, ROWS, places_of
from smcloud.stats.time_axis import FloatArray

Block = npt.NDArray[Any]

# The sums in the order of the kernel. ``... outside`` leaves the transition zone out, as ``counted`` says.
GROUPS = (
    "DD", "DW", "TD", "TW", "WD", "WW", "zone D", "zone T", "zone W", "direction D", "direction W",
    "direction D outside", "direction W outside", "counted", "counted outside", "valid",
)  # fmt: skip
CLASSES = GROUPS[:6]
UNTESTED, UNCHANGED, DRIER, WETTER = 0, 1, 2, 3


def class_areas(change: xr.DataArray, zone: xr.DataArray, area: xr.DataArray) -> xr.DataArray:
    """Sum the area of every class, zone and direction of change for each map of ``change`` in each map of ``zone``.

    ``change`` (change, lat, lon; uint8): 0 no trend, 1 no significant change, 2 drier, 3 wetter. ``zone`` (zones, lat,
    lon; uint8): 0 none, 1 dry, 2 transition, 3 wet. ``area`` (lat, lon) in km2; cells without a positive one do not
    count. Returns (zones, change, group) float64 in km2, ``group`` as :data:`GROUPS`: what
    :func:`~smcloud.stats.area_weighted_sums` gives of each group's cells, to the last bit: sums run over the same fixed
    blocks in the same order. Lazy for dask input, in any chunks.
    """
    fields = [change.transpose("change", "lat", "lon"), zone.transpose("zones", "lat", "lon"), area]
    coords = {dim: da[dim] for da, dim in ((change, "change"), (zone, "zones")) if dim in da.coords}
    if any(field.chunks for field in fields):
        import dask.array

        parts = [field.chunk({dim: -1 for dim in field.dims} | {"lat": CHUNK, "lon": CHUNK}).data for field in fields]
        blockwise: Any = dask.array.blockwise
        partial = blockwise(
            _block_sums, "zcgij", parts[0], "cij", parts[1], "zij", parts[2], "ij", new_axes={"g": len(GROUPS)},
            adjust_chunks={"i": 1, "j": 1}, concatenate=True, meta=np.empty((0,) * 5),
        )  # fmt: skip
        sums = partial.rechunk({-2: -1, -1: -1}).map_blocks(add_blocks, drop_axis=(3, 4), dtype=np.float64)
    else:
        starts = [(i, j) for i in range(0, area.shape[0], CHUNK) for j in range(0, area.shape[1], CHUNK)]
        cells = [(..., slice(i, i + CHUNK), slice(j, j + CHUNK)) for i, j in starts]
        sums = add_blocks(np.concatenate([_block_sums(*(f.data[at] for f in fields)) for at in cells], axis=-1))
    return xr.DataArray(sums, coords | {"group": list(GROUPS)}, ("zones", "change", "group"))


def class_lattice(change: xr.DataArray, zone: xr.DataArray, area: xr.DataArray) -> xr.DataArray:
    """Sum the area of each class on the lattice of :mod:`smcloud.stats.lattice`, for each map in each map of zones.

    Arguments as for :func:`class_areas`, with coordinates of the cells' centres in degrees. Returns (zones, change,
    class, place) float64 in km2, the places row by row from the south; one task of whole fields for dask input.
    """
    place = places_of(area["lat"].to_numpy().astype(np.float64), area["lon"].to_numpy().astype(np.float64))
    fields = [change.transpose("change", "lat", "lon"), zone.transpose("zones", "lat", "lon"), area]
    whole = [field.chunk(dict.fromkeys(field.dims, -1)) if field.chunks else field for field in fields]
    out: xr.DataArray = xr.apply_ufunc(
        _on_lattice, *whole, kwargs={"place": place.ravel()}, input_core_dims=[list(field.dims) for field in whole],
        output_core_dims=[["zones", "change", "class", "place"]], dask="parallelized", output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {"class": len(CLASSES), "place": ROWS * COLUMNS}},
    )  # fmt: skip
    return out.assign_coords({"class": list(CLASSES)})


def _block_sums(change: Block, zone: Block, area: Block) -> FloatArray:
    from smcloud.stats.engine import class_kernels

    out = np.empty((len(zone), len(change), len(GROUPS)))
    class_kernels.class_sums(*_flat(change, zone, area), out)
    return out[..., np.newaxis, np.newaxis]


def _on_lattice(change: Block, zone: Block, area: Block, place: npt.NDArray[np.int64]) -> FloatArray:
    from smcloud.stats.engine import class_kernels

    out = np.empty((len(zone), len(change), len(CLASSES), ROWS * COLUMNS))
    class_kernels.class_lattice(*_flat(change, zone, area), place, out)
    return out


def _flat(change: Block, zone: Block, area: Block) -> tuple[Block, Block, FloatArray]:
    """Contiguous maps by cell."""
    codes = [np.ascontiguousarray(maps.reshape(len(maps), -1), np.uint8) for maps in (change, zone)]
    return codes[0], codes[1], np.ascontiguousarray(area, np.float64).ravel()
