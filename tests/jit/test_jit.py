import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from smcloud.jit import compiling


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


@pytest.mark.e2e
def test_importing_the_package_compiles_nothing_and_imports_no_compiler() -> None:
    code = "import sys, smcloud.stats; print([m for m in ('numba', 'scipy.stats', 'pingouin') if m in sys.modules])"
    assert run(code).strip() == "[]"


@pytest.mark.e2e
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


@pytest.mark.e2e
def test_kernels_are_compiled_in_the_background_in_order_and_no_more_when_it_is_over() -> None:
    order: list[str] = []
    begun, go = threading.Event(), threading.Event()

    def pretend(name: str) -> Callable[..., None]:
        def call() -> None: ...

        def compile_it() -> None:
            order.append(name)
            begun.set()
            go.wait(10)

        call.compile = compile_it  # type: ignore[attr-defined]
        return call

    with compiling([pretend("first"), pretend("second")]):
        assert begun.wait(10)
        threading.Timer(0.3, go.set).start()  # the context ends while the first is being compiled
    assert order == ["first"]
    with compiling([]):
        pass
    code = """
import numpy as np
from smcloud.jit import compiling
from smcloud.stats.engine import short_series
kernel = short_series.score_of_lanes
with compiling([kernel]):
    kernel.compile()
print(kernel.compile() is kernel.compile())
"""
    assert run(code).strip() == "True"
