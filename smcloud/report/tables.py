"""Tables of the products as plain records.

A table is a list of records with the same keys. Values are those of the datasets, in their units
(slopes m3 m-3 yr-1, shares 0..1, areas km2); a missing value is None. Rounding and units for readers
are the business of :mod:`smcloud.report.rounding`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.products.flags import CLASS_MEANING
from smcloud.products.palette import CLASSES
from smcloud.report.records_by_choice import attribution_records, end_year_records, season_records
from smcloud.report.rounding import Record, Table
from smcloud.report.values import areas, plain, weighted_mean

_ORDER = (
    "slope", "slope_lower", "slope_upper", "p_value", "n_effective", "mean_of_slopes", "slope_fixed_cells",
    "slope_fixed_cells_lower", "slope_fixed_cells_upper", "slope_fixed_cells_p_value", "slope_fixed_cells_n_effective",
    "part_of_whole", "part_of_whole_lower", "part_of_whole_upper", "part_of_whole_p_value",
    "part_of_whole_n_effective", "latitude_gradient",
    "latitude_gradient_lower", "latitude_gradient_upper", "latitude_gradient_n_cells", "drying_share", "wetting_share",
    "area_km2", "land_share", "covered_area_km2", "covered_share", "n_cells", "n_fixed_cells", "fixed_cells_share",
    "partial_correlation", "dominant_share", "positive_share", "significant_positive_share",
    "significant_negative_share", "trend_contribution", "rising_share", "falling_share",
    "driver_trend_n_cells",
)  # fmt: skip
_ENDS = ("", "_lower", "_upper", "_n_cells")
# Columns of the drivers that only these tables have: where a trend comes from, and which driver leads.
_ONLY_IN = {
    "strata_ddww": ("trend_contribution", "rising_share", "falling_share", "driver_trend_n_cells", "trend_of_"),
    "strata_climatology": (
        "dominant_share",
        "positive_share: ",
        "significant_positive_share",
        "significant_negative_share",
    ),
}

_COMPARATORS = (
    ("the preset’s", "slope", "p_value"),
    ("least squares, t test", "ols_slope", "ols_p_value"),
    ("Theil-Sen, Mann-Kendall", "sen_slope", "mk_p_value"),
    ("anomalies of months", "anomaly_slope", ""),
    ("least squares, effective sample size", "", "effective_p_value"),
    ("VCTFPW", "vctfpw_slope", ""),
    ("Mann-Kendall, 3PW", "", "pw3_p_value"),
    ("Mann-Kendall, prewhitened", "", "pw_p_value"),
    ("Mann-Kendall, Hamed-Rao", "", "hamed_rao_p_value"),
)
VALID, CHANGING, CONSTANT = "valid trend", "of it, values that change", "of it, constant values: slope 0"
COMPARATOR_COLUMNS = tuple(name for _, *names in _COMPARATORS for name in names if name)


def summary_tables(products: Mapping[str, xr.Dataset]) -> dict[str, Table]:
    """Make all tables of a run, by name.

    These are ``regions``, ``bands``, ``coverage``, ``comparators``, ``drivers``, ``ddww``, ``strata_<kind>``,
    ``gradients``, ``attribution``, ``end_years`` and ``seasons``. A table whose product is absent, or does not hold it,
    is left out. Records hold str, float, int or None: they can be written as JSON as they are.
    """
    tables: dict[str, Table] = {}
    if "regional" in products:
        by_kind = _by_kind(products["regional"], "region")
        tables["regions"] = [row for kind, rows in by_kind.items() if kind != "band" for row in rows]
        tables["bands"] = by_kind.get("band", [])
    if "trend" in products and "status" in products["trend"]:
        tables["coverage"] = coverage_records(products["trend"])
    if "trend" in products and "ols_slope" in products["trend"]:
        tables["comparators"] = comparator_records(products["trend"])
    if "drivers" in products:
        tables["drivers"] = driver_records(products["drivers"])
    if "ddww" in products:
        tables["ddww"] = class_records(products["ddww"])
    if "strata" in products:
        tables |= {f"strata_{kind}": rows for kind, rows in _by_kind(products["strata"], "stratum").items()}
    if "strata" in products and "property" in products["strata"].dims:
        tables["gradients"] = gradient_records(products["strata"])
    if "drivers" in products:
        tables["attribution"] = attribution_records(products["drivers"])
    if "regional" in products:
        tables["end_years"] = end_year_records(products["regional"])
        tables["seasons"] = season_records(products["regional"])
    for name, rows in tables.items():
        others = tuple(key for table, keys in _ONLY_IN.items() if table != name for key in keys)
        tables[name] = [{key: value for key, value in row.items() if not key.startswith(others)} for row in rows]
    return {name: rows for name, rows in tables.items() if rows}


def driver_records(drivers: xr.Dataset) -> Table:
    """List the shares of the area with a result (code other than 255) by dominant driver, and none and tie.

    ``positive_share`` and ``negative_share`` follow the sign of ``dominant_correlation`` and add up to
    ``share``; all shares add up to 1. None where no cell has a result.
    """
    code, negative = _field(drivers, "dominant_driver"), _field(drivers, "dominant_correlation") < 0
    area = areas(drivers)
    total = float(area[code != 255].sum())

    def share(chosen: npt.NDArray[np.bool_]) -> float | None:
        return float(area[chosen].sum()) / total if total else None

    rows: Table = []
    for index, name in enumerate(drivers["driver"].values, start=1):
        own = code == index
        rows.append(
            {
                "driver": str(name),
                "share": share(own),
                "positive_share": share(own & ~negative),
                "negative_share": share(own & negative),
            }
        )
    for value, name in ((0, "none"), (254, "tie")):
        rows.append({"driver": name, "share": share(code == value), "positive_share": None, "negative_share": None})
    return rows


def class_records(ddww: xr.Dataset) -> Table:
    """List the class table of the ddww product in the order DD, DW, WD, WW, TD, TW."""
    names = ("area_km2", "share_of_change", "share_of_land", "share_of_all_land", "expected_share")
    rows = {}
    for position, label in enumerate(ddww["class"].values):
        key = str(label) if isinstance(label, str) else ("", *CLASSES)[int(label)]
        values = {name: plain(ddww[name].values[position]) for name in names if name in ddww}
        rows[key] = {"class": key, "meaning": CLASS_MEANING.get(key, "")} | values
    return [rows[key] for key in CLASSES if key in rows]


def coverage_records(trend: xr.Dataset) -> Table:
    """List area and share of all land with a valid trend, of its constant part, and by ``status`` of the rest.

    Land is all that is not water. A cell that never changes has a valid trend, which is 0.
    """
    valid, status = np.isfinite(_field(trend, "slope")), _field(trend, "status")
    flags = trend["status"].attrs
    meanings = dict(zip(flags["flag_values"], str(flags["flag_meanings"]).split(), strict=True))
    area = areas(trend)
    total = float(area[~_has_name(status, meanings, "not_land")].sum())
    rows: Table = []
    for reason, here in _by_reason(valid, status, meanings):
        if here.any():
            covered = float(area[here].sum())
            rows.append({"reason": reason, "area_km2": covered, "share": covered / total})
    return rows


def _by_reason(
    valid: npt.NDArray[np.bool_], status: npt.NDArray[np.integer], meanings: Mapping[int, str]
) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """The cells with a valid trend, the constant ones of them, and those without by ``status``, one after the other."""
    yield VALID, valid
    constant = valid & _has_name(status, meanings, "constant")
    if constant.any():
        yield CHANGING, valid & ~constant
        yield CONSTANT, constant
    for value, name in meanings.items():
        if name != "not_land":
            yield f"no trend: {name.replace('_', ' ')}", ~valid & (status == value)


def _has_name(status: npt.NDArray[np.integer], meanings: Mapping[int, str], name: str) -> npt.NDArray[np.bool_]:
    """Where ``status`` is of this name; numpy's isin takes eight bytes a cell for it."""
    out = np.zeros(status.shape, bool)
    for value in (value for value, meaning in meanings.items() if meaning == name):
        out |= status == value
    return out


