"""The fixed geography holds everything that the truth needs, at every resolution."""

from __future__ import annotations

import numpy as np
import pytest

from smcloud.sample import Coefficients, annual_world
from smcloud.sample.world import geography

LIMITS = (0.05, 0.2, 0.5, 0.65)


@pytest.mark.parametrize("resolution", [5.0, 2.5])
def test_land_zones_and_declared_regions(resolution: float) -> None:
    geo = geography(resolution)
    area = np.cos(np.deg2rad(geo.lat))
    everywhere = np.cos(np.deg2rad(np.linspace(90 - resolution / 2, -90 + resolution / 2, geo.land.shape[0])))
    share = area.sum() / (everywhere.sum() * geo.land.shape[1])
    assert 0.25 <= share <= 0.32
    assert np.abs(geo.aridity[:, None] - np.array(LIMITS)).min() >= 0.03 - 1e-12
    assert ((geo.zone == 1) == (geo.aridity < 0.5)).all() and ((geo.zone == 3) == (geo.aridity >= 0.65)).all()
    for region in ("dense", "late_start", "gap", "sensor_step", "constant", "empty", "deluge", "second", "weak"):
        assert getattr(geo, region).any(), region
    assert (geo.snow[geo.lat > 65] == 5).all() and (geo.snow[np.abs(geo.lat) < 50] == 0).all()
    assert (geo.zone[geo.late_start] == 3).all()
    assert (geo.lai_mean[geo.aridity < 0.05] == 0).all() and (geo.lai_mean[geo.aridity > 0.2] > 0.5).all()
    assert {int(c) for c in np.unique(geo.phi_kind)} == {0, 1, 2}


def test_strata_have_something_to_answer() -> None:
    geo = geography(5.0)
    assert {12, 9, 16, 10} < set(geo.land_cover.tolist()) and np.isin(geo.land_cover, (1, 2, 4)).any()
    assert (np.histogram(geo.elevation, [-500, 200, 500, 1000, 2000, 9000])[0] >= 30).all()
    assert np.ptp(geo.clay) > 30 and np.ptp(geo.sand) > 50
    assert ((geo.clay + geo.sand) <= 100).all() and (geo.clay > 0).all() and (geo.sand > 0).all()


@pytest.mark.parametrize("resolution", [5.0, 2.5])
def test_every_class_driver_and_null_is_there_in_the_promised_share(resolution: float) -> None:
    _, truth = annual_world(3, resolution)
    land = truth["land_mask"].values == 1
    beta, delta, driver, code = (truth[name].values[land] for name in ("beta", "delta", "driver", "ddww_class"))
    cells = (5 / resolution) ** 2
    counts = np.bincount(code, minlength=7)
    assert (counts[1:7] >= 35 * cells).all(), counts
    assert (beta == 0).mean() >= 0.20
    assert (driver == 0).mean() >= 0.10
    assert 0.04 <= ((delta > 0) & (delta < 4)).mean() <= 0.15
    off_the_ladder = ~np.isfinite(truth["rung"].values[land])
    middle = np.nanquantile(delta[(delta >= 4) & off_the_ladder], [0.05, 0.95])
    assert middle[0] >= 7 and middle[1] <= 12
    for k in (1, 2, 3):
        assert (driver == k).sum() >= 50 * cells
    signs = [set(np.sign(truth["b"].values[k][land]).astype(int)) - {0} for k in range(3)]
    assert signs == [{1}, {-1}, {1, -1}]
    phi = truth["phi"].values[land]
    quiet = beta == 0
    assert all((quiet & (phi == value)).sum() >= 40 * cells for value in (0.0, 0.2, 0.4))
    b = truth["b"].values[:, land]
    assert (b[:, quiet & (phi > 0)] == 0).all()  # there the autocorrelation alone shapes the series


def test_patches_hang_together() -> None:
    geo = geography(5.0)
    field = np.zeros(geo.shape)
    field[geo.land] = geo.direction
    pair = geo.land[:, 1:] & geo.land[:, :-1]
    same = (field[:, 1:] == field[:, :-1])[pair].mean()
    share = np.array([(geo.direction == d).mean() for d in (-1, 0, 1)])
    assert same > (share**2).sum() + 0.25


def test_coefficients_shape_the_world() -> None:
    _, none = annual_world(5, coefficients=Coefficients(trend_strength=0.0))
    assert (none["beta"].fillna(0) == 0).all()
    _, other = annual_world(5, coefficients=Coefficients(phi=(0.0, 0.0, 0.6)))
    assert set(np.unique(other["phi"].values[other["land_mask"].values == 1])) == {0.0, 0.6}
