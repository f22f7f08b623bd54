"""The run's store: staged, sealed and published prefixes of Zarr, and the only writers into it."""

from smcloud.store.layout import (
    CHUNK,
    TIME_CHUNK,
    Store,
    code_digest,
    content_id,
    cube_path,
    encoding,
    product_path,
    release_path,
    report_path,
    require_store,
)
from smcloud.store.objects import create_only, put
from smcloud.store.probe import probe, sees
from smcloud.store.read import open_cube, open_product, open_staged
from smcloud.store.refresh import cube_records, record_object, stage_pieces, stage_refreshed
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
from smcloud.store.verify import verify
from smcloud.store.write import append, discard, stage

__all__ = [
    "CHUNK",
    "TIME_CHUNK",
    "Store",
    "append",
    "code_digest",
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
    "newest_release",
    "open_cube",
    "open_product",
    "open_staged",
    "probe",
    "product_path",
    "publish",
    "put",
    "read_inventory",
    "read_release",
    "record_object",
    "release_path",
    "report_path",
    "require_store",
    "seal",
    "sees",
    "stage",
    "stage_pieces",
    "stage_refreshed",
    "verify",
    "write_catalog",
]