def comparator_records(trend: xr.Dataset) -> Table:
    """List area-weighted mean slope, and share of the area with a trend where p < alpha, by estimator and test.

    None where the product has no such column. The first row is the preset's own pair.
    """
    weight = areas(trend)
    weight[~np.isfinite(_field(trend, "slope"))] = 0.0
    alpha = float(trend.attrs.get("alpha", 0.05))
    rows: Table = []
    for method, slope, p_value in _COMPARATORS:
        if (slope in trend or p_value in trend) and weight.any():
            mean = weighted_mean(_field(trend, slope), weight) if slope in trend else None
            rejected = float(weight[_field(trend, p_value) < alpha].sum() / weight.sum()) if p_value in trend else None
            rows.append({"method": method, "mean_of_slopes": mean, "rejected_share": rejected})
    return rows


def gradient_records(strata: xr.Dataset) -> Table:
    """List the gradients with each property of the land: of the trend, and of the partial correlation by driver."""
    rows: Table = []
    for key in map(str, strata["property"].values):
        own = strata.sel(property=key)
        cases = {"trend": (own, "trend_gradient", "slope_per_step")}
        for name in strata["driver"].values if "correlation_gradient" in strata else ():
            cases[str(name)] = (own.sel(driver=name), "correlation_gradient", "correlation_per_step")
        for name, (ds, column, shown_as) in cases.items():
            row: Record = {"key": f"{key}/{name}", "label": key, "step": f"{own['step']:g} {own['step_units'].item()}"}
            row["driver"] = name
            for one in ("slope_per_step", "correlation_per_step"):
                row |= {f"{one}{end}": plain(ds[f"{column}{end}"]) if one == shown_as else None for end in _ENDS[:3]}
            rows.append(row | {"n_cells": plain(ds[f"{column}_n_cells"])})
    return rows


