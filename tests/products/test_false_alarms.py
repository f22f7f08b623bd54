"""The two presets where there is no trend: on a hand-made field, and on twenty-four sample worlds."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from smcloud.errors import GridError
from smcloud.products.false_alarms import false_alarms
from smcloud.products.trend import trend_fields, trend_maps
from smcloud.sample import annual_world
from smcloud.sample.coefficients import WORLDS, Coefficients

from .conftest import make_config
from .test_ddww import area

LEVELS = (0.0, 0.2, 0.4)


def field(values: object) -> xr.DataArray:
    lat, lon = np.arange(-75.0, 90, 30), np.arange(-157.5, 180, 45)
    full = np.broadcast_to(np.asarray(values), (6, 8)).copy()
    return xr.DataArray(full, dims=("lat", "lon"), coords={"lat": lat, "lon": lon})


def test_shares_against_a_plain_loop() -> None:
    rng = np.random.default_rng(4)
    slope = np.where(rng.random((6, 8)) < 0.2, np.nan, rng.normal(size=(6, 8)))
    p = np.where(np.isnan(slope), np.nan, rng.random((6, 8)) * 0.2)
    p[0, :2], slope[0, :2] = np.nan, 1.0  # a slope that no test can judge is no alarm
    called = np.where(np.isnan(slope), 255, rng.random((6, 8)) < 0.3).astype("uint8")
    null, kind = rng.random((6, 8)) < 0.7, rng.choice([0.0, 0.4], (6, 8))
    trend = xr.Dataset({"slope": field(slope), "p_value": field(p), "significant": field(called)})
    got = false_alarms(trend, field(null), field(kind), (0.0, 0.4, 0.9), make_config())
    for level in (0.0, 0.4):
        chosen = null & (kind == level) & np.isfinite(slope)
        cells = [(i, j) for i, j in np.ndindex(6, 8) if chosen[i, j]]
        whole = sum(area(i) for i, _ in cells)
        row = got.sel(level=level)
        assert int(row["n_cells"]) == len(cells)
        assert float(row["covered_area_km2"]) == pytest.approx(whole, rel=1e-12)
        for name, hit in (("significant_share", called == 1), ("rejected_share", p < 0.05)):
            assert float(row[name]) == pytest.approx(sum(area(i) for i, j in cells if hit[i, j]) / whole, rel=1e-12)
    none = got.sel(level=0.9)
    assert np.isnan(none["significant_share"]) and int(none["n_cells"]) == 0


def test_other_cells_are_refused() -> None:
    trend = xr.Dataset({name: field(0.1) for name in ("slope", "p_value", "significant")})
    shifted = field(1.0).assign_coords(lat=np.arange(-75.0, 90, 30) + 1e-7)
    with pytest.raises((GridError, ValueError)):
        false_alarms(trend, shifted > 0, shifted, (1.0,), make_config())


def alarms_of(preset: str, seeds: range, world: Coefficients) -> tuple[xr.Dataset, xr.Dataset]:
    """The mean false alarms of a preset over worlds, and their standard errors."""
    config, found = make_config(preset=preset), []
    for seed in seeds:
        annual, truth = annual_world(9100 + seed, coefficients=world)
        null = (truth["beta"] == 0) & (truth["constant"] == 0) & (truth["sensor_step"] == 0)
        trend = trend_maps(annual, config)
        trend = trend.assign(trend_fields(trend, config, annual))
        found.append(false_alarms(trend, null, truth["phi"], sorted(set(world.phi)), config))
    every = xr.concat(found, dim="seed")
    assert (every["n_cells"] > 25).all()  # the ladder has taken its part of the land without a trend
    return every.mean("seed"), every.std("seed", ddof=1) / np.sqrt(len(seeds))


@pytest.mark.slow
def test_the_study_has_more_false_alarms_than_its_level() -> None:
    share, error = alarms_of("peng2023", range(24), Coefficients(phi=LEVELS))
    for level, expected in zip(LEVELS, (0.050, 0.105, 0.188), strict=True):
        beyond = 4 * float(error["significant_share"].sel(level=level))
        assert float(share["significant_share"].sel(level=level)) == pytest.approx(expected, abs=beyond)
        assert level == 0 or float(share["significant_share"].sel(level=level)) > 0.07
    np.testing.assert_array_equal(share["significant_share"], share["rejected_share"])


@pytest.mark.slow
@pytest.mark.parametrize("phi", LEVELS)
def test_rigorous_keeps_its_level_where_neighbours_share_their_autocorrelation(phi: float) -> None:
    share, error = alarms_of("rigorous", range(16), replace(WORLDS["one autocorrelation"], phi=(phi, phi, phi)))
    wrong = 3 * float(error["rejected_share"].sel(level=phi))
    assert 0.02 - wrong <= float(share["rejected_share"].sel(level=phi)) <= 0.06 + wrong
    assert float(share["significant_share"].sel(level=phi)) <= 0.05


@pytest.mark.slow
def test_few_of_the_trends_that_rigorous_finds_are_none() -> None:
    """The share of what it calls significant that has no trend: what its rule is to keep below 5 %."""
    found: dict[str, list[float]] = {"peng2023": [], "rigorous": []}
    size = []
    for seed in range(12):
        annual, truth = annual_world(9100 + seed)
        null = (truth["beta"] == 0) & (truth["constant"] == 0)
        for preset, shares in found.items():
            config = make_config(preset=preset)
            trend = trend_maps(annual, config)
            trend = trend.assign(trend_fields(trend, config, annual))
            called = trend["significant"] == 1
            shares.append(float((called & null).sum() / called.sum()))
        size.append(float((trend["p_value"] < 0.05).where(null & (truth["phi"] == 0.4)).mean()))
    assert np.mean(found["rigorous"]) <= 0.05 and np.mean(found["rigorous"]) < np.mean(found["peng2023"])
    # Cells without a trend have the autocorrelation of the rest alone, others that of their drivers too: no pool is of
    # one kind here, and no size is promised.
    assert 0.06 < np.mean(size) < 0.2


@pytest.mark.slow
def test_strong_trends_are_found_by_both_presets() -> None:
    annual, truth = annual_world(9100)
    strong = truth["delta"] >= 4
    share = {}
    for preset in ("peng2023", "rigorous"):
        config = make_config(preset=preset)
        trend = trend_maps(annual, config)
        trend = trend.assign(trend_fields(trend, config, annual))
        right = (trend["significant"] == 1) & (np.sign(trend["slope"]) == np.sign(truth["beta"]))
        share[preset] = float(right.where(strong).mean())
        prewhitened = (trend["pw3_p_value"] < 0.05) if "pw3_p_value" in trend else None
    assert share["peng2023"] > 0.95 and share["rigorous"] > 0.9
    assert prewhitened is not None and float(prewhitened.where(strong).mean()) < 0.7  # it removes much of the trend
