"""What a DDWW share is worth: its interval by tiles of the map, and its range where directions ignore the zones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import SHARE, cell_areas
from smcloud.products.flags import CLASS_FLAGS
from smcloud.stats.lattice import areas_by_class, draw_tiles, limits_of, tiles_of
from smcloud.stats.sphere_fields import efolding_length, exponential_fields

FloatArray = npt.NDArray[np.float64]

CODES = (0, *CLASS_FLAGS.values())
AT = {name: position for position, name in enumerate(("none", *CLASS_FLAGS))}
# With fewer tiles, or cells of the lattice, of changed land there is no interval, and no range by chance.
LEAST_TILES, LEAST_CELLS = 10, 10
SHARES = ("ddww_share_of_change", "ddww_share_of_land", "ddww_share_without_transition", "odds_ratio")
LIMITS = tuple(f"{name}_{limit}" for name in SHARES for limit in ("lower", "upper"))
CHANCE = ("ddww_null_mean", "ddww_null_lower", "ddww_null_upper", "ddww_null_efolding_km")
FIGURES = ("ddww_tiles", *LIMITS, *CHANCE)


def association(
    ddww_class: xr.DataArray, annual: xr.Dataset, shared: Sequence[str], config: RunConfig
) -> dict[str, float | int | str]:
    """Compute the limits of the DDWW shares, and their range by chance, as attributes of the product.

    ``ddww_class`` (lat, lon) holds the codes of the classes, loaded, ``annual`` the cells; ``shared`` are the classes
    that shares of the changed land are of. Limits are quantiles of ``bootstrap.replicates`` draws of tiles of 20
    degrees (:func:`~smcloud.stats.lattice.draw_tiles`): sum of area over sum of area; of the odds ratio on its
    logarithm. The range by chance is that of the share of change over as many Gaussian fields on a lattice of 2
    degrees (:func:`~smcloud.stats.sphere_fields.exponential_fields`): the changed land and its zones stay, the field
    says where it dries, and is cut where the drying area is that of the map; a cell of the lattice at the cut is
    divided. NaN with a comment where there is too little changed land, or it all changes in one direction. Empty where
    ``bootstrap.replicates`` is 0.
    """
    choice = config.bootstrap
    if not choice.replicates:
        return {}
    area = cell_areas(annual.drop_vars([name for name in annual.data_vars if name != SHARE]))  # in memory
    figures = xr.apply_ufunc(
        _figures, ddww_class.transpose(*area.dims), area, area["lat"], area["lon"],
        input_core_dims=[area.dims, area.dims, ["lat"], ["lon"]], output_core_dims=[["figure"]],
        kwargs={"shared": [AT[name] for name in shared], "replicates": choice.replicates, "fields": choice.replicates,
                "seed": choice.seed, "alpha": config.alpha},
    ).assign_coords(figure=list(FIGURES))  # fmt: skip
    found: dict[str, float | int | str] = {name: float(figures.sel(figure=name)) for name in FIGURES}
    tiles = int(found["ddww_tiles"])
    found |= {"ddww_tiles": tiles, "ddww_replicates": choice.replicates}
    if tiles < LEAST_TILES:
        found["ddww_interval_comment"] = f"no interval: {tiles} tiles with changed land, {LEAST_TILES} are needed"
    if np.isnan(found["ddww_null_mean"]):
        found["ddww_null_comment"] = (
            f"no range by chance: it needs changed land of both directions, in {LEAST_CELLS} cells of 2 degrees or more"
        )
    return found


def _figures(
    code: npt.NDArray[Any], area: FloatArray, lat: FloatArray, lon: FloatArray, *, shared: list[int],
    replicates: int, fields: int, seed: int, alpha: float,
) -> FloatArray:  # fmt: skip
    """The values of :data:`FIGURES` for a map of classes."""
    lattice = areas_by_class(code, area, lat.astype(np.float64), lon.astype(np.float64), CODES)
    tiles = tiles_of(lattice)
    count = int((tiles[:, shared].sum(axis=-1) > 0).sum())
    limits = [np.nan] * len(LIMITS)
    if count >= LEAST_TILES:
        drawn = _statistics(draw_tiles(tiles, replicates, seed), shared)
        limits = [limit for values in drawn[:-1] for limit in limits_of(values, alpha)]
        limits += [float(np.exp(limit)) for limit in limits_of(drawn[-1], alpha)]
    shares, length = _null_shares(lattice, shared, fields, seed)
    chance = [float(shares.mean()), *limits_of(shares, alpha)] if shares.size else [np.nan] * 3
    return np.array([count, *limits, *chance, length])


def _statistics(area: FloatArray, shared: list[int]) -> tuple[FloatArray, ...]:
    """The statistics of :data:`SHARES` of areas (..., class), the odds ratio as its logarithm; NaN where undefined."""
    dd, dw, wd, ww = (area[..., AT[name]] for name in ("DD", "DW", "WD", "WW"))
    with np.errstate(divide="ignore", invalid="ignore"):
        return (
            (dd + ww) / area[..., shared].sum(axis=-1),
            (dd + ww) / area.sum(axis=-1),
            (dd + ww) / (dd + dw + wd + ww),
            np.log(dd * ww) - np.log(dw * wd),
        )


def _null_shares(lattice: FloatArray, shared: list[int], fields: int, seed: int) -> tuple[FloatArray, float]:
    """Share of DD and WW for each field of directions, and the e-folding length; none and NaN where undefined."""
    from smcloud.stats.engine.sphere_kernels import held_shares

    def together(*names: str) -> FloatArray:
        return sum((lattice[..., AT[name]] for name in names if AT[name] in shared), np.zeros(lattice.shape[:2]))

    drier, wetter = together("DD", "WD", "TD"), together("DW", "WW", "TW")
    rows, columns = np.nonzero(drier + wetter > 0)
    length = efolding_length(drier, wetter) if fields and rows.size >= LEAST_CELLS else float("nan")
    if np.isnan(length):
        return np.empty(0), length
    dry, wet, whole = (part[rows, columns] for part in (together("DD", "DW"), together("WD", "WW"), drier + wetter))
    used, place = np.unique(rows, return_inverse=True)
    shares = []
    for batch in exponential_fields(used, length, fields, seed):
        share = np.empty(len(batch))
        held_shares(np.ascontiguousarray(batch[:, place, columns]), whole, dry, wet, drier.sum(), whole.sum(), share)
        shares.append(share)
    return np.concatenate(shares), length
