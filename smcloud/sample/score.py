"""The scorecard: products against the sample world's truth, every share by area."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from smcloud.config import RunConfig
from smcloud.errors import GridError
from smcloud.sample.coefficients import DRIVERS
from smcloud.sample.driver_power import lead_power
from smcloud.sample.expected import YEARS, expected_false_alarms, expected_power
from smcloud.sample.truth import CLASSES, DETECTABLE, NO_DATA, NO_DRIVER, NOT_SIGNIFICANT
from smcloud.stats.area import cell_area

SIGNIFICANT = 0.05
MOSTLY = 0.9  # of the cells that a score is about must have the years of the tables


def scorecard(
    truth: xr.Dataset, trend: xr.Dataset, drivers: xr.Dataset, ddww: xr.Dataset, config: RunConfig | None = None,
    annual: xr.Dataset | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Scores of a run on the sample world: shares by area, None where there is nothing to score.

    ``truth`` as stored in ``truth.zarr``; the products on the same cells, latitude in either order: ``trend`` (slope,
    p_value, significant; n_years and p_value_with_breaks where they are there), ``drivers`` (dominant_driver;
    trend_contribution where it is there), ``ddww`` (ddww_class). Cells without a value in a product count as missed.
    ``config``, that of the run, adds what simulations expect; with its ``annual`` product, what the test of the drivers
    can name (:func:`~smcloud.sample.driver_power.lead_power`). Raises :class:`GridError` where the cells differ.
    """
    truth = truth.sortby("lat")
    maps = _Maps(truth, trend, config)
    delta, wanted_class, driver = (truth[name].values for name in ("delta", "ddww_class", "driver"))
    mapped_class, dominant = _on(truth, ddww["ddww_class"]), _names(_on(truth, drivers["dominant_driver"]), drivers)
    strong = maps.scored & (delta >= DETECTABLE)
    named, without = maps.scored & (driver >= 1) & (driver <= len(DRIVERS)), maps.scored & (driver == NO_DRIVER)
    found = maps.share(maps.right & maps.below, strong)
    return {
        "detectable": {"score": found, "wanted": 0.95, "area_km2": float(maps.area[strong].sum())}
        | _without(maps, ~np.isfinite(maps.slope), strong),
        "power": _power(maps),
        "false_alarms": _false_alarms(maps),
        "false_discoveries": _false_discoveries(maps),
        "recall": {
            name: {"score": maps.share(mapped_class == code, here), "wanted": 0.90}
            | _without(maps, mapped_class == NO_DATA, here)
            for code, name in enumerate(CLASSES, 1)
            for here in (maps.scored & (wanted_class == code),)
        },
        "driver": {"score": maps.share(dominant == driver, named)}
        | _nameable(maps, named, annual)
        | _without(maps, ~np.isfinite(maps.slope), named),
        "driver_named_without": {"score": maps.share(dominant > 0, without), "wanted_at_most": 0.20},
        **_idle(maps, drivers, dominant),
        "skill": _skill(maps.slope, maps.beta, maps.area, maps.scored & ~maps.instrument),
        **_instrument(maps, trend),
        "unscored_share": {
            "weak": maps.share((delta > 0) & (delta < DETECTABLE) & ~np.isfinite(truth["rung"].values), maps.land),
            "without_a_trend_to_find": maps.share(~np.isfinite(delta), maps.land),
            "sensor_step": maps.share(maps.instrument, maps.land),
        },
    }


class _Maps:
    """The truth and the trend product on its cells, as arrays (lat, lon)."""

    def __init__(self, truth: xr.Dataset, trend: xr.Dataset, config: RunConfig | None) -> None:
        self.truth, self.config = truth, config
        self.slope = _on(truth, trend["slope"])
        self.p_value = _on(truth, trend["p_value"])
        self.called = _on(truth, trend["significant"]) == 1
        self.years = _on(truth, trend["n_years"]) if "n_years" in trend else truth["n_years"].values
        area = cell_area(truth["lat"], truth["lon"]).transpose("lat", ...).values
        self.area = np.broadcast_to(area, self.slope.shape)
        self.beta, self.phi = truth["beta"].values, truth["phi"].values
        self.land = truth["land_mask"].values == 1
        self.instrument = (truth["sensor_step"].values == 1) | (truth["sensor_drift"].values == 1)
        self.scored = self.land & np.isfinite(truth["delta"].values)
        self.null = self.scored & (truth["ddww_class"].values == NOT_SIGNIFICANT) & ~self.instrument
        self.right = np.sign(self.slope) == np.sign(self.beta)
        self.below = self.p_value < SIGNIFICANT
        self.levels = [float(level) for level in np.unique(self.phi[self.land])]

    def share(self, hit: np.ndarray, among: np.ndarray) -> float | None:
        """Share of the area of ``among`` that is hit."""
        total = float(self.area[among].sum())
        return float(self.area[among & hit].sum()) / total if total else None

    def row(self, hit: np.ndarray, here: np.ndarray) -> dict[str, Any]:
        """A score with the number of its cells and their area."""
        return {"score": self.share(hit, here), "n_cells": int(here.sum()), "area_km2": float(self.area[here].sum())}

    def expects(self, here: np.ndarray) -> bool:
        """Whether the tables, which are for one number of years, are about the cells ``here``."""
        return bool(here.any()) and float((self.years[here] == YEARS).mean()) >= MOSTLY