def _field(ds: xr.Dataset, name: str) -> npt.NDArray[Any]:
    return ds[name].transpose("lat", "lon").values  # held no longer than it is used: fields are large


def find(table: Sequence[Record], key: str) -> Record | None:
    """Find the record of a region or stratum by its key, None where the table lacks it."""
    return next((row for row in table if row["key"] == key), None)


def _by_kind(ds: xr.Dataset, dim: str) -> dict[str, Table]:
    flat = [str(name) for name in ds.data_vars if ds[name].dims == (dim,) and name != "status"]
    crossed = [str(name) for name in ds.data_vars if set(ds[name].dims) == {dim, "driver"}]
    names = sorted(flat + crossed, key=_place)
    drivers = [str(name) for name in ds["driver"].values] if crossed else []
    values = {name: ds[name].transpose(dim, ...).values for name in names}
    columns: dict[str, npt.NDArray[np.generic]] = {}
    for name in names:
        if name not in crossed:
            columns[name] = values[name]
        elif not _with_end(name, crossed)[1]:
            ends = [end for end in _ENDS if f"{name}{end}" in crossed]
            columns |= {f"{name}: {driver}{end}": values[f"{name}{end}"][:, j]
                        for j, driver in enumerate(drivers) for end in ends}  # fmt: skip
    kinds: dict[str, Table] = {}
    for i, (key, text, kind) in enumerate(zip(ds[dim].values, ds["label"].values, ds["kind"].values, strict=True)):
        record: Record = {"key": str(key), "label": str(text)}
        record |= {name: plain(column[i]) for name, column in columns.items()}
        kinds.setdefault(str(kind), []).append(record)
    return kinds


def _place(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def _with_end(name: str, names: Sequence[str]) -> tuple[str, str]:
    """Divide the name of a limit, or of a number of cells, from that of its mean, which is among ``names``."""
    end = next((end for end in _ENDS[1:] if name.endswith(end) and name.removesuffix(end) in names), "")
    return name.removesuffix(end), end
