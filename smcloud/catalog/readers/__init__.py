"""The readers that a catalog entry may name: one callable for each form of source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from smcloud.catalog.schema import Entry

if TYPE_CHECKING:
    import xarray as xr


class Reader(Protocol):
    """Opens sources of one form."""

    def __call__(self, entry: Entry, where: str) -> xr.Dataset:
        """Open the source of a checked entry, its environment filled in; ``where`` names it in errors.

        The Dataset is lazy, scale, offset and fill applied, times as datetime64 or as they are stored, under the
        names of ``entry.metadata.variables``. What the source's libraries raise is left to the caller.
        """
        ...


def reader_of(name: str) -> Reader:
    """Return the reader of a special layout; each is imported, with the libraries it needs, when it is first used."""
    match name:
        case "esa_cci":
            from smcloud.catalog.readers.daily_images import read_daily_images

            return read_daily_images
        case "geotiff":
            from smcloud.catalog.readers.geotiff import read_geotiff

            return read_geotiff
        case "hdf4":
            from smcloud.catalog.readers.hdf4 import read_hdf4

            return read_hdf4
        case "icechunk":
            from smcloud.catalog.readers.icechunk import read_icechunk

            return read_icechunk
    raise ValueError(f"no reader is called {name}")
