"""A new prefix from a sealed one: unchanged chunks copied inside the store, the others as lazy writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from smcloud import chunking
from smcloud.errors import IntegrityError
from smcloud.io_errors import STORE, reaching
from smcloud.store.arrays import ZARR_JSON, stored_array
from smcloud.store.integrity import Finding
from smcloud.store.inventory import read_inventory
from smcloud.store.layout import Store
from smcloud.store.objects import Place, copy
from smcloud.store.records import INVENTORY, MADE_FROM, Lineage
from smcloud.store.write import align, template_of, write_template

if TYPE_CHECKING:
    import xarray as xr


def cube_lineages(store: Store) -> dict[str, Lineage]:
    """Read what each sealed cube of the store was made from, by path; cubes without a readable record are left out."""
    root = store.join("cube")
    with reaching(STORE, store.url_of("cube")):
        keys = store.fs.ls(root, detail=False) if store.fs.exists(root) else []
        names = sorted(key.rstrip("/").rpartition("/")[2] for key in keys)
        names = [name for name in names if name.endswith(".zarr")]
        sealed = [f"cube/{name}" for name in names if store.fs.exists(store.join("cube", name, INVENTORY))]
    records = {}
    for path in sealed:
        with suppress(ValueError):  # verify reports a damaged one; here it is only not used
            records[path] = Lineage.model_validate_json(Place(store, path).read(MADE_FROM) or b"")
    return records


def lineage_object(lineage: Lineage) -> dict[str, bytes]:
    """Make the object that :func:`seal` is to write beside a cube, so that :func:`cube_lineages` finds it."""
    return {MADE_FROM: json.dumps(lineage.as_json(), sort_keys=True, separators=(",", ":")).encode()}


def copy_unchanged_chunks(
    ds: xr.Dataset, runs: Sequence[tuple[int, int]], place: Place, previous: Place
) -> dict[str, Finding] | None:
    """Begin the prefix ``path`` of ``ds`` with the chunks of ``previous``, all but those of the months ``runs``.

    ``runs`` are [first, stop) of whole time chunks; what has no time axis is copied. Returns the chunks copied, as
    the inventory of ``previous`` has them, for :func:`seal`. None, and nothing is touched, where ``previous`` is not
    whole or differs in grid, variables or encoding.
    """
    ds = align(ds.drop_encoding())
    template = template_of(ds)
    try:
        inventory, _ = read_inventory(previous)
    except IntegrityError:
        return None
    sealed = {entry["path"]: Finding(entry["path"], entry["size"], entry["sha256"]) for entry in inventory["objects"]}
    lazy = {str(name): variable.dims for name, variable in ds.variables.items() if variable.chunks is not None}
    written = {month // chunking.TIME_CHUNK for first, stop in runs for month in range(first, stop)}
    kept = {}
    for name, dims in lazy.items():
        array = stored_array(template[f"{name}/{ZARR_JSON}"])
        for position in array.positions():
            if "time" not in dims or position[dims.index("time")] not in written:
                key = f"{name}/{array.key(position)}"
                if key not in sealed:
                    return None
                kept[key] = sealed[key]
    sizes = previous.sizes()
    if not _same_layout(previous, ds, template, sealed) or any(sizes.get(k) != f.size for k, f in kept.items()):
        return None
    write_template(place, template)
    copy(place.store, {f"{previous.path}/{key}": f"{place.path}/{key}" for key in kept})
    return kept


def _same_layout(previous: Place, ds: xr.Dataset, template: Mapping[str, bytes], sealed: Mapping[str, Finding]) -> bool:
    """Return whether the arrays, the encoding of those that are copied, and the axes other than time are the same."""
    names = {str(name) for name in ds.variables}
    if names != {key.removesuffix(f"/{ZARR_JSON}") for key in sealed if key.endswith(f"/{ZARR_JSON}")}:
        return False
    for name, variable in ds.variables.items():
        if variable.chunks is not None:
            theirs = previous.read(f"{name}/{ZARR_JSON}")
            ours = template[f"{name}/{ZARR_JSON}"]
            if theirs is None or _but_time(theirs, variable.dims) != _but_time(ours, variable.dims):
                return False
        elif "time" not in variable.dims:
            content = {key: raw for key, raw in template.items() if key.startswith(f"{name}/")}
            if any(key not in sealed or sealed[key].sha256 != hashlib.sha256(raw).hexdigest()
                   for key, raw in content.items()):  # fmt: skip
                return False
    return True


def _but_time(metadata: bytes, dims: tuple[Hashable, ...]) -> dict[str, Any]:
    array: dict[str, Any] = json.loads(metadata)
    array["shape"] = [size for size, dim in zip(array["shape"], dims, strict=True) if dim != "time"]
    return array
