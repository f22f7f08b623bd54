"""The range of DDWW shares by chance for many maps at once, by random fields that they all share.

Definition 17 draws fields for one map, with the e-folding length of its own signs. A curve has thousands of maps of one
world: here all of them see the same fields, of one length, and each keeps its own changed land, zones and drying area.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import cell_areas, ordered_mean
from smcloud.products.association import LEAST_CELLS
from smcloud.products.choice_grid import OUTSIDE
from smcloud.products.shared_autocorrelation import pooled_columns
from smcloud.products.trend import POOLED, preset_trend, significance, tested_series
from smcloud.products.zones import zones
from smcloud.stats.class_areas import CLASSES, DRIER, UNCHANGED, UNTESTED, WETTER, class_lattice
from smcloud.stats.lattice import COLUMNS, ROWS, limits_of, places_of
from smcloud.stats.sphere_fields import efolding_length, exponential_fields

FloatArray = npt.NDArray[np.float64]

# More would tell the limits of a ribbon no better than the eye can.
MOST_FIELDS = 199
FIGURES = ("null_mean", "null_lower", "null_upper")


class SharedNull(NamedTuple):
    """Random fields: the places of the lattice that they are on, and for each field these in ascending order.

    ``orders`` (field, place) counts in ``places``. ``of`` says what the e-folding length, km, was estimated from; NaN
    and no field where that could not be.
    """

    places: npt.NDArray[np.int64]
    orders: npt.NDArray[np.int32]
    length_km: float
    of: str

    def as_dataset(self) -> xr.Dataset:
        """Return the fields as a Dataset, from which :meth:`of_dataset` makes them again."""
        about = {"length_km": self.length_km, "of": self.of}
        return xr.Dataset({"places": ("cell", self.places), "orders": (("draw", "cell"), self.orders)}, attrs=about)

    @classmethod
    def of_dataset(cls, ds: xr.Dataset) -> SharedNull:
        """Make the fields of a loaded Dataset."""
        return cls(ds["places"].to_numpy(), ds["orders"].to_numpy(), ds.attrs["length_km"], ds.attrs["of"])


def change_of(slope: xr.DataArray, significant: xr.DataArray) -> xr.DataArray:
    """Code the change of each cell (uint8): 0 no trend, 1 not significant, 2 drier, 3 wetter; lazy."""
    out: xr.DataArray = xr.apply_ufunc(
        change_code, slope, significant == 1, dask="parallelized", output_dtypes=[np.uint8]
    )
    return out.drop_attrs()


def change_code(slope: npt.NDArray[Any], significant: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Code the change as :func:`change_of`, of arrays."""
    changed = significant & (slope != 0)
    code = (slope == slope) * np.uint8(UNCHANGED)
    code[changed] = DRIER
    code[changed & (slope > 0)] = WETTER
    code[np.isnan(slope)] = UNTESTED
    return code


def own_signs(annual: xr.Dataset, config: RunConfig, cube: xr.Dataset) -> xr.DataArray:
    """Sum the area of the two directions on the lattice (signs, direction, place), km2; lazy.

    ``signs`` are those of the significant change that the run's own share is of, and of all its slopes.
    """
    observed, _, series = tested_series(annual, config)
    area = cell_areas(annual)
    found = preset_trend(series, config)
    p = pooled_columns(series, area, config)["p_value"] if config.trend.test == POOLED else found["p_value"]
    own = change_of(found["slope"], significance(p, found["slope"], config)["significant"])
    every = change_of(found["slope"], xr.ones_like(own))
    zoned = zones(annual, xr.Dataset({"climatology": ordered_mean(observed, "year")}), config, cube)
    anywhere = xr.ones_like(own)
    code = anywhere if zoned is None else zoned.code
    if not config.zones.transition_in_share:
        code = code.where(code != 2, 0).astype("uint8")
    parts = [
        class_lattice(c.expand_dims("change"), z.expand_dims("zones"), area)
        for c, z in ((own, code), (every, anywhere))
    ]
    lattice = xr.concat([part.isel(change=0, zones=0) for part in parts], "signs")
    return xr.concat([together(lattice, "DD", "TD", "WD"), together(lattice, "DW", "TW", "WW")], "direction")


def together(lattice: xr.DataArray, *classes: str) -> xr.DataArray:
    """Add up the ``classes`` of a lattice."""
    return sum(
        (lattice.sel({"class": name}, drop=True) for name in classes[1:]), lattice.sel({"class": classes[0]}, drop=True)
    )


