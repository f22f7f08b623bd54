"""Stores of Zarr and Icechunk: links out of the folder, names that lead out, virtual chunks; and other names."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import xarray as xr

from tests.catalog.hostile_files.cases import AXES, SHAPE, case

STORE = {"driver": "zarr", "args__xarray_kwargs": {"consolidated": False}}


def store(folder: Path, zarr_format: Any = 2) -> Path:
    ds = xr.Dataset({"sm": (tuple(AXES), np.full(SHAPE, 0.25, "f4"), {"units": "m3 m-3"})}, coords=AXES)
    ds["time"].attrs["units"] = "days since 2000-01-01"
    ds.to_zarr(folder / "a.zarr", zarr_format=zarr_format, consolidated=False)
    return folder / "a.zarr"


def chunk_of(place: Path) -> Path:
    return max((path for path in (place / "sm").rglob("*") if path.is_file()), key=lambda path: path.name.count("0"))


@case("symbolic link sm/0.0.0", **STORE)
def chunk_that_is_a_link(folder: Path) -> str:
    chunk = chunk_of(store(folder))
    chunk.unlink()
    chunk.symlink_to(folder.parent / "private" / "a.zarr" / "sm" / "0.0.0")
    return "a.zarr"


@case("symbolic link sm/c", **STORE)
def folder_of_chunks_that_is_a_link(folder: Path) -> str:
    chunks = store(folder, 3) / "sm" / "c"
    shutil.move(chunks, folder.parent / "private" / "c")
    chunks.symlink_to(folder.parent / "private" / "c")
    return "a.zarr"


@case("symbolic link sm/.zattrs", **STORE)
def metadata_that_is_a_link(folder: Path) -> str:
    (store(folder) / "sm" / ".zattrs").unlink()
    (folder / "a.zarr" / "sm" / ".zattrs").symlink_to("../../../private/key")
    return "a.zarr"


@case("symbolic link sm", **STORE)
def link_to_the_store_itself(folder: Path) -> str:
    shutil.rmtree(store(folder) / "sm")
    (folder / "a.zarr" / "sm").symlink_to(folder.parent / "private" / "a.zarr" / "sm")
    return "a.zarr"


@case("no ordinary file", **STORE)
def chunk_that_is_a_pipe(folder: Path) -> str:
    chunk = chunk_of(store(folder))
    chunk.unlink()
    os.mkfifo(chunk)
    return "a.zarr"


@case("", driver="zarr", args__xarray_kwargs={"consolidated": True, "drop_variables": ["sm"]},
      metadata__variables={"x": {"name": "../../private/a.zarr/sm", "units": "1", "period": "static",
                                 "valid_range": [0, 1]}})  # fmt: skip
def array_whose_name_leads_out(folder: Path) -> str:
    place = store(folder)
    kept = {path.relative_to(place).as_posix(): json.loads(path.read_text()) for path in place.rglob(".z*")}
    out = "../../private/a.zarr/sm"
    for name in (".zarray", ".zattrs"):
        kept[f"{out}/{name}"] = json.loads((place / out / name).read_text())
    (place / ".zmetadata").write_text(json.dumps({"zarr_consolidated_format": 1, "metadata": kept}))
    return "a.zarr"


@case("", driver="zarr", args__xarray_kwargs={"consolidated": False, "group": "../../private/a.zarr"})
def group_that_leads_out(folder: Path) -> str:
    store(folder)
    return "a.zarr"


@case("", **STORE)
def member_of_a_zip_that_is_a_link(folder: Path) -> str:
    place = store(folder)
    with zipfile.ZipFile(folder / "b.zarr.zip", "w") as archive:
        for path in place.rglob("*"):
            name = path.relative_to(place).as_posix()
            if name == "sm/0.0.0":
                link = zipfile.ZipInfo(name)
                link.external_attr = 0o120777 << 16
                archive.writestr(link, str(folder.parent / "private" / "a.zarr" / "sm" / "0.0.0"))
            elif path.is_file():
                archive.write(path, name)
    return "b.zarr.zip"


def repository(folder: Path) -> Any:
    icechunk.set_logs_filter("error")
    config = icechunk.RepositoryConfig.default()
    place = f"file://{folder.parent}/private/"
    config.set_virtual_chunk_container(
        icechunk.VirtualChunkContainer(place, icechunk.local_filesystem_store(str(folder.parent / "private")))
    )
    made = icechunk.Repository.create(icechunk.local_filesystem_storage(str(folder / "ice")), config=config)
    made.save_config()
    session = made.writable_session("main")
    ds = xr.Dataset({"sm": (tuple(AXES), np.full(SHAPE, 0.25, "f4"), {"units": "m3 m-3"})}, coords=AXES)
    ds["time"].attrs["units"] = "days since 2000-01-01"
    bare = {name: {"compressors": None} for name in ds.variables}
    ds.to_zarr(session.store, zarr_format=3, consolidated=False, encoding=bare)
    session.store.set_virtual_ref("sm/c/0/0/0", f"{place}little", offset=0, length=96, validate_container=False)
    session.commit("values that lie elsewhere")
    return made


ICE = {"driver": "zarr", "metadata__reader": "icechunk", "args__xarray_kwargs": {}}


@case("virtual chunk", **ICE)
def virtual_chunk(folder: Path) -> str:
    repository(folder)
    return "ice"


@case("symbolic link", **ICE)
def repository_with_a_link(folder: Path) -> str:
    repository(folder)
    (folder / "ice" / "chunks").mkdir(exist_ok=True)
    (folder / "ice" / "chunks" / "x").symlink_to(folder.parent / "private" / "key")
    return "ice"


# ------------------------------------------------------------------------------------------------- other names


@case("no ordinary file")
def file_that_is_a_pipe(folder: Path) -> str:
    os.mkfifo(folder / "a.nc")
    return "a.nc"


@case(
    "Protocol not known", args__urlpath="[mode=bytes]http://127.0.0.1:9/a.nc", args__xarray_kwargs={"engine": "netcdf4"}
)
def name_that_the_netcdf_library_takes_for_an_address(folder: Path) -> str:
    return ""


@case("a text file")
def private_file_itself(folder: Path) -> str:
    return "../private/key"
