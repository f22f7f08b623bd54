"""The page of the products: every variable that may be published, by product, from its attributes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from docs.generate.tables import cell, code, page, table
from smcloud.cube.units import CUBE_UNITS
from smcloud.products.attributes import COORDINATES
from smcloud.products.summaries import TEXTS
from smcloud.products.variables import VARIABLES

MAP = ("lat", "lon")
BY_DRIVER = (
    r"(partial_correlation|trend_contribution|dominant_share|positive_share|significant_\w+_share|correlation_gradient)"
    r"(_lower|_upper|_n_cells)?|(rising|falling)_share|driver_trend_n_cells"
)
# The dims of the variables of each product: of the first pattern that fits a whole name. A test holds them against
# what a run has published.
DIMS: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "annual": (
        (r"seasonal_soil_moisture", ("season", "year", *MAP)),
        (r"n_fixed_months|anomaly_status|aridity_index|elevation|land_cover|land_mask|clay|sand", MAP),
        (r".*", ("year", *MAP)),
    ),
    "trend": ((r"break_year", ("break", *MAP)), (r"season_.*", ("season", *MAP)), (r"mixed_\w+", ()), (r".*", MAP)),
    "drivers": (
        (r"lagged_.*", ("lag", "driver", *MAP)),
        (r"n|monthly_n|slope_complete_cases|trend_unexplained|dominan\w+", MAP),
        (r".*", ("driver", *MAP)),
    ),
    "ddww": ((r"zone|ddww_class", MAP), (r"zone_limits", ()), (r".*", ("class",))),
    "regional": (
        (r"soil_moisture|fixed_cells_course", ("region", "year")),
        (r"season_.*", ("region", "season")),
        (r"slope_without_end_years.*", ("end_years", "region")),
        (r"latitude_line.*", ("region", "distance")),
        (BY_DRIVER, ("region", "driver")),
        (r".*", ("region",)),
    ),
    "strata": (
        (r"soil_moisture", ("stratum", "year")),
        (r"correlation_gradient.*", ("property", "driver")),
        (r"trend_gradient.*", ("property",)),
        (BY_DRIVER, ("stratum", "driver")),
        (r".*", ("stratum",)),
    ),
    "sensitivity": (
        (r"mean_of_slopes|slope_fixed_cells|slope", ("combination", "region")),
        (r"variance_share|effect|balanced", ("choice",)),
        (r".*", ("combination",)),
    ),
}


def dims_of(product: str, name: str) -> tuple[str, ...]:
    """The dims that the variable ``name`` of ``product`` has."""
    return next(dims for pattern, dims in DIMS[product] if re.fullmatch(pattern, name))


def _meaning(name: str, attrs: Mapping[str, Any]) -> str:
    text = attrs.get("long_name") or f"annual value of {name.replace('_', ' ')}"
    parts = [str(text), *filter(None, [attrs.get("comment")])]
    if "flag_values" in attrs:
        words = zip(attrs["flag_values"], str(attrs["flag_meanings"]).split(), strict=True)
        parts.append("codes: " + ", ".join(f"{number} {word.replace('_', ' ')}" for number, word in words))
    return cell(". ".join(part.rstrip(".") for part in parts))


def _unit(product: str, name: str, attrs: Mapping[str, Any]) -> str:
    units = CUBE_UNITS.get(name, "1") if product == "annual" and "units" not in attrs else attrs.get("units", "1")
    if "flag_values" in attrs:
        return "code"
    return "text" if name == "void" else str(units)


def _row(product: str, name: str, attrs: Mapping[str, Any]) -> tuple[str, str, str, str]:
    dims = ", ".join(dims_of(product, name)) or "attribute"
    return code(name), dims, _unit(product, name, attrs), _meaning(name, attrs)


def products_page() -> str:
    """The page of the products."""
    parts = [
        "What `smcloud.open_product(STORE, NAME)` may hold; a variable whose input or choice is absent is left out. "
        "Each stands here as the file itself describes it. A unit of 1 is a plain number. How each is computed: "
        "[science](../../science.md). A variable without dims is an attribute of the product.",
    ]
    for product, variables in VARIABLES.items():
        title, summary = TEXTS[product]
        rows = (_row(product, name, attrs) for name, attrs in variables.items())
        parts += [f"## {product}", f"*{title}.* {summary}", table(("variable", "dims", "unit", "is"), rows)]
    axes = (
        (code(name), str(attrs.get("units", "text")), cell(attrs.get("long_name", "")))
        for name, attrs in COORDINATES.items()
    )
    parts += ["## Dimensions and labels", table(("name", "unit", "is"), axes)]
    return page("Products and their variables", *parts)
