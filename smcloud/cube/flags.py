"""Quality flags of ESA CCI and C3S soil moisture: which daily values are used."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

# Bits 1 to 32 say that a value is unusable: snow or frost, dense vegetation, no convergence, beyond
# physical bounds, weight below threshold, all data sets unreliable. Bit 64 (barren ground) is advice.
UNUSABLE = 0b0011_1111
BARREN = 0b0100_0000
FILL = 127


def where_usable(da: xr.DataArray, flag: xr.DataArray, drop_barren: bool = False) -> xr.DataArray:
    """Keep ``da`` (float32 or float64) where its ``flag`` says that it may be used, else NaN; lazy, the chunks of both.

    A missing flag (NaN after decoding, or the fill 127) is not usable, nor is one beyond eight bits.
    Decoded flags are floats, so they are filled and cast before any bit is tested.
    """
    unusable = np.uint8(UNUSABLE | BARREN if drop_barren else UNUSABLE)
    da, flag = xr.unify_chunks(da, flag)
    out: xr.DataArray = xr.apply_ufunc(
        _where_usable, da, flag, kwargs={"unusable": unusable}, dask="parallelized", output_dtypes=[da.dtype],
        keep_attrs="override",
    )  # fmt: skip
    return out


def _where_usable(values: npt.NDArray[Any], flag: npt.NDArray[Any], unusable: np.uint8) -> npt.NDArray[Any]:
    from smcloud.cube.month_kernels import keep_usable  # imports numba

    if flag.dtype.itemsize > 1:  # NaN is no flag, and 256 would be 0 in eight bits
        flag = np.where((flag >= 0) & (flag < 256), flag, FILL)
    bits = flag.astype(np.uint8)
    out = np.empty_like(values)
    keep_usable(values, bits, unusable, out)
    return out
