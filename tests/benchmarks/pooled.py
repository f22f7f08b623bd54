"""The trend under the autocorrelation that neighbours share: its share of the trend product's time, and its memory.

``python -m tests.benchmarks.pooled`` measures and puts the two rows into RESULTS.md; with a number of degrees it only
prints what a child process found.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import dask
import numpy as np
import xarray as xr

from smcloud.config import parse_config
from smcloud.products.annual import cell_areas
from smcloud.products.shared_autocorrelation import pooled_columns
from smcloud.products.trend import trend_maps
from smcloud.stats import pooled_trend
from tests.benchmarks.peak import peak

YEARS = 22
Row = tuple[str, ...]


def made_annual(step: float) -> xr.Dataset:
    """Annual values of a made world of ``step`` degrees: a third of it land, 5 % of the years missing."""
    lat, lon = np.arange(-90 + step / 2, 90, step), np.arange(-180 + step / 2, 180, step)
    rng = np.random.default_rng(1)
    coarse = rng.random((-(-lat.size // 9), -(-lon.size // 9))) < 0.34
    land = coarse.repeat(9, axis=0).repeat(9, axis=1)[: lat.size, : lon.size]
    values = np.empty((YEARS, *land.shape))
    for year in values:
        year[:] = np.where(land & (rng.random(land.shape) > 0.05), rng.normal(0.25, 0.03, land.shape), np.nan)
    dims = ("year", "lat", "lon")
    months = np.where(np.isfinite(values), 12, 0).astype("u1")
    coords = {"year": np.arange(2000, 2000 + YEARS), "lat": lat, "lon": lon}
    return xr.Dataset({"soil_moisture": (dims, values), "n_months": (dims, months)}, coords)


def made_months(annual: xr.Dataset) -> xr.Dataset:
    """The months of the annual values, with the sensors and errors that a record of many satellites has; lazy."""
    time_axis = np.arange("2000-01", f"{2000 + YEARS}-01", dtype="datetime64[M]").astype("datetime64[ns]")
    moisture = annual["soil_moisture"].astype("f4").chunk(lat=180, lon=180)
    months = moisture.isel(year=np.repeat(np.arange(YEARS), 12)).rename(year="time").assign_coords(time=time_axis)
    months = months.chunk(time=-1)
    cube = xr.Dataset({"soil_moisture": months})
    late = xr.DataArray(np.arange(12 * YEARS) >= 100, {"time": time_axis}, ("time",))
    cube["soil_moisture_sensors"] = (xr.ones_like(months, "i4") + 2 * late).transpose(*months.dims)
    for bound in ("", "_independent", "_decaying"):
        cube[f"soil_moisture_uncertainty{bound}"] = xr.full_like(months, 0.03)
    return cube


def measure(step: float) -> dict[str, float]:
    """Seconds of one core of the pooled columns and of the other maps, without and with months; bytes of memory."""
    config = parse_config({
        "preset": "rigorous", "period": {"start": "2000-01"}, "catalog": "made", "store": "made",
        "inputs": {"soil_moisture": "made", "lai": "made"}, "drivers": {"names": ["lai"]},
    })  # fmt: skip
    small = made_annual(10.0)
    trend_maps(small, config)
    pooled_trend(small["soil_moisture"], cell_areas(small), "year")  # compiles
    annual = made_annual(step)
    area = cell_areas(annual)
    series = annual["soil_moisture"]
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is that of the making
    before, begin = peak(), time.process_time()
    pooled_columns(series, area, config)
    found = {"pooled": time.process_time() - begin, "above": peak() - before, "series": series.nbytes}
    for name, cube in (("maps", None), ("maps_of_months", made_months(annual))):
        lazy = trend_maps(annual.chunk(lat=180, lon=180), config, cube)
        begin = time.process_time()
        with dask.config.set(scheduler="synchronous"):
            lazy.compute()
        found[name] = time.process_time() - begin
    return found


def pooled_rows(step: float = 0.25) -> list[Row]:
    """The rows of the table, measured in a fresh process."""
    command = [sys.executable, "-m", "tests.benchmarks.pooled", str(step)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    size = f"{YEARS} x {round(180 / step)} x {round(360 / step)}"
    whole, bare = (found["pooled"] + found[name] for name in ("maps_of_months", "maps"))
    share, held = found["pooled"] / whole, found["above"] / found["series"]
    mib = [f"{found[name] / 2**20:.0f} MiB" for name in ("above", "series")]
    return [
        (f"trend under a shared autocorrelation, {size}", "the trend product, with it, one core",
         f"{found['pooled']:.3g} s", f"{whole:.3g} s",
         f"{share:.2f} of its time ({found['pooled'] / bare:.2f} without sensors and errors)", "0.20 of it", "-",
         "at least" if share <= 0.2 else "no"),
        (f"peak memory, trend under a shared autocorrelation, {size}", "its annual values", *mib, f"{held:.2f} of them",
         "1.5", "-", "at least" if held <= 1.5 else "no"),
    ]  # fmt: skip


def put_rows(rows: list[Row], path: Path) -> None:
    """Replace the rows of the same cases in the table of ``path``, or add them behind its last one."""
    lines = path.read_text().splitlines()
    cases = {row[0] for row in rows}
    kept = [line for line in lines if line.split(" | ")[0].removeprefix("| ") not in cases]
    last = max(number for number, line in enumerate(kept) if line.startswith("| "))
    kept[last + 1 : last + 1] = ["| " + " | ".join(row) + " |" for row in rows]
    path.write_text("\n".join(kept) + "\n")


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(measure(float(sys.argv[1]))))
    else:
        made = pooled_rows()
        print("\n".join(" | ".join(row) for row in made))
        put_rows(made, Path(__file__).with_name("RESULTS.md"))