def _power(maps: _Maps) -> dict[str, Any]:
    """What the rule of the run finds of each rung of the ladder, with the right sign, at each autocorrelation."""
    rung, delta = maps.truth["rung"].values, maps.truth["delta"].values
    out: dict[str, Any] = {}
    for height in np.unique(rung[np.isfinite(rung)]):
        rows = out.setdefault(f"delta {height:g}", {})
        for level in maps.levels:
            here = maps.scored & (rung == height) & (maps.phi == level)
            expected = expected_power(maps.config, height, level) if maps.config and maps.expects(here) else {}
            mean = float(np.average(delta[here], weights=maps.area[here])) if here.any() else None
            rows[f"phi {level:g}"] = maps.row(maps.right & maps.called, here) | {"mean_delta": mean} | expected
    return out


def _false_alarms(maps: _Maps) -> dict[str, Any]:
    """What the rule of the run calls where there is no trend, at each autocorrelation.

    No verdict: one world scatters around what is expected, because its neighbours go together.
    """
    out: dict[str, Any] = {}
    for level in maps.levels:
        here = maps.null & (maps.phi == level)
        expected = expected_false_alarms(maps.config, level) if maps.config and maps.expects(here) else {}
        out[f"phi {level:g}"] = maps.row(maps.called, here) | expected
    return out


def _false_discoveries(maps: _Maps) -> dict[str, Any]:
    """The share without a trend of the area that is called; correction for many cells keeps it below alpha."""
    row = maps.row(maps.null, maps.called & maps.scored & ~maps.instrument)
    corrects = maps.config is not None and maps.config.trend.significance == "p_adjusted"
    return row | ({"expected_at_most": maps.config.alpha} if maps.config and corrects else {})


def _without(maps: _Maps, missing: np.ndarray, among: np.ndarray) -> dict[str, float]:
    """The share that has no result and so is missed, where there is one."""
    share = maps.share(missing, among)
    return {"without_a_result": share} if share else {}


def _nameable(maps: _Maps, named: np.ndarray, annual: xr.Dataset | None) -> dict[str, float | str | None]:
    """What is wanted of the largest r; of drivers whose lead is tested, what the test can name."""
    if maps.config is None or maps.config.drivers.dominant != "p_adjusted":
        return {"wanted": 0.92}
    if annual is None or "drivers" not in maps.truth:
        return {}
    power = lead_power(maps.truth, annual.sortby("lat"), maps.config)
    whole = float(maps.area[named].sum())
    expected = float((maps.area * power)[named].sum()) / whole if whole else None
    return {"expected": expected, "expected_from": "the power of the test in each cell; 0 where the run has no result"}


def _instrument(maps: _Maps, trend: xr.Dataset) -> dict[str, Any]:
    """What is called a trend where only the sensors changed."""
    step, drift = (maps.land & (maps.truth[name].values == 1) for name in ("sensor_step", "sensor_drift"))
    card = {"sensor_step_called_significant": {"score": maps.share(maps.below, step)}}
    if "p_value_with_breaks" in trend:
        below = _on(maps.truth, trend["p_value_with_breaks"]) < SIGNIFICANT
        card["sensor_step_with_break_terms"] = {"score": maps.share(below, step)}
    if drift.any():
        card["sensor_drift_called_significant"] = {"score": maps.share(maps.below, drift)}
    return card


def _idle(maps: _Maps, drivers: xr.Dataset, dominant: np.ndarray) -> dict[str, Any]:
    """Scores of each driver that trends and does nothing: where it is named, and the part of the trend it is given."""
    out: dict[str, Any] = {}
    for k, name in enumerate(DRIVERS):
        b, g = (maps.truth[key].sel(driver_name=name).values for key in ("b", "g"))
        if np.nanmax(np.abs(b)) > 0 or not np.nanmax(np.abs(g)) > 0:
            continue
        out[f"idle_{name}_named"] = {"score": maps.share(dominant == k + 1, maps.scored)}
        if "trend_contribution" in drivers:
            part = _on(maps.truth, drivers["trend_contribution"].sel(driver=name)) * np.sign(maps.beta)
            use = np.isfinite(part) & maps.scored & (maps.beta != 0)
            whole, given = (float((maps.area * each)[use].sum()) for each in (np.abs(maps.beta), part))
            out[f"idle_{name}_contribution"] = {"score": given / whole if whole else None}
    return out


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
