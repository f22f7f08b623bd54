"""Quality flags of ESA CCI and C3S soil moisture: which daily values count."""

from __future__ import annotations

import numpy as np
import xarray as xr

# Bits 1 to 32 say that a value is unusable: snow or frost, dense vegetation, no convergence, beyond
# physical bounds, weight below threshold, all data sets unreliable. Bit 64 (barren ground) is advice.
UNUSABLE = 0b0011_1111
BARREN = 0b0100_0000
FILL = 127


def usable(flag: xr.DataArray, drop_barren: bool = False) -> xr.DataArray:
    """True where a value may be used; the shape and chunks of ``flag``.

    A missing flag (NaN after decoding, or the fill 127) is not usable. Decoded flags are floats, so
    they are filled and cast before any bit is tested.
    """
    bits = flag.fillna(FILL).astype(np.uint8) if flag.dtype.kind == "f" else flag.astype(np.uint8)
    return (bits & (UNUSABLE | BARREN if drop_barren else UNUSABLE)) == 0
