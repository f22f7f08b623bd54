"""TIFF images say how long they are, in every way in which they are written."""

import numpy as np
import pytest
import rasterio

from smcloud.catalog.readers.tiff_length import promised_bytes

WAYS = {
    "strips": {},
    "tiles": {"tiled": True, "blockxsize": 16, "blockysize": 16},
    "deflate": {"compress": "deflate"},
    "big": {"BIGTIFF": "YES"},
    "big-endian": {"ENDIANNESS": "BIG"},
    "cloud-optimised": {"driver": "COG", "compress": "deflate", "blocksize": 128},
    "big and tiled": {"BIGTIFF": "YES", "tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "lzw"},
}


@pytest.mark.parametrize("way", WAYS)
def test_a_tiff_promises_what_the_library_wrote(tmp_path, way):
    values = np.random.default_rng(1).integers(1, 9999, (2, 300, 200)).astype("int16")
    profile = {"driver": "GTiff"} | WAYS[way]
    with rasterio.open(
        tmp_path / "a.tif", "w", width=200, height=300, count=2, dtype="int16", crs="EPSG:4326",
        transform=rasterio.transform.from_origin(0, 3, 0.01, 0.01), **profile,
    ) as file:  # fmt: skip
        file.write(values)
        file.scales = [0.5, 0.5]
    raw = (tmp_path / "a.tif").read_bytes()
    with open(tmp_path / "a.tif", "rb") as file:
        promised = promised_bytes(file)
    assert len(raw) - 8 <= promised <= len(raw)  # a COG ends with its last block and four bytes more


def test_what_is_no_tiff_or_ends_in_its_directory(tmp_path):
    for raw in (b"II*\0", b"II*\0\x08\0\0\0", b"GIF8" * 9, b"II*\0\x08\0\0\0\xff\xff"):
        (tmp_path / "a.tif").write_bytes(raw)
        with open(tmp_path / "a.tif", "rb") as file, pytest.raises(ValueError, match=r"TIFF|ends at|entries"):
            promised_bytes(file)
