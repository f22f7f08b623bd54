"""Catalogs of one small store, as the tests of this folder change them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from smcloud.catalog import Catalog, load_catalog
from smcloud.errors import (
    CatalogError,
)

PUBLIC = Path(__file__).parents[2] / "catalogs" / "public.yaml"
REFERENCE = {"fo": "https://host/refs.json", "remote_protocol": "https"}
ENTRY: dict[str, Any] = {
    "driver": "zarr",
    "description": "a small store",
    "args": {"urlpath": "{{ CATALOG_DIR }}/a.zarr", "chunks": {}, "xarray_kwargs": {"consolidated": False}},
    "metadata": {
        "licence": "CC0-1.0",
        "citation": "invented",
        "variables": {"soil_moisture": {"name": "sm", "units": "m3 m-3", "period": "day", "valid_range": [0, 1]}},
    },
}


def small(seed: int = 0) -> xr.Dataset:
    values = np.random.default_rng(seed).random((4, 3, 5)).astype("float32")
    return xr.Dataset(
        {"sm": (("time", "lat", "lon"), values, {"units": "m3 m-3"})},
        coords={"time": pd.date_range("2000-01-01", periods=4), "lat": [1.0, 2, 3], "lon": [1.0, 2, 3, 4, 5]},
    )


def write_store(path: Path, ds: xr.Dataset, zarr_format: Any = 3, **options: Any) -> None:
    ds.to_zarr(path, zarr_format=zarr_format, consolidated=False, **options)


def changed(**changes: Any) -> dict[str, Any]:
    """The entry with dotted keys replaced; ``__`` stands for a dot."""
    entry = copy.deepcopy(ENTRY)
    for dotted, value in changes.items():
        *above, last = dotted.split("__")
        at = entry
        for key in above:
            at = at.setdefault(key, {})
        at[last] = value
    return entry


def catalog_of(folder: Path, *entries: dict[str, Any], **named: dict[str, Any]) -> Catalog:
    sources = {f"source{i}": entry for i, entry in enumerate(entries)} | named
    path = folder / "catalog.yaml"
    path.write_text(yaml.dump({"sources": sources}, Dumper=NoAliases))
    return load_catalog(path)


class NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def refused(folder: Path, entry: dict[str, Any]) -> CatalogError:
    with pytest.raises(CatalogError) as caught:
        catalog_of(folder, entry)
    error = caught.value
    assert error.exit_code == 2
    assert all(error.record().values()), error.record()
    assert "sources.source0" in error.where
    return error
