"""The two cases of the full grid: least squares from a file against ``cdo trend``, and peak memory of a block."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import xarray as xr

from smcloud import stats

STEPS, LAT, LON = 264, 720, 1440
LATITUDES_AT_ONCE = 20
Row = tuple[str, ...]


def write_grid(path: Path, steps: int, lat: int, lon: int) -> None:
    """An uncompressed netCDF-4 file of float32 (time, lat, lon) with gaps, written step by step."""
    import netCDF4

    rng = np.random.default_rng(3)
    with netCDF4.Dataset(path, "w") as file:
        for name, size in (("time", steps), ("lat", lat), ("lon", lon)):
            file.createDimension(name, size)
        time = file.createVariable("time", "f8", ("time",))
        time.units, time.calendar, time.standard_name = "days since 2000-01-01", "standard", "time"
        time[:] = np.arange(steps)
        for name, values, unit in (
            ("lat", np.linspace(90 - 90 / lat, -90 + 90 / lat, lat), "degrees_north"),
            ("lon", np.linspace(-180 + 180 / lon, 180 - 180 / lon, lon), "degrees_east"),
        ):
            variable = file.createVariable(name, "f8", (name,))
            variable[:], variable.units = values, unit
        field = file.createVariable("sm", "f4", ("time", "lat", "lon"), fill_value=np.float32(-9999), contiguous=True)
        field.set_auto_mask(False)
        for step in range(steps):
            values = rng.normal(0.3, 0.05, size=(lat, lon)).astype("float32") + np.float32(1e-4 * step)
            values[rng.random((lat, lon)) < 0.05] = -9999
            field[step] = values


def trend_of_file(path: Path) -> xr.Dataset:
    """Slope per day, limits and p of every cell of a file, band by band of latitude, as a user would do it."""
    with xr.open_dataset(path, chunks={"lat": LATITUDES_AT_ONCE}, decode_times=False) as file:
        return stats.linear_trend(file["sm"]).compute(scheduler="synchronous")


def cdo_trend(path: Path, to: Path) -> np.ndarray:
    """Slope of every cell by ``cdo trend``."""
    subprocess.run(
        ["cdo", "-s", "-P", "1", "trend", str(path), str(to / "a.nc"), str(to / "b.nc")],
        check=True,
        capture_output=True,
    )
    with xr.open_dataset(to / "b.nc") as slope:
        return slope["sm"].to_numpy().squeeze()


def grid_trend(
    rounds: int, seconds: Callable[[Callable[[], object]], float], amount: Callable[[float], str]
) -> tuple[Row, str]:
    """The table's row, and what else there is to say."""
    case = f"OLS with p and limits, {STEPS} x {LAT} x {LON}, from an uncompressed file"
    if shutil.which("cdo") is None:
        return (case, "cdo trend (no p)", "-", "-", "-", "1.3 of its time", "1.0", "not measured"), "cdo: not installed"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "grid.nc"
        write_grid(path, STEPS, LAT, LON)
        ours, theirs, ratios, reading = [], [], [], []
        trend_of_file(path)  # compiles, and brings the file into the system's cache
        for _ in range(rounds):
            ours.append(seconds(lambda: trend_of_file(path)))
            theirs.append(seconds(lambda: cdo_trend(path, Path(folder))))
            reading.append(seconds(lambda: path.read_bytes()))
            ratios.append(ours[-1] / theirs[-1])
    share = median(ratios)
    reached = "aim" if share <= 1.0 else "at least" if share <= 1.3 else "no"
    note = f"{case}: reading the bytes of the file alone takes {amount(median(reading))}"
    return (
        (case, "cdo trend (no p)", amount(median(ours)), amount(median(theirs)), f"{share:.2f} of its time",
         "1.3 of its time", "1.0", reached),
        note,
    )  # fmt: skip


def peak_memory(steps: int = STEPS, lat: int = LAT, lon: int = LON, side: int = 180) -> tuple[Row, str]:
    """Peak memory of partial correlations over four lazy variables, in a fresh process with one worker."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.peak", str(steps), str(lat), str(lon), str(side)],
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    share = found["above"] / found["block_set"]
    if share < 1:
        raise RuntimeError(f"a block set cannot take less memory than itself: {found}")
    reached = "aim" if share <= 1.6 else "at least" if share <= 2.5 else "no"
    case = f"peak memory, blockwise over 4 variables of {steps} x {lat} x {lon}"
    set_, above = (f"{found[name] / 2**20:.0f} MiB" for name in ("block_set", "above"))
    return (
        (case, f"one block set ({side} x {side} cells)", above, set_, f"{share:.2f} of it", "2.5", "1.6", reached),
        f"{case}: peak of the resident memory above a process that has compiled and holds the outputs, one worker",
    )
