"""The ladder of the default world, and the worlds with one property each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import linregress, nct, t

from smcloud.errors import ConfigurationError
from smcloud.sample import WORLDS, Coefficients, SampleWorld, annual_world
from smcloud.sample.coefficients import YEARS
from smcloud.sample.months import Months, dates_of
from smcloud.sample.physics import Physics, physics
from smcloud.sample.world import geography
from smcloud.stats import cell_area, fdr, pooled_trend

from .conftest import seed_of


def area_of(p: Physics) -> np.ndarray:
    return np.cos(np.deg2rad(p.geo.lat))


@pytest.mark.parametrize(("resolution", "off"), [(5.0, 0.2), (2.5, 0.05)])
def test_every_rung_has_the_same_area_at_every_autocorrelation(resolution: float, off: float) -> None:
    p = physics(resolution, Coefficients())
    area = area_of(p)
    share = np.array([[area[(p.rung == r) & (p.phi == phi)].sum() for phi in (0, 0.2, 0.4)] for r in (3, 4, 6)])
    share /= area.sum()
    assert share.min() > 0.01 and np.ptp(share) < off * share.mean(), share
    on = np.isfinite(p.rung)
    assert set(np.sign(p.beta[on])) == {-1, 1} and not p.b[on].any()
    assert not (p.geo.late_start | p.geo.gap | p.geo.dense | ~p.geo.alive)[on].any()
    no_trend = area * (p.g == 0).all(axis=1)
    assert no_trend[on].sum() == pytest.approx(area[on].sum())  # no driver that trends comes near


@pytest.mark.slow
def test_the_power_of_least_squares_on_the_ladder_is_that_of_a_noncentral_t() -> None:
    p = physics(5.0, Coefficients())
    white = np.isfinite(p.rung) & (p.phi == 0)
    full = np.ones((p.geo.lat.size, len(YEARS)), bool)
    delta = np.abs(p.beta / p.slope_se(full, np.zeros(p.geo.lat.size)))
    critical = t.ppf(0.975, 20)
    exact = {r: nct.sf(critical, 20, delta[white & (p.rung == r)]).mean() for r in (3, 4, 6)}
    found: dict[int, list[float]] = {3: [], 4: [], 6: []}
    for seed in range(seed_of("rung"), seed_of("rung") + 40):
        u = SampleWorld(seed).unexplained[:, 1 : 1 + len(YEARS)]
        for rung, hits in found.items():
            cells = np.flatnonzero(white & (p.rung == rung))
            fits = [(linregress(YEARS, p.beta[c] * np.asarray(YEARS) + u[c]), np.sign(p.beta[c])) for c in cells]
            hits.append(np.mean([fit.pvalue < 0.05 and fit.slope * sign > 0 for fit, sign in fits]))
    series = SampleWorld(seed).anomaly[:, 1 : 1 + len(YEARS)]  # no more than that is in the series
    years = np.asarray(YEARS) + 0.5 - 2011
    np.testing.assert_allclose(series[white], p.beta[white, None] * years + u[white], atol=1e-15)
    for rung, hits in found.items():
        assert np.mean(hits) == pytest.approx(exact[rung], abs=0.04), rung
    assert 0.80 < np.mean(found[3]) < 0.92 < np.mean(found[4]) < np.mean(found[6])


@pytest.mark.parametrize("name", WORLDS)
def test_every_world_stays_in_the_range_of_its_variables(name: str) -> None:
    months = Months(SampleWorld(31, coefficients=WORLDS[name]))
    for year in (2000, 2021):
        rain, deluge = months.precipitation(year)
        assert min(rain.min(), deluge.min()) >= 0
        assert months.soil_moisture(year).min() > 0 and months.soil_moisture(year).max() < 0.6
        leaves = months.lai(year, dates_of(year)[::8])
        assert leaves.min() >= 0 and leaves.max() < 10 and leaves[months.geo.lai_mean > 0].min() > 0
        assert months.soil_temperature(year).min() > 200 and months.soil_temperature(year).max() < 330


def test_a_world_without_trends() -> None:
    p = physics(5.0, WORLDS["without trends"])
    assert (p.beta == 0).all() and (p.g == 0).all() and not np.isfinite(p.rung).any()
    assert not np.isfinite(annual_world(1, coefficients=WORLDS["without trends"])[1]["rung"]).any()


def ddww_share(coefficients: Coefficients) -> tuple[float, float]:
    """The share of dry-drier and wet-wetter in the changed land, and that of zones and directions apart."""
    geo = geography(5.0, coefficients)
    area = np.cos(np.deg2rad(geo.lat)) * (geo.direction != 0)
    area /= area.sum()
    dry, wet, drier = geo.zone == 1, geo.zone == 3, geo.direction < 0
    both = area[(dry & drier) | (wet & ~drier)].sum()
    return both, area[dry].sum() * area[drier].sum() + area[wet].sum() * area[~drier].sum()


def test_drawn_directions_know_nothing_of_the_zones_but_by_an_association() -> None:
    excess = np.array([np.subtract(*ddww_share(Coefficients(drawn_directions=k))) for k in range(1, 25)])
    error = excess.std(ddof=1) / np.sqrt(excess.size)
    assert abs(excess.mean()) < 2.5 * error and 0.005 < error < 0.04
    more = [np.subtract(*ddww_share(Coefficients(drawn_directions=k, association=0.5))) for k in range(1, 7)]
    assert (more - excess[:6]).min() > 0.05
    with pytest.raises(ConfigurationError, match="drawn directions"):
        Coefficients(association=0.5)


def test_the_idle_driver_warms_by_four_standard_deviations_and_does_nothing() -> None:
    p = physics(5.0, WORLDS["idle driver"])
    assert not p.b[:, 1].any() and p.b[:, 0].any() and p.b[:, 2].any()
    change = p.g[:, 1] * (len(YEARS) - 1) / np.sqrt(p.noise_covariance[:, 1, 1])
    assert np.median(change) == pytest.approx(4) and change.min() > 3.5 and change.max() < 4.5
    np.testing.assert_allclose(p.beta, p.a + p.b[:, 0] * p.g[:, 0] + p.b[:, 2] * p.g[:, 2])
    annual, truth = annual_world(2, coefficients=WORLDS["idle driver"])
    assert (truth["driver"] != 2).all()
    first, last = (annual["soil_temperature"].isel(year=part).mean() for part in (slice(0, 11), slice(11, 22)))
    assert float(last - first) == pytest.approx(11 * float(p.g[0, 1]), rel=0.1)


@pytest.mark.parametrize("resolution", [5.0, 2.5])
def test_the_south_dries_with_latitude(resolution: float) -> None:
    p = physics(resolution, WORLDS["drying with latitude"])
    south = (p.geo.lat < 0) & p.geo.alive
    np.testing.assert_allclose(p.beta[south], 4e-5 * p.geo.lat[south], rtol=1e-12)
    bands = [p.beta[south & (np.floor(p.geo.lat / 10) == k)].mean() for k in (-5, -4, -3, -2, -1)]
    assert (np.diff(bands) > 0).all() and max(bands) < 0
    north = p.geo.lat > 10
    assert (p.beta[north] > 0).any() and (p.beta[north] < 0).any() and (p.beta[north] == 0).any()
    assert (p.beta == 0).mean() >= 0.2


def test_precipitation_acts_where_it_is_wet_and_leaves_where_it_is_dry() -> None:
    p = physics(5.0, WORLDS["crossover of drivers"])
    named = p.geo.driver >= 0
    wet = p.geo.aridity >= 0.65
    assert set(p.geo.driver[named & wet]) == {0} and set(p.geo.driver[named & ~wet]) == {2}
    assert not p.b[:, 1].any() and p.sm_mean[named & wet].min() > p.sm_mean[named & ~wet].max()
    _, truth = annual_world(3, coefficients=WORLDS["crossover of drivers"])
    code, zone = truth["driver"].values, truth["zone"].values
    assert (code[zone == 3] != 3).all() and (code[zone < 3] != 1).all()
    assert (code == 1).sum() > 50 and (code == 3).sum() > 50


def test_the_record_drifts_in_its_region_from_2010_on() -> None:
    drifting = Months(SampleWorld(7, coefficients=WORLDS["drifting record"]))
    sound = Months(SampleWorld(7, coefficients=replace(WORLDS["drifting record"], sensor_drift=1e-12)))
    region = drifting.geo.sensor_drift
    assert 15 < region.sum() < 60 and not (drifting.p.beta[region]).any() and not drifting.p.geo.rung[region].max() >= 0
    for year, first in ((2009, 0.0), (2010, 1e-3 / 24), (2021, 11e-3 + 1e-3 / 24)):
        off = drifting.soil_moisture(year) - sound.soil_moisture(year)
        np.testing.assert_allclose(off[region, 0], first, atol=1e-9)
        assert np.abs(off[~region]).max() == 0
    assert not geography(5.0).sensor_drift.any()
    truth = annual_world(7, coefficients=WORLDS["drifting record"])[1]
    assert (truth["ddww_class"].values[truth["sensor_drift"].values == 1] == 0).all()


@pytest.mark.slow
def test_pooled_trends_keep_their_promise_in_a_world_of_one_autocorrelation() -> None:
    """Size at 5 %, realised false discoveries and power after BH: the mean over worlds, within its scatter."""
    shares = []
    for seed in range(seed_of("pool"), seed_of("pool") + 12):
        annual, truth = annual_world(seed, coefficients=WORLDS["one autocorrelation"])
        area = cell_area(truth["lat"], truth["lon"]).transpose("lat", ...).broadcast_like(truth["beta"])
        years = annual["soil_moisture"].assign_coords(year=annual["year"].astype(float))
        trend = pooled_trend(years, area, dim="year", min_valid=15)
        called = fdr(trend["p_value"])["p_adjusted"] <= 0.05
        null, real = truth["delta"] == 0, truth["delta"] > 0
        rungs = [truth["rung"] == rung for rung in (3, 4, 6)]
        right = called & (np.sign(trend["slope"]) == np.sign(truth["beta"]))
        pairs = [(trend["p_value"] < 0.05, null), (null, called & (null | real)), *((right, rung) for rung in rungs)]
        shares.append([float(area.where(hit & among, 0).sum() / area.where(among, 0).sum()) for hit, among in pairs])
        assert float(trend["r1_pooled"].median()) == pytest.approx(0.4, abs=0.12)
    size, false, three, four, six = np.mean(shares, axis=0)
    error = np.std(shares, axis=0, ddof=1) / np.sqrt(len(shares))
    assert abs(size - 0.05) < 3 * error[0] < 0.03 and false < 0.05 + 3 * error[1] < 0.1
    assert 0.4 < three < 0.7 and four > 0.75 and six > 0.97
