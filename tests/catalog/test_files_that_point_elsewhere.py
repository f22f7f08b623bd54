"""Files of strangers that lead out of themselves: none of them brings a private file of this machine into a value.

Each case writes a hostile source beside a canary, whose content must be in no value and in no error.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import icechunk
import numpy as np
import pytest
import rasterio
import xarray as xr
from pyhdf.SD import SD, SDC

from smcloud.catalog import check_entries, open_entry
from smcloud.catalog.readers import hdf_eos, netcdf_files
from smcloud.errors import SmcloudError
from tests.catalog.entries import catalog_of, changed

SECRET = 0.765625  # a soil moisture as good as any, and in no honest file here
TEXT = "BEGIN-PRIVATE-KEY"
AXES = {"time": np.arange(2.0), "lat": np.array([10.0, 20.0, 30.0]), "lon": np.array([10.0, 20.0, 30.0, 40.0])}
SHAPE = (2, 3, 4)
CASES: dict[str, tuple[Callable[[Path], str], dict[str, Any], str]] = {}


def case(found: str, **entry: Any) -> Callable[[Callable[[Path], str]], Callable[[Path], str]]:
    """Register a writer of a hostile source; it gives its address. ``found`` is a word of the error."""

    def register(write: Callable[[Path], str]) -> Callable[[Path], str]:
        CASES[write.__name__] = write, {"driver": "netcdf", "args__xarray_kwargs": {}} | entry, found
        return write

    return register


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for the source, with private files beside it that the libraries could read."""
    private = tmp_path / "private"
    private.mkdir()
    (private / "little").write_bytes(np.full(SHAPE, SECRET, "<f4").tobytes())
    (private / "big").write_bytes(np.full(SHAPE, SECRET, ">f4").tobytes())
    (private / "key").write_text(TEXT * 20)
    honest(private / "file.nc", fill=SECRET)
    xr.Dataset({"sm": (tuple(AXES), np.full(SHAPE, SECRET, "f4"))}).to_zarr(
        private / "a.zarr", zarr_format=2, consolidated=False
    )
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


def honest(path: Path, fill: float = 0.25, without: str = "", userblock: int = 0) -> h5py.File:
    """An HDF5 file of soil moisture, as NetCDF-4 has it, ``without`` one of its variables."""
    with h5py.File(path, "w", userblock_size=userblock) as file:
        for name, values in AXES.items():
            if name != without:
                file[name] = values
                file[name].make_scale(name)
        if without != "time":
            file["time"].attrs["units"] = "days since 2000-01-01"
        if without != "sm":
            file["sm"] = np.full(SHAPE, fill, "f4")
            attach(file["sm"])
    return h5py.File(path, "r+")


def attach(values: Any) -> None:
    values.attrs["units"] = "m3 m-3"
    for i, name in enumerate(AXES):
        if name in values.file:
            values.dims[i].attach_scale(values.file[name])


def stored_outside(file: Any, name: str, place: Any, shape: tuple[int, ...] = SHAPE) -> None:
    size = 4 * int(np.prod(shape))
    attach(file.create_dataset(name, shape, "<f4", external=[(str(place), 0, size)]))


# ------------------------------------------------------------------------------------------------------------ HDF5


@case("external storage of /sm")
def external_storage(folder: Path) -> str:
    with honest(folder / "a.nc", without="sm") as file:
        stored_outside(file, "sm", folder.parent / "private" / "little")
    return "a.nc"


@case("external storage of /sm", args__xarray_kwargs={"engine": "netcdf4"})
def external_storage_for_the_netcdf_library(folder: Path) -> str:
    return external_storage(folder)


@case("external storage of /sm", args__xarray_kwargs={"engine": "h5netcdf"})
def external_storage_for_h5netcdf(folder: Path) -> str:
    return external_storage(folder)


@case("external storage of /sm")
def external_storage_by_a_relative_path(folder: Path) -> str:
    with honest(folder / "a.nc", without="sm") as file:
        stored_outside(file, "sm", "../private/little")
    return "a.nc"


