"""What is credited to a driver that does nothing but warm, beside a trend that is not its own (definition 16)."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import stats

from smcloud.stats import trend_contribution
from tests.science.figures import Figure, Job, Section, Table, mean_and_error, share_error, told
from tests.science.worlds import PHIS, remember, series, with_gaps

YEARS, TREND, WARMINGS = 22, 0.16, (2.0, 4.0)  # the foreign trend, in standard deviations of the noise per year
CREDIT, HELD = 0.05, (0.93, 0.97)
Found = dict[str, np.ndarray]


def credited(phi: float, warming: float, missing: float, count: int) -> Found:
    """By series: share of the trend that the idle driver gets, whether its interval holds 0, and without time."""
    rng = np.random.default_rng([6, int(10 * phi), int(warming), int(100 * missing)])
    t = (np.arange(YEARS) - (YEARS - 1) / 2)[:, None]
    noise = [remember(rng.normal(size=(YEARS, count)), phi) for _ in range(3)]
    target = series(with_gaps(rng, TREND * t + noise[0], missing))
    drivers = xr.Dataset({"idle": series(warming / YEARS * t + noise[1]), "other": series(noise[2])})
    parts = trend_contribution(target, drivers).sel(driver="idle")
    half = stats.t.isf(0.025, parts["df"]) * parts["stderr"]
    old = trend_contribution(target, drivers, control_time=False)["contribution"].sel(driver="idle")
    slope = parts["contribution"]
    return {
        "share": slope.values / TREND,
        "held": (abs(slope) <= half).values[np.isfinite(slope.values)],
        "old": old.values / TREND,
    }


def jobs(quick: bool) -> list[Job]:
    count, missing = (4000, (0.0,)) if quick else (200_000, (0.0, 0.15))
    return [(credited, (phi, warming, gap, count)) for gap in missing for warming in WARMINGS for phi in PHIS]


def section(jobs: list[Job], results: list[Found]) -> Section:
    figures, rows = [], []
    for (_, (phi, warming, missing, count)), found in zip(jobs, results, strict=True):
        held = float(found["held"].mean())
        error = share_error(held, found["held"].size)
        if missing:
            rows.append(
                (f"{phi:g}", f"{warming:g}", f"{missing:.0%}", told(found["share"]), f"{held:.3f} ± {error:.3f}")
            )
            continue
        what = f"phi {phi:g}, warms by {warming:g} sd, {count} series"
        figures += [
            Figure(f"{what}: share of the trend", *mean_and_error(found["share"]), -CREDIT, CREDIT),
            Figure(f"{what}: interval holds 0", held, error, *HELD),
        ]
        rows.append((f"{phi:g}", f"{warming:g}", "none", told(found["old"]), "time not held"))
    return Section(
        "An idle driver that warms",
        "22 years, a trend of 0.16 standard deviations a year that comes from no driver, one idle driver that warms "
        "over the record and one that does not; target and drivers have noise of the same AR(1). "
        "`smcloud.stats.trend_contribution`: the signed share of the foreign trend that the idle driver gets, and how "
        "often its 95 % interval holds 0.",
        figures,
        [
            Table(
                "Beside it: the older form without time, and years missing at random in the target:",
                ("phi", "warms by", "missing", "share of the trend", "interval holds 0"),
                rows,
            )
        ],
    )
