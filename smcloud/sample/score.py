"""The scorecard: products against the sample world's truth, every share by area."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from smcloud.errors import GridError
from smcloud.sample.coefficients import DRIVERS
from smcloud.sample.truth import CLASSES, DETECTABLE, NO_DRIVER, NOT_SIGNIFICANT
from smcloud.stats.area import cell_area

SIGNIFICANT = 0.05
# Rejections of the OLS t test at n = 22 without a trend: the mean over worlds. One world scatters around it,
# because its neighbours go together, so it gets no verdict.
NULL_REJECTION = {0.0: 0.050, 0.2: 0.105, 0.4: 0.188}


def scorecard(truth: xr.Dataset, trend: xr.Dataset, drivers: xr.Dataset, ddww: xr.Dataset) -> dict[str, Any]:
    """Scores of a run on the sample world; all floats, NaN where nothing can be scored (as None).

    ``truth`` as stored in ``truth.zarr``; the products on the same cells, latitude in either order:
    ``trend`` (slope, p_value; p_value_with_breaks where it is there), ``drivers`` (dominant_driver), ``ddww``
    (ddww_class). Cells without a value in a product count as missed. Raises :class:`GridError` where the cells differ.
    """
    truth = truth.sortby("lat")
    slope, p_value = (_on(truth, trend[name]) for name in ("slope", "p_value"))
    mapped_class, dominant = _on(truth, ddww["ddww_class"]), _names(_on(truth, drivers["dominant_driver"]), drivers)
    area = np.broadcast_to(cell_area(truth["lat"], truth["lon"]).transpose("lat", ...).values, slope.shape)
    beta, delta, wanted_class = (truth[name].values for name in ("beta", "delta", "ddww_class"))
    land = truth["land_mask"].values == 1
    step = truth["sensor_step"].values == 1

    def share(hit: np.ndarray, among: np.ndarray) -> float | None:
        total = float(area[among].sum())
        return float(area[among & hit].sum()) / total if total else None

    detectable = land & (delta >= DETECTABLE)
    named = land & (truth["driver"].values >= 1) & (truth["driver"].values <= len(DRIVERS))
    scored = np.isfinite(delta) & land
    without = scored & (truth["driver"].values == NO_DRIVER)
    null = scored & (wanted_class == NOT_SIGNIFICANT)
    right = (np.sign(slope) == np.sign(beta)) & (p_value < SIGNIFICANT)
    card: dict[str, Any] = {
        "detectable": {"score": share(right, detectable), "wanted": 0.95, "area_km2": float(area[detectable].sum())},
        "driver": {"score": share(dominant == truth["driver"].values, named & scored), "wanted": 0.92},
        "driver_named_without": {"score": share(dominant > 0, without), "wanted_at_most": 0.20},
        "recall": {
            name: {"score": share(mapped_class == code, scored & (wanted_class == code)), "wanted": 0.90}
            for code, name in enumerate(CLASSES, 1)
        },
        "not_significant": {},
        "skill": _skill(slope, beta, area, scored & ~step),
    }
    for phi in np.unique(truth["phi"].values[land]):
        here = null & ~step & (truth["phi"].values == phi)
        expected = 1 - NULL_REJECTION[float(phi)] if float(phi) in NULL_REJECTION else None
        card["not_significant"][f"phi {phi:g}"] = {"score": share(mapped_class == 0, here), "expected": expected}
    card["sensor_step_called_significant"] = {"score": share(p_value < SIGNIFICANT, land & step)}
    if "p_value_with_breaks" in trend:
        p_value = _on(truth, trend["p_value_with_breaks"])
        card["sensor_step_with_break_terms"] = {"score": share(p_value < SIGNIFICANT, land & step)}
    card["unscored_share"] = {
        "weak": share((delta > 0) & (delta < DETECTABLE), land),
        "without_a_trend_to_find": share(~np.isfinite(delta), land),
        "sensor_step": share(step, land),
    }
    return card


def _on(truth: xr.Dataset, da: xr.DataArray) -> np.ndarray:
    """Values (lat, lon) on the truth's cells."""
    da = da.sortby("lat").transpose("lat", "lon")
    for axis in ("lat", "lon"):
        ours, theirs = truth[axis].values, da[axis].values
        if ours.shape != theirs.shape or not np.allclose(ours, theirs, atol=1e-4):
            raise GridError(
                "a product is not on the cells of the sample world's truth", where=f"{da.name}: {axis}",
                found=f"{theirs.size} values from {theirs[0]} to {theirs[-1]}",
                expected=f"{ours.size} values from {ours[0]} to {ours[-1]}",
                next="run on the sample world with grid: native",
            )  # fmt: skip
    return np.asarray(da.values)


def _names(code: np.ndarray, drivers: xr.Dataset) -> np.ndarray:
    """The product's codes, 1.. in the order of its ``driver`` coordinate, in the truth's order; 0 none, -1 no data."""
    out = np.where(np.isnan(code.astype(float)) | (code >= 254), -1, 0)
    for k, name in enumerate(np.atleast_1d(drivers["driver"].values).tolist(), 1):
        out[code == k] = DRIVERS.index(name) + 1 if name in DRIVERS else -1
    return out


def _skill(slope: np.ndarray, beta: np.ndarray, area: np.ndarray, where: np.ndarray) -> dict[str, float]:
    """Area-weighted Pearson r, root mean square error and mean error of the slope map, m3 m-3 yr-1."""
    import xskillscore

    use = where & np.isfinite(slope)
    if use.sum() < 3:
        return {}
    estimate, true, weights = (xr.DataArray(v[use].astype(float), dims="cell") for v in (slope, beta, area))
    scores = {"pearson_r": xskillscore.pearson_r, "rmse": xskillscore.rmse, "mean_error": xskillscore.me}
    return {name: float(score(estimate, true, dim="cell", weights=weights)) for name, score in scores.items()}