@case("external storage of /other")
def external_storage_of_what_nobody_reads(folder: Path) -> str:
    with honest(folder / "a.nc") as file:
        stored_outside(file, "other", folder.parent / "private" / "key")
    return "a.nc"


@case("external storage of /lat")
def external_storage_of_an_axis(folder: Path) -> str:
    with honest(folder / "a.nc", without="lat") as file:
        size = 3 * 4
        file.create_dataset("lat", (3,), "<f4", external=[(str(folder.parent / "private" / "little"), 0, size)])
        file["lat"].make_scale("lat")
        file["sm"].dims[1].attach_scale(file["lat"])
    return "a.nc"


@case("external storage of /deep/deeper/x")
def external_storage_in_a_nested_group(folder: Path) -> str:
    with honest(folder / "a.nc") as file:
        group = file.create_group("deep/deeper")
        group.create_dataset("x", (4,), "u1", external=[(str(folder.parent / "private" / "key"), 0, 4)])
    return "a.nc"


@case("external storage of /sm")
def external_storage_behind_a_user_block(folder: Path) -> str:
    with honest(folder / "a.nc", without="sm", userblock=512) as file:
        stored_outside(file, "sm", folder.parent / "private" / "little")
    return "a.nc"


@case("external storage of /sm")
def external_storage_in_the_second_of_two_files(folder: Path) -> str:
    external_storage(folder)
    (folder / "a.nc").rename(folder / "b.nc")
    honest(folder / "a.nc").close()
    return "*.nc"


@case("external storage of /g/sm", args__xarray_kwargs={"group": "g"})
def external_storage_in_the_group_of_the_entry(folder: Path) -> str:
    with h5py.File(folder / "a.nc", "w") as file:
        for name, values in AXES.items():
            file[f"g/{name}"] = values
        place = [(str(folder.parent / "private" / "little"), 0, 96)]
        file["g"].create_dataset("sm", SHAPE, "<f4", external=place)
    return "a.nc"


@case("external link /sm")
def external_link(folder: Path) -> str:
    with honest(folder / "a.nc", without="sm") as file:
        file["sm"] = h5py.ExternalLink(str(folder.parent / "private" / "file.nc"), "/sm")
    return "a.nc"


@case("external link /sm", args__xarray_kwargs={"engine": "netcdf4"})
def external_link_for_the_netcdf_library(folder: Path) -> str:
    return external_link(folder)


@case("external link /deep/x")
def external_link_in_a_nested_group(folder: Path) -> str:
    with honest(folder / "a.nc") as file:
        file["deep/x"] = h5py.ExternalLink("../private/file.nc", "/sm")
    return "a.nc"


@case("external link /deep/x")
def soft_link_to_an_external_one(folder: Path) -> str:
    with honest(folder / "a.nc", without="sm") as file:
        file["deep/x"] = h5py.ExternalLink("../private/file.nc", "/sm")
        file["between"] = h5py.SoftLink("/deep/x")
        file["sm"] = h5py.SoftLink("/between")
    return "a.nc"


@case("external link /elsewhere")
def external_link_to_a_group(folder: Path) -> str:
    with honest(folder / "a.nc") as file:
        file["elsewhere"] = h5py.ExternalLink("../private/file.nc", "/")
    return "a.nc"


@case("user-defined link /sm")
def user_defined_link(folder: Path) -> str:
    external_link(folder)
    raw = (folder / "a.nc").read_bytes()
    external = b"\x01\x08\x40\x02sm"  # version, flags, type 64, length of the name
    assert raw.count(external) == 1
    (folder / "a.nc").write_bytes(raw.replace(external, b"\x01\x08\x47\x02sm"))
    return "a.nc"


def _virtual(folder: Path) -> h5py.VirtualLayout:
    layout = h5py.VirtualLayout(SHAPE, "f4")
    layout[:] = h5py.VirtualSource(str(folder.parent / "private" / "file.nc"), "sm", SHAPE)
    return layout


