"""The run's store: staged, sealed and published prefixes of Zarr, and the only writers into it."""

from smcloud.store.copying import copy_unchanged_chunks, cube_records, record_object
from smcloud.store.integrity import is_sealed, read_inventory, seal
from smcloud.store.layout import (
    Store,
    content_id,
    cube_path,
    encoding,
    product_path,
    release_path,
    report_path,
    require_store,
    stored_chunks,
)
from smcloud.store.objects import create_only, put
from smcloud.store.probe import can_read, probe
from smcloud.store.read import open_cube, open_product, open_staged
from smcloud.store.release import (
    find_release,
    latest_release,
    list_releases,
    newest_release,
    publish,
    read_release,
    write_catalog,
)
from smcloud.store.tiles import clear_tiles, mark_tile, prepare, tile_record
from smcloud.store.verify import verify
from smcloud.store.write import align, append, discard, dry_run_writes, region_writes, stage

__all__ = [
    "Store",
    "align",
    "append",
    "can_read",
    "clear_tiles",
    "content_id",
    "copy_unchanged_chunks",
    "create_only",
    "cube_path",
    "cube_records",
    "discard",
    "dry_run_writes",
    "encoding",
    "find_release",
    "is_sealed",
    "latest_release",
    "list_releases",
    "mark_tile",
    "newest_release",
    "open_cube",
    "open_product",
    "open_staged",
    "prepare",
    "probe",
    "product_path",
    "publish",
    "put",
    "read_inventory",
    "read_release",
    "record_object",
    "region_writes",
    "release_path",
    "report_path",
    "require_store",
    "seal",
    "stage",
    "stored_chunks",
    "tile_record",
    "verify",
    "write_catalog",
]
