"""Metadata as a file that people review: ``pytest tests/readers/test_metadata.py --snapshot-update`` writes it anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from syrupy.extensions.json import JSONSnapshotExtension

import smcloud
from tests.readers.everything import NAMES

OF_THIS_RUN = ("date_issued", "date_modified", "id", "citation")


def plain(value: Any) -> Any:
    """``value`` as JSON; of a number with a fraction only that it is one: libraries differ in its last digits."""
    if isinstance(value, np.ndarray):
        return [str(value.dtype), *value.tolist()]
    if isinstance(value, list):
        return [plain(it) for it in value]
    if isinstance(value, float | np.floating) and not float(value).is_integer():
        return "a number"
    return value.item() if isinstance(value, np.generic) else value


def metadata(ds: xr.Dataset) -> dict[str, Any]:
    """All that an opened dataset says of itself, without what only this run has."""
    variables = {
        str(name): {
            "dims": list(variable.dims),
            "dtype": str(variable.dtype),
            "fill_value": plain(variable.encoding["fill_value"]) if variable.dtype.kind in "iu" else None,
            "attributes": {key: plain(value) for key, value in sorted(variable.attrs.items())},
        }
        for name, variable in sorted(ds.variables.items(), key=lambda it: str(it[0]))
    }
    attributes = {key: "of this run" if key in OF_THIS_RUN else plain(value) for key, value in sorted(ds.attrs.items())}
    return {"attributes": attributes, "variables": variables}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_metadata_are_those_that_were_reviewed(released, name, snapshot):
    ds = smcloud.open_cube(released) if name == "cube" else smcloud.open_product(released, name)
    assert metadata(ds) == snapshot(name=name, extension_class=JSONSnapshotExtension)