def shared_null(signs: xr.DataArray, cells: xr.DataArray, config: RunConfig) -> SharedNull:
    """Draw the fields, by the loaded ``signs`` of :func:`own_signs`, on the places that hold any of ``cells``.

    ``cells`` (lat, lon), loaded, is true where a cell may have a value.

    Their e-folding length is that of the run's own significant change; where there is too little of it, of all slopes.
    ``bootstrap.replicates`` fields, at most :data:`MOST_FIELDS`; the same arguments give the same fields.
    """
    centres = (cells[axis].to_numpy().astype(np.float64) for axis in ("lat", "lon"))
    places = np.unique(places_of(*centres)[cells.transpose("lat", "lon").to_numpy()])
    fields = min(config.bootstrap.replicates, MOST_FIELDS)
    length, of = float("nan"), "nothing: there are not two directions of change"
    for position, name in enumerate(("the significant change of the run's own choices", "all slopes of the run")):
        drier, wetter = signs.isel(signs=position).transpose("direction", "place").to_numpy().reshape(2, ROWS, COLUMNS)
        if np.isnan(length) and ((drier + wetter) > 0).sum() >= LEAST_CELLS:
            length, of = efolding_length(drier, wetter), name
    if np.isnan(length) or not fields:
        return SharedNull(places, np.empty((0, places.size), np.int32), length, of)
    used, row = np.unique(places // COLUMNS, return_inverse=True)
    batches = exponential_fields(used, length, fields, config.bootstrap.seed)
    orders = [np.argsort(batch[:, row, places % COLUMNS], axis=-1, kind="stable") for batch in batches]
    return SharedNull(places, np.concatenate(orders).astype(np.int32), length, of)


def chance(lattice: xr.DataArray, null: SharedNull, transitions: list[str], alpha: float) -> xr.DataArray:
    """Compute mean and limits of the DDWW share by chance: (transition, zones, change, figure), lazy.

    ``lattice`` (zones, change, class, place) in km2, of :func:`~smcloud.stats.class_areas.class_lattice`. The changed
    land of each map, its zones and its drying area stay; the fields say where it dries, as in
    :func:`~smcloud.products.association.association`. NaN for fewer than 10 places with changed land, and where all of
    it changes in one direction.
    """
    out = [
        xr.apply_ufunc(
            _chance, lattice, input_core_dims=[["change", "class", "place"]], output_core_dims=[["change", "figure"]],
            kwargs={"null": null, "outside": name == OUTSIDE, "alpha": alpha}, dask="parallelized",
            output_dtypes=[np.float64], dask_gufunc_kwargs={"output_sizes": {"figure": len(FIGURES)}},
        )
        for name in transitions
    ]  # fmt: skip
    return xr.concat(out, "transition").assign_coords(transition=transitions, figure=list(FIGURES))


def _chance(lattice: FloatArray, *, null: SharedNull, outside: bool, alpha: float) -> FloatArray:
    """(..., change, figure) of (..., change, class, place)."""
    from smcloud.stats.engine.sphere_kernels import held_of_maps

    maps = lattice.reshape(-1, *lattice.shape[-2:])[..., null.places]
    of = {name: maps[:, position] for position, name in enumerate(CLASSES)}
    drier, wetter = of["DD"] + of["WD"], of["DW"] + of["WW"]
    if not outside:
        drier, wetter = drier + of["TD"], wetter + of["TW"]
    whole, drying = drier + wetter, drier.sum(axis=-1)
    out = np.full((len(maps), len(FIGURES)), np.nan)
    both = (drying > 0) & (wetter.sum(axis=-1) > 0)
    usable = np.flatnonzero(((whole > 0).sum(axis=-1) >= LEAST_CELLS) & both) if len(null.orders) else np.empty(0, int)
    dry, wet = ((of["DD"] + of["DW"])[usable], (of["WD"] + of["WW"])[usable])
    held = np.empty((usable.size, len(null.orders)))
    held_of_maps(null.orders, whole[usable], dry, wet, drying[usable], whole[usable].sum(axis=-1), held)
    for each, shares in zip(usable, held, strict=True):
        out[each] = shares.mean(), *limits_of(shares, alpha)
    return out.reshape(*lattice.shape[:-2], len(FIGURES))