@case("virtual dataset /sm")
def virtual_dataset(folder: Path) -> str:
    with honest(folder / "a.nc", without="sm") as file:
        attach(file.create_virtual_dataset("sm", _virtual(folder)))
    return "a.nc"


@case("virtual dataset /deep/x")
def virtual_dataset_in_a_group(folder: Path) -> str:
    with honest(folder / "a.nc") as file:
        file.create_group("deep").create_virtual_dataset("x", _virtual(folder))
    return "a.nc"


# -------------------------------------------------------------------------------------------------- daily images


IMAGE = "ESACCI-SOILMOISTURE-L3S-SSMV-COMBINED-2000010{}000000-fv09.1.nc"
CCI = {"metadata__reader": "esa_cci"}


def images(folder: Path, hostile: int) -> str:
    for day in (1, 2):
        with h5py.File(folder / IMAGE.format(day), "w") as file:
            for name, values in (AXES | {"time": np.array([day + 10956.0])}).items():
                file[name] = values
                file[name].make_scale(name)
            file["time"].attrs["units"] = "days since 1970-01-01"
            if day == hostile:
                stored_outside(file, "sm", folder.parent / "private" / "little", (1, 3, 4))
            else:
                file["sm"] = np.full((1, 3, 4), 0.25, "f4")
                attach(file["sm"])
    return "*.nc"


@case("external storage of /sm", **CCI)
def external_storage_of_the_first_image(folder: Path) -> str:
    return images(folder, 1)


@case("external storage of /sm", **CCI)
def external_storage_of_an_image_that_is_opened_for_its_values(folder: Path) -> str:
    return images(folder, 2)


# --------------------------------------------------------------------------------------------------------- HDF4

STRUCTURE = """GROUP=GRID_1\nXDim=4\nYDim=3\nUpperLeftPointMtrs=(-180.0,90.0)\nLowerRightMtrs=(180.0,-90.0)
Projection=GCTP_GEO\nDataFieldName="sm"\nEND_GROUP=GRID_1\n"""


