"""The cases: this library and its peers on the same data. Sizes are arguments, so that the tests run them small."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args, get_type_hints

import numpy as np
import xarray as xr

from smcloud import stats

Run = Callable[[], Any]


@dataclass(frozen=True)
class Peer:
    """One way to do a job: ``run`` treats ``items`` cells and returns what it found."""

    name: str
    items: int
    run: Run
    least: float = 0.0
    aim: float = 0.0


@dataclass(frozen=True)
class Case:
    """A job, this library's way and the peers'; ``check`` raises where a peer's numbers are not ours."""

    name: str
    items: int
    ours: Run
    peers: list[Peer]
    check: Callable[[Any, dict[str, Any]], None]
    notes: str = ""


def series(cells: int, n: int, gaps: float = 0.0, seed: int = 1) -> xr.DataArray:
    """float32 values (time, cell) with a weak trend; random gaps."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, cells)) + 0.002 * np.arange(n)[:, np.newaxis]
    values[rng.random(values.shape) < gaps] = np.nan
    return xr.DataArray(values.astype("float32"), dims=("time", "cell"), coords={"time": np.arange(n, dtype=float)})


def close(ours: Any, theirs: Any, rtol: float = 1e-9, atol: float = 0.0) -> None:
    """Raise unless the peer's numbers are ours."""
    np.testing.assert_allclose(np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float), rtol=rtol, atol=atol)


def pymannkendall_map(da: xr.DataArray, *names: str) -> list[xr.DataArray]:
    """S, p and slope of every cell, for each function, in the way the package's users do it."""
    import pymannkendall

    def one(function: Callable[[Any], Any], row: Any) -> tuple[float, float, float]:
        found = function(row)
        return found.s, found.p, found.slope

    return [
        xr.apply_ufunc(
            partial(one, getattr(pymannkendall, name)),
            da.astype(float),
            input_core_dims=[["time"]],
            output_core_dims=[[], [], []],
            vectorize=True,
        )
        for name in names
    ]


def trend_test(n: int, cells: int, few: int, targets: dict[str, tuple[float, float]]) -> Case:
    """Mann-Kendall and Theil-Sen with limits, without gaps (no peer can have them on the true axis)."""
    from scipy.stats import theilslopes

    da = series(cells, n)
    part = da.isel(cell=slice(few))
    rows = np.ascontiguousarray(part.T, dtype=float)
    runs: dict[str, Run] = {
        "pymannkendall": lambda: pymannkendall_map(part, "original_test"),
        "scipy.stats.theilslopes": lambda: theilslopes(rows, axis=1),
    }

    def check(ours: Any, found: dict[str, Any]) -> None:
        test, line = (result.isel(cell=slice(few)) for result in ours)
        s, p, slope = found["pymannkendall"][0]
        close(test.s, s, rtol=0)
        close(test.p_value, p, atol=1e-15)  # the peer's p is 0 below
        close(line.slope, slope, rtol=1e-12)
        if "scipy.stats.theilslopes" in found:
            peer = found["scipy.stats.theilslopes"]
            close(line.slope, peer.slope, rtol=1e-12)
            close(line.slope_lower, peer.low_slope, rtol=1e-12)
            close(line.slope_upper, peer.high_slope, rtol=1e-12)

    return Case(
        f"MK + Sen + limits, n = {n}",
        cells,
        lambda: (stats.mann_kendall(da), stats.theil_sen(da)),
        [Peer(name, few, runs[name], *target) for name, target in targets.items()],
        check,
    )


def variants(cells: int, few: int, n: int = 264) -> Case:
    """The four Mann-Kendall tests that pymannkendall has in common with this library."""
    da = series(cells, n)
    part = da.isel(cell=slice(few))
    names = ("original_test", "hamed_rao_modification_test", "yue_wang_modification_test",
             "trend_free_pre_whitening_modification_test")  # fmt: skip
    methods = ("original", "hamed_rao", "yue_wang", "tfpw")
    mann_kendall: Callable[..., xr.Dataset] = stats.mann_kendall

    def check(ours: Any, found: dict[str, Any]) -> None:
        close(ours[0].p_value.isel(cell=slice(few)), found["pymannkendall"][0][1])
        for result, (s, _, _) in list(zip(ours, found["pymannkendall"], strict=True))[:3]:
            close(result.s.isel(cell=slice(few)), s, rtol=0)

    return Case(
        f"MK original + Hamed-Rao + Yue-Wang + TFPW, n = {n}",
        cells,
        lambda: [mann_kendall(da, method=method) for method in methods],
        [Peer("pymannkendall", few, lambda: pymannkendall_map(part, *names), 150, 300)],
        check,
    )


