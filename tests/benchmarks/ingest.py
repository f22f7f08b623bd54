"""What ingest costs beside decoding: hourly and daily steps to months, and regridding; one thread."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import dask
import numpy as np
import xarray as xr
import zarr

from smcloud.cube.axes import global_grid
from smcloud.cube.calendar import Steps, month_range
from smcloud.cube.flags import where_usable
from smcloud.cube.monthly import monthly
from smcloud.cube.regrid import regrid
from tests.benchmarks.peak import peak

Row = tuple[str, ...]
Timer = Callable[[Callable[[], object]], float]
DISTINCT = 24  # chunks that are really different: the others are links to them, and are decoded all the same


def smooth(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Noise that compresses as fields of the weather do: neighbours alike, few digits."""
    coarse = np.random.default_rng(seed).random((*shape[:-2], -(-shape[-2] // 20), -(-shape[-1] // 20)))
    fine = coarse.repeat(20, axis=-2).repeat(20, axis=-1)[..., : shape[-2], : shape[-1]]
    return (fine + 0.01 * np.random.default_rng(seed + 1).random(shape)).round(4).astype("f4")


def hourly_store(folder: Path, hours: int, lat: int, lon: int) -> xr.DataArray:
    """A Zarr of format 2 with one hour of the globe to a chunk, as ARCO-ERA5 has them; opened lazily."""
    shape = (hours, lat, lon)
    array = zarr.create_array(folder / "hourly", shape=shape, chunks=(1, lat, lon), dtype="f4", zarr_format=2)
    for hour in range(min(DISTINCT, hours)):
        array[hour] = smooth((lat, lon), hour)
    for hour in range(DISTINCT, hours):
        os.link(folder / "hourly" / f"{hour % DISTINCT}.0.0", folder / "hourly" / f"{hour}.0.0")
    return opened(array, 3600)


def daily_store(folder: Path, days: int, lat: int, lon: int) -> tuple[xr.DataArray, xr.DataArray]:
    """Soil moisture and flag in chunks of 16 days by half a globe, as the Zarr of ESA CCI; opened lazily."""
    shape, chunks = (days, lat, lon), (16, lat, lon // 2)
    values, rng = smooth(shape, 7), np.random.default_rng(8)
    values[rng.random(shape) < 0.4] = np.nan
    flag = np.where(np.isnan(values), 1, 64 * (rng.random(shape) < 0.2)).astype("i1")
    arrays = []
    for name, held in (("sm", values), ("flag", flag)):
        arrays.append(zarr.create_array(folder / name, data=held, chunks=chunks))
    return opened(arrays[0], 86400), opened(arrays[1], 86400)


def opened(array: Any, seconds: int) -> xr.DataArray:
    """A stored array as a lazy one, a block to a chunk, on steps of so many seconds from 2001 on."""
    import dask.array

    time = np.datetime64("2001-01-01", "s") + np.arange(array.shape[0]) * np.timedelta64(seconds, "s")
    lazy = dask.array.from_array(array, chunks=array.chunks)
    return xr.DataArray(lazy, dims=("time", "lat", "lon"), coords={"time": time.astype("datetime64[ns]")})


def steps_of(da: xr.DataArray) -> Steps:
    """The steps that the stamps begin."""
    start = da["time"].values.astype("datetime64[s]")
    return Steps(start, start + (start[1] - start[0]))


def decoded(*arrays: xr.DataArray) -> None:
    """Every chunk is decoded, and nothing is done with it."""
    corners = [da.data.map_blocks(_corner, chunks=tuple((1,) * n for n in da.data.numblocks)) for da in arrays]
    dask.compute(corners)


def _corner(block: np.ndarray) -> np.ndarray:
    return block[:1, :1, :1].copy()  # a view would keep the whole block


def to_months(da: xr.DataArray, total: bool) -> None:
    """Months of all steps and their valid hours, each block where its task left it."""
    time = da["time"].values
    dask.persist(*monthly(da, steps_of(da), month_range(time[0], time[-1]), total))


def share_row(
    case: str, rounds: int, seconds: Timer, amount: Callable[[float], str], alone: Callable[[], None],
    whole: Callable[[], None], least: float,
) -> Row:  # fmt: skip
    """A row of the table: the speed of the whole as a share of that of decoding alone, both in turn."""
    alone()
    whole()
    times = [(seconds(alone), seconds(whole)) for _ in range(rounds)]
    share = median(first / second for first, second in times)
    ours, theirs = (amount(median(column)) for column in list(zip(*times, strict=True))[::-1])
    reached = "at least" if share >= least else "no"
    return (case, "decoding alone", ours, theirs, f"{share:.0%} of its speed", f"{least:.0%}", "-", reached)


def hourly_rows(rounds: int, seconds: Timer, amount: Callable[[float], str]) -> tuple[list[Row], str]:
    """One variable-month of 744 hours at 0.25 degrees: time, and peak memory in a fresh process."""
    shape = (744, 721, 1440)
    case = "{} hours x {} x {} to one month".format(*shape)
    with tempfile.TemporaryDirectory() as name:
        da = hourly_store(Path(name), *shape)
        row = share_row(case, rounds, seconds, amount, lambda: decoded(da), lambda: to_months(da, True), 0.8)
        command = [sys.executable, "-m", "tests.benchmarks.ingest", name]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    chunks = found["above"] / found["chunk"]
    above, chunk = (f"{found[key] / 2**20:.1f} MiB" for key in ("above", "chunk"))
    memory = (f"peak memory, {case}", "one chunk", above, chunk, f"{chunks:.1f} chunks", "4 chunks", "-",
              "at least" if chunks <= 4 else "no")  # fmt: skip
    note = f"{case}: the peak is above a process that has decoded every chunk; value and hours of the month are in it"
    return [row, memory], note


def daily_row(rounds: int, seconds: Timer, amount: Callable[[float], str]) -> Row:
    """Two months of days with flags at 0.25 degrees."""
    shape = (64, 720, 1440)
    with tempfile.TemporaryDirectory() as name:
        sm, flag = daily_store(Path(name), *shape)
        return share_row(
            "{} days x {} x {} with flags to months".format(*shape), rounds, seconds, amount,
            lambda: decoded(sm, flag), lambda: to_months(where_usable(sm, flag), False), 0.7,
        )  # fmt: skip


def regrid_rows(rounds: int, seconds: Timer, amount: Callable[[float], str]) -> list[Row]:
    """0.05 to 0.25 degrees with gaps, from a compressed Zarr: against xarray-regrid, and against the read alone."""
    import xarray_regrid  # noqa: F401  an accessor

    (lat, lon), (to_lat, to_lon) = global_grid(0.05), global_grid(0.25)
    values = smooth((len(lat), len(lon)), 11)
    values[np.random.default_rng(12).random(values.shape) < 0.3] = np.nan
    wanted = xr.Dataset(coords={"lat": to_lat, "lon": to_lon})
    with tempfile.TemporaryDirectory() as name:
        ds = xr.Dataset({"v": (("lat", "lon"), values)}, {"lat": lat, "lon": lon})
        ds.chunk(lat=900, lon=1800).to_zarr(name, consolidated=False)
        da = xr.open_zarr(name, consolidated=False)["v"]

        def read() -> None:
            da.load() if da.chunks is None else da.compute()

        def ours() -> xr.DataArray:
            return regrid(da, to_lat, to_lon).compute()

        def peer() -> xr.DataArray:
            found: xr.DataArray = da.regrid.conservative(
                wanted, latitude_coord="lat", skipna=True, nan_threshold=0.5
            ).compute()
            return found

        # The peer's rows at the poles weigh latitudes by their cosine, which is not the area there.
        np.testing.assert_allclose(ours()[1:-1], peer().transpose("lat", "lon")[1:-1], rtol=0, atol=1e-5)
        times = [(seconds(ours), seconds(peer), seconds(read)) for _ in range(rounds)]
    own, other, plain = (median(column) for column in zip(*times, strict=True))
    case = f"regridding {len(lat)} x {len(lon)} to {len(to_lat)} x {len(to_lon)}, read included"
    return [
        (case, "xarray-regrid", amount(own), amount(other), f"{own / other:.2f} of its time", "1.2", "1.0",
         verdict(own / other, 1.2, 1.0)),
        (case, "the read alone", amount(own), amount(plain), f"{own / plain:.2f} of its time", "2", "-",
         "at least" if own <= 2 * plain else "no"),
    ]  # fmt: skip


def verdict(share: float, least: float, aim: float) -> str:
    """Which of the two targets a share of the peer's time (the lower the better) reaches."""
    return "aim" if share <= aim else "at least" if share <= least else "no"


def ingest_rows(rounds: int, seconds: Timer, amount: Callable[[float], str]) -> tuple[list[Row], list[str]]:
    """All rows of ingest and what else there is to say."""
    with dask.config.set(scheduler="synchronous"):
        hourly, note = hourly_rows(min(rounds, 3), seconds, amount)
        return [*hourly, daily_row(rounds, seconds, amount), *regrid_rows(rounds, seconds, amount)], [note]


def main(folder: str) -> None:
    """In a process of its own: the peak of a month above that of decoding, as one line of JSON."""
    array = zarr.open_array(Path(folder) / "hourly", mode="r")
    da = opened(array, 3600)
    with dask.config.set(scheduler="synchronous"):
        to_months(da.isel(time=slice(0, 2), lat=slice(0, 8)), True)  # imports
        decoded(da)
        before = peak()
        to_months(da, True)
    print(json.dumps({"above": peak() - before, "chunk": int(np.prod(array.chunks)) * 4}))


if __name__ == "__main__":
    main(sys.argv[1])
