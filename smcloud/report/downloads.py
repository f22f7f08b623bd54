"""The tables of the page as CSV files beside it: the same rows with unrounded numbers, units and citation in them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from smcloud import delimited
from smcloud.conventions.invented import NOTE
from smcloud.delimited import WIDEST
from smcloud.products.table_variables import SLOPE
from smcloud.products.variables import VARIABLES
from smcloud.report.context import ReportContext
from smcloud.report.rounding import Table, bounded
from smcloud.report.scope import titled
from smcloud.secrecy import told

LONGEST = 20_000
# The product that a table is made from; ``strata_<kind>`` are from strata.
_SOURCES = {
    "regions": "regional", "bands": "regional", "coverage": "trend", "comparators": "trend", "drivers": "drivers",
    "ddww": "ddww", "gradients": "strata", "attribution": "drivers", "end_years": "regional", "seasons": "regional",
    "sensitivity": "sensitivity",
}  # fmt: skip
_SAID = ("product_version", "citation", "license", "acknowledgement")


def file_name(table: str) -> str:
    """The file of the page that holds ``table``."""
    return f"table-{table}.csv"


def downloads(
    tables: Mapping[str, Table], products: Mapping[str, xr.Dataset], context: ReportContext
) -> dict[str, bytes]:
    """Write ``tables`` by name as CSV: file name -> bytes. None is an empty cell.

    Texts are masked as on the page; an empty table has no file.
    """
    return {
        file_name(name): delimited.table_bytes(_header(name, table, products, context), _columns(table))
        for name, table in tables.items()
        if table
    }


def scores(scorecard: Mapping[str, Any], path: tuple[str, ...] = ()) -> Table:
    """All numbers of a nested scorecard, a row for each."""
    rows: Table = []
    for key, value in scorecard.items():
        if isinstance(value, Mapping):
            rows += scores(value, (*path, str(key)))
        elif isinstance(value, int | float):
            rows.append({"name": "/".join((*path, str(key))), "value": float(value)})
    return rows


def _header(name: str, table: Table, products: Mapping[str, xr.Dataset], context: ReportContext) -> Sequence[str]:
    source = "strata" if name.startswith("strata_") else _SOURCES.get(name, "")
    attrs = products[source].attrs if source in products else {}
    lines = [f"title: {titled(products, context)}", f"table: {name}", f"run: {context.run_id}, cube {context.cube_id}"]
    lines += [f"note: {NOTE}"] if context.invented else []
    lines += [f"{key}: {attrs[key]}" for key in _SAID if key in attrs]
    lines.append("an empty cell is a missing value; numbers are not rounded, shares run from 0 to 1")
    if any("slope" in lower for lower, _ in _limits(table)):
        lines.append(
            f"limits of -inf and inf: the interval is not bounded, as it is wider than the {WIDEST:g} m3 m-3 yr-1 that "
            "soil can lose or gain; the product holds the limits as they were computed"
        )
    own = products[source] if source in products else xr.Dataset()
    return lines + [
        f"column {delimited.described(_column(key), _about(key, source, table, own))}" for key in _keys(table)
    ]


def _about(key: str, source: str, table: Table, product: xr.Dataset) -> Mapping[str, str]:
    """Unit and meaning of the column ``key``: those of the product, else by what its name ends in; text has no unit."""
    if not any(isinstance(row.get(key), int | float) for row in table):
        return {}
    name, of_driver, driver = key.partition(": ")
    end = next((end for end in ("_lower", "_upper", "_n_cells") if of_driver and driver.endswith(end)), "")
    known = VARIABLES.get(source, {}).get(f"{name}{end}")
    if known is None and source == "sensitivity":
        known = product[key.rpartition("_")[0] if key not in product else key].attrs
    if known is None and f"{name}{end}" in product:
        known = product[f"{name}{end}"].attrs or None
    if known is not None:
        return {name: str(known[name]) for name in ("units", "long_name", "comment") if name in known}
    if key.endswith("km2"):
        return {"units": "km2"}
    return {"units": SLOPE if "slope" in key else "s" if key == "seconds" else "1"}


def _columns(table: Table) -> dict[str, list[Any]]:
    rows = [dict(row) for row in table]
    for lower, upper in _limits(table):
        for row in rows:
            low, high = row.get(lower), row.get(upper)
            if low is not None and high is not None and not bounded(lower, low, high):
                row |= {lower: -math.inf, upper: math.inf}
    return {_column(key): [_plain(row.get(key)) for row in rows] for key in _keys(table)}


def _limits(table: Table) -> list[tuple[str, str]]:
    """The pairs of columns that are limits of an interval."""
    keys = _keys(table)
    pairs = [(key, f"{key.removesuffix('_lower')}_upper") for key in keys if key.endswith("_lower")]
    return [(lower, upper) for lower, upper in pairs if upper in keys]


def _keys(table: Table) -> list[str]:
    return list(dict.fromkeys(key for row in table for key in row))


def _column(key: str) -> str:
    return key.replace(": ", "_")


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int | float) else told(value, LONGEST)