def least_squares(cells: int, few: int, n: int = 264) -> Case:
    """Least squares with standard error, limits and p, with gaps."""
    from scipy.stats import linregress

    da = series(cells, n, gaps=0.1)
    part = da.isel(cell=slice(few))
    rows, t = np.ascontiguousarray(part.T, dtype=float), np.broadcast_to(part.time.to_numpy(), (few, n))

    def check(ours: Any, found: dict[str, Any]) -> None:
        line = ours.isel(cell=slice(few))
        close(line.slope, found["xarray.polyfit (no p)"].polyfit_coefficients.sel(degree=1).isel(cell=slice(few)), 1e-4)
        close(line.slope, found["scipy.stats.linregress"].slope)
        close(line.p_value, found["scipy.stats.linregress"].pvalue)

    return Case(
        f"OLS with p and limits, gaps, n = {n}",
        cells,
        lambda: stats.linear_trend(da),
        [
            Peer("xarray.polyfit (no p)", cells, lambda: da.polyfit("time", 1, skipna=True), 40, 80),
            Peer("scipy.stats.linregress", few, lambda: linregress(t, rows, axis=1, nan_policy="omit"), 110, 250),
        ],
        check,
    )


def partial_correlations(cells: int, few: int, n: int = 264) -> Case:
    """Three partial correlations with p and limits, with gaps."""
    import pandas as pd
    import pingouin
    import xskillscore

    target = series(cells, n, gaps=0.05)
    drivers = xr.Dataset({f"d{i}": 0.3 * target.fillna(0) + series(cells, n, 0.03, seed=i + 2) for i in range(3)})
    drivers = drivers.astype("float32")
    names = list(drivers)
    every = {"y": target} | dict(drivers)
    pairs = [(a, b) for i, a in enumerate(every) for b in list(every)[i + 1 :]]
    frames = [
        pd.DataFrame({name: array[:, cell].to_numpy().astype(float) for name, array in every.items()}).dropna()
        for cell in range(few)
    ]

    def pearson() -> dict[tuple[str, str], xr.DataArray]:
        return {pair: xskillscore.pearson_r(every[pair[0]], every[pair[1]], dim="time", skipna=True) for pair in pairs}

    def frame_by_frame() -> list[list[tuple[float, float]]]:
        found = []
        for frame in frames:
            rows = [
                pingouin.partial_corr(frame, name, "y", [other for other in names if other != name]).iloc[0]
                for name in names
            ]
            found.append([(row["r"], row.get("p_val", row.get("p-val"))) for row in rows])
        return found

    def check(ours: Any, found: dict[str, Any]) -> None:
        peer = np.array(found["pingouin"], dtype=float)
        close(ours.r.isel(cell=slice(few)).transpose("cell", "driver"), peer[..., 0])
        close(ours.p_value.isel(cell=slice(few)).transpose("cell", "driver"), peer[..., 1], 1e-7)
        alone = stats.partial_correlation(target, drivers[["d0"]])
        close(alone.r.isel(driver=0), found["6 xskillscore.pearson_r (no p)"]["y", "d0"], 1e-3, 1e-5)

    return Case(
        f"three partial correlations with p and limits, gaps, n = {n}",
        cells,
        lambda: stats.partial_correlation(target, drivers),
        [
            Peer("6 xskillscore.pearson_r (no p)", cells, pearson, 11, 25),
            Peer("pingouin", few, frame_by_frame, 3000),
        ],
        check,
        notes=what_bounds_it(every),
    )


