"""What a file is, told from its first bytes, and how long a classic NetCDF file says that it is."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
import pytest

from smcloud.catalog.classic_netcdf import promised_bytes
from smcloud.catalog.file_form import (
    CDF5,
    CLASSIC,
    EMPTY,
    GRIB,
    HDF4,
    HDF5,
    TIFF,
    ZIP,
    form_of,
    local_form,
    require_form,
)
from smcloud.errors import FileFormError

FORMS = {
    b"CDF\x01\0\0\0\x05": CLASSIC,
    b"CDF\x02\0\0\0\x05": CLASSIC,
    b"CDF\x05\0\0\0\0": CDF5,
    b"\x89HDF\r\n\x1a\n": HDF5,
    b"\0" * 512 + b"\x89HDF\r\n\x1a\n": HDF5,
    b"x" * 2048 + b"\x89HDF\r\n\x1a\n": HDF5,
    b"\x0e\x03\x13\x01": HDF4,
    b"GRIB\0\0\x01\x02": GRIB,
    b"PK\x03\x04": ZIP,
    b"II*\0": TIFF,
    b"MM\0*": TIFF,
    b"II+\0": TIFF,
    b"": EMPTY,
    b"\0" * 4000: "a file of zeros",
    b"\x1f\x8b\x08": "a gzip file",
    b"<!DOCTYPE html><title>Log in": "an HTML page",
    b"\n  <html>": "an HTML page",
    b"\xef\xbb\xbf<HTML>": "an HTML page",
    b'<?xml version="1.0"?><Error><Code>AccessDenied': "an XML document",
    b"<VRTDataset": "an XML document",
    b'{"title": "required licences not accepted"}': "a JSON document",
    b"time,lat,lon,tp\n2000-01-01": "a text file",
    "Lücke".encode(): "a text file",
    "é".encode() * 300: "a text file",  # the 512th byte is the first half of a letter
    b"\x00\x05\x16\x07\x00\x02": "the notes of macOS about a file (AppleDouble)",
    b"version https://git-lfs.github.com/spec/v1\n": "a pointer of Git LFS, not the file itself",
    bytes(range(1, 256)): "a file of an unknown form",
    b"CDF\x03": "a file of an unknown form",
}


@pytest.mark.parametrize("head", FORMS)
def test_the_first_bytes_say_what_a_file_is(head: bytes, tmp_path: Path) -> None:
    assert form_of(head) == FORMS[head]
    (tmp_path / "a").write_bytes(head + b"\0" * 9000 * bool(FORMS[head] in (HDF5, GRIB)))
    assert local_form(str(tmp_path / "a")) == FORMS[head]


def test_the_error_says_what_it_is_its_name_and_what_to_do() -> None:
    with pytest.raises(FileFormError) as caught:
        require_form(GRIB, (CLASSIC, HDF5), "/data/era5.nc")
    record = caught.value.record()
    assert record["what"] == "era5.nc is a GRIB file" and record["where"] == "/data/era5.nc"
    assert "grib_to_netcdf" in record["next"] and caught.value.exit_code == 3


@pytest.mark.parametrize("form", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"])
@pytest.mark.parametrize("records", [0, 1, 5])
@pytest.mark.parametrize("kinds", [["f4"], ["i2"], ["i1"], ["i2", "f8"], ["i1", "i2", "i1"], []])
def test_a_header_promises_what_the_library_wrote(tmp_path: Path, form: Any, records: int, kinds: list[str]) -> None:
    """Some libraries pad the last value to four bytes, some do not; no other byte may be missing."""
    path = tmp_path / "a.nc"
    with netCDF4.Dataset(path, "w", format=form) as file:
        file.createDimension("time", None)
        file.createDimension("x", 3)
        file.setncattr("history", "odd length of text")
        fixed = file.createVariable("x", "i2", ("x",))
        fixed.units = "degrees_east"
        fixed[:] = [1, 2, 3]
        for i, kind in enumerate(kinds):
            file.createVariable(f"v{i}", kind, ("time", "x"))[:] = np.ones((records, 3))
    size = path.stat().st_size
    with path.open("rb") as opened:
        promised = promised_bytes(opened)
    assert size - 4 < promised <= size
    with pytest.raises(ValueError, match="ends early"):
        promised_bytes(io.BytesIO(path.read_bytes()[:90]))


def test_a_file_that_was_never_closed_and_headers_that_cannot_be(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "a.nc", "w", format="NETCDF3_CLASSIC") as file:
        file.createDimension("time", None)
        file.createVariable("t", "f4", ("time",))[:] = [1, 2]
    raw = (tmp_path / "a.nc").read_bytes()
    with pytest.raises(ValueError, match="never closed"):
        promised_bytes(io.BytesIO(raw[:4] + b"\xff" * 4 + raw[8:]))
    # the number of dimensions, the length of a name
    for place, number in ((12, 2**31), (16, 2**30)):
        with pytest.raises(ValueError, match=r"cannot be|ends early"):
            promised_bytes(io.BytesIO(raw[:place] + struct.pack(">I", number) + raw[place + 4 :]))


def test_a_folder_and_what_is_not_there(tmp_path: Path) -> None:
    assert local_form(str(tmp_path)) == "a folder"
    with pytest.raises(FileNotFoundError):
        local_form(str(tmp_path / "none"))
    with h5py.File(tmp_path / "a.h5", "w", userblock_size=1024):
        pass
    assert local_form(str(tmp_path / "a.h5")) == HDF5
