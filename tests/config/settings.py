"""A configuration, and how a changed one is refused."""

from __future__ import annotations

from typing import Any

import pytest

from smcloud.config import parse_config
from smcloud.errors import ConfigurationError

BASE: dict[str, Any] = {
    "preset": "peng2023",
    "period": {"start": "2000-01", "end": "2021-12"},
    "catalog": "catalogs/public.yaml",
    "inputs": {
        "soil_moisture": "esa_cci_sm",
        "precipitation": "era5_monthly",
        "soil_temperature": "era5_monthly",
        "lai": "glass_lai",
    },
    "store": "out",
}


def refused(data: dict[str, Any]) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        parse_config(data, where="run.yaml")
    error = caught.value
    assert error.exit_code == 2
    assert all(error.record().values()), error.record()
    return error


def with_inputs(*roles: str) -> dict[str, Any]:
    return BASE | {"inputs": {role: "some_entry" for role in ("soil_moisture", *roles)}}
