"""Tables as plain records from the products, and their rounding for readers.

A table is a list of records with the same keys. Values are those of the datasets, in their units
(slopes m3 m-3 yr-1, shares 0..1, areas km2); a missing value is None. Rounding and units for readers
happen only in :func:`shown`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.report.palette import CLASS_NAMES, CLASSES
from smcloud.report.projection import edges
from smcloud.stats.area import cell_area

Record = dict[str, Any]
Table = list[Record]

DASH = "–"
MINUS = "−"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_ORDER = (
    "slope", "slope_lower", "slope_upper", "p_value", "mean_of_slopes", "slope_fixed_cells",
    "slope_fixed_cells_lower", "slope_fixed_cells_upper", "slope_fixed_cells_p_value", "drying_share", "wetting_share",
    "area_km2", "covered_area_km2", "n_cells", "partial_correlation",
)  # fmt: skip
_HEADERS = {
    "label": "",
    "driver": "Driver",
    "class": "Class",
    "reason": "Status",
    "name": "Meaning",
    "slope": "Trend (10⁻³/yr)",
    "mean_of_slopes": "Mean of trends (10⁻³/yr)",
    "slope_fixed_cells": "Trend, fixed cells (10⁻³/yr)",
    "p_value": "p",
    "slope_fixed_cells_p_value": "p",
    "drying_share": "Drying (%)",
    "wetting_share": "Wetting (%)",
    "area_km2": "Area (10³ km²)",
    "covered_area_km2": "With data (10³ km²)",
    "n_cells": "Cells",
    "share": "Share (%)",
    "positive_share": "Positive (%)",
    "negative_share": "Negative (%)",
    "share_of_change": "Of changed area (%)",
    "share_of_land": "Of land with a trend (%)",
    "share_of_all_land": "Of all land (%)",
    "expected_share": "Of changed area by chance (%)",
}


def summary_tables(products: Mapping[str, xr.Dataset]) -> dict[str, Table]:
    """All tables of a run by name: ``regions``, ``bands``, ``coverage``, ``drivers``, ``ddww`` and ``strata_<kind>``.

    A table whose product is absent is left out. Records hold str, float, int or None: they can be
    written as JSON as they are.
    """
    tables: dict[str, Table] = {}
    if "regional" in products:
        by_kind = _by_kind(products["regional"], "region")
        tables["regions"] = [row for kind, rows in by_kind.items() if kind != "band" for row in rows]
        tables["bands"] = by_kind.get("band", [])
    if "trend" in products and "status" in products["trend"]:
        tables["coverage"] = coverage_records(products["trend"])
    if "drivers" in products:
        tables["drivers"] = driver_records(products["drivers"])
    if "ddww" in products:
        tables["ddww"] = class_records(products["ddww"])
    if "strata" in products:
        tables |= {f"strata_{kind}": rows for kind, rows in _by_kind(products["strata"], "stratum").items()}
    return {name: rows for name, rows in tables.items() if rows}


def driver_records(drivers: xr.Dataset) -> Table:
    """Shares of the area with a result (code other than 255) by dominant driver, and none and tie.

    ``positive_share`` and ``negative_share`` follow the sign of ``dominant_correlation`` and add up to
    ``share``; all shares add up to 1. None where no cell has a result.
    """
    code = drivers["dominant_driver"].transpose("lat", "lon").values.astype(int)
    negative = drivers["dominant_correlation"].transpose("lat", "lon").values < 0
    area = cell_areas(drivers)
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
    """The class table of the ddww product in the order DD, DW, WD, WW, TD, TW."""
    names = ("area_km2", "share_of_change", "share_of_land", "share_of_all_land", "expected_share")
    rows = {}
    for position, label in enumerate(ddww["class"].values):
        key = str(label) if isinstance(label, str) else ("", *CLASSES)[int(label)]
        values = {name: plain(ddww[name].values[position]) for name in names if name in ddww}
        rows[key] = {"class": key, "name": CLASS_NAMES.get(key, "")} | values
    return [rows[key] for key in CLASSES if key in rows]


def coverage_records(trend: xr.Dataset) -> Table:
    """Area and share by the trend's ``status``, without water: why land has a trend or has none."""
    status = trend["status"].transpose("lat", "lon").values
    flags = trend["status"].attrs
    meanings = dict(zip(flags["flag_values"], str(flags["flag_meanings"]).split(), strict=True))
    area = cell_areas(trend)
    areas = {name: float(area[status == value].sum()) for value, name in meanings.items() if name != "not_land"}
    total = sum(areas.values())
    return [
        {"reason": meaning.replace("_", " "), "area_km2": value, "share": value / total}
        for meaning, value in areas.items()
        if value
    ]


