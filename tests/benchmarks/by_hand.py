"""The whole study against the same study by hand: ``python -m tests.benchmarks.by_hand [--world NAME]`` prints rows.

By hand a window of the same made world is worked off, and its seconds are taken times land cells of the whole over land
cells of the window. Numbers of the same cells are compared first.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

import smcloud
from smcloud.stats import cell_area
from tests.benchmarks.plan import GLOBE, WORLDS, World, write_world
from tests.benchmarks.study_by_hand import DRIVERS, TARGET

Row = tuple[str, ...]
LEAST, AIM = 300.0, 500.0
SIDES = {"processes": 144, "threads": 72, "processes-pcorr": 144}  # cells of a window
NAMES = {
    "processes": "by hand, 2 processes",
    "threads": "by hand, dask's threads",
    "processes-pcorr": "by hand, 2 processes, pingouin.pcorr and a t test",
}
SMALL = World(2.0, GLOBE, 22)  # compiles
WORKERS = 2


class Timing(NamedTuple):
    """Wall-clock seconds and core-seconds of some work on ``land`` cells."""

    seconds: float
    core_seconds: float
    land: int

    def on(self, land: int) -> Timing:
        """The same, of another number of land cells."""
        share = land / self.land
        return Timing(self.seconds * share, self.core_seconds * share, land)


def land_cells(world: xr.Dataset) -> int:
    """Number of cells of a made world that are land."""
    return int((world["land_mask"] > 0).sum())


def commands(config: Path) -> tuple[float, float]:
    """Seconds and core-seconds of ``smcloud ingest`` and ``smcloud compute``, from the shell, start-up included."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    for command in ("ingest", "compute"):
        subprocess.run(
            [sys.executable, "-m", "smcloud.cli", command, str(config)], check=True, stdout=subprocess.DEVNULL
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - begin, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def by_hand(window: Path, out: Path, way: str) -> tuple[float, float, dict[str, float]]:
    """Seconds, core-seconds and the seconds of each step of the study by hand."""
    command = [sys.executable, "-m", "tests.benchmarks.study_by_hand", str(window), str(out), way]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return sum(found["seconds"].values()), found["core_seconds"], found["seconds"]


def write_window(world: xr.Dataset, side: int, path: Path) -> xr.Dataset:
    """A Zarr store of the first ``side`` x ``side`` cells by their place in the middle of the grid."""
    south, west = ((world.sizes[dim] - min(side, world.sizes[dim])) // 2 for dim in ("lat", "lon"))
    window = world.isel(lat=slice(south, south + side), lon=slice(west, west + side)).drop_encoding()
    window.chunk(time=12, lat=-1, lon=-1).to_zarr(path, consolidated=False)
    return window


def equal_numbers(out: Path, store: str) -> dict[str, float]:
    """Largest difference of each number by hand from that of a release on the same cells, over the largest number.

    Numbers that are stored as float32 are compared, and left out of what is returned.
    Raises where a difference exceeds 1e-10 of the number, or half a unit in the last place where it is stored as
    float32. Cells where a driver varies less than its floor have fewer drivers here, so they are left out;
    more than 1 in 1000 of them raises. By hand the areas are cosines, which on a regular grid have the same shares.
    """
    hand = {name: xr.open_zarr(out / f"{name}.zarr").load() for name in ("annual", "trend", "drivers", "ddww")}
    ours = {}
    for name in hand:
        product = smcloud.open_product(store, name)
        ours[name] = product.sel(lat=hand["annual"].lat, lon=hand["annual"].lon, method="nearest", tolerance=1e-6)
    whole = (ours["drivers"]["status"] == 0).all("driver").load()
    tested = whole.where(hand["annual"][TARGET].notnull().any("year"))
    if not float(tested.mean()) > 0.999:
        raise AssertionError(f"only {float(tested.mean()):.4f} of the land has all drivers")
    numbers = {f"annual {name}": (hand["annual"][name], ours["annual"][name]) for name in (TARGET, *DRIVERS)}
    numbers |= {name: (hand["trend"][name], ours["trend"][name]) for name in map(str, hand["trend"])}
    for name in ("partial_correlation", "p_value"):
        numbers[f"driver {name}"] = tuple(ds["drivers"][name].where(whole) for ds in (hand, ours))
    code = ours["ddww"]["ddww_class"]
    flags = dict(zip(code.flag_meanings.split(), np.atleast_1d(code.flag_values), strict=True))
    classes = xr.concat([code == flags[name] for name in hand["ddww"]["class"].values], dim=hand["ddww"]["class"])
    np.testing.assert_array_equal(hand["ddww"]["in_class"], classes.transpose("class", "lat", "lon"))
    area = cell_area(classes["lat"], classes["lon"]).where(classes).sum(["lat", "lon"])
    numbers["DDWW share"] = (hand["ddww"]["share_of_change"], area / area.sum())
    found = {name: _difference(name, *pair) for name, pair in numbers.items()}
    return {name: found[name] for name, (_, stored) in numbers.items() if stored.dtype != np.float32}


def _difference(name: str, hand: xr.DataArray, ours: xr.DataArray) -> float:
    theirs, value = hand.transpose(*ours.dims).to_numpy().astype(float), ours.to_numpy().astype(float)
    limit = 2.0**-24 if ours.dtype == np.float32 else 1e-10
    np.testing.assert_allclose(theirs, value, rtol=limit * (1 + 1e-6), atol=1e-12, err_msg=name)
    return float(np.nanmax(np.abs(theirs - value)) / np.nanmax(np.abs(value)))


def cdo_row(store: str, folder: Path, ours: Timing, case: str) -> tuple[list[Row], list[str]]:
    """``cdo trend`` and three ``timcor`` of the annual values of the whole grid, from an uncompressed file."""
    peer = "cdo trend and 3 timcor of annual values (no p, no rank test, plain correlations)"
    if shutil.which("cdo") is None:
        return [(case, peer, "-", "-", "-", "-", "-", "not measured")], ["cdo: not installed"]
    annual = smcloud.open_product(store, "annual")[[TARGET, *DRIVERS]].load()
    annual = annual.drop_vars(["time", "time_bnds"], errors="ignore").rename(year="time").drop_encoding()
    annual["time"] = ("time", np.arange(annual.sizes["time"]), {"units": "days since 2000-01-01"})
    for name in annual.data_vars:
        annual[name].attrs.clear()
        annual[[name]].astype("float32").to_netcdf(folder / f"{name}.nc")
    jobs = [["trend", f"{TARGET}.nc", "a.nc", "slope.nc"]]
    jobs += [["timcor", f"{TARGET}.nc", f"{name}.nc", f"r_{name}.nc"] for name in DRIVERS]
    begin = time.perf_counter()
    for job in jobs:
        subprocess.run(["cdo", "-s", "-P", str(WORKERS), *job], check=True, capture_output=True, cwd=folder)
    taken = time.perf_counter() - begin
    with xr.open_dataset(folder / "slope.nc") as slope:
        found = slope[TARGET].to_numpy().squeeze()
    np.testing.assert_allclose(found, smcloud.open_product(store, "trend")["ols_slope"], rtol=1e-3, atol=1e-7)
    for name in DRIVERS:
        plain = smcloud.open_product(store, "drivers")["correlation"].sel(driver=name)
        with xr.open_dataset(folder / f"r_{name}.nc") as r:
            np.testing.assert_allclose(r[TARGET].to_numpy().squeeze(), plain, atol=1e-3)
    row = (case, peer, f"{ours.seconds:.3g} s", f"{taken:.3g} s", "-", "-", "-", "-")
    return [row], ["cdo does a part of the study, so there is no ratio; slopes and plain correlations are the same"]


def hand_rows(name: str = "globe-0.25", sides: dict[str, int] | None = None) -> tuple[list[Row], list[str]]:
    """The table's rows, and what else there is to say."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "small").mkdir()
        commands(write_world(SMALL, folder / "small", WORKERS))
        config = write_world(WORLDS[name], folder, WORKERS)
        store = str(folder / "store")
        world = xr.open_zarr(folder / "world.zarr", consolidated=False)
        land = land_cells(world)
        ours = Timing(*commands(config), land)
        case = f"the study of {name}, {WORLDS[name].years} years, {land:,} land cells: ingest and compute"
        rows, notes = [], []
        for way, side in (sides or SIDES).items():
            window = write_window(world, side, folder / f"{way}.zarr")
            out = folder / way
            seconds, core_seconds, steps = by_hand(folder / f"{way}.zarr", out, way)
            worst = max(equal_numbers(out, store).items(), key=lambda item: item[1])
            hand = Timing(seconds, core_seconds, land_cells(window))
            rows.append(_row(case, way, ours, hand.on(land)))
            notes.append(_note(way, steps, ours, hand, worst))
        more, said = cdo_row(store, folder, ours, case)
    return rows + more, notes + said


def _row(case: str, way: str, ours: Timing, whole: Timing) -> Row:
    ratio = whole.seconds / ours.seconds
    reached = "aim" if ratio >= AIM else "at least" if ratio >= LEAST else "no"
    times = (f"{ours.seconds:.3g} s", f"{whole.seconds:,.0f} s", f"{ratio:.3g}x")
    return (case, NAMES[way], *times, f"{LEAST:g}x", f"{AIM:g}x", reached)


def _note(way: str, steps: dict[str, float], ours: Timing, hand: Timing, worst: tuple[str, float]) -> str:
    shares = ", ".join(f"{name} {100 * spent / sum(steps.values()):.0f} %" for name, spent in steps.items())
    whole = hand.on(ours.land)
    return (
        f"{NAMES[way]}: {hand.land:,} land cells in {hand.seconds:.1f} s, {1e3 * hand.seconds / hand.land:.3g} ms each "
        f"({shares}), scaled by land cells; core-seconds {whole.core_seconds:,.0f} against {ours.core_seconds:.0f}, "
        f"{whole.core_seconds / ours.core_seconds:.3g}x; float64 numbers differ by {worst[1]:.1g} of the largest at "
        f"most ({worst[0]}), maps of slopes by the rounding of float32"
    )


def main(arguments: list[str] | None = None) -> None:
    """Print rows and notes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", choices=list(WORLDS), default="globe-0.25")
    rows, notes = hand_rows(parser.parse_args(arguments).world)
    print("\n".join([*(" | ".join(row) for row in rows), *notes]))


if __name__ == "__main__":
    main(sys.argv[1:])
