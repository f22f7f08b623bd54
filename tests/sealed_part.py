"""What is sealed of an opened product or cube: what readers are given of the release beside it is taken away."""

from __future__ import annotations

import xarray as xr

OF_A_RELEASE = (
    "acknowledgement", "citation", "date_issued", "date_modified", "id", "institution", "license", "naming_authority",
    "project", "source",
)  # fmt: skip


def sealed_part(ds: xr.Dataset) -> xr.Dataset:
    """Return ``ds`` without the global attributes that only a release knows."""
    beside = {"product_version", *OF_A_RELEASE}
    out = ds.copy()
    out.attrs = {
        key: value
        for key, value in ds.attrs.items()
        if key not in beside and not key.startswith(("creator_", "publisher_"))
    }
    return out
