"""That R (ncdf4) reads every value and label of what `smcloud export` writes as NetCDF, where R is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from smcloud.cli.app import app
from smcloud.store import Store, newest_release
from tests.readers.everything import NAMES

SCRIPT = Path(__file__).with_name("read_netcdf.R")


def has_ncdf4() -> bool:
    rscript = shutil.which("Rscript")
    if rscript is None:
        return False
    return subprocess.run([rscript, "-e", "library(ncdf4)"], capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not has_ncdf4(), reason="R with its package ncdf4 is not installed")


@pytest.mark.parametrize("name", NAMES[:-1])
def test_r_reads_every_value_and_label(released: str, name: str, tmp_path: Path) -> None:
    out, numbers = tmp_path / "export", tmp_path / "numbers"
    numbers.mkdir()
    done = CliRunner().invoke(app, ["export", released, "--product", name, "--to", "netcdf", "--out", str(out)])
    assert done.exit_code == 0, done.output
    command = ["Rscript", str(SCRIPT), str(out if out.is_file() else out / f"{name}.nc"), str(numbers)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    texts = {words[0]: words[1:] for line in answer.stdout.splitlines() if (words := line.split("\t"))}
    record = newest_release(Store.open(released))
    ds = xr.open_zarr(f"{released}/{record.products[name].url}", decode_times=False, decode_timedelta=False).load()
    for key, variable in ds.variables.items():
        if variable.dtype.kind == "T":
            assert texts[str(key)] == variable.values.tolist(), key
            continue
        found = np.fromfile(numbers / str(key))
        expected = variable.values.astype("float64").ravel()
        np.testing.assert_array_equal(found, expected, err_msg=str(key))
