"""The two presets where there is no trend: on a hand-made field, and on twenty-four sample worlds."""

import numpy as np
import pytest
import xarray as xr

from smcloud.errors import GridError
from smcloud.products.false_alarms import false_alarms
from smcloud.products.trend import trend_fields, trend_maps
from smcloud.sample import annual_world

from .conftest import make_config
from .test_ddww import area

SEEDS, LEVELS = range(24), (0.0, 0.2, 0.4)


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


@pytest.fixture(scope="module")
def alarms() -> xr.Dataset:
    """False alarms by preset, seed and autocorrelation of the world."""
    rows: dict[str, list[xr.Dataset]] = {"peng2023": [], "rigorous": []}
    for seed in SEEDS:
        annual, truth = annual_world(9100 + seed)
        null = (truth["beta"] == 0) & (truth["constant"] == 0) & (truth["sensor_step"] == 0)
        for preset, found in rows.items():
            config = make_config(preset=preset)
            trend = trend_maps(annual, config)
            trend = trend.assign(trend_fields(trend, config))
            found.append(false_alarms(trend, null, truth["phi"], LEVELS, config))
    return xr.concat([xr.concat(found, dim="seed") for found in rows.values()], dim="preset").assign_coords(
        preset=list(rows)
    )


@pytest.mark.slow
def test_rigorous_keeps_false_alarms_below_nominal_where_the_study_does_not(alarms: xr.Dataset) -> None:
    assert (alarms["n_cells"] > 25).all()  # the ladder has taken its part of the land without a trend
    share, error = alarms.mean("seed"), alarms.std("seed", ddof=1) / np.sqrt(len(SEEDS))
    study, strict = (share.sel(preset=name) for name in ("peng2023", "rigorous"))
    for level, expected in zip(LEVELS, (0.050, 0.105, 0.188), strict=True):
        beyond = 4 * float(error["significant_share"].sel(preset="peng2023", level=level))
        assert float(study["significant_share"].sel(level=level)) == pytest.approx(expected, abs=beyond)
        if level:
            assert float(study["significant_share"].sel(level=level)) > 0.07
        assert float(strict["significant_share"].sel(level=level)) <= 0.05
        wrong = 3 * float(error["rejected_share"].sel(preset="rigorous", level=level))
        assert float(strict["rejected_share"].sel(level=level)) <= 0.05 + wrong
    np.testing.assert_array_equal(study["significant_share"], study["rejected_share"])
    assert (strict["rejected_share"] < study["rejected_share"]).all()


def test_what_that_costs_in_detected_trends() -> None:
    """Prewhitening with r1 of the series as it is removes much of a strong trend: 22 years leave it little power."""
    annual, truth = annual_world(9100)
    strong = truth["delta"] >= 4
    share = {}
    for preset in ("peng2023", "rigorous"):
        trend = trend_maps(annual, make_config(preset=preset))
        right = (trend["p_value"] < 0.05) & (np.sign(trend["slope"]) == np.sign(truth["beta"]))
        share[preset] = float(right.where(strong).mean())
    assert share["peng2023"] > 0.95 and 0.3 < share["rigorous"] < 0.7
