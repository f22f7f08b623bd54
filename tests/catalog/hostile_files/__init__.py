"""Hostile sources, written beside private files: the cases, and what writes them."""

from tests.catalog.hostile_files import hdf5, rasters, stores
from tests.catalog.hostile_files.cases import CASES

__all__ = ["CASES", "hdf5", "rasters", "stores"]
