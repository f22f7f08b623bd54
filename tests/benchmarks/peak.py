"""Child process: peak resident memory of partial correlations over lazy blocks, as one line of JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import dask
import dask.array
import numpy as np
import xarray as xr

from smcloud import stats

NAMES = ("target", "a", "b", "c")


def block(seed: int, block_info: dict | None = None) -> np.ndarray:
    """One block of a field, made where it is needed, without more memory than it takes."""
    shape = block_info[None]["chunk-shape"]
    values = np.random.default_rng(seed).random(size=shape, dtype=np.float32)
    values[::7] *= np.float32(1.5)
    return values


def fields(steps: int, lat: int, lon: int, side: int) -> dict[str, xr.DataArray]:
    """Four lazy variables (time, lat, lon) in chunks of side x side cells."""
    chunks = ((steps,), *(tuple(min(side, size - at) for at in range(0, size, side)) for size in (lat, lon)))
    coords = {"time": np.arange(steps, dtype=float)}
    return {
        name: xr.DataArray(
            dask.array.map_blocks(block, seed, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0, 0), np.float32)),
            dims=("time", "lat", "lon"),
            coords=coords,
        )
        for seed, name in enumerate(NAMES)
    }


def run(steps: int, lat: int, lon: int, side: int) -> int:
    """The partial correlations by one worker, written into memory that is there before; the peak above that."""
    data = fields(steps, lat, lon, side)
    target = data.pop("target")
    found = stats.partial_correlation(target, xr.Dataset(data))
    outputs = [np.full(variable.shape, 1, variable.dtype) for variable in found.data_vars.values()]
    before = peak()
    lazy = [variable.data for variable in found.data_vars.values()]
    dask.array.store(lazy, outputs, lock=False, scheduler="synchronous")
    return peak() - before


def peak() -> int:
    """Largest resident memory of this program so far, in bytes; getrusage would count the parent's before exec."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def main(steps: int, lat: int, lon: int, side: int) -> None:
    """Warm up on one small block, then measure."""
    run(steps, 16, 16, 16)
    print(json.dumps({"above": run(steps, lat, lon, side), "block_set": len(NAMES) * steps * side * side * 4}))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
