"""Files that broke off, or are something else than their name says, in every form of source."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
import pytest
import xarray as xr
import zarr

from smcloud.catalog import check_entries
from smcloud.errors import FileFormError, SmcloudError
from tests.catalog.entries import catalog_of, changed
from tests.strangers.file_forms import (
    FILES,
    FORMS,
    STEPS,
    STORE,
    hdf4,
    image,
    netcdf,
    read,
    refused,
    stored,
    values,
    written,
)

# Each has one file that can be cut or replaced; the others are folders of many files, see below.
SINGLE = [form for form in FORMS if not form.startswith(("Zarr", "Icechunk"))]


@pytest.mark.slow
@pytest.mark.parametrize("form", SINGLE)
@pytest.mark.parametrize("lost", [0.02, 0.1, 0.5, 0.9])
def test_a_file_that_broke_off_is_named(tmp_path: Path, form: str, lost: float) -> None:
    file, entry = written(tmp_path, form)
    raw = file.read_bytes()
    file.write_bytes(raw[: len(raw) - max(5, int(lost * len(raw)))])
    error = refused(tmp_path, entry, file)
    assert "download it again" in error.next
    if form.startswith("CDF"):
        assert "is cut off or damaged" in error.what and "header" in error.found


@pytest.mark.parametrize("form", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"])
def test_lost_months_of_a_classic_file_are_never_its_offset(tmp_path: Path, form: Any) -> None:
    """One record variable alone, packed around 280 K, without its last record: read as 280.0 by the library."""
    path = tmp_path / "t.nc"
    with netCDF4.Dataset(path, "w", format=form) as file:
        file.createDimension("time", None)
        file.createDimension("x", 4)
        file.createVariable("x", "f4", ("x",))[:] = np.arange(4)
        temperature = file.createVariable("lai", "i2", ("time", "x"))
        temperature.set_auto_maskandscale(False)
        temperature.scale_factor, temperature.add_offset = 0.002, 280.0
        temperature[:] = np.arange(1, 13).reshape(3, 4)
    path.write_bytes(path.read_bytes()[:-8])
    with xr.open_dataset(path, engine="netcdf4") as plain:
        assert plain["lai"].values[-1].tolist() == [280.0] * 4  # what must never be
    refused(tmp_path, FILES | {"args__urlpath": str(path)}, path)


@pytest.mark.slow
def test_a_file_in_a_computation_over_many_is_named(tmp_path: Path) -> None:
    for step in range(12):
        netcdf(tmp_path / f"{step:02}.nc", "NETCDF4", step)
    broken = tmp_path / "07.nc"
    with h5py.File(broken) as file:
        place = file["lai"].id.get_chunk_info(0)
    raw = bytearray(broken.read_bytes())
    raw[place.byte_offset + 8] ^= 0xFF
    broken.write_bytes(raw)
    error = refused(tmp_path, FILES | {"args__urlpath": f"{tmp_path}/*.nc"}, broken)
    assert "decompress" in error.found


@pytest.mark.parametrize("form", ["Zarr 2", "Zarr 3", "Icechunk"])
def test_a_damaged_chunk_of_a_store_is_bad_data(tmp_path: Path, form: str) -> None:
    place, entry = written(tmp_path, form)
    below = place / "chunks" if form == "Icechunk" else place / "lai"
    chunks = [path for path in below.rglob("*") if path.is_file() and not path.name.startswith((".z", "zarr"))]
    for chunk in chunks:
        chunk.write_bytes(b"no chunk")
    if form == "Icechunk":
        assert not chunks  # small chunks lie in its manifests, which carry checksums
        for manifest in (place / "manifests").iterdir():
            manifest.write_bytes(b"no manifest")
    with pytest.raises(Exception) as caught:
        read(tmp_path, entry)
    assert form == "Icechunk" or (isinstance(caught.value, SmcloudError) and caught.value.exit_code == 3)


NOT_IT = {
    "ZIP": (b"PK\x03\x04rest", "a ZIP archive", "unzip"),
    "GRIB": (b"GRIB\0\0\0\x02", "a GRIB file", "grib_to_netcdf"),
    "HTML": (b"<!doctype html><html>Earthdata Login", "an HTML page", "log-in"),
    "XML": (b"<?xml version='1.0'?><Error>AccessDenied</Error>", "an XML document", "error message"),
    "JSON": (b'{"error": "quota"}', "a JSON document", "read what it says"),
    "text": (b"date,rain\n2000-01-01,3\n", "a text file", "read what it says"),
    "empty": (b"", "an empty file", "download it again"),
    "zeros": (b"\0" * 5000, "a file of zeros", "download it again"),
    "gzip": (b"\x1f\x8b\x08\0", "a gzip file", "gunzip"),
    "tar": (b"a.nc" + b"\0" * 253 + b"ustar\x0000" + b"\0" * 400, "a tar archive", "tar -xf"),
    "MATLAB": (b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + b" " * 90, "a MATLAB file", "nccreate"),
    "AppleDouble": (b"\x00\x05\x16\x07\x00\x02", "the notes of macOS about a file (AppleDouble)", "download"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/", "a pointer of Git LFS, not the file itself", "lfs pull"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("form", [*SINGLE, "Zarr 2"])
@pytest.mark.parametrize("what", NOT_IT)
def test_a_file_that_is_something_else_is_called_what_it_is(tmp_path: Path, form: str, what: str) -> None:
    content, named, remedy = NOT_IT[what]
    file, entry = written(tmp_path, form)
    if form == "Zarr 2":
        shutil.rmtree(file)
    file.write_bytes(content)
    if what == "ZIP" and "zipped" in form:
        pytest.skip("a ZIP archive is its form")
    error = refused(tmp_path, entry, file)
    if not (what == "ZIP" and form == "Zarr 2"):  # a ZIP archive of a store would be read
        assert error.found == named and error.what == f"{file.name} is {named}" and remedy in error.next


@pytest.mark.parametrize("form", ["CDF-1", "NetCDF-4", "daily images", "HDF4"])
def test_one_wrong_file_of_many_is_found_when_the_catalog_is_checked(tmp_path: Path, form: str) -> None:
    write = {"CDF-1": "NETCDF3_CLASSIC", "NetCDF-4": "NETCDF4"}
    for step in range(8):
        if form in write:
            netcdf(tmp_path / f"{step}.nc", write[form], step)
        elif form == "HDF4":
            hdf4(tmp_path / f"X.A{2000001 + 8 * step}.hdf", step)
        else:
            image(tmp_path, step)
    wrong = sorted(path for path in tmp_path.iterdir() if path.suffix in (".nc", ".hdf"))[5]
    wrong.write_bytes(NOT_IT["HTML"][0])
    entry = FORMS[form][2] | {"args__urlpath": f"{tmp_path}/*{wrong.suffix}"}
    with pytest.raises(FileFormError) as caught:
        check_entries(catalog_of(tmp_path, changed(**entry)))
    assert caught.value.where == str(wrong) and caught.value.found == "an HTML page"


OTHER_FORMS = [
    (form, other)
    for form in ("CDF-1", "HDF4", "GeoTIFF", "daily images", "Zarr 2")
    for other in ("CDF-1", "CDF-5", "NetCDF-4", "HDF4", "GeoTIFF", "Zarr 2")
    if form != other and not (form == "CDF-1" and other in ("CDF-5", "NetCDF-4"))
    and (form, other) != ("daily images", "NetCDF-4")
]  # fmt: skip


@pytest.mark.parametrize(("form", "other"), OTHER_FORMS)
def test_a_good_file_of_another_reader_is_sent_there(tmp_path: Path, form: str, other: str) -> None:
    written(tmp_path / "other", other)
    file, entry = written(tmp_path / "mine", form)
    shutil.rmtree(file) if file.is_dir() else file.unlink()
    source = next(path for path in (tmp_path / "other").iterdir() if path.name != "catalog.yaml")
    source.rename(file)
    if "*" in entry["args__urlpath"]:
        entry = entry | {"args__urlpath": str(file)}
    error = refused(tmp_path, entry, file)
    assert ("driver" in error.next) or ("reader" in error.next), error


@pytest.mark.parametrize("form", ["CDF-1", "CDF-5", "NetCDF-4", "Zarr 2", "Zarr 3", "zipped Zarr 2"])
def test_a_group_that_a_file_does_not_have_is_no_damage(tmp_path: Path, form: str) -> None:
    _, entry = written(tmp_path, form)
    kwargs = entry["args__xarray_kwargs"] | {"group": "nowhere"}
    with pytest.raises(FileFormError) as caught:
        read(tmp_path, entry | {"args__xarray_kwargs": kwargs})
    said = str(caught.value)
    assert "damaged" not in said and "download" not in said and "group" in said, said


def test_a_folder_without_a_store(tmp_path: Path) -> None:
    netcdf(tmp_path / "a.nc", "NETCDF4")
    error = refused(tmp_path, STORE | {"args__urlpath": str(tmp_path)}, tmp_path)
    assert "a.nc" in error.found and "driver: netcdf" in error.next


@pytest.mark.parametrize("what", NOT_IT)
def test_a_web_server_that_sends_something_else(tmp_path: Path, what: str) -> None:
    import fsspec

    content, named, _ = NOT_IT[what]
    fsspec.filesystem("memory").pipe_file("/strangers/a.nc", content)
    with pytest.raises(FileFormError) as caught:
        read(tmp_path, FILES | {"args__urlpath": "memory://strangers/a.nc"})
    assert caught.value.found == named and "a.nc" in caught.value.where


@pytest.mark.parametrize("form", ["CDF-1", "CDF-2", "CDF-5", "NetCDF-4"])
@pytest.mark.parametrize("cut", [False, True])
def test_remote_files_are_read_or_refused_alike(tmp_path: Path, form: str, cut: bool) -> None:
    import fsspec

    file, entry = written(tmp_path, form)
    raw = file.read_bytes()
    fsspec.filesystem("memory").pipe_file("/strangers/b.nc", raw[: -200 if cut else None])
    entry = entry | {"args__urlpath": "memory://strangers/b.nc"}
    if not cut and form != "CDF-5":
        np.testing.assert_allclose(read(tmp_path, entry), values(), rtol=1e-6)
        return
    with pytest.raises(FileFormError) as caught:
        read(tmp_path, entry)
    assert "b.nc" in caught.value.what
    if not cut:
        assert "on this machine only" in caught.value.what  # its library reads paths, not opened files


def test_zarr_is_what_the_oracle_wrote(tmp_path: Path) -> None:
    """The stores of this file are read by zarr alone to the same values."""
    place = stored(tmp_path / "a.zarr", 3)
    np.testing.assert_array_equal(zarr.open_group(place, mode="r")["lai"][:], values())
    assert json.loads((place / "lai" / "zarr.json").read_text())["shape"] == [STEPS, 3, 4]
