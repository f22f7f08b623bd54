"""Files as strangers have them, in every form of source: the right values, or one error that names the file.

Rows are what is odd about a file, columns its form. The values are those that plain numpy has.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import icechunk
import netCDF4
import numpy as np
import pytest
import rasterio
import xarray as xr
import zarr
from pyhdf.SD import SD, SDC

from smcloud.catalog import check_entries, open_entry
from smcloud.catalog.fingerprints import source_parts, source_state
from smcloud.catalog.fingerprints.file_spans import file_spans
from smcloud.errors import FileFormError, SmcloudError
from smcloud.io_errors import VALUES, reaching
from tests.catalog.entries import catalog_of, changed

LAT, LON = np.array([10.0, 20.0, 30.0]), np.array([10.0, 20.0, 30.0, 40.0])
STEPS = 3


def packed(step: int = 0) -> np.ndarray:
    """Stored numbers of one file: none is 0, which is what lost bytes would read as."""
    return (np.arange(STEPS * 12).reshape(STEPS, 3, 4) + 1000 + 100 * step).astype("i2")


def values(step: int = 0) -> np.ndarray:
    return (packed(step) * 0.001).astype("f4")  # 1.0 to 1.035 m2 m-2


def netcdf(path: Path, form: Any, step: int = 0) -> Path:
    with netCDF4.Dataset(path, "w", format=form) as file:
        for name, size in (("time", None), ("lat", 3), ("lon", 4)):
            file.createDimension(name, size)
            file.createVariable(name, "f8", (name,))
        file["lat"][:], file["lon"][:] = LAT, LON
        file["time"].units = "days since 2000-01-01"
        file["time"][:] = np.arange(STEPS) + STEPS * step
        lai = file.createVariable("lai", "i2", ("time", "lat", "lon"), **({"zlib": True, "fletcher32": True}
                                                                          if form == "NETCDF4" else {}))  # fmt: skip
        lai.set_auto_maskandscale(False)
        lai.scale_factor, lai.units = 0.001, "m2 m-2"
        lai[:] = packed(step)
    return path


def dataset(step: int = 0) -> xr.Dataset:
    days = np.datetime64("2000-01-01") + np.arange(STEPS) + STEPS * step
    ds = xr.Dataset(
        {"lai": (("time", "lat", "lon"), values(step), {"units": "m2 m-2"})},
        {"time": days.astype("M8[ns]"), "lat": LAT, "lon": LON},
    )
    ds["time"].encoding["dtype"] = "f8"
    return ds


def image(path: Path, step: int = 0) -> Path:
    """An ESA CCI image of one day."""
    with h5py.File(path / f"ESACCI-SOILMOISTURE-L3S-SSMV-COMBINED-200001{step + 1:02}000000-fv09.1.nc", "w") as file:
        for name, of in {"time": np.array([10957.0 + step]), "lat": LAT, "lon": LON}.items():
            file[name] = of
            file[name].make_scale(name)
        file["time"].attrs["units"] = "days since 1970-01-01"
        lai = file.create_dataset("lai", (1, 3, 4), "f4", data=values(step)[:1], fletcher32=True, chunks=(1, 3, 4))
        lai.attrs["units"] = "m2 m-2"
        for i, name in enumerate(("time", "lat", "lon")):
            lai.dims[i].attach_scale(file[name])
    return Path(file.filename) if file else path


STRUCTURE = """GROUP=GRID_1\nXDim=4\nYDim=3\nUpperLeftPointMtrs=(-180.0,90.0)\nLowerRightMtrs=(180.0,-90.0)
Projection=GCTP_GEO\nDataFieldName="lai"\nEND_GROUP=GRID_1\n"""


def hdf4(path: Path, step: int = 0) -> Path:
    file = SD(str(path), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    file.attr("StructMetadata.0").set(SDC.CHAR, STRUCTURE)
    array = file.create("lai", SDC.INT16, (3, 4))
    array.attr("scale_factor").set(SDC.FLOAT64, 0.001)
    array[:] = packed(step)[0]
    array.endaccess()
    file.end()
    return path


def tiff(path: Path, step: int = 0) -> Path:
    place = rasterio.transform.from_origin(0, 3, 1, 1)
    with rasterio.open(
        path, "w", "GTiff", 4, 3, 1, crs="EPSG:4326", transform=place, dtype="int16", compress="deflate"
    ) as file:
        file.write(packed(step)[:1])
        file.scales = [0.001]
    return path


def zipped(path: Path, zarr_format: Any, inside: str = "") -> Path:
    folder = path.parent / f"unzipped{zarr_format}"
    dataset().to_zarr(zarr.storage.LocalStore(folder), zarr_format=zarr_format, consolidated=zarr_format == 2)
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, inside + file.relative_to(folder).as_posix())
    shutil.rmtree(folder)
    return path


def repository(path: Path) -> Path:
    icechunk.set_logs_filter("error")
    session = icechunk.Repository.create(icechunk.local_filesystem_storage(str(path))).writable_session("main")
    dataset().to_zarr(session.store, zarr_format=3, consolidated=False)
    session.commit("values")
    return path


def stored(path: Path, zarr_format: Any) -> Path:
    dataset().to_zarr(zarr.storage.LocalStore(path), zarr_format=zarr_format, consolidated=False)
    return path


def variables(name: str = "lai", period: str = "day") -> dict[str, Any]:
    return {"lai": {"name": name, "units": "m2 m-2", "period": period, "valid_range": [0, 10]}}


FILES: dict[str, Any] = {"driver": "netcdf", "args__xarray_kwargs": {}, "metadata__variables": variables()}
STORE: dict[str, Any] = {"driver": "zarr", "args__xarray_kwargs": {}, "metadata__variables": variables()}
PLAIN = STORE | {"args__xarray_kwargs": {"consolidated": False}}
# form -> writes one source of it into a folder, under a name; its entry; the values of the one file
FORMS: dict[str, tuple[Callable[[Path], Path], str, dict[str, Any], np.ndarray]] = {
    "CDF-1": (lambda path: netcdf(path, "NETCDF3_CLASSIC"), "a.nc", FILES, values()),
    "CDF-2": (lambda path: netcdf(path, "NETCDF3_64BIT_OFFSET"), "a.nc", FILES, values()),
    "CDF-5": (lambda path: netcdf(path, "NETCDF3_64BIT_DATA"), "a.nc", FILES, values()),
    "NetCDF-4": (lambda path: netcdf(path, "NETCDF4"), "a.nc", FILES, values()),
    "daily images": (lambda path: image(path.parent), "*.nc", FILES | {"metadata__reader": "esa_cci"}, values()[:1]),
    "HDF4": (
        hdf4, "X.A2000001.hdf", FILES | {"metadata__reader": "hdf4", "metadata__variables": variables(period="8day")},
        values()[:1],
    ),
    "GeoTIFF": (
        tiff, "lai.tif", FILES | {"metadata__reader": "geotiff", "metadata__variables": variables("band_1", "static")},
        values()[0],
    ),
    "Zarr 2": (lambda path: stored(path, 2), "a.zarr", PLAIN, values()),
    "Zarr 3": (lambda path: stored(path, 3), "a.zarr", PLAIN, values()),
    "zipped Zarr 2": (lambda path: zipped(path, 2), "a.zarr.zip", STORE, values()),
    "zipped Zarr 3": (
        lambda path: zipped(path, 3), "a.zarr.zip", PLAIN, values(),
    ),
    "zipped folder": (lambda path: zipped(path, 2, "a.zarr/"), "a.zarr.zip", STORE, values()),
    "Icechunk": (repository, "ice", STORE | {"metadata__reader": "icechunk"}, values()),
}  # fmt: skip
# Each has one file that can be cut or replaced; the others are folders of many files, see below.
SINGLE = [form for form in FORMS if not form.startswith(("Zarr", "Icechunk"))]


def written(folder: Path, form: str) -> tuple[Path, dict[str, Any]]:
    """Write a source of a form; return its file and its entry."""
    write, name, entry, _ = FORMS[form]
    folder.mkdir(parents=True, exist_ok=True)
    made = write(folder / name)
    return next(folder.glob("*.nc")) if "*" in name else made, {"args__urlpath": str(folder / name)} | entry


def read(folder: Path, entry: dict[str, Any]) -> np.ndarray:
    ds = open_entry(catalog_of(folder, changed(**entry)), "source0")
    with reaching(VALUES, "values"):
        return ds[next(iter(entry["metadata__variables"].values()))["name"]].values


def refused(folder: Path, entry: dict[str, Any], file: Path) -> FileFormError:
    with pytest.raises(SmcloudError) as caught:
        read(folder, entry)
    error = caught.value
    assert (error.code, error.exit_code, error.where) == ("file-form", 3, str(file)), error
    assert file.name in error.what and all(error.record().values())
    return error


# ------------------------------------------------------------------------------------------------------ whole files


@pytest.mark.parametrize("form", FORMS)
def test_whole_files_have_their_values(tmp_path: Path, form: str) -> None:
    _, entry = written(tmp_path, form)
    np.testing.assert_allclose(read(tmp_path, entry), FORMS[form][3], rtol=1e-6)


ODD_NAMES = ["rain [1981-82] #2", "50% of it?", "wörld {x} 'q' & co", "a*b", "c++ ;,=~$", "[mode=bytes]"]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("odd", ODD_NAMES)
@pytest.mark.parametrize("by_template", [False, True])
def test_names_are_taken_as_they_are(tmp_path: Path, form: str, odd: str, by_template: bool) -> None:
    _, entry = written(tmp_path / odd, form)
    if by_template:
        entry["args__urlpath"] = f"{{{{ CATALOG_DIR }}}}/{FORMS[form][1]}"
    elif "{" in odd:
        pytest.skip("braces in the text of a catalog are templates, which are refused")
    catalog = catalog_of(tmp_path / odd, changed(**entry))
    name = next(iter(entry["metadata__variables"].values()))["name"]
    np.testing.assert_allclose(open_entry(catalog, "source0")[name].values, FORMS[form][3], rtol=1e-6)
    assert source_state(catalog, "source0")


@pytest.mark.slow
def test_a_pattern_is_one_where_no_file_is_called_so(tmp_path: Path) -> None:
    for step, name in enumerate(("rain [1] 0.nc", "rain [1] 1.nc", "rain [1] ?.nc", "other.nc")):
        netcdf(tmp_path / name, "NETCDF4", step)

    def steps(pattern: str) -> list[int]:
        found = read(tmp_path, FILES | {"args__urlpath": f"{tmp_path}/{pattern}"})[::STEPS, 0, 0]
        return [round(1000 * float(value) - 1000) // 100 for value in found]

    assert steps("rain [1] ?.nc") == [2]
    assert steps("rain*[01].nc") == [0, 1]
    assert steps("rain*?.nc") == [0, 1, 2]
    assert steps("*.nc") == [0, 1, 2, 3]


@pytest.mark.parametrize("form", ["CDF-1", "NetCDF-4", "daily images", "HDF4"])
def test_what_macos_leaves_beside_files_matches_no_pattern(tmp_path: Path, form: str) -> None:
    file, entry = written(tmp_path, form)
    (tmp_path / f"._{file.name}").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X")
    (tmp_path / ".DS_Store").write_bytes(b"\0\0\0\x01Bud1")
    shutil.copytree(tmp_path, tmp_path / "below")
    entry = entry | {"args__urlpath": f"{tmp_path}/below/*"}
    np.testing.assert_allclose(read(tmp_path, entry), FORMS[form][3], rtol=1e-6)
    catalog = catalog_of(tmp_path, changed(**entry))
    before = source_state(catalog, "source0")
    (tmp_path / "below" / ".DS_Store").write_bytes(b"other")
    assert source_state(catalog, "source0") == before
    refused(
        tmp_path, entry | {"args__urlpath": f"{tmp_path}/below/._{file.name}"}, tmp_path / "below" / f"._{file.name}"
    )


def test_a_folder_may_hold_every_form_of_netcdf(tmp_path: Path) -> None:
    kinds = ["NETCDF4", "NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA", "NETCDF4_CLASSIC"]
    for step, kind in enumerate(kinds):
        netcdf(tmp_path / f"{step}.nc", kind, step)
    found = read(tmp_path, FILES | {"args__urlpath": f"{tmp_path}/*.nc"})
    np.testing.assert_allclose(found, np.concatenate([values(step) for step in range(5)]), rtol=1e-6)


@pytest.mark.parametrize("library", ["netcdf4", "h5netcdf", "scipy"])
@pytest.mark.parametrize("form", ["CDF-1", "CDF-2", "CDF-5", "NetCDF-4"])
def test_a_library_that_an_entry_wishes_reads_what_it_can(tmp_path: Path, form: str, library: str) -> None:
    _, entry = written(tmp_path, form)
    np.testing.assert_allclose(
        read(tmp_path, entry | {"args__xarray_kwargs": {"engine": library}}), values(), rtol=1e-6
    )


# -------------------------------------------------------------------------------------------------- what is cut off


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
    assert "Can't" in error.found


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


# ------------------------------------------------------------------------------------------ what is something else

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


def test_a_folder_that_a_pattern_matches_is_called_so_before_a_run_as_well(tmp_path: Path) -> None:
    netcdf(tmp_path / "a.nc", "NETCDF4")
    (tmp_path / "b.nc").mkdir()
    catalog = catalog_of(tmp_path, changed(**FORMS["NetCDF-4"][2] | {"args__urlpath": f"{tmp_path}/*.nc"}))
    for look in (open_entry, source_state):
        with pytest.raises(FileFormError, match=r"b\.nc is a folder"):
            look(catalog, "source0")


@pytest.mark.parametrize("kind", ["NETCDF3_CLASSIC", "NETCDF4"])
def test_a_file_without_a_step_has_no_first_and_last(tmp_path: Path, kind: str) -> None:
    netcdf(tmp_path / "a.nc", kind)
    with netCDF4.Dataset(tmp_path / "b.nc", "w", format=kind) as file:
        for name, size in (("time", None), ("lat", 3), ("lon", 4)):
            file.createDimension(name, size)
            file.createVariable(name, "f8", (name,))
        file["lat"][:], file["lon"][:] = LAT, LON
        file["time"].units = "days since 2000-01-01"
        lai = file.createVariable("lai", "i2", ("time", "lat", "lon"))
        lai.scale_factor, lai.units = 0.001, "m2 m-2"
    entry = FORMS["NetCDF-4"][2] | {"args__urlpath": f"{tmp_path}/*.nc"}
    catalog = catalog_of(tmp_path, changed(**entry))
    parts = source_parts(catalog, "source0")
    spans = file_spans(catalog, "source0", parts, {})
    assert {parts.files[digest][-4:]: len(span) for digest, span in spans.items()} == {"a.nc": 2, "b.nc": 0}
    with open_entry(catalog, "source0") as ds:
        np.testing.assert_allclose(ds["lai"].values, values())


def test_a_file_of_other_variables_beside_those_of_the_entry_has_its_own_times(tmp_path: Path) -> None:
    netcdf(tmp_path / "a.nc", "NETCDF4")
    with netCDF4.Dataset(netcdf(tmp_path / "b.nc", "NETCDF4"), "r+") as file:
        file.renameVariable("lai", "fapar")
    catalog = catalog_of(tmp_path, changed(**FORMS["NetCDF-4"][2] | {"args__urlpath": f"{tmp_path}/*.nc"}))
    spans = file_spans(catalog, "source0", source_parts(catalog, "source0"), {})
    assert [span[0][:10] for span in spans.values()] == ["2000-01-01", "2000-01-01"]
    with open_entry(catalog, "source0") as ds:
        np.testing.assert_allclose(ds["lai"].values, values())


def test_dimensions_of_nczarr_are_read(tmp_path: Path) -> None:
    """The C library of NetCDF keeps the names of dimensions in .zarray."""
    place, entry = written(tmp_path, "Zarr 2")
    for path in place.glob("*/.zarray"):
        attrs = json.loads((path.parent / ".zattrs").read_text())
        dims = attrs.pop("_ARRAY_DIMENSIONS")
        (path.parent / ".zattrs").write_text(json.dumps(attrs))
        array = json.loads(path.read_text()) | {"_NCZARR_ARRAY": {"dimrefs": [f"/{dim}" for dim in dims]}}
        path.write_text(json.dumps(array))
    (place / ".zmetadata").unlink(missing_ok=True)
    np.testing.assert_allclose(read(tmp_path, entry), values())


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


# --------------------------------------------------------------------------------------------------- on a web server


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
