"""What a file is, told from its first bytes: names promise much, and downloads go wrong.

A log-in page saved as ``.nc``, a ZIP or GRIB from the Climate Data Store, a file that broke off: each is named for
what it is before any library tries to read it.
"""

from __future__ import annotations

import os
from typing import IO, Any

from smcloud.errors import FileFormError

HEAD = 8192 + 8  # HDF5 may begin at byte 512, 1024, 2048 ...
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
CLASSIC, CDF5 = "a classic NetCDF file", "a NetCDF file of 64-bit data (CDF-5)"
HDF5, HDF4 = "a NetCDF-4 (HDF5) file", "an HDF4 file"
TIFF, ZIP, GRIB, EMPTY = "a TIFF image", "a ZIP archive", "a GRIB file", "an empty file"
NETCDF = (CLASSIC, CDF5, HDF5)
ASK_AGAIN = "download it again"
MAGIC = {
    b"CDF\x01": CLASSIC, b"CDF\x02": CLASSIC, b"CDF\x05": CDF5, HDF5_MAGIC: HDF5, b"\x0e\x03\x13\x01": HDF4,
    b"GRIB": GRIB, b"PK\x03\x04": ZIP, b"PK\x05\x06": ZIP, b"\x1f\x8b": "a gzip file", b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file", b"\x28\xb5\x2f\xfd": "a zstd file", b"Rar!": "a RAR archive",
    b"II*\0": TIFF, b"MM\0*": TIFF, b"II+\0": TIFF, b"MM\0+": TIFF, b"%PDF": "a PDF document",
    b"\x89PNG": "a PNG image", b"MATLAB ": "a MATLAB file", b"BUFR": "a BUFR file",
    b"PAR1": "a Parquet file", b"\x00\x05\x16\x07": "the notes of macOS about a file (AppleDouble)",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself",
}  # fmt: skip
REMEDY = {
    NETCDF[0]: "set driver: netcdf, and leave reader out",
    NETCDF[1]: "set driver: netcdf, and leave reader out",
    NETCDF[2]: "set driver: netcdf, and leave reader out, or name the reader of its layout",
    HDF4: "set driver: netcdf and reader: hdf4",
    TIFF: "set driver: netcdf and reader: geotiff",
    ZIP: "unzip it, and name the files that were in it",
    GRIB: "convert it (grib_to_netcdf, or cdo -f nc4 copy), or download it as NetCDF",
    EMPTY: ASK_AGAIN,
    "a gzip file": "gunzip it (a .tar.gz: tar -xzf), and name the files that were in it",
    "a tar archive": "tar -xf it, and name the files that were in it",
    "a MATLAB file": "write the arrays and their axes to NetCDF in MATLAB (nccreate, ncwrite)",
    "a Parquet file": "tables are not read: write a grid as NetCDF",
    "an HTML page": "it is a log-in or error page: download again with your credentials",
    "an XML document": "it is the error message of a server: read it, and download again",
    "a JSON document": "read what it says, and download again; kerchunk references need urlpath reference://",
    "a text file": "read what it says, and download again; tables are not read",
    "a pointer of Git LFS, not the file itself": "git lfs pull",
    "a folder": "name the files in it: urlpath folder/*.nc; a Zarr store needs driver: zarr",
}


def form_of(head: bytes) -> str:
    """Say what a file is that begins with ``head``, its first ``HEAD`` bytes or all there are."""
    if not head:
        return EMPTY
    known = next((form for magic, form in MAGIC.items() if head.startswith(magic)), "")
    if known:
        return known
    if any(head[start:].startswith(HDF5_MAGIC) for start in (512, 1024, 2048, 4096, 8192)):
        return HDF5
    if head[257:262] == b"ustar":
        return "a tar archive"
    if not head.strip(b"\0"):
        return "a file of zeros"
    try:
        text = head[:512].removeprefix(b"\xef\xbb\xbf").decode("utf-8", "strict" if len(head) < 512 else "ignore")
    except UnicodeDecodeError:
        return "a file of an unknown form"
    text = text.lstrip().lower()
    if text.startswith(("<!doctype html", "<html")) or (text.startswith("<") and "<html" in text):
        return "an HTML page"
    if text.startswith("<"):
        return "an XML document"
    if text.startswith(("{", "[")):
        return "a JSON document"
    odd = sum(not (char.isprintable() or char.isspace()) for char in text)
    return "a text file" if text and not odd and "\ufffd" not in text else "a file of an unknown form"


def head_of(file: IO[bytes] | Any) -> bytes:
    """Read the first bytes of an opened file, and go back to its beginning."""
    file.seek(0)
    head: bytes = file.read(HEAD)
    file.seek(0)
    return head


def local_form(path: str) -> str:
    """Say what lies at a local path; raises FileNotFoundError and PermissionError as the system does."""
    if os.path.isdir(path):
        return "a folder"
    if not os.path.isfile(path) and os.path.exists(path):
        return "no ordinary file"  # opening a pipe would wait for ever
    with open(path, "rb") as file:
        return form_of(head_of(file))


def require_form(form: str, wanted: tuple[str, ...], name: str) -> None:
    """Raise :class:`FileFormError` that says what the file ``name`` is, where it is none of ``wanted``."""
    if form not in wanted:
        raise FileFormError(
            f"{os.path.basename(name.rstrip('/'))} is {form}",
            where=name,
            found=form,
            expected=" or ".join(wanted),
            next=REMEDY.get(form, ASK_AGAIN),
        )


def require_local_form(path: str, *wanted: str) -> None:
    """Raise :class:`FileFormError` where the file at a local path is none of ``wanted``."""
    require_form(local_form(path), wanted, path)


def damaged(name: str, error: object) -> FileFormError:
    """Make the error of a file whose beginning is right and whose rest is not."""
    return FileFormError(
        f"{os.path.basename(name.rstrip('/'))} is cut off or damaged",
        where=name,
        found=error,
        expected="a whole file",
        next=f"{ASK_AGAIN}, and compare its size with the provider's",
    )
