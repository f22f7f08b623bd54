"""What a year holds adds up to the annual values, exactly."""

from __future__ import annotations

import numpy as np
import pytest

from smcloud.sample import SampleWorld
from smcloud.sample.climate import SPUN_UP
from smcloud.sample.coefficients import FIRST_YEAR, YEARS
from smcloud.sample.months import Months, dates_of, months_of


@pytest.fixture(scope="module")
def months(world: SampleWorld) -> Months:
    return Months(world)


@pytest.mark.parametrize("year", [2000, 2013, 2021])
def test_months_add_up_to_the_annual_drivers(world: SampleWorld, months: Months, year: int) -> None:
    k = YEARS.index(year)
    even, deluge = months.precipitation(year)
    p = world.physics
    np.testing.assert_allclose(p.to_cells(even.sum(axis=1) + deluge), world.drivers[:, k, 0], rtol=1e-10)
    heat = p.to_cells(months.soil_temperature(year).mean(axis=1))
    np.testing.assert_allclose(heat, world.drivers[:, k, 1], rtol=1e-12)
    days = dates_of(year)[::8]
    length = np.diff(np.append(days, np.datetime64(f"{year + 1}-01-01"))).astype(int)
    lai = (months.lai(year, days) * length).sum(axis=1) / length.sum()
    np.testing.assert_allclose(lai, world.drivers[:, k, 2], atol=0.01)


def test_months_add_up_to_the_annual_soil_moisture(world: SampleWorld, months: Months) -> None:
    year = 2005
    wanted = world.physics.sm_mean + world.anomaly[:, SPUN_UP.index(year)]
    np.testing.assert_allclose(months.soil_moisture(year).mean(axis=1), wanted, atol=1e-12)
    after = months.soil_moisture(2010).mean(axis=1) - world.physics.sm_mean - world.anomaly[:, SPUN_UP.index(2010)]
    step = world.physics.coefficients.sensor_step * world.geo.sensor_step
    np.testing.assert_allclose(after, step, atol=1e-12)
    half = months.soil_moisture(2007).mean(axis=1) - world.physics.sm_mean - world.anomaly[:, SPUN_UP.index(2007)]
    np.testing.assert_allclose(half, step / 2, atol=1e-12)


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_rain_is_never_cut_at_zero(seed: int) -> None:
    months = Months(SampleWorld(seed))
    for year in (1999, *range(FIRST_YEAR, 2023)):
        even, deluge = months.precipitation(year)
        assert even.min() >= 0 and deluge.min() >= 0


def test_deluge_carries_most_of_what_a_year_differs_by(world: SampleWorld, months: Months) -> None:
    p, where = world.physics, world.geo.deluge
    deluge = np.stack([p.to_cells(months.precipitation(y)[1]) for y in SPUN_UP], axis=-1)[where]
    rain = world.driver_noise[where, :, 0]
    assert (deluge[:, 1:].std(axis=1) > 0.8 * rain.std(axis=1)).mean() > 0.95
    shifted = rain[:, 1:] - deluge[:, 1:] + deluge[:, :-1]
    r = [np.corrcoef(a, b)[0, 1] for a, b in zip(rain[:, 1:], shifted, strict=True)]
    assert np.median(r) < 0.4


def test_gaps_are_not_at_random(world: SampleWorld, months: Months) -> None:
    geo = world.geo
    seen_2003, seen_2005 = (months.measured(y, dates_of(y)) for y in (2003, 2005))
    assert not seen_2005[geo.gap].any() and seen_2003[geo.gap & ~geo.late_start].mean() > 0.7
    assert not seen_2003[geo.late_start].any() and months.measured(2010, dates_of(2010))[geo.late_start].mean() > 0.7
    assert not seen_2003[geo.empty].any()
    thaw = [months.flags(y, dates_of(y))[:, months_of(dates_of(y)) == 3] for y in (2000, 2010, 2021)]
    april = dict(zip((2000, 2010, 2021), [(f[geo.snow > 0] == 1).mean() for f in thaw], strict=True))
    assert april[2000] == 1 and 0.4 < april[2010] < 0.65 and april[2021] < 0.05
    days = dates_of(2003)
    flags = months.flags(2003, days)
    assert (flags[geo.dense][:, np.isin(months_of(days), (4, 5, 6, 7))] == 2).all()
    wet = world.physics.sm_mean
    assert wet[geo.late_start].mean() > wet.mean() + 0.08
