"""How trends and correlations change with the distance from the equator and with properties of the land."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import cell_areas, land
from smcloud.products.attributes import add_cf_attributes, without_attributes
from smcloud.products.regions import GLOBE, POLYGON, REGION, Groups
from smcloud.stats.tile_draws import line_of_tiles

# A gradient is the change over so much of the property, so that its unit is that of what changes.
DEGREES = 10.0
DISTANCES = np.arange(0.0, 91.0, 10.0)
WITH_LATITUDE = (GLOBE, REGION, POLYGON, "hemisphere")


class Step(NamedTuple):
    """So much of a property that a gradient is per, and its unit."""

    size: float
    units: str


PROPERTIES = {"clay": Step(10.0, "%"), "sand": Step(10.0, "%"), "elevation": Step(1000.0, "m")}


def latitude_columns(
    slope: xr.DataArray, weights: xr.DataArray, chosen: Groups, config: RunConfig
) -> dict[str, xr.DataArray]:
    """Fit the trends of cells against their distance from the equator, in the whole and each hemisphere; lazy.

    ``slope`` (lat, lon) in m3 m-3 yr-1, ``weights`` the area of the land in km2. ``latitude_gradient`` (region) is the
    area-weighted least-squares gradient of ``slope`` against the absolute latitude of the cell's centre, per 10
    degrees; below 0 the higher latitude dries more. ``latitude_line`` (region, distance) is that line every 10
    degrees. Both have ``_lower`` and ``_upper`` from draws of tiles
    (:func:`~smcloud.stats.tile_draws.line_of_tiles`), and ``latitude_gradient_n_cells`` counts the cells. NaN for the
    tropics and bands, which hardly differ in latitude.
    """
    groups, _, kinds = chosen
    region = str(groups.dims[0])
    place = [position for position, kind in enumerate(kinds) if kind in WITH_LATITUDE]
    steps = abs(slope["lat"].astype("float64")) / DEGREES
    distance = steps.where(xr.ones_like(slope, bool))
    draws = config.bootstrap.replicates, config.bootstrap.seed, config.alpha
    found = line_of_tiles(slope, distance, weights, groups.isel({region: place}), *draws, at=DISTANCES / DEGREES)
    cells = found["n_cells"]
    found = found.drop_vars("n_cells").rename(place="distance").assign_coords(distance=DISTANCES)
    columns = {
        "latitude_gradient": found["gradient"],
        "latitude_gradient_lower": found["lower"],
        "latitude_gradient_upper": found["upper"],
        "latitude_line": found["line"],
        "latitude_line_lower": found["line_lower"],
        "latitude_line_upper": found["line_upper"],
    }
    everywhere = {region: groups[region]}
    out = {name: da.reindex(everywhere) for name, da in columns.items()}
    return out | {"latitude_gradient_n_cells": cells.reindex(everywhere, fill_value=0)}


def gradients(annual: xr.Dataset, trend: xr.Dataset, drivers: xr.Dataset | None, config: RunConfig) -> xr.Dataset:
    """Fit trends of cells and their partial correlations against properties of the land; lazy.

    Over ``property``, those of :data:`PROPERTIES` that ``annual`` has, with ``step`` and ``step_units`` beside it: the
    area-weighted least-squares gradients over all land cells with both values, per step, ``trend_gradient`` (m3 m-3
    yr-1) of the ``slope`` of ``trend`` and ``correlation_gradient`` (property, driver) of ``partial_correlation``. Each
    has ``_lower``, ``_upper`` and ``_n_cells`` as in :func:`latitude_columns`. A gradient goes with the property and
    with all that goes with it, such as climate. Empty without a property.
    """
    names = [name for name in PROPERTIES if name in annual]
    if not names:
        return xr.Dataset()
    weights = cell_areas(annual).where(land(annual), 0.0)
    everywhere = xr.ones_like(weights, bool).expand_dims("group")
    draws = config.bootstrap.replicates, config.bootstrap.seed, config.alpha
    responses = {"trend_gradient": trend["slope"]}
    if drivers is not None:
        responses["correlation_gradient"] = drivers["partial_correlation"].transpose("driver", "lat", "lon")
    along = xr.DataArray(names, dims="property", name="property")
    columns = {}
    for name, response in responses.items():
        lines = [
            line_of_tiles(response, annual[key] / PROPERTIES[key].size, weights, everywhere, *draws) for key in names
        ]
        found = xr.concat(lines, dim=along).isel(group=0, drop=True)
        columns[name] = found["gradient"]
        columns |= {f"{name}_{part}": found[part] for part in ("lower", "upper", "n_cells")}
    steps = {
        "step": [PROPERTIES[name].size for name in names],
        "step_units": [PROPERTIES[name].units for name in names],
    }
    out = without_attributes(xr.Dataset(columns))
    out = out.assign_coords({name: ("property", values) for name, values in steps.items()})
    return add_cf_attributes(out.transpose("property", ...), "strata", config)
