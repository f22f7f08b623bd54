"""One line for each way in which a product is opened, with the addresses of a store filled in."""

from __future__ import annotations

import json
from dataclasses import dataclass

from smcloud.doors.addresses import Address
from smcloud.doors.groups import CUBE, Array, Group
from smcloud.doors.icechunk_door import FOLDER, tag_of
from smcloud.doors.stac import FOLDER as STAC
from smcloud.store import Release
from smcloud.store.layout import CATALOG

CORS = "In a browser, the server must let other pages read it (CORS)."
# Of a product that holds several maps, the one that is shown; otherwise the first by name.
_FIRST = ("slope", "soil_moisture", "dominant_driver", "ddww_class")


@dataclass(frozen=True)
class Line:
    """The code of one door, its name, and what must be known to use it."""

    door: str
    code: str
    note: str = ""


def lines_of(group: Group, release: Release, address: Address, container: str | None) -> list[Line]:
    """Return the doors of ``group``; those that its place or its form does not allow are left out."""
    url = f"{address.base}/{group.entry.url}"
    anon = ', storage_options={"anon": True}' if address.needs_anon else ""
    name = repr(group.name)
    lines = [
        Line("Python, xarray", f"import xarray as xr; ds = xr.open_zarr({url!r}{anon})"),
        Line("Python, smcloud", _smcloud(group, release, address), "Lost or damaged chunks are errors, never NaN."),
        Line(
            "Python, intake",
            f"import intake; ds = intake.open_catalog({f'{address.base}/{CATALOG}'!r})[{name}].to_dask()",
            "Needs intake-xarray." + (" Reads with your own credentials." if address.needs_anon else ""),
        ),
    ]
    if container is not None:
        lines.append(_icechunk(group, release, address, container))
    if not address.needs_anon:
        lines.append(_stac(group, address))
    shown = next(iter(sorted(maps_of(group), key=_rank)), None)
    if shown is not None and address.gdal is not None:
        lines += _gdal(f'ZARR:"{address.gdal}/{group.entry.url}":/{shown.name}', address)
    if group.is_strict:  # a browser reads no other JSON
        lines += _javascript(group, address)
    return lines


def maps_of(group: Group) -> list[Array]:
    """The variables of ``group`` that can be drawn as maps."""
    return [array for array in group.variables if array.is_map]


def _rank(array: Array) -> tuple[int, str]:
    return (_FIRST.index(array.name) if array.name in _FIRST else len(_FIRST), array.name)


def _smcloud(group: Group, release: Release, address: Address) -> str:
    if group.name == CUBE:
        return f"import smcloud; ds = smcloud.open_cube({address.store!r}, version={release.number})"
    return f"import smcloud; ds = smcloud.open_product({address.store!r}, {group.name!r}, version={release.number})"


def _icechunk(group: Group, release: Release, address: Address, container: str) -> Line:
    place = f"{address.base}/{FOLDER}"
    if address.is_local:
        storage, access = f"ic.local_filesystem_storage({place!r})", "ic.Credentials.LocalFileSystemAccess()"
    else:
        storage, access = f"ic.http_storage({place!r})", "ic.Credentials.HttpAccess()"
    code = (
        f"import icechunk as ic, xarray as xr; repo = ic.Repository.open({storage}, "
        f"authorize_virtual_chunk_access={{{container!r}: {access}}}); "
        f"ds = xr.open_zarr(repo.readonly_session(tag={tag_of(release.number)!r}).store, "
        f"group={group.name!r}, consolidated=False)"
    )
    note = (
        f"Its references point to {container} and break where the store is moved; "
        "authorize_virtual_chunk_access is your consent to read there."
    )
    return Line("Python, Icechunk", code, note)


def _stac(group: Group, address: Address) -> Line:
    place = f"{address.base}/{STAC}/{group.name}/collection.json"
    code = (
        f"import pystac, xarray as xr; c = pystac.Collection.from_file({place!r}); c.make_asset_hrefs_absolute(); "
        'ds = xr.open_dataset(c.assets["xarray"], engine="stac")'
    )
    return Line("Python, STAC", code, "Needs xpystac.")


def _gdal(source: str, address: Address) -> list[Line]:
    note = "Needs a GDAL that reads Zarr 3 with zstd; tried with GDAL 3.12."
    if address.needs_anon:
        note += " For a public bucket set AWS_NO_SIGN_REQUEST=YES."
    quoted = source.replace("\\", "\\\\").replace("'", "\\'")
    return [
        Line("R, terra", f"r <- terra::rast('{quoted}')", note),
        Line("QGIS", source, f"Layer, Add Layer, Add Raster Layer: source type File, this as the data set. {note}"),
    ]


def _javascript(group: Group, address: Address) -> list[Line]:
    head, opened = 'import * as zarr from "zarrita";', 'const group = await zarr.open.v3({}, {{ kind: "group" }});'
    if address.web is not None:
        store = f"new zarr.FetchStore({json.dumps(f'{address.web}/{group.entry.url}')})"
        return [Line("JavaScript, zarrita", f"{head} {opened.format(store)}", CORS)]
    if not address.is_local:
        return []
    store = f"new FileSystemStore({json.dumps(f'{address.base}/{group.entry.url}')})"
    head += ' import FileSystemStore from "@zarrita/storage/fs";'
    return [Line("JavaScript, zarrita", f"{head} {opened.format(store)}", "In Node, on this machine.")]
