"""The run's store: staged, sealed and published prefixes of Zarr, and the only writers into it."""

from smcloud.store.layout import (
    CHUNK,
    TIME_CHUNK,
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
from smcloud.store.probe import probe, sees
from smcloud.store.read import open_cube, open_product, open_staged
from smcloud.store.refresh import cube_records, record_object, take_over
from smcloud.store.release import (
    find_release,
    latest_release,
    list_releases,
    newest_release,
    publish,
    read_release,
    write_catalog,
)
from smcloud.store.seal import is_sealed, read_inventory, seal
from smcloud.store.tiles import clear_tiles, mark_tile, prepare, tile_record
from smcloud.store.verify import verify
from smcloud.store.write import align, append, discard, region_writes, rehearse, stage

__all__ = [
    "CHUNK",
    "TIME_CHUNK",
    "Store",
    "align",
    "append",
    "clear_tiles",
    "content_id",
    "create_only",
    "cube_path",
    "cube_records",
    "discard",
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
    "rehearse",
    "release_path",
    "report_path",
    "require_store",
    "seal",
    "sees",
    "stage",
    "stored_chunks",
    "take_over",
    "tile_record",
    "verify",
    "write_catalog",
]