@case("an external element of HDF4", metadata__reader="hdf4")
def external_element(folder: Path) -> str:
    file = SD(str(folder / "X.A2000001.hdf"), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    file.attr("StructMetadata.0").set(SDC.CHAR, STRUCTURE)
    array = file.create("sm", SDC.FLOAT32, (3, 4))
    array.setexternalfile(str(folder.parent / "private" / "big"), 0)
    array[:] = np.full((3, 4), SECRET, "f4")
    array.endaccess()
    file.end()
    return "*.hdf"


# ------------------------------------------------------------------------------------------------------ rasters

STATIC = {
    "metadata__reader": "geotiff",
    "metadata__variables": {"x": {"name": "band_1", "units": "1", "period": "static", "valid_range": [0, 1]}},
}
VRT = """<VRTDataset rasterXSize="4" rasterYSize="3"><SRS>EPSG:4326</SRS><GeoTransform>0, 1, 0, 3, 0, -1</GeoTransform>
<VRTRasterBand dataType="Float32" band="1" subClass="{kind}">{source}</VRTRasterBand></VRTDataset>"""
SIMPLE = "<SimpleSource><SourceFilename>{}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>"


def tiff(path: Path, value: float = 0.25) -> Path:
    place = rasterio.transform.from_origin(0, 3, 1, 1)
    with rasterio.open(
        path, "w", "GTiff", 4, 3, 1, crs="EPSG:4326", transform=place, dtype="float32", compress="deflate"
    ) as file:
        file.write(np.full((1, 3, 4), value, "f4"))
    return path


@case("an XML document", **STATIC)
def raw_values_of_a_vrt(folder: Path) -> str:
    source = f"<SourceFilename>{folder.parent}/private/little</SourceFilename><ImageOffset>0</ImageOffset>"
    (folder / "a.tif").write_text(VRT.format(kind="VRTRawRasterBand", source=source))
    return "a.tif"


@case("an XML document", **STATIC)
def vrt_of_an_image_elsewhere(folder: Path) -> str:
    tiff(folder.parent / "private" / "a.tif", SECRET)
    source = SIMPLE.format(folder.parent / "private" / "a.tif")
    (folder / "a.tif").write_text(VRT.format(kind="VRTSourcedRasterBand", source=source))
    return "a.tif"


@case("an XML document", **STATIC)
def vrt_that_asks_a_host(folder: Path) -> str:
    source = SIMPLE.format("/vsicurl/http://127.0.0.1:9/a.tif")
    (folder / "a.tif").write_text(VRT.format(kind="VRTSourcedRasterBand", source=source))
    return "a.tif"


@case("Protocol not known", **STATIC, args__urlpath="/vsicurl/http://127.0.0.1:9/a.tif")
def name_that_asks_a_host(folder: Path) -> str:
    return ""


@case("no file at", **STATIC)
def name_inside_a_zip(folder: Path) -> str:
    tiff(folder / "a.tif", SECRET)
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.write(folder / "a.tif", "a.tif")
    CASES["name_inside_a_zip"][1]["args__urlpath"] = f"/vsizip/{folder}/a.zip/a.tif"
    return ""


@case("Scale", **STATIC)
def notes_beside_an_image_that_scale_it(folder: Path) -> str:
    tiff(folder / "a.tif")
    (folder / "a.tif.aux.xml").write_text(
        f"<PAMDataset><PAMRasterBand band='1'><Scale>{SECRET / 0.25}</Scale></PAMRasterBand></PAMDataset>"
    )
    return "a.tif"


@case("a mask", **STATIC)
def mask_beside_an_image(folder: Path) -> str:
    tiff(folder / "a.tif")
    tiff(folder.parent / "m.tif", 0).rename(folder / "a.tif.msk")
    return "a.tif"


# ------------------------------------------------------------------------------------------ Zarr and Icechunk

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


# --------------------------------------------------------------------------------------------------------------


def opened(folder: Path, name: str, address: str = "") -> Any:
    """Write the case, open it and read all its values."""
    write, entry, _ = CASES[name]
    given = write(folder)
    entry = {"args__urlpath": address.format(given) if address else f"{folder}/{given}"} | entry
    ds = open_entry(catalog_of(folder, changed(**entry)), "source0")
    return ds.load()


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_what_points_elsewhere_is_refused_and_tells_nothing(folder: Path, name: str) -> None:
    try:
        ds = opened(folder, name)
    except Exception as error:
        said = str(error)
        assert CASES[name][2] in said
        assert not [word for word in (TEXT, str(SECRET)) if word in said]
        # A value that is read later ends the run with what its library says.
        assert name in ("virtual_chunk", "member_of_a_zip_that_is_a_link") or isinstance(error, SmcloudError), said
        assert not isinstance(error, SmcloudError) or error.exit_code in (2, 3), said
    else:
        pytest.fail(f"read: {[float(da.max()) for da in ds.data_vars.values()]}")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, (_, entry, _) in CASES.items()
                                  if entry["driver"] == "netcdf" and "metadata__reader" not in entry
                                  and "args__urlpath" not in entry and "pipe" not in name
                                  and "library" not in name and "private" not in name])  # fmt: skip
def test_so_it_is_of_files_on_a_web_server(folder: Path, name: str, http: Callable[[Path], str]) -> None:
    base = http(folder)
    with pytest.raises(SmcloudError) as caught:
        opened(folder, name, base + "/{}" if "*" not in CASES[name][0](folder) else base + "/b.nc")
    assert CASES[name][2] in caught.value.found
    assert caught.value.exit_code == 3


OPEN_DOORS = {
    "external_storage": netcdf_files,
    "external_link": netcdf_files,
    "soft_link_to_an_external_one": netcdf_files,
    "virtual_dataset": netcdf_files,
    "external_storage_for_the_netcdf_library": netcdf_files,
    "external_storage_of_an_image_that_is_opened_for_its_values": netcdf_files,
    "external_element": hdf_eos,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OPEN_DOORS)
