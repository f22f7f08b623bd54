"""How often the test of definition 20 can name the true driver of a cell, given its drivers, years and noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.stats import nct, t

from smcloud.config import RunConfig
from smcloud.sample.coefficients import DRIVERS

Array = npt.NDArray[np.float64]
FEWEST = 10  # years
MOST = 30.0  # standard errors: power is 1


def lead_power(truth: xr.Dataset, annual: xr.Dataset, config: RunConfig) -> Array:
    """Probability (lat, lon) that the true driver is found to lead every other at ``alpha``; 0 without a result.

    ``annual`` is the run's, on the cells of ``truth``, latitude ascending. Soil moisture answers to the true annual
    values of the drivers, while the run has those of the months that it uses, and holds time: what these leave of the
    true signal is noise. With b* and V as in the test, (|b1*| - |b2*|)/se is the noncentrality of its t; of several
    rivals the nearest counts, so that the power is slightly too high.
    """
    names = [name for name in DRIVERS if name in config.drivers.names and name in annual]
    used = np.stack([annual[name].transpose("year", "lat", "lon").values for name in names], axis=-1)
    true = truth["drivers"].transpose("year", "lat", "lon", "driver_name").values
    moisture = annual["soil_moisture"].transpose("year", "lat", "lon").values
    rho, b = (truth[name].transpose("lat", "lon", "driver_name").values for name in ("rho", "b"))
    out = np.zeros(truth["driver"].shape)
    years = annual["year"].values.astype(float)
    for i, j in np.argwhere((truth["driver"].values >= 1) & (truth["driver"].values <= len(DRIVERS))):
        known = np.isfinite(moisture[:, i, j]) & np.isfinite(used[:, i, j]).all(axis=-1)
        leader = int(truth["driver"].values[i, j]) - 1
        if known.sum() < FEWEST or DRIVERS[leader] not in names:
            continue
        trend = float(truth["own_trend"][i, j]) ** 2 * years[known].var(ddof=1)
        noise = _noise(true[known, i, j], rho[i, j, leader], b[i, j, leader], leader)
        noise -= trend if config.drivers.detrend else 0.0  # what time explains is none
        columns, held = used[known, i, j], years[known] if config.drivers.detrend else None
        moving = np.ptp(columns, axis=0) > 0
        place = int(moving[: names.index(DRIVERS[leader])].sum())
        out[i, j] = _power(true[known, i, j] @ b[i, j], noise, columns[:, moving], held, place, config.alpha)
    return out


def _noise(true: Array, rho: float, b: float, leader: int) -> float:
    """Variance of all that no driver explains, from the definition of rho."""
    conditional = _given(true)[0][leader] ** 2 / (len(true) - 3)
    return float((b**2 * conditional) * (1 - rho**2) / rho**2)


def _given(columns: Array) -> tuple[Array, Array]:
    """Lengths of the columns given the others, and the correlations of their coefficients."""
    centred = columns - columns.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    unit = centred / np.where(length > 0, length, 1.0)
    inverse = np.linalg.pinv(unit.T @ unit, hermitian=True)
    root = np.sqrt(np.where(np.diag(inverse) > 0, np.diag(inverse), 1.0))
    return length / root, inverse / np.outer(root, root)


def _power(signal: Array, noise: float, columns: Array, time: Array | None, leader: int, alpha: float) -> float:
    count = columns.shape[1]
    if count < 2:
        return 1.0  # no rival
    design = columns if time is None else np.column_stack([columns, time])
    lengths, together = _given(design)
    centred = design - design.mean(axis=0)
    effect = np.linalg.lstsq(centred, signal - signal.mean())[0]
    df = len(signal) - 1 - design.shape[1]
    left = signal - signal.mean() - centred @ effect
    scale = np.sqrt(max(noise, 0.0) + left @ left / df)
    star = (effect * lengths)[:count] / scale
    leads = [
        (abs(star[leader]) - abs(star[k]))
        / np.sqrt(2 - 2 * (np.sign(star[leader] * star[k]) or 1.0) * together[leader, k])
        for k in range(count)
        if k != leader
    ]
    return float(nct.sf(t.isf(alpha / 2, df), df, min(*leads, MOST)))