def cell_areas(ds: xr.Dataset) -> npt.NDArray[np.float64]:
    """Cell areas (lat, lon) in km2 from ``lat_bnds`` and ``lon_bnds``, else with edges half way between the centres.

    A lone row or column without bounds counts as one degree wide: a share needs no better.
    """
    bounds = []
    for name in ("lat", "lon"):
        if f"{name}_bnds" in ds:
            bounds.append(ds[f"{name}_bnds"])
            continue
        at = edges(ds[name].values.astype(float), None)
        at = np.clip(at, -90, 90) if name == "lat" else at
        bounds.append(xr.DataArray(np.stack([at[:-1], at[1:]], axis=1), dims=(name, "bnds")))
    return np.asarray(cell_area(ds["lat"], ds["lon"], *bounds).values)


def find(table: Sequence[Record], key: str) -> Record | None:
    """The record of a region or stratum by its key, None where the table lacks it."""
    return next((row for row in table if row["key"] == key), None)


def words(name: str) -> str:
    """A role's name for readers."""
    return "LAI" if name == "lai" else name.replace("_", " ")


def percent(share: float | None) -> str:
    """A share 0..1 as ``12.3 %``, a dash where it is missing."""
    return DASH if share is None else f"{number(100 * share, 1)} %"


def number(value: float, decimals: int) -> str:
    """A rounded number with a true minus sign and no negative zero."""
    text = f"{abs(value):,.{decimals}f}"
    negative = value < 0 and any(digit not in "0.,-" for digit in text)
    return (MINUS if negative else "") + text