def test_without_the_check_the_private_file_would_be_read(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = "require_hdf4_alone" if OPEN_DOORS[name] is hdf_eos else "require_hdf5_alone"
    monkeypatch.setattr(OPEN_DOORS[name], check, lambda *_: None)
    assert float(opened(folder, name)["sm"].max()) == SECRET


def test_a_check_of_the_catalog_refuses_too(folder: Path) -> None:
    entries = {}
    for name in ("external_storage", "virtual_dataset", "chunk_that_is_a_link"):
        (folder / name).mkdir()
        (folder / "private").symlink_to(folder.parent / "private") if not (folder / "private").exists() else None
        write, entry, _ = CASES[name]
        entries[name] = changed(**{"args__urlpath": f"{folder}/{name}/{write(folder / name)}"} | entry)
    with pytest.raises(SmcloudError) as caught:
        check_entries(catalog_of(folder, **entries))
    assert [error.code for error in (caught.value, *caught.value.others)] == ["file-form"] * 3


# -------------------------------------------------------------------------------------------- what stays ordinary


def test_links_that_a_user_made_to_her_own_data_are_followed(folder: Path) -> None:
    data = folder.parent / "data"
    data.mkdir()
    honest(data / "a.nc").close()
    (folder / "a.nc").symlink_to(data / "a.nc")
    files = {"driver": "netcdf", "args__xarray_kwargs": {}}
    for address in ("a.nc", "*.nc"):
        ds = open_entry(catalog_of(folder, changed(args__urlpath=f"{folder}/{address}", **files)), "source0")
        np.testing.assert_array_equal(ds["sm"], np.full(SHAPE, 0.25))
    (folder / "b.zarr").symlink_to(store(data))
    chunk = chunk_of(data / "a.zarr")
    chunk.rename(chunk.with_name("kept"))
    chunk.symlink_to("kept")  # inside the store
    ds = open_entry(catalog_of(folder, changed(args__urlpath=f"{folder}/b.zarr", **STORE)), "source0")
    np.testing.assert_array_equal(ds["sm"], np.full(SHAPE, 0.25))


def test_soft_links_and_cycles_inside_a_file_are_ordinary(folder: Path) -> None:
    with honest(folder / "a.nc") as file:
        file["deep/again"] = file["/"]
        file["deep/sm"] = h5py.SoftLink("/sm")
        file["dangling"] = h5py.SoftLink("/nowhere")
        del file["dangling"]
    ds = open_entry(
        catalog_of(folder, changed(args__urlpath=f"{folder}/a.nc", driver="netcdf", args__xarray_kwargs={})), "source0"
    )
    np.testing.assert_array_equal(ds["sm"], np.full(SHAPE, 0.25))


def test_overviews_metadata_and_statistics_of_an_image_are_ordinary(folder: Path) -> None:
    path = tiff(folder / "a.tif")
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2], rasterio.enums.Resampling.average)
        file.update_tags(1, source="somebody")
    (folder / "a.tif.aux.xml").write_text(
        "<PAMDataset><PAMRasterBand band='1'><Metadata><MDI key='STATISTICS_MEAN'>9</MDI></Metadata></PAMRasterBand>"
        "</PAMDataset>"
    )
    entry = changed(args__urlpath=str(path), driver="netcdf", args__xarray_kwargs={}, **STATIC)
    ds = open_entry(catalog_of(folder, entry), "source0")
    np.testing.assert_array_equal(ds["band_1"], np.full((3, 4), 0.25))


def test_what_is_outside_a_zip_is_not_reached_by_its_names(folder: Path) -> None:
    with zipfile.ZipFile(folder / "a.zarr.zip", "w") as archive:
        for path in (folder.parent / "private" / "a.zarr").rglob("*"):
            if path.is_file():
                archive.write(path, f"../private/a.zarr/{path.relative_to(folder.parent / 'private' / 'a.zarr')}")
    with pytest.raises(SmcloudError, match="ZIP"):
        open_entry(catalog_of(folder, changed(args__urlpath=f"{folder}/a.zarr.zip", **STORE)), "source0")