def what_bounds_it(every: dict[str, xr.DataArray]) -> str:
    """Shares of the time of the partial correlations: the best of five runs of each part, per cell."""
    from time import perf_counter

    from smcloud.stats.engine.case_tiles import case_tiles
    from smcloud.stats.engine.driver_kernels import partial_correlation
    from smcloud.stats.engine.student import two_sided

    blocks = [array.transpose("cell", "time").to_numpy() for array in every.values()]
    cells, size = blocks[0].shape[0], len(blocks) - 1
    out, n, status = np.zeros((cells, size, 6)), np.zeros(cells), np.zeros((cells, size), np.uint8)

    def tiles(work: bool) -> None:
        for inside, tile in case_tiles(blocks, np.zeros(size), 6):
            if work:
                partial_correlation(
                    tile, np.zeros(size), 6, effective=False, z=1.96, out=out[inside], count=n[inside],
                    status=status[inside],
                )  # fmt: skip

    def best(run: Run) -> float:
        run()
        times = []
        for _ in range(5):
            begin = perf_counter()
            run()
            times.append(perf_counter() - begin)
        return 1e6 * min(times) / cells

    copying, both = best(lambda: tiles(False)), best(lambda: tiles(True))
    p_values = best(lambda: two_sided(out[..., 3], out[..., 4]))
    return (
        f"of our time, copying steps that lie far apart into tiles is {copying:.2g} us a cell (latency of memory), "
        f"sums and inverses {both - copying:.2g}, p values, which the first peer does not have, {p_values:.2g}; "
        "xarray is the rest"
    )


def regional_means(lat: int, lon: int, steps: int, rows: int = 6, columns: int = 8) -> Case:
    """Area-weighted means of regions without overlap: flox knows no others."""
    import flox

    rng = np.random.default_rng(5)
    values = rng.normal(0.3, 0.1, size=(steps, lat, lon)).astype("float32")
    values[rng.random(values.shape) < 0.2] = np.nan
    coords = {
        "time": np.arange(steps, dtype=float),
        "lat": np.linspace(90 - 90 / lat, -90 + 90 / lat, lat),
        "lon": np.linspace(-180 + 180 / lon, 180 - 180 / lon, lon),
    }
    da = xr.DataArray(values, dims=("time", "lat", "lon"), coords=coords)
    area = stats.cell_area(da.lat, da.lon)
    band, sector = np.arange(lat) * rows // lat, np.arange(lon) * columns // lon
    label = band[:, np.newaxis] * columns + sector
    count = rows * columns
    groups = xr.DataArray(
        label == np.arange(count)[:, np.newaxis, np.newaxis],
        dims=("region", "lat", "lon"),
        coords={"region": np.arange(count), "lat": da.lat, "lon": da.lon},
    )

    def peer() -> Any:
        options: dict[str, Any] = {"func": "sum", "expected_groups": np.arange(count), "engine": "flox"}
        weights = area.to_numpy()
        valid = np.isfinite(values)
        total, _ = flox.groupby_reduce(np.where(valid, values * weights, 0.0), label, **options)
        cover, _ = flox.groupby_reduce(np.where(valid, weights, 0.0), label, **options)
        return total / cover

    def check(ours: Any, found: dict[str, Any]) -> None:
        close(ours["mean"].transpose("time", "region"), found["flox"])

    return Case(
        f"regional means, {count} regions, {steps} x {lat} x {lon}",
        1,
        lambda: stats.area_weighted_series(da, area, groups),
        [Peer("flox", 1, peer, 7, 10)],
        check,
        notes="two flox sums per mean, engine flox; flox also leaves out n_cells",
    )


def all_cases(small: bool = False) -> list[Callable[[], Case]]:
    """The rows of the table, in its order, each built when it is called."""
    k = 20 if small else 1
    tests = get_args(get_type_hints(stats.mann_kendall)["method"])
    both = {"pymannkendall": (60.0, 120.0), "scipy.stats.theilslopes": (10.0, 20.0)}
    long = 1200 if small else 8000
    return [
        lambda: trend_test(264, 2000 // k, 40 // k + 2, both),
        lambda: trend_test(22, 20000 // k, 200 // k, {"pymannkendall": (120.0, 250.0)}),
        lambda: trend_test(long, 40 // k, 2, {"pymannkendall": (250.0, 600.0)}),
        *([lambda: variants(2000 // k, 20 // k + 2)] if "tfpw" in tests else []),
        lambda: least_squares(20000 // k, 1000 // k),
        lambda: partial_correlations(5000 // k, 20 // k + 1),
        lambda: regional_means(36, 72, 6) if small else regional_means(720, 1440, 24),
    ]
