"""A chunk that ends too early is an error in every codec: one of them read on, in whatever lay behind it in memory."""

from __future__ import annotations

from pathlib import Path

import numcodecs
import numpy as np
import pytest

from smcloud.catalog import open_entry
from smcloud.errors import SmcloudError
from smcloud.io_errors import VALUES, reaching
from tests.catalog.entries import catalog_of, small
from tests.catalog.test_bombs import planted


@pytest.mark.parametrize("form", ["zarr2", "zarr3", "kerchunk"])
@pytest.mark.parametrize("codec", ["zstd", "blosc", "gzip", "zlib", "lz4", "bz2", "lzma"])
def test_a_chunk_that_ends_too_early_is_an_error(tmp_path: Path, form: str, codec: str) -> None:
    whole = bytes(numcodecs.get_codec({"id": codec}).encode(np.ascontiguousarray(small()["sm"].values)))
    for length in (len(whole) - 9, len(whole) // 2, 17):
        entry = planted(tmp_path, form, codec, {"format": 1} if codec == "lzma" else {}, whole[:length])
        ds = open_entry(catalog_of(tmp_path, entry), "source0")
        with pytest.raises(SmcloudError) as caught, reaching(VALUES, "here"):
            ds["sm"].load()
        assert caught.value.exit_code == 3
