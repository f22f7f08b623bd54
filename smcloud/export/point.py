"""What a release says about one cell: its place, its annual series, trend, drivers and class, as a plain record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from smcloud import delimited
from smcloud.conventions.invented import NOTE, is_invented
from smcloud.errors import NothingPublishedError
from smcloud.export.frames import attributes, labels, texts
from smcloud.export.selection import cell_at, edges_of
from smcloud.products.overviews import without_overviews
from smcloud.secrecy import masked
from smcloud.stats import cell_area
from smcloud.store import Release, Store, newest_release, open_product, read_release

KM_PER_DEGREE = math.pi * 6371.0072 / 180
TREND = (
    "slope", "slope_lower", "slope_upper", "p_value", "p_adjusted", "significant", "n_years",
    "minimum_detectable_slope", "status",
)  # fmt: skip
DRIVERS = (
    "partial_correlation", "r_lower", "r_upper", "p_value", "p_adjusted", "trend_contribution", "n_effective", "status",
)  # fmt: skip
OF_CELL = ("dominant_driver", "dominant_correlation", "dominance_probability", "n")
SERIES = "annual"


@dataclass(frozen=True)
class Point:
    """The cell of a point: ``record`` holds plain values only, a missing one is None; ``series`` a column for a name.

    ``columns`` are the texts of the attributes of each column, ``about`` those of the product of the series.
    """

    record: Mapping[str, Any]
    series: Mapping[str, list[Any]]
    columns: Mapping[str, Mapping[str, str]]
    about: Mapping[str, str]

    def as_csv(self) -> bytes:
        """The annual series as CSV, with citation, licence, cell and units in its commented header."""
        cell = self.record["cell"]
        lines = [f"{name}: {text}" for name, text in self.about.items()]
        lines += [f"cell: latitude {cell['lat']!r}, longitude {cell['lon']!r}; an empty cell is a missing value"]
        lines += [f"column {delimited.described(name, attrs)}" for name, attrs in self.columns.items()]
        return delimited.table_bytes(lines, self.series)


def point(store: str, lat: float, lon: float, release: int | None = None) -> Point:
    """Read all that a release of ``store`` says about the cell that holds a point, in degrees.

    Longitudes may be of any convention. ``record`` has the keys ``release``, ``run_id``, ``invented`` (of the sample
    world), ``asked``, ``cell``, ``choices``, ``soil_moisture``, ``trend``, ``drivers``, ``dominant``, ``ddww``,
    ``series``, ``citation`` and ``license``; a product that the release lacks is None. Only the chunks that hold the
    cell are read.

    Raises :class:`OutsideGridError` where the grid has no such cell, else what :func:`smcloud.open_product` raises.
    """
    place = Store.open(store)
    found = newest_release(place) if release is None else read_release(place, release)
    if SERIES not in found.products:
        raise NothingPublishedError(
            "the release has no annual series",
            where=f"{place.url}: release {found.number}",
            found=" and ".join(found.products),
            expected=f"the product {SERIES}",
            next=f"smcloud products {place.url}",
        )
    annual = without_overviews(open_product(store, SERIES, found.number))
    row, column = cell_at(annual, lat, lon)
    rows, columns = edges_of(annual)
    cells = {
        name: without_overviews(open_product(store, name, found.number)).isel(lat=row, lon=column).compute()
        for name in ("trend", "drivers", "ddww")
        if name in found.products
    }
    own = annual.isel(lat=row, lon=column).compute()
    invented = is_invented(entry.version for entry in found.inputs.values())
    series, about = _series(own)
    record = {
        "store": masked(place.url),
        "release": found.number,
        "run_id": found.run_id,
        "invented": invented,
        "asked": {"lat": lat, "lon": lon},
        "cell": _cell(own, rows[row], columns[column]),
        "choices": _choices(found),
        "soil_moisture": _moisture(own),
        "trend": _trend(cells.get("trend")),
        "drivers": _drivers(cells.get("drivers")),
        "dominant": _flagged(cells.get("drivers"), OF_CELL),
        "ddww": _flagged(cells.get("ddww"), ("zone", "ddww_class")),
        "series": [dict(zip(series, values, strict=True)) for values in zip(*series.values(), strict=True)],
        "citation": str(annual.attrs.get("citation", "")),
        "license": str(annual.attrs.get("license", "")),
    }
    return Point(record, series, about, attributes(annual.assign_attrs({"note": NOTE} if invented else {})))


def _series(own: xr.Dataset) -> tuple[dict[str, list[Any]], dict[str, Mapping[str, str]]]:
    """The columns of the annual series, soil moisture first, and what they are."""
    names = [str(name) for name in own.data_vars if own[name].dims == ("year",)]
    names.sort(key=lambda name: ("soil_moisture", "n_months", name).index(name))
    columns = {"year": own["year"], **{name: own[name] for name in names}}
    return {name: [plain(v) for v in da.values] for name, da in columns.items()}, {
        name: texts(da.attrs) for name, da in columns.items()
    }


def _cell(own: xr.Dataset, lat: Any, lon: Any) -> dict[str, Any]:
    south, north, west, east = (float(edge) for edge in (*lat, *lon))
    centre = xr.DataArray([float(own["lat"])], dims="lat", name="lat")
    across = xr.DataArray([float(own["lon"])], dims="lon", name="lon")
    # A row of centres may end on a pole, and its cells there.
    bounds = xr.DataArray(np.clip([[south, north]], -90, 90), dims=("lat", "bnds"))
    area = cell_area(centre, across, bounds, xr.DataArray([[west, east]], dims=("lon", "bnds")))
    return {
        "lat": float(own["lat"]),
        "lon": float(own["lon"]),
        "lat_bounds": [south, north],
        "lon_bounds": [west, east],
        "area_km2": float(area[0, 0]),
        "height_km": (min(north, 90.0) - max(south, -90.0)) * KM_PER_DEGREE,
        "width_km": (east - west) * KM_PER_DEGREE * math.cos(math.radians(float(own["lat"]))),
        "land": plain(own["land_mask"]) if "land_mask" in own else None,
        "land_cover": _label(own, "land_cover") if "land_cover" in own else None,
    } | ({"region_share": plain(own["region_share"])} if "region_share" in own else {})


def _choices(release: Release) -> dict[str, Any]:
    """What of the configuration decides whether a cell has a value, and whether it is significant."""
    config = release.config
    trend, years, drivers = (dict(config.get(key) or {}) for key in ("trend", "years", "drivers"))
    return {
        "alpha": config.get("alpha", 0.05),
        "min_years": years.get("min_years"),
        "ends": years.get("ends"),
        "trend_significance": trend.get("significance", "p_value"),
        "drivers_dominant": drivers.get("dominant", "p_value"),
    }


def _moisture(own: xr.Dataset) -> dict[str, Any]:
    values, years = own["soil_moisture"].values.astype(float), own["year"].values
    valid = np.flatnonzero(np.isfinite(values))
    record: dict[str, Any] = {
        "units": str(own["soil_moisture"].attrs.get("units", "1")),
        "years": int(years.size),
        "period": [int(years[0]), int(years[-1])],
        "n_years": int(valid.size),
        "first": None,
        "last": None,
        "mean": None,
    }
    if valid.size:
        for key, at in (("first", valid[0]), ("last", valid[-1])):
            record[key] = {"year": int(years[at]), "value": float(values[at])}
        record["mean"] = float(values[valid].mean())
    return record


def _trend(trend: xr.Dataset | None) -> dict[str, Any] | None:
    if trend is None:
        return None
    units = str(trend["slope"].attrs.get("units", "1"))
    return {"units": units} | (_flagged(trend, TREND) or {})


def _drivers(drivers: xr.Dataset | None) -> list[dict[str, Any]] | None:
    if drivers is None:
        return None
    return [
        {"driver": str(name)} | (_flagged(drivers.isel(driver=at), DRIVERS) or {})
        for at, name in enumerate(drivers["driver"].values)
    ]


def _flagged(ds: xr.Dataset | None, names: tuple[str, ...]) -> dict[str, Any] | None:
    """The values of ``names``, those with codes as their meanings, and notes on what they are."""
    if ds is None:
        return None
    found = [name for name in names if name in ds]
    return {name: _label(ds, name) if "flag_values" in ds[name].attrs else plain(ds[name]) for name in found}


def _label(ds: xr.Dataset, name: str) -> str | None:
    return labels(np.atleast_1d(ds[name].values), texts(ds[name].attrs))[0].as_py()


def plain(value: Any) -> int | float | str | None:
    """A value without its type of numpy; None where it is not finite."""
    item = value.item() if hasattr(value, "item") else value
    return None if isinstance(item, float) and not math.isfinite(item) else item
