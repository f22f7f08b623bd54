"""The range of DDWW shares in worlds without trends, for many maps at once, by random fields that they all share.

Definition 17 keeps the changed land of one map and draws where it dries. Where nothing but noise is called a change,
that is too narrow: significant cells lie in patches of one sign, which a field of directions breaks up. Here the
field says what changes as well: the strongest values, on as much land as changes in the map, so its patches are whole.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import cell_areas
from smcloud.products.association import LEAST_CELLS
from smcloud.products.trend import tested_series
from smcloud.stats import linear_trend
from smcloud.stats.class_areas import DRIER, UNCHANGED, UNTESTED, WETTER, class_lattice
from smcloud.stats.lattice import COLUMNS, ROWS, places_of
from smcloud.stats.sphere_fields import efolding_length, exponential_fields

FloatArray = npt.NDArray[np.float64]

# More would tell the limits of a ribbon no better than the eye can.
MOST_FIELDS = 199
# Of the years, so many apart: the departures of each tell the length, and all would tell it little better.
YEARS_APART = 3
FIGURES = ("null_mean", "null_lower", "null_upper")
OF_SLOPES, OF_YEARS = "the signs of all slopes", "the signs of the years' departures from their trends"


class SharedNull(NamedTuple):
    """Random fields: the places of the lattice that they are on, and for each field these by falling absolute value.

    ``orders`` (field, place) counts in ``places``; ``dries`` (field, place; bool), in the same order, is true where the
    value is below 0. ``of`` says what the e-folding length, km, was estimated from; NaN and no field where that could
    not be.
    """

    places: npt.NDArray[np.int64]
    orders: npt.NDArray[np.int32]
    dries: npt.NDArray[np.bool_]
    length_km: float
    of: str

    def as_dataset(self) -> xr.Dataset:
        """Return the fields as a Dataset, from which :meth:`of_dataset` makes them again."""
        fields = {name: (("draw", "cell"), getattr(self, name)) for name in ("orders", "dries")}
        about = {"length_km": self.length_km, "of": self.of}
        return xr.Dataset({"places": ("cell", self.places), **fields}, attrs=about)

    @classmethod
    def of_dataset(cls, ds: xr.Dataset) -> SharedNull:
        """Make the fields of a loaded Dataset."""
        places, orders, dries = (ds[name].to_numpy() for name in ("places", "orders", "dries"))
        return cls(places, orders, dries, ds.attrs["length_km"], ds.attrs["of"])


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


def own_signs(annual: xr.Dataset, config: RunConfig) -> xr.DataArray:
    """Sum the area of the two signs on the lattice (signs, direction, place), km2; lazy.

    ``signs`` are those of all least-squares slopes, then those of what is left of every third year beside its line.
    """
    series = tested_series(annual, config)[2]
    line = linear_trend(series, dim="year", min_valid=config.years.min_years)
    rest = (series - line["intercept"] - line["slope"] * series["year"]).isel(year=slice(1, None, YEARS_APART))
    signs = xr.concat([line["slope"], rest.rename(year="change").drop_vars("change")], "change")
    code = change_of(signs, xr.ones_like(signs, dtype=bool))
    anywhere = xr.ones_like(code.isel(change=[0])).rename(change="zones")
    lattice = class_lattice(code, anywhere, cell_areas(annual)).isel(zones=0, drop=True).rename(change="signs")
    return lattice.sel({"class": ["DD", "DW"]}).rename({"class": "direction"}).transpose("signs", "direction", "place")


def shared_null(signs: xr.DataArray, cells: xr.DataArray, config: RunConfig) -> SharedNull:
    """Draw the fields, by the loaded ``signs`` of :func:`own_signs`, on the places that hold any of ``cells``.

    ``cells`` (lat, lon), loaded, is true where a cell may have a value. The e-folding length is the mean one of the
    years' departures, or that of all slopes where it is longer than any of these: a map of slopes holds a few dozen
    patches, which tell it badly, but trends may go together further than years do. ``bootstrap.replicates`` fields, at
    most :data:`MOST_FIELDS`; the same arguments give the same ones.
    """
    centres = (cells[axis].to_numpy().astype(np.float64) for axis in ("lat", "lon"))
    places = np.unique(places_of(*centres)[cells.transpose("lat", "lon").to_numpy()])
    fields = min(config.bootstrap.replicates, MOST_FIELDS)
    length, of = _length(signs.to_numpy().reshape(-1, 2, ROWS, COLUMNS))
    if np.isnan(length) or not fields:
        none = np.empty((0, places.size))
        return SharedNull(places, none.astype(np.int32), none.astype(bool), length, of)
    used, row = np.unique(places // COLUMNS, return_inverse=True)
    batches = exponential_fields(used, length, fields, config.bootstrap.seed)
    values = np.concatenate([batch[:, row, places % COLUMNS] for batch in batches])
    orders = np.argsort(-np.abs(values), axis=-1, kind="stable")
    return SharedNull(places, orders.astype(np.int32), np.take_along_axis(values < 0, orders, -1), length, of)


def _length(signs: FloatArray) -> tuple[float, str]:
    """The e-folding length in km, and what it is of."""
    found = [
        efolding_length(drier, wetter) if ((drier + wetter) > 0).sum() >= LEAST_CELLS else np.nan
        for drier, wetter in signs
    ]
    years = [length for length in found[1:] if not np.isnan(length)]
    if not np.isnan(found[0]) and all(found[0] > length for length in years):
        return float(found[0]), OF_SLOPES
    return (float(np.mean(years)), OF_YEARS) if years else (float("nan"), "nothing: there are not two signs")


def chance(zones: FloatArray, changed: FloatArray, null: SharedNull, outside: bool, alpha: float) -> FloatArray:
    """Compute mean and limits of the excess in worlds without trends: (change, figure).

    ``zones`` (zone, place) is the area of the tested land in the dry, transition and wet zone on the whole lattice, and
    ``changed`` (change) the land that changes and counts, km2; the transition zone does not where ``outside``. In each
    field as much land changes, the strongest values first, in the direction of their signs; a place at the end is
    divided. The excess is the share of dry gets drier and wet gets wetter less P(zone) P(direction) of that land, as
    in a row; limits have ranks k of the n fields with k/(n + 1) = ``alpha``/2 and 1 - ``alpha``/2. NaN where less
    changes than 10 places hold, and without fields.
    """
    from smcloud.stats.engine.sphere_kernels import excess_of_fields  # imports numba

    areas = zones[:, null.places] * np.array([[1.0], [0.0 if outside else 1.0], [1.0]])
    whole = areas.sum(axis=0)
    out = np.full((changed.size, len(FIGURES)), np.nan)
    used = np.flatnonzero(changed >= LEAST_CELLS * whole.sum() / max(1, np.count_nonzero(whole)))
    if not used.size or not len(null.orders):
        return out
    used = used[np.argsort(changed[used])]
    excess = np.empty((len(null.orders), used.size))
    excess_of_fields(null.orders, null.dries, np.ascontiguousarray(areas.T), whole, changed[used], excess)
    out[used, 0] = excess.mean(axis=0)
    out[used, 1:] = np.quantile(excess, [alpha / 2, 1 - alpha / 2], axis=0, method="weibull").T
    return out
