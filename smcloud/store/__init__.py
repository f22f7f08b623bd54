"""The store of a run: staged, sealed and published Zarr prefixes, and the only code that writes into it."""

from smcloud.store.attempts import Attempt, Attempts
from smcloud.store.copying import cube_lineages, lineage_object
from smcloud.store.doors import Doors, complete_doors, write_doors
from smcloud.store.encoding import encoding, stored_chunks
from smcloud.store.layout import (
    Store,
    content_id,
    cube_path,
    product_path,
    release_path,
    report_path,
    require_store,
)
from smcloud.store.lazy_writes import LazyWrites, together
from smcloud.store.objects import create_only, put
from smcloud.store.pages import put_page
from smcloud.store.pointers import point_to, sealed_prefix
from smcloud.store.prefix import Prefix
from smcloud.store.probe import can_read, probe, require_create_only
from smcloud.store.read import open_cube, open_product
from smcloud.store.records import CubeEntry, InputEntry, Lineage, ProductEntry, Release, ReleaseContent
from smcloud.store.release import (
    find_release,
    latest_release,
    list_releases,
    newest_release,
    publish,
    read_release,
    released_products,
    require_chain,
    require_forward,
)
from smcloud.store.verify import verify, verify_all
from smcloud.store.write import align, dry_run_writes

__all__ = [
    "Attempt",
    "Attempts",
    "CubeEntry",
    "Doors",
    "InputEntry",
    "LazyWrites",
    "Lineage",
    "Prefix",
    "ProductEntry",
    "Release",
    "ReleaseContent",
    "Store",
    "align",
    "can_read",
    "complete_doors",
    "content_id",
    "create_only",
    "cube_lineages",
    "cube_path",
    "dry_run_writes",
    "encoding",
    "find_release",
    "latest_release",
    "lineage_object",
    "list_releases",
    "newest_release",
    "open_cube",
    "open_product",
    "point_to",
    "probe",
    "product_path",
    "publish",
    "put",
    "put_page",
    "read_release",
    "release_path",
    "released_products",
    "report_path",
    "require_chain",
    "require_create_only",
    "require_forward",
    "require_store",
    "sealed_prefix",
    "stored_chunks",
    "together",
    "verify",
    "verify_all",
    "write_doors",
]
