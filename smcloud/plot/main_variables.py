"""The variables of cube and products that a reader looks at first."""

from __future__ import annotations

from collections.abc import Iterable

_TABLE = (
    "slope", "slope_lower", "slope_upper", "p_value", "soil_moisture", "drying_share", "wetting_share",
    "partial_correlation", "area_km2", "covered_area_km2", "n_cells",
)  # fmt: skip
MAIN: dict[str, tuple[str, ...]] = {
    "cube": ("soil_moisture", "precipitation", "soil_temperature", "lai", "soil_moisture_days"),
    "annual": ("soil_moisture", "precipitation", "soil_temperature", "lai", "n_months"),
    "trend": (
        "slope", "slope_lower", "slope_upper", "p_value", "p_adjusted", "significant", "minimum_detectable_slope",
        "status",
    ),
    "drivers": (
        "partial_correlation", "r_lower", "r_upper", "p_value", "p_adjusted", "dominant_driver",
        "dominant_correlation", "trend_contribution", "trend_contribution_stderr_total", "trend_unexplained", "status",
    ),
    "ddww": ("ddww_class", "zone", "share_of_change", "share_of_land", "expected_share", "area_km2"),
    "regional": _TABLE,
    "strata": _TABLE,
    "sensitivity": (
        "mean_of_slopes", "significant_share", "ddww_share_of_change", "ddww_expected_share", "ddww_excess",
        "odds_ratio",
    ),
}  # fmt: skip


def main_of(product: str, names: Iterable[object]) -> list[str]:
    """Return those of ``names`` that are looked at first in ``product``, in that order."""
    held = {str(name) for name in names}
    return [name for name in MAIN.get(product, ()) if name in held]


def in_order(product: str, names: Iterable[object]) -> list[str]:
    """Return all ``names``, those first that are looked at first, the others as they were."""
    held = [str(name) for name in names]
    first = main_of(product, held)
    return first + [name for name in held if name not in first]
