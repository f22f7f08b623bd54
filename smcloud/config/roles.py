"""The names that a role may have: any word, but for those that the cube and its products use themselves."""

from __future__ import annotations

import re

from smcloud.config.strict_yaml import invalid_value

ROLE = re.compile(r"[a-z_]{1,64}")
# Axes, bounds and marks of the cube, and companions that smcloud computes; a test finds them in what is published.
OF_THE_CUBE = ("time", "lat", "lon", "bnds", "provisional", "spatial_ref", "crs")
OF_THE_PRODUCTS = (
    "year", "month", "season", "driver", "region", "stratum", "class", "combination", "kind", "label", "status",
    "n_months", "n_fixed_months", "level", "groups", "distance", "property", "step", "step_units", "break", "lag",
    "choice", "end_years", "seasonal_soil_moisture",
)  # fmt: skip
FLAG_WORDS = ("none", "tie", "no_data")  # beside the drivers in ``dominant_driver``
COMPANIONS = re.compile(r"soil_moisture_(?!reference$)\w*|\w*_bnds")


def require_role(role: str) -> str:
    """Return ``role`` if a variable of the cube may have this name; raises a validator's error."""
    if not ROLE.fullmatch(role):
        raise invalid_value("roles of a-z and _ only", role)
    if role in (*OF_THE_CUBE, *OF_THE_PRODUCTS, *FLAG_WORDS) or COMPANIONS.fullmatch(role):
        raise invalid_value("another name for the role: the cube or its products use this one themselves", role)
    return role
