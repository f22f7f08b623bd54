import subprocess
import sys


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_importing_the_package_compiles_nothing_and_imports_no_compiler() -> None:
    code = "import sys, smcloud.stats; print([m for m in ('numba', 'scipy.stats', 'pingouin') if m in sys.modules])"
    assert run(code).strip() == "[]"


def test_the_first_call_may_come_from_many_threads_at_once() -> None:
    code = """
import numpy as np, xarray as xr
from smcloud.stats import mann_kendall
rows = np.random.default_rng(0).normal(size=(64, 22))
da = xr.DataArray(rows, dims=("cell", "time"), coords={"time": np.arange(22)})
out = mann_kendall(da.chunk(cell=1)).compute(scheduler="threads", num_workers=16)
print(out.identical(mann_kendall(da)))
"""
    assert run(code).strip() == "True"
