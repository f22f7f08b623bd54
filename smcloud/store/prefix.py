"""One prefix of a store as an object: a Zarr group that is staged, then sealed, and never changes again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from smcloud import chunking
from smcloud.errors import IntegrityError
from smcloud.store import copying, integrity, inventory, lazy_writes, read, tiles, write
from smcloud.store.integrity import NOTHING, Finding, SealRecord
from smcloud.store.lazy_writes import LazyWrites
from smcloud.store.objects import Place

if TYPE_CHECKING:
    import xarray as xr


class Prefix(Place):
    """A cube or a product at its path; it holds no connection, so it may cross process borders."""

    @property
    def is_sealed(self) -> bool:
        """Whether the prefix carries an inventory: nothing in it changes any more."""
        return inventory.is_sealed(self)

    def open(self, chunks: Mapping[str, int] = chunking.TILES) -> xr.Dataset:
        """Open what exists, sealed or not, lazily in ``chunks``; dims that a variable lacks are ignored."""
        return read.open_staged(self, chunks)

    def stage(self, ds: xr.Dataset) -> LazyWrites:
        """Write metadata and in-memory variables of ``ds``; return the rest as lazy writes (:func:`.write.stage`)."""
        return write.stage(ds, self)

    def begin(self, ds: xr.Dataset) -> xr.Dataset:
        """Write metadata and in-memory variables of ``ds`` and return it aligned, to be written region by region.

        Tiles of an interrupted run are kept where its arrays have the same layout.
        """
        ds = write.align(ds.drop_encoding())
        write.write_template(self, write.template_of(ds))
        return ds

    def begin_with_copies(
        self, ds: xr.Dataset, runs: Sequence[tuple[int, int]], previous: Prefix
    ) -> dict[str, Finding] | None:
        """Begin with the unchanged chunks of ``previous`` (:func:`.copying.copy_unchanged_chunks`)."""
        return copying.copy_unchanged_chunks(ds, runs, self, previous)

    def region_writes(self, ds: xr.Dataset, start: Mapping[str, int]) -> LazyWrites:
        """Return lazy writes of the aligned ``ds`` into existing arrays, from positions ``start`` of its dims on."""
        return lazy_writes.region_writes(ds, start, self)

    def append(self, ds: xr.Dataset) -> LazyWrites:
        """Add variables and attributes; return what is lazy as lazy writes (:func:`.write.append`)."""
        return write.append(ds, self)

    def tile_record(self, name: str) -> dict[str, Any] | None:
        """Return what :meth:`mark_tile` recorded for the tile ``name``, None where it is not done."""
        return tiles.tile_record(self, name)

    def mark_tile(self, name: str, record: dict[str, Any]) -> None:
        """Record that every chunk of the tile is written, and what a later run needs to know about it."""
        tiles.mark_tile(self, name, record)

    def clear_tiles(self) -> None:
        """Remove the markers of tiles."""
        tiles.clear_tiles(self)

    def seal(
        self,
        expected: Iterable[str] = (),
        beside: Mapping[str, bytes] = NOTHING,
        copied: Mapping[str, Finding] = NOTHING,
        elsewhere: Callable[[str], bool] = lambda digest: False,
    ) -> SealRecord:
        """Check every chunk, then write the inventory, once (:func:`.integrity.seal`).

        This removes the markers of tiles, also where a chunk is damaged, so that the next run writes all of it again.
        """
        try:
            record = integrity.seal(self, expected, beside, copied, elsewhere)
        except IntegrityError:
            self.clear_tiles()
            raise
        self.clear_tiles()
        return record

    def inventory(self) -> tuple[dict[str, Any], str]:
        """Read the inventory and its sha256; raises :class:`IntegrityError` where there is none."""
        return inventory.read_inventory(self)

    def discard(self) -> None:
        """Remove what a failed run left; a sealed prefix is never changed."""
        if not self.is_sealed:
            self.remove()
