"""What a product is given when it is written: its axes in full, storage types, and attributes of this very run.

All of it follows from inputs and configuration, so the same work gives the same bytes: no clock, no id, no release
number and no publisher, which readers are given from the release.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from smcloud.config import RunConfig
from smcloud.conventions import (
    KEYWORDS,
    VOCABULARIES,
    beginning,
    convention_attributes,
    coverage_attributes,
    extent_attributes,
    whole_years,
    with_content,
    with_grid_mapping,
    with_record,
    with_years,
)
from smcloud.products.annual import REGION_ATTRIBUTES, SHARE
from smcloud.products.attributes import to_storage_dtype
from smcloud.products.driver_columns import MEANS
from smcloud.products.overviews import MULTISCALES, is_of_level
from smcloud.products.summaries import TEXTS, summary_of

BOUNDS = ("lat_bnds", "lon_bnds")
MISSING = "Missing values are NaN; maps of codes say in flag_meanings what stands for no data."
# By product: what qualifies a variable, the p value first and the status last.
ANCILLARY: Mapping[str, Mapping[str, str]] = {
    "annual": {"soil_moisture": "n_months"},
    "trend": {
        "slope": "p_value p_adjusted significant status",
        "p_value": "p_adjusted status",
        "ols_slope": "ols_p_value ols_stderr status",
        "sen_slope": "mk_p_value status",
        "mk_tau": "mk_p_value status",
        "slope_with_breaks": "p_value_with_breaks status",
        "reference_slope": "reference_p_value",
        "climatology": "n_years",
        "end_years_slope_change": "end_years_case status",
        "season_slope": "season_p_value season_p_adjusted",
    },
    "drivers": {
        "partial_correlation": "p_value p_adjusted status",
        "p_value": "p_adjusted status",
        "correlation": "correlation_p_value",
        "trend_contribution": "trend_contribution_stderr status",
        "dominant_driver": "dominance_probability",
        "monthly_partial_correlation": "monthly_p_value monthly_p_adjusted",
        "lagged_partial_correlation": "lagged_p_value lagged_df",
    },
    "ddww": {"ddww_class": "zone"},
    "regional": {
        "slope": "p_value status",
        "slope_fixed_cells": "slope_fixed_cells_p_value",
        "part_of_whole": "part_of_whole_p_value",
        "season_slope": "season_p_value season_n_cells",
        "latitude_gradient": "latitude_gradient_n_cells",
        **{name: f"{name}_n_cells" for name in MEANS},
    },
    "strata": {
        "slope": "p_value status",
        **{name: f"{name}_n_cells" for name in (*MEANS, "trend_gradient", "correlation_gradient")},
    },
}


@dataclass(frozen=True)
class RunFacts:
    """What products say of their run: first and last month of the cube, provisional months, and its inputs by role.

    ``inputs``: entry, version, licence and citation by role. No id of a run is among them, and of the months only those
    of whole years count, so that products that did not change with the cube are equal to the last byte.
    """

    period: tuple[str, str]
    provisional: tuple[str, ...] = ()
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def years(self, first_month: int = 1) -> tuple[int, int]:
        """Return the first and the last whole year, called as :mod:`smcloud.conventions.times` says."""
        first, last = (12 * year + month - 1 for year, month in (map(int, text.split("-")[:2]) for text in self.period))
        _, year, count = whole_years(first, last - first + 1, first_month)
        return year, year + count - 1

    def provisional_months(self, first_month: int = 1) -> list[str]:
        """List the provisional months of whole years."""
        first, last = self.years(first_month)
        begin, end = (str(beginning(year, first_month))[:7] for year in (first, last + 1))
        return [month for month in self.provisional if begin <= month < end]


@dataclass(frozen=True)
class Publication:
    """Gives products of one run what is published of them; ``cells`` holds the edges of its cells, in memory.

    Of a region ``cells`` has the name and the area, and of polygons the share of each cell.
    """

    config: RunConfig
    facts: RunFacts
    cells: xr.Dataset

    def __call__(self, name: str, ds: xr.Dataset) -> xr.Dataset:
        """Return the product ``name`` (or a part of it, or its overviews) as it is written; lazy where it is."""
        if MULTISCALES in ds.attrs and all(map(is_of_level, ds.data_vars.values())):
            return with_content(ds)  # its attributes are those of the written product
        out = with_axes(to_storage_dtype(ds), self.cells, self._years, self.config.annual.first_month)
        if SHARE in self.cells and {"lat", "lon"} <= {*out.dims}:
            out = out.assign({SHARE: self.cells[SHARE]})
        out = with_content(with_ancillary(out, name))
        own = {key: value for key, value in ds.attrs.items() if not _is_nan(value)}
        out.attrs = {"comment": MISSING} | own | self.attributes(name)
        return out

    def attributes(self, name: str) -> dict[str, Any]:
        """Return the global attributes (ACDD-1.3) of the product ``name``, and those of the Zarr conventions."""
        facts, (first, last), first_month = self.facts, self._years, self.config.annual.first_month
        coverage = coverage_attributes(first, last, first_month)
        title, _ = TEXTS[name]
        of, within = "", ""
        if self.region:
            of = f", {self.region['region_name']}"
            within = f" Of one region: {self.region['region_name']} ({self.region['region_area_km2']:,.0f} km2)."
        attributes = {
            "title": f"{title}{of}, {first}-{last}",
            "summary": f"{summary_of(name, self.config, facts.provisional_months(first_month))}{within}",
            "keywords": KEYWORDS,
            **VOCABULARIES,
            "source": self._source(),
            "history": f"smcloud: inputs to a monthly cube, its years to annual values, these to {name}",
            "processing_level": "Level 4: derived by analysis of gridded records",
            "references": self._joined("citation"),
            "license": f"Licences of the inputs: {licences}" if (licences := self._joined("licence")) else "",
            "date_created": coverage["time_coverage_end"],
            **coverage,
            "time_coverage_duration": f"P{last - first + 1}Y",
            "time_coverage_resolution": "P1Y",
            "cdm_data_type": "Grid",
        }
        lat, lon = (self.cells[bounds] for bounds in BOUNDS)
        attributes |= extent_attributes(lat, lon) | self.region
        told = {key: value for key, value in attributes.items() if value != ""}
        return told | convention_attributes(lat, lon)

    @property
    def region(self) -> dict[str, Any]:
        """Name and area of the region that the cells are of; nothing for the globe."""
        return {name: self.cells.attrs[name] for name in REGION_ATTRIBUTES if name in self.cells.attrs}

    @property
    def _years(self) -> tuple[int, int]:
        return self.facts.years(self.config.annual.first_month)

    def _source(self) -> str:
        parts = [
            f"{role}: {entry['entry']}{f' (version {version})' if (version := entry.get('version')) else ''}"
            for role, entry in self.facts.inputs.items()
        ]
        return "; ".join(parts)

    def _joined(self, key: str) -> str:
        return "; ".join(dict.fromkeys(text for entry in self.facts.inputs.values() if (text := entry.get(key))))


def with_axes(ds: xr.Dataset, cells: xr.Dataset, years: tuple[int, int], first_month: int = 1) -> xr.Dataset:
    """Give ``ds`` the edges of its cells, dates beside its years or for its record, and a grid mapping; lazy."""
    out = with_grid_mapping(ds)
    for axis, bounds in zip(("lat", "lon"), BOUNDS, strict=True):
        if axis in out.dims:
            out = out.assign_coords({bounds: cells[bounds].drop_attrs().drop_vars(axis, errors="ignore")})
            out[axis].attrs = out[axis].attrs | {"bounds": bounds}
    return with_years(out, first_month) if "year" in out.dims else with_record(out, *years, first_month)


def with_ancillary(ds: xr.Dataset, product: str) -> xr.Dataset:
    """Name in variables of ``ds`` what qualifies them (:data:`ANCILLARY`)."""
    out = ds.copy()
    for name, others in ANCILLARY.get(product, {}).items():
        if name in ds:
            out[name].attrs = ds[name].attrs | {"ancillary_variables": others}
    return out


def _is_nan(value: Any) -> bool:
    """Whether an attribute is a number that JSON does not know: it is left out, as it says nothing."""
    return isinstance(value, float) and not math.isfinite(value)
