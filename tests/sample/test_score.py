"""The scorecard itself, the scores of right statistics, and that each mistake lowers the score it should."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from smcloud.config import RunConfig, parse_config
from smcloud.errors import GridError
from smcloud.products import driver_fields, driver_maps
from smcloud.sample import Coefficients, SampleWorld, annual_world, scorecard
from smcloud.sample.coefficients import YEARS
from smcloud.sample.demo import configuration
from smcloud.sample.driver_power import lead_power
from smcloud.sample.expected import expected_false_alarms, expected_power
from smcloud.stats import linear_trend

from .conftest import DRIVERS, FromBytes, products_of, score_of, seed_of

pytestmark = pytest.mark.slow

PHI = ("phi 0", "phi 0.2", "phi 0.4")
CLASSES = ("DD", "DW", "WD", "WW", "TD", "TW")
Worlds = list[tuple[xr.Dataset, xr.Dataset]]


def perfect(truth: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset, xr.Dataset]:
    code = truth["ddww_class"].where(truth["ddww_class"] < 7, 0)
    trend = xr.Dataset({"slope": truth["beta"], "p_value": xr.where(truth["beta"] == 0, 1.0, 0.0)})
    trend["significant"] = (truth["beta"] != 0).astype("uint8")
    drivers = xr.Dataset({"dominant_driver": truth["driver"]}, {"driver": DRIVERS})
    return trend, drivers, xr.Dataset({"ddww_class": code})


def test_perfect_products_score_one_and_reach_json(three_worlds: Worlds) -> None:
    truth = three_worlds[0][1]
    card = scorecard(truth, *perfect(truth))
    assert card["detectable"]["score"] == card["driver"]["score"] == 1
    assert card["driver_named_without"]["score"] == 0
    assert all(card["recall"][name]["score"] == 1 for name in CLASSES)
    assert {key: entry["score"] for key, entry in card["false_alarms"].items()} == dict.fromkeys(PHI, 0.0)
    assert card["false_discoveries"]["score"] == 0
    for rung in ("delta 3", "delta 4", "delta 6"):
        assert {key: entry["score"] for key, entry in card["power"][rung].items()} == dict.fromkeys(PHI, 1.0)
    assert card["skill"]["pearson_r"] == pytest.approx(1) and card["skill"]["rmse"] == pytest.approx(0, abs=1e-12)
    assert 1e6 < card["detectable"]["area_km2"] < 1.5e8
    assert card["unscored_share"]["weak"] < 0.15
    assert json.loads(json.dumps(card, allow_nan=False)) == card


def test_scores_are_shares_of_area_and_read_latitude_either_way(three_worlds: Worlds) -> None:
    truth = three_worlds[0][1]
    trend, drivers, ddww = perfect(truth)
    north = truth["lat"] > 0
    trend["p_value"] = trend["p_value"].where(north, 1.0)
    ddww["ddww_class"] = ddww["ddww_class"].where(north, 255)
    card = scorecard(truth, trend.sortby("lat", ascending=False), drivers, ddww)
    weight = np.cos(np.deg2rad(truth["lat"])) * (truth["delta"] >= 4)
    assert card["detectable"]["score"] == pytest.approx(float(weight.where(north, 0).sum() / weight.sum()))
    for code, name in enumerate(CLASSES, 1):
        weight = np.cos(np.deg2rad(truth["lat"])) * (truth["ddww_class"] == code)
        assert card["recall"][name]["score"] == pytest.approx(float(weight.where(north, 0).sum() / weight.sum()))


def test_the_ladder_is_scored_by_what_the_run_calls_with_the_right_sign(three_worlds: Worlds) -> None:
    truth = three_worlds[1][1]
    trend, drivers, ddww = perfect(truth)
    east = truth["lon"] > 20
    trend["p_value"] = trend["p_value"] * 0 + 1.0  # p is no matter here: the rule of the run is
    trend["significant"] = xr.where(east, 1, 0).broadcast_like(truth["beta"]).astype("uint8")
    trend["slope"] = xr.where(truth["lat"] < 0, -truth["beta"], truth["beta"])
    card = scorecard(truth, trend, drivers, ddww, parse_config(configuration("store")))
    edges = np.deg2rad(np.linspace(-90, 90, 37))
    area = (np.sin(edges[1:]) - np.sin(edges[:-1]))[:, None] * np.ones(72)
    right, called = (truth["lat"].values > 0)[:, None], (truth["lon"].values > 20)[None, :]
    expected = {3: (0.81, 0.89, 0.95), 4: (0.97, 0.99, 0.99), 6: (1.0, 1.0, 1.0)}
    seen = 0
    for delta, rates in expected.items():
        for phi, rate in zip((0.0, 0.2, 0.4), rates, strict=True):
            here = (truth["rung"].values == delta) & (truth["phi"].values == phi)
            row = card["power"][f"delta {delta}"][f"phi {phi:g}"]
            assert row["score"] == pytest.approx(area[here & right & called].sum() / area[here].sum())
            assert row["n_cells"] == here.sum() >= 5 and row["expected"] == rate
            assert delta <= row["mean_delta"] <= 1.1 * delta
            seen += here.sum()
    assert seen == np.isfinite(truth["rung"].values).sum()
    null = (truth["beta"].values == 0) & (truth["delta"].values == 0) & (truth["sensor_step"].values == 0)
    for phi, rate in zip((0.0, 0.2, 0.4), (0.050, 0.105, 0.188), strict=True):
        here = null & (truth["phi"].values == phi)
        row = card["false_alarms"][f"phi {phi:g}"]
        assert row["score"] == pytest.approx(area[here & called].sum() / area[here].sum()) and row["expected"] == rate
    scored = np.isfinite(truth["delta"].values) & (truth["sensor_step"].values == 0) & called
    share = area[null & called].sum() / area[scored].sum()
    assert card["false_discoveries"]["score"] == pytest.approx(share) and share > 0.2


def test_an_idle_driver_and_a_drifting_record_have_scores_of_their_own() -> None:
    truth = annual_world(3, coefficients=Coefficients(idle_warming=4.0, sensor_drift=1e-3))[1]
    trend, drivers, ddww = perfect(truth)
    west = (truth["lon"] < 0) & (truth["land_mask"] == 1)
    drivers["dominant_driver"] = truth["driver"].where(~west, 2)
    part = (truth["beta"] * 0.3).where(west, truth["beta"] * -0.1)
    drivers["trend_contribution"] = xr.concat([part * np.nan, part, part * np.nan], "driver")
    drift = truth["sensor_drift"] == 1
    trend["p_value"] = trend["p_value"].where(~(drift & (truth["lat"] > -20)), 0.01)
    card = scorecard(truth, trend, drivers, ddww)
    area = (np.cos(np.deg2rad(truth["lat"])) * np.isfinite(truth["delta"])).transpose("lat", "lon")
    share = float(area.where(west, 0).sum() / area.sum())
    assert card["idle_soil_temperature_named"]["score"] == pytest.approx(share)
    size = area * np.abs(truth["beta"])
    given = float((0.3 * size.where(west, 0) - 0.1 * size.where(~west, 0)).sum() / size.sum())
    assert card["idle_soil_temperature_contribution"]["score"] == pytest.approx(given) and abs(given) > 0.01
    north = float(area.where(drift & (truth["lat"] > -20), 0).sum() / area.where(drift, 0).sum())
    assert card["sensor_drift_called_significant"]["score"] == pytest.approx(north) and 0 < north < 1
    assert "idle_soil_temperature_named" not in scorecard(annual_world(3)[1], trend, drivers, ddww)


def test_another_number_of_years_has_no_expected_value(three_worlds: Worlds) -> None:
    truth = three_worlds[0][1]
    trend, drivers, ddww = perfect(truth)
    config = parse_config(configuration("store"))
    card = scorecard(truth, trend.assign(n_years=truth["n_years"] * 0 + 21), drivers, ddww, config)
    rows = [row for rung in card["power"].values() for row in rung.values()] + list(card["false_alarms"].values())
    assert len(rows) == 12 and not any("expected" in row for row in rows)
    assert "expected" in scorecard(truth, trend, drivers, ddww, config)["power"]["delta 3"]["phi 0"]
    assert "expected" not in scorecard(truth, trend, drivers, ddww)["power"]["delta 3"]["phi 0"]


def test_expected_values_are_those_of_the_rule() -> None:
    config = parse_config(configuration("store"))

    def ruled(**keys: object) -> RunConfig:
        return config.model_copy(update={"trend": config.trend.model_copy(update=keys)})

    assert expected_power(ruled(test="3pw"), 6, 0.2)["expected"] == 0.43
    after = ruled(test="effective_pooled", significance="p_adjusted")
    assert [expected_power(after, delta, 0.4)["expected"] for delta in (3, 4, 6)] == [0.50, 0.85, 1.00]
    source = str(expected_power(after, 3, 0.0)["expected_from"])
    assert "30 %" in source and "here they have not" in source  # one autocorrelation in a pool
    assert "here they have not" not in str(expected_power(config, 3, 0.0)["expected_from"])
    assert expected_power(ruled(test="effective_pooled"), 4, 0.4)["expected"] == 0.96
    assert expected_power(ruled(test="effective_pooled"), 3, 0.4) == {}  # not simulated
    assert expected_power(config, 3, 0.3) == {} and expected_power(config, 5, 0.0) == {}
    assert expected_false_alarms(after, 0.0) == {} and expected_false_alarms(config, 0.6)["expected"] == 0.311
    assert expected_power(config.model_copy(update={"alpha": 0.1}), 3, 0.0) == {}
    card_rule = scorecard_rule(after)
    assert card_rule["expected_at_most"] == 0.05 and "expected_at_most" not in scorecard_rule(config)


def scorecard_rule(config: RunConfig) -> dict:
    truth = annual_world(1)[1]
    return scorecard(truth, *perfect(truth), config)["false_discoveries"]


def test_wrong_sign_missing_values_and_ties_are_misses(three_worlds: Worlds) -> None:
    truth = three_worlds[0][1]
    trend, drivers, ddww = perfect(truth)
    assert scorecard(truth, trend.assign(slope=-trend["slope"]), drivers, ddww)["detectable"]["score"] == 0
    assert scorecard(truth, trend * np.nan, drivers, ddww)["detectable"]["score"] == 0
    for code in (254, 255):
        tied = drivers.assign(dominant_driver=xr.full_like(drivers["dominant_driver"], code))
        assert scorecard(truth, trend, tied, ddww)["driver"]["score"] == 0


def test_drivers_are_matched_by_name(three_worlds: Worlds) -> None:
    truth = three_worlds[0][1]
    trend, drivers, ddww = perfect(truth)
    code = drivers["dominant_driver"]
    turned = xr.Dataset(
        {"dominant_driver": xr.where((code >= 1) & (code <= 3), 4 - code, code)}, {"driver": DRIVERS[::-1]}
    )
    assert scorecard(truth, trend, turned, ddww)["driver"]["score"] == 1
    assert scorecard(truth, trend, drivers.assign_coords(driver=np.roll(DRIVERS, 1)), ddww)["driver"]["score"] == 0


def test_other_cells_are_refused(three_worlds: Worlds) -> None:
    truth = three_worlds[0][1]
    trend, drivers, ddww = perfect(truth)
    with pytest.raises(GridError, match="not on the cells"):
        scorecard(truth, trend.isel(lon=slice(1, None)), drivers, ddww)


def test_scores_at_three_seeds(three_worlds: Worlds) -> None:
    for annual, truth in three_worlds:
        card = score_of(annual, truth)
        assert card["detectable"]["score"] >= 0.97
        assert card["driver"]["score"] >= 0.95
        assert card["driver_named_without"]["score"] <= 0.20
        assert all(card["recall"][name]["score"] >= 0.93 for name in CLASSES)
        assert card["skill"]["pearson_r"] > 0.97


def test_shuffled_years_and_other_labels_lose_the_scores(three_worlds: Worlds) -> None:
    rng = np.random.default_rng(1)
    for annual, truth in three_worlds:
        sm = rng.permuted(annual["soil_moisture"].values, axis=0)
        card = score_of(annual.assign(soil_moisture=(annual["soil_moisture"].dims, sm)), truth)
        assert card["detectable"]["score"] <= 0.08 and card["driver"]["score"] <= 0.10
        p = products_of(annual)
        other = p.drivers.assign_coords(driver=np.roll(DRIVERS, 1))
        assert scorecard(truth, p.trend, other, p.ddww)["driver"]["score"] <= 0.15


def test_cells_without_a_trend_over_twenty_seeds() -> None:
    kept: dict[str, list[float]] = {}
    for seed in range(seed_of("gauge"), seed_of("gauge") + 20):
        annual, truth = annual_world(seed)
        p = linear_trend(annual["soil_moisture"], dim="year")["p_value"]
        area = np.cos(np.deg2rad(truth["lat"])) * ((truth["ddww_class"] == 0) & (truth["sensor_step"] == 0))
        for phi in (0.0, 0.2, 0.4):
            weight = area.where(truth["phi"] == phi, 0)
            kept.setdefault(str(phi), []).append(float(weight.where(p >= 0.05, 0).sum() / weight.sum()))
    mean = {phi: np.mean(scores) for phi, scores in kept.items()}
    assert mean["0.0"] >= 0.92
    assert abs(mean["0.2"] - (1 - 0.105)) <= 0.03
    assert abs(mean["0.4"] - (1 - 0.188)) <= 0.03


def test_true_global_slope_lies_in_the_interval() -> None:
    series = []
    for seed in range(seed_of("globe"), seed_of("globe") + 200):
        world = SampleWorld(seed)
        area = np.cos(np.deg2rad(world.geo.lat)) * ~world.geo.empty
        series.append(area @ world.anomaly[:, 1 : 1 + len(YEARS)] / area.sum())
    true = area @ world.physics.beta / area.sum()
    years = {"year": np.array(YEARS, float)}
    fit = linear_trend(xr.DataArray(np.array(series), years, ("seed", "year")), dim="year", interval="effective")
    inside = ((fit["slope_lower"] <= true) & (true <= fit["slope_upper"])).mean()
    assert 0.905 <= float(inside) <= 0.985


MISTAKES: dict[str, tuple[dict[str, object], Callable[[dict, dict], bool]]] = {
    "flags off": ({"flags": False}, lambda right, wrong: wrong["detectable"]["score"] < 0.6),
    "fill not masked": ({"lai_fill": False}, lambda right, wrong: wrong["driver"]["score"] < 0.85),
    "precipitation not shifted": ({"shift": False}, lambda right, wrong: wrong["driver"]["score"] < 0.90),
    "nearest instead of conservative": ({"nearest": True}, lambda right, wrong: wrong["driver"]["score"] < 0.80),
    "tail kept": ({"last": 2022}, lambda right, wrong: wrong["driver"]["score"] < 0.70),
    "LAI scale wrong": ({"lai_scale": 0.01}, lambda right, wrong: wrong["driver"]["score"] < 0.85),
    "index time": ({"index_time": True}, lambda right, wrong: wrong["skill"]["rmse"] > 1.2 * right["skill"]["rmse"]),
}


@pytest.fixture(scope="module")
def right(from_bytes: FromBytes) -> dict:
    return score_of(from_bytes.annual(), from_bytes.truth)


def test_the_written_world_reaches_the_scores(right: dict) -> None:
    assert right["detectable"]["score"] >= 0.97 and right["driver"]["score"] >= 0.95
    assert right["driver_named_without"]["score"] <= 0.20
    assert all(right["recall"][name]["score"] >= 0.93 for name in CLASSES)


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_lowers_its_score(from_bytes: FromBytes, right: dict, name: str) -> None:
    options, lowers = MISTAKES[name]
    wrong = score_of(from_bytes.annual(**options), from_bytes.truth)  # type: ignore[arg-type]
    assert lowers(right, wrong), {key: wrong[key] for key in ("detectable", "driver", "skill")}


def test_what_the_test_of_the_drivers_can_name_stands_beside_what_it_named(three_worlds: Worlds) -> None:
    """By its power in each cell; half of the years make it smaller, and a run without a result names nothing."""
    config = parse_config(configuration("store") | {"preset": "rigorous", "drivers": {"monthly": False}})
    named, power = [], []
    for annual, truth in three_worlds:
        drivers = driver_maps(annual, config)
        drivers = drivers.assign(driver_fields(drivers, config))
        trend, _, ddww = perfect(truth)
        card = scorecard(truth, trend, drivers, ddww, config, annual)["driver"]
        assert "wanted" not in card and "power of the test" in card["expected_from"]
        named.append(card["score"])
        power.append(card["expected"])
    assert 0.93 < np.mean(power) < 1 and np.mean(named) == pytest.approx(np.mean(power), abs=0.03)
    annual, truth = three_worlds[0]
    few = lead_power(truth, annual.where(annual["year"] < 2011), config)
    assert few[few > 0].mean() < power[0] - 0.05
    none = annual.assign(soil_moisture=annual["soil_moisture"] * np.nan)
    assert (lead_power(truth, none, config) == 0).all()
    study = scorecard(truth, trend, drivers, ddww, parse_config(configuration("store")), annual)
    assert study["driver"]["wanted"] == 0.92
