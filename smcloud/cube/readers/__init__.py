"""The readers that a catalog entry may name: one callable for each form in which a source comes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from smcloud.catalog import Reader, through_intake
from smcloud.cube.readers.daily_images import read_daily_images
from smcloud.cube.readers.geotiff import read_geotiff
from smcloud.cube.readers.hdf4 import read_hdf4
from smcloud.cube.readers.icechunk import read_icechunk

__all__ = ["READERS"]

READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "default": through_intake,
        "esa_cci": read_daily_images,
        "icechunk": read_icechunk,
        "hdf4": read_hdf4,
        "geotiff": read_geotiff,
    }
)