def shown(key: str, value: Any) -> str:
    """A value of a record as readers see it: slopes in 1e-3, shares in %, areas in 1000 km2, None as a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return DASH
    if isinstance(value, str):
        return value
    if key.endswith("p_value"):
        return "< 0.001" if value < 0.001 else number(value, 3)
    if "slope" in key:
        return number(1e3 * value, 3)
    if "share" in key:
        return number(100 * value, 1)
    if key.endswith("km2"):
        return number(value / 1e3, 0 if value >= 1e5 or value == 0 else 1)
    if "correlation" in key:
        return number(value, 2)
    return number(value, 0) if float(value).is_integer() else number(value, 3)


def layout(table: Sequence[Record]) -> tuple[list[str], list[bool], list[list[str]]]:
    """Headers, which columns are text, and the rounded cells; an estimate and its limits share two columns.

    Columns without a single value are left out; ``key`` is for machines and is not shown.
    """
    keys = [key for key in table[0] if key != "key" and any(row[key] is not None for row in table)]
    headers, text, columns = [], [], []
    for key in keys:
        if key.endswith("_upper") and f"{key.removesuffix('_upper')}_lower" in keys:
            continue
        if key.endswith("_lower") and f"{key.removesuffix('_lower')}_upper" in keys:
            upper = f"{key.removesuffix('_lower')}_upper"
            headers.append("interval")
            columns.append([_interval(key, row[key], row[upper]) for row in table])
            text.append(False)
            continue
        headers.append(_header(key))
        columns.append([words(row[key]) if key == "driver" else shown(key, row[key]) for row in table])
        text.append(any(isinstance(row[key], str) for row in table))
    return headers, text, [list(cells) for cells in zip(*columns, strict=True)]


def markdown(table: Sequence[Record]) -> str:
    """The table in GitHub's Markdown, rounded as on the page; an empty table says so."""
    if not table:
        return "(empty)"
    headers, text, rows = layout(table)
    lines = [headers, ["---" if is_text else "---:" for is_text in text], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def scorecard_table(scorecard: Mapping[str, Any]) -> Table:
    """A nested scorecard as records of ``name, score, wanted, verdict, details``.

    A mapping with ``score`` is one row; ``wanted`` is its lower and ``wanted_at_most`` its upper limit,
    and only with one of them there is a verdict. Other numbers are rows without one.
    """
    rows: Table = []

    def visit(path: tuple[str, ...], value: Any) -> None:
        if isinstance(value, Mapping) and "score" in value:
            rows.append(_scored(path, value))
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                visit((*path, str(key)), inner)
        else:
            rows.append({"name": _path(path), "score": _free(value), "wanted": "", "verdict": "", "details": ""})

    visit((), scorecard)
    return rows


def plain(value: Any) -> float | int | None:
    """A numpy scalar as int or float, None where it is not finite."""
    if isinstance(value, np.integer | np.bool_ | int):
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else None


def _by_kind(ds: xr.Dataset, dim: str) -> dict[str, Table]:
    flat = [str(name) for name in ds.data_vars if ds[name].dims == (dim,)]
    crossed = [str(name) for name in ds.data_vars if set(ds[name].dims) == {dim, "driver"}]
    names = sorted(flat + crossed, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))
    drivers = [str(name) for name in ds["driver"].values] if crossed else []
    values = {name: ds[name].transpose(dim, ...).values for name in names}
    kinds: dict[str, Table] = {}
    for i in range(ds.sizes[dim]):
        record: Record = {"key": str(ds[dim].values[i]), "label": str(ds["label"].values[i])}
        for name in names:
            if name in crossed:
                record |= {f"{name}: {driver}": plain(values[name][i, j]) for j, driver in enumerate(drivers)}
            else:
                record[name] = plain(values[name][i])
        kinds.setdefault(str(ds["kind"].values[i]), []).append(record)
    return kinds


def _header(key: str) -> str:
    if ":" in key:
        name, driver = key.split(": ")
        prefix = "r" if name == "partial_correlation" else name.replace("_", " ")
        return f"{prefix}, {words(driver)}"
    return _HEADERS.get(key, key.replace("_", " "))


def _interval(key: str, lower: Any, upper: Any) -> str:
    if lower is None or upper is None:
        return DASH
    return f"{shown(key, lower)} to {shown(key, upper)}"


def _path(path: Sequence[str]) -> str:
    return " · ".join(part.replace("_", " ") for part in path) or "score"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and math.isfinite(value)


def _free(value: Any) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return DASH
    if not _is_number(value):
        return str(value)
    size = abs(float(value))
    if 0 < size < 0.01:
        digits, power = f"{float(value):.2e}".split("e")
        return f"{digits.replace('-', MINUS)} × 10{str(int(power)).translate(_SUPERSCRIPT)}"
    return number(float(value), 0 if size >= 1 and size == int(size) else 3)


def _scored(path: tuple[str, ...], value: Mapping[str, Any]) -> Record:
    score = value["score"]
    known = _is_number(score)
    wanted, passes = [], []
    if "wanted" in value:
        wanted.append(f"at least {value['wanted']:g}")
        passes.append(known and score >= value["wanted"])
    if "wanted_at_most" in value:
        wanted.append(f"at most {value['wanted_at_most']:g}")
        passes.append(known and score <= value["wanted_at_most"])
    rest = {key: inner for key, inner in value.items() if key not in ("score", "wanted", "wanted_at_most")}
    return {
        "name": _path(path),
        "score": _free(score),
        "wanted": ", ".join(wanted),
        "verdict": "" if not passes else "no value" if not known else "pass" if all(passes) else "fail",
        "details": "; ".join(f"{_path([key]).replace('km2', 'km²')} {_free(inner)}" for key, inner in rest.items()),
    }
