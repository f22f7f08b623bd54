"""The kernels of the image, made for every x86-64 processor since 2013, compute what those of this machine do."""

import os
import platform
import subprocess
import sys

import pytest

CODE = """
import hashlib
import numpy as np, xarray as xr
from smcloud import stats
from smcloud.cube.regrid import regrid
rng = np.random.default_rng(7)
values = rng.normal(size=(40, 60)).round(1)
values[rng.random(values.shape) < 0.2] = np.nan
values[:3, 5:] = np.nan
da = xr.DataArray(values, dims=("cell", "time"), coords={"time": np.arange(60)})
drivers = xr.Dataset({name: da * 0.3 + rng.normal(size=values.shape) for name in "ab"})
made = [stats.linear_trend(da, interval="effective"), stats.theil_sen(da)]
made += [stats.mann_kendall(da, method=each) for each in ("original", "hamed_rao", "yue_wang", "tfpw", "3pw")]
made += [stats.partial_correlation(da, drivers, dof="effective"), stats.trend_contribution(da, drivers)]
made += [stats.standardised_regression(da, drivers)]
grid = xr.DataArray(rng.normal(size=(2, 40, 80)), dims=("time", "lat", "lon"),
                    coords={"lat": -87.75 + 4.5 * np.arange(40), "lon": -177.75 + 4.5 * np.arange(80)})
made.append(regrid(grid, -85.0 + 10 * np.arange(18), -175.0 + 10 * np.arange(36), 0.5).to_dataset(name="x"))
print(hashlib.sha256(b"".join(ds[name].values.tobytes() for ds in made for name in sorted(ds))).hexdigest())
"""


@pytest.mark.e2e  # compiles all kernels twice, for what the image carries
@pytest.mark.timeout(1200)
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the image is for x86-64")
def test_results_are_equal_to_the_last_bit():
    portable = {"NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": ""}
    digests = [
        subprocess.run(
            [sys.executable, "-c", CODE], env=os.environ | variables, capture_output=True, text=True, check=True
        ).stdout
        for variables in ({}, portable)
    ]
    assert digests[0] == digests[1]
