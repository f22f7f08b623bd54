"""Definitions of the truth: rho, the named driver, the class; the annual world's form."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from smcloud.sample import annual_world
from smcloud.sample.truth import _class, _named
from smcloud.stats import partial_correlation

DRIVERS = ["precipitation", "soil_temperature", "lai"]


def test_annual_world_is_the_annual_product_without_gaps() -> None:
    annual, truth = annual_world(8)
    assert annual["soil_moisture"].dims == ("year", "lat", "lon") and annual.sizes == {"year": 22, "lat": 36, "lon": 72}
    assert list(annual["year"].values) == list(range(2000, 2022)) and annual["lat"].values[0] == -87.5
    assert {"soil_moisture", "n_months", *DRIVERS} <= set(annual.data_vars)
    land = truth["land_mask"].values == 1
    full = land & (truth["empty"].values == 0)
    assert np.isfinite(annual["soil_moisture"].values[:, full]).all()
    assert np.isnan(annual["soil_moisture"].values[:, ~full]).all()
    assert (annual["soil_moisture"].max() < 1) and (annual["soil_moisture"].min() > 0)
    area = np.cos(np.deg2rad(truth["lat"])) * xr.where(np.isfinite(truth["beta"]), 1.0, 0.0)
    np.testing.assert_allclose(truth.attrs["global_slope"], float((truth["beta"].fillna(0) * area).sum() / area.sum()))
    again, _ = annual_world(8)
    xr.testing.assert_identical(annual, again)


def test_named_driver_follows_size_and_lead() -> None:
    rho = np.array([[0.9, 0.1, 0.0], [-0.2, -0.95, 0.3], [0.55, 0, 0], [0.8, 0.75, 0], [0, 0, 0], [0.1, 0.0, -0.61]])
    assert _named(rho, (rho != 0).astype(float)).tolist() == [1, 2, 254, 254, 0, 3]


def test_class_follows_zone_sign_and_delta() -> None:
    zone = np.array([1, 1, 3, 3, 2, 2, 1, 1, 2])
    beta = np.array([-1, 1, -1, 1, -1, 1, 0, 1, -1.0])
    delta = np.array([4, 5, 6, 7, 8, 9, 0, 3.99, np.nan])
    assert _class(zone, beta, delta).tolist() == [1, 2, 3, 4, 5, 6, 0, 254, 254]


@pytest.mark.slow
def test_rho_is_what_sample_partial_correlations_scatter_about() -> None:
    r, rho = [], []
    for seed in range(25):
        annual, truth = annual_world(9000 + seed)
        r.append(partial_correlation(annual["soil_moisture"], annual[DRIVERS], dim="year")["r"].values)
        rho.append(truth["rho"].values)
    named = (truth["driver"].values >= 1) & (truth["driver"].values <= 3)
    k = truth["driver"].values[named].astype(int) - 1
    pick = lambda v: np.stack([x[:, named][k, np.arange(k.size)] for x in v])  # noqa: E731
    z = (np.arctanh(pick(r)) - np.arctanh(pick(rho))) * np.sign(pick(rho))
    white = truth["phi"].values[named] == 0
    bias = (np.log(19 / 18) + 1 / 18) / 2  # degrees of freedom of driver and residual, and the mean log of a chi-square
    assert abs(z[:, white].mean() - bias) < 0.02
    assert 0.15 < z.std() < 0.3  # Fisher's 1/sqrt(22 - 3 - 2) is 0.24, less where a trend is most of the driver
    idle = (truth["driver"].values == 0) & np.isfinite(r[0][0])
    assert abs(np.nanmean([x[:, idle] for x in r])) < 0.01


def test_driver_named_in_the_truth_is_above_the_drivers_floors() -> None:
    for seed in (21, 22, 23):
        annual, truth = annual_world(seed)
        sd = annual[DRIVERS].std("year", ddof=1)
        code = truth["driver"].values
        assert (sd["precipitation"].values[code == 1] > 1.2).all()
        lai = sd["lai"].values[code == 3]
        assert (lai > 0.03).all() and np.median(lai) * 0.1 < 0.02  # a scale ten times too small falls below the floor
