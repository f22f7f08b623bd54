import numpy as np
import pytest
import scipy.stats
import xarray as xr

from smcloud.config import RunConfig
from smcloud.errors import ChunkError, ConfigurationError
from smcloud.products.attributes import scalars_to_attributes
from smcloud.products.flags import STATUS
from smcloud.products.trend import _lag1_of_residuals, trend_fields, trend_maps
from smcloud.stats import cell_area, linear_trend, pooled_trend
from smcloud.stats.status import FLAGS

from .conftest import CONSTANT, EMPTY, MISSING_START, OCEAN, SHORT, TIES, each_cell, make_config, products

CODES = {name: code for code, name in STATUS.items()}


def series(annual: xr.Dataset, i: int, j: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Years and values of a cell that has a trend."""
    values = annual["soil_moisture"].values[:, i, j]
    valid = ~np.isnan(values)
    if (i, j) == OCEAN or valid.sum() < 15:
        return None
    return annual["year"].values[valid].astype(float), values[valid]


def oracle(annual: xr.Dataset, i: int, j: int) -> dict[str, float]:
    found = series(annual, i, j)
    if found is None:
        return {}
    t, x = found
    n = len(t)
    if x.max() == x.min():
        zero = ("slope", "slope_lower", "slope_upper", "ols_stderr", "sen_slope", "mk_s", "mk_z")
        return dict.fromkeys(zero, 0.0) | {"p_value": 1.0, "mk_p_value": 1.0}
    line = scipy.stats.linregress(t, x)
    half = scipy.stats.t.ppf(0.975, n - 2) * line.stderr
    s = sum(np.sign(x[b] - x[a]) for a in range(n) for b in range(a + 1, n))
    ties = np.unique(x, return_counts=True)[1]
    var = (n * (n - 1) * (2 * n + 5) - sum(c * (c - 1) * (2 * c + 5) for c in ties)) / 18
    z = (s - np.sign(s)) / np.sqrt(var)
    rest = dict(zip(t, x - line.intercept - line.slope * t, strict=True))
    products = [rest[y] * rest[y + 1] for y in rest if y + 1 in rest]
    r1 = np.mean(products) / (sum(v * v for v in rest.values()) / (n - 1)) if len(products) >= 5 else np.nan
    return {
        "slope": line.slope,
        "slope_lower": line.slope - half,
        "slope_upper": line.slope + half,
        "p_value": line.pvalue,
        "ols_stderr": line.stderr,
        "sen_slope": scipy.stats.theilslopes(x, t).slope,
        "mk_s": s,
        "mk_z": z,
        "mk_tau": scipy.stats.kendalltau(t, x).statistic,
        "mk_p_value": 2 * scipy.stats.norm.sf(abs(z)),
        "lag1_autocorrelation": r1,
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "slope",
        "slope_lower",
        "slope_upper",
        "p_value",
        "ols_stderr",
        "sen_slope",
        "mk_s",
        "mk_z",
        "mk_tau",
        "mk_p_value",
        "lag1_autocorrelation",
    ],
)
def test_maps_against_scipy_in_a_plain_loop(annual: xr.Dataset, world: dict[str, xr.Dataset], name: str) -> None:
    expected = each_cell(lambda i, j: oracle(annual, i, j).get(name, np.nan))
    assert np.isfinite(expected).sum() > 35
    np.testing.assert_allclose(world["trend"][name], expected, rtol=1e-9, atol=1e-12)


def test_the_preset_columns_are_the_ols_ones(world: dict[str, xr.Dataset]) -> None:
    trend = world["trend"]
    np.testing.assert_array_equal(trend["slope"], trend["ols_slope"])
    np.testing.assert_array_equal(trend["p_value"], trend["ols_p_value"])


def test_other_estimators_and_tests(annual: xr.Dataset, world: dict[str, xr.Dataset]) -> None:
    sen = trend_maps(annual, make_config(trend={"estimator": "sen", "test": "mann_kendall"}))
    np.testing.assert_array_equal(sen["slope"], world["trend"]["sen_slope"])
    np.testing.assert_array_equal(sen["p_value"], world["trend"]["mk_p_value"])
    t, x = series(annual, 3, 1)
    np.testing.assert_allclose(
        [float(sen[name][3, 1]) for name in ("slope_lower", "slope_upper")], scipy.stats.theilslopes(x, t)[2:]
    )
    wide = trend_maps(annual, make_config(trend={"interval": "effective"}))
    np.testing.assert_array_equal(wide["ols_p_value"], world["trend"]["ols_p_value"])
    width, narrow = (ds["slope_upper"] - ds["slope_lower"] for ds in (wide, world["trend"]))
    autocorrelated = world["trend"]["lag1_autocorrelation"] > 0.1
    assert autocorrelated.sum() > 3 and (width > narrow).where(autocorrelated, True).all()


def test_counts_climatology_and_sampling(annual: xr.Dataset, world: dict[str, xr.Dataset]) -> None:
    trend, values = world["trend"], annual["soil_moisture"].values
    land = np.ones(values.shape[1:], bool)
    land[OCEAN] = False
    np.testing.assert_array_equal(trend["n_years"], np.where(land, (~np.isnan(values)).sum(axis=0), 0))
    cells = land & (~np.isnan(values)).any(axis=0)
    np.testing.assert_allclose(trend["climatology"].values[cells], np.nanmean(values[:, cells], axis=0), rtol=1e-13)
    months = annual["n_months"].values.astype(float)
    slopes = each_cell(lambda i, j: np.polyfit(annual["year"].values, months[:, i, j], 1)[0] if cells[i, j] else np.nan)
    np.testing.assert_allclose(trend["valid_months_slope"], slopes, atol=1e-10)
    assert np.isnan(trend["climatology"].values[~cells]).all()


def test_status_says_why(world: dict[str, xr.Dataset]) -> None:
    status = world["trend"]["status"]
    for cell, reason in {
        CONSTANT: "constant", EMPTY: "empty", SHORT: "too_short", OCEAN: "not_land", TIES: "ok"
    }.items():  # fmt: skip
        assert int(status[cell]) == CODES[reason], reason
    np.testing.assert_array_equal(world["trend"]["slope"].notnull(), np.isin(status, [CODES["ok"], CODES["constant"]]))
    assert {code: STATUS[code] for code in FLAGS} == FLAGS
    assert status.dtype == np.uint8


def test_ends_rule_masks_what_misses_an_end(annual: xr.Dataset, world: dict[str, xr.Dataset]) -> None:
    got = trend_maps(annual, make_config(years={"ends": {"span": 5, "min_years": 3}}))
    valid = annual["soil_moisture"].notnull().values
    covered = (valid[:5].sum(axis=0) >= 3) & (valid[-5:].sum(axis=0) >= 3)
    assert not covered[MISSING_START] and np.isfinite(world["trend"]["slope"][MISSING_START])
    np.testing.assert_array_equal(got["slope"], np.where(covered, world["trend"]["slope"], np.nan))
    assert int(got["status"][MISSING_START]) == CODES["ends_not_covered"]
    assert (int(got["status"][EMPTY]), int(got["status"][OCEAN])) == (CODES["empty"], CODES["not_land"])
    np.testing.assert_array_equal(got["n_years"], world["trend"]["n_years"])


def test_false_discovery_rate_over_the_valid_cells(world: dict[str, xr.Dataset], config: RunConfig) -> None:
    trend = world["trend"]
    p = trend["p_value"].values
    valid = np.isfinite(p)
    np.testing.assert_allclose(trend["p_adjusted"].values[valid], scipy.stats.false_discovery_control(p[valid]))
    assert np.isnan(trend["p_adjusted"].values[~valid]).all()
    np.testing.assert_array_equal(trend["significant"], np.where(valid, p < 0.05, 255))
    adjusted = trend_fields(trend, make_config(trend={"significance": "p_adjusted"}), world["annual"])
    np.testing.assert_array_equal(adjusted["significant"], np.where(valid, trend["p_adjusted"] <= 0.05, 255))
    assert (adjusted["significant"] == 1).sum() < (trend["significant"] == 1).sum()
    assert adjusted["significant"].dtype == np.uint8


def test_time_reversal_flips_the_slope_and_keeps_p(annual: xr.Dataset, world: dict[str, xr.Dataset]) -> None:
    turned = annual.assign(soil_moisture=annual["soil_moisture"].copy(data=annual["soil_moisture"].values[::-1]))
    got = trend_maps(turned, make_config())
    np.testing.assert_allclose(got["slope"], -world["trend"]["slope"], rtol=1e-9, atol=1e-16)
    np.testing.assert_allclose(got["p_value"], world["trend"]["p_value"], rtol=1e-8)
    np.testing.assert_allclose(got["mk_p_value"], world["trend"]["mk_p_value"], rtol=1e-12)


def test_a_line_with_gaps_has_exactly_its_slope(annual: xr.Dataset, config: RunConfig) -> None:
    rng = np.random.default_rng(0)
    line = (0.2 + 0.001 * (annual["year"] - 2000)).broadcast_like(annual["soil_moisture"])
    gappy = line.where(rng.random(line.shape) > 0.2)
    got = trend_maps(annual.assign(soil_moisture=gappy), config)
    valid = got["slope"].notnull()
    assert valid.sum() > 30
    np.testing.assert_allclose(got["slope"].values[valid], 1e-3, rtol=1e-10)
    np.testing.assert_allclose(got["sen_slope"].values[valid], 1e-3, rtol=1e-10)
    assert got["lag1_autocorrelation"].isnull().all()


def test_without_a_land_mask_every_cell_with_soil_moisture_counts(annual: xr.Dataset) -> None:
    config = make_config()
    got = products(annual.drop_vars("land_mask"), config)["trend"]
    assert np.isfinite(got["slope"][OCEAN]) and int(got["status"][EMPTY]) == CODES["not_land"]


def test_chunks_along_year_are_refused(annual: xr.Dataset, config: RunConfig) -> None:
    with pytest.raises(ChunkError):
        trend_maps(annual.chunk(year=11), config)


def corrected(annual: xr.Dataset, i: int, j: int) -> dict[str, float]:
    """The tests for autocorrelated series of one cell, written out from their definitions."""
    values = annual["soil_moisture"].values[:, i, j]
    if series(annual, i, j) is None or np.nanmax(values) == np.nanmin(values):
        return {}
    t = annual["year"].values.astype(float)

    def mann_kendall(x: np.ndarray) -> float:
        found = x[~np.isnan(x)]
        n = len(found)
        s = sum(np.sign(found[b] - found[a]) for a in range(n) for b in range(a + 1, n))
        ties = np.unique(found, return_counts=True)[1]
        var = (n * (n - 1) * (2 * n + 5) - sum(c * (c - 1) * (2 * c + 5) for c in ties)) / 18
        return 2 * scipy.stats.norm.sf(abs(s - np.sign(s)) / np.sqrt(var))

    def lag1(x: np.ndarray) -> float:
        rest = x - np.nanmean(x)
        square = np.nansum(rest**2) / (np.isfinite(rest).sum() - 1)
        return float(np.clip(np.nanmean(rest[1:] * rest[:-1]) / square, -0.99, 0.99))

    def whitened(x: np.ndarray) -> np.ndarray:
        return x[1:] - lag1(x) * x[:-1]

    valid = ~np.isnan(values)
    sen = scipy.stats.theilslopes(values[valid], t[valid]).slope
    line = sen * (t - t[0])
    pw, tfpw = mann_kendall(whitened(values)), mann_kendall(whitened(values - line) + line[1:])
    return {"pw_p_value": pw, "p_value": max(pw, tfpw)}


def test_rigorous_judges_by_the_shared_autocorrelation(annual: xr.Dataset) -> None:
    config = make_config(preset="rigorous", trend={"radius_km": 3000})
    trend = trend_maps(annual, config)
    got = trend.assign(trend_fields(trend, config, annual))
    series = annual["soil_moisture"].where(annual["land_mask"] > 0).where(got["status"] != CODES["ends_not_covered"])
    pooled = pooled_trend(series, cell_area(annual.lat, annual.lon), "year", 3000, min_valid=15)
    for name in ("slope_lower", "slope_upper", "p_value", "r1_pooled", "n_pooled", "r1_dispersion"):
        np.testing.assert_array_equal(got[name], pooled[name], err_msg=name)
    np.testing.assert_allclose(got["slope"], pooled["slope"], rtol=1e-10)
    valid = got["p_value"].notnull().values
    assert valid.sum() > 35 and np.unique(got["r1_pooled"].values[valid]).size > 5
    adjusted = scipy.stats.false_discovery_control(got["p_value"].values[valid])
    np.testing.assert_allclose(got["p_adjusted"].values[valid], adjusted)
    np.testing.assert_array_equal(got["significant"].values[valid], adjusted <= 0.05)
    # The slope that is said to be detectable has a power of 80 %.
    delta = (got["minimum_detectable_slope"] / pooled["stderr"]).values
    tried = np.isfinite(delta)
    df = pooled["df"].values[tried]
    power = scipy.stats.nct.sf(scipy.stats.t.isf(0.025, df), df, delta[tried])
    assert tried.sum() > 35 and power.min() > 0.795 and power.max() < 0.815
    lazy = trend_fields(trend, config, annual.chunk(lat=2, lon=3))
    assert lazy["p_value"].chunks and "p_value" not in trend
    for name in ("p_value", "p_adjusted", "significant", "minimum_detectable_slope"):
        np.testing.assert_array_equal(lazy[name], got[name], err_msg=name)


def test_both_presets_tell_what_could_have_been_found(world: dict[str, xr.Dataset]) -> None:
    trend = world["trend"]
    valid = trend["status"] == CODES["ok"]
    assert (trend["minimum_detectable_slope"].where(valid) > 0).sum() == valid.sum() > 35
    assert trend["n_pooled"].max() <= valid.sum() and trend["n_pooled"].dtype == np.int32
    assert trend["minimum_detectable_slope"].attrs["units"] == "m3 m-3 yr-1"


def test_an_interval_that_is_not_of_the_estimator_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="interval"):
        make_config(trend={"estimator": "sen", "interval": "effective_pooled"})


def test_tests_of_single_cells_stand_beside_it(annual: xr.Dataset, world: dict[str, xr.Dataset]) -> None:
    config = make_config(preset="rigorous", trend={"interval": "effective"})
    got = trend_maps(annual, config)
    tested = got["slope"].notnull() & (got["status"] == CODES["ok"])
    for name, column in (("p_value", "pw3_p_value"), ("pw_p_value", "pw_p_value")):
        expected = each_cell(lambda i, j, n=name: corrected(annual, i, j).get(n, np.nan))
        assert np.isfinite(expected).sum() > 35
        np.testing.assert_allclose(got[column].where(tested), np.where(tested, expected, np.nan), rtol=1e-8)
    wide = trend_maps(annual, make_config(trend={"interval": "effective"}, years={"ends": {}}))
    np.testing.assert_array_equal(got["effective_p_value"], wide["p_value"])
    for name in ("slope", "slope_lower", "slope_upper"):
        np.testing.assert_array_equal(got[name], wide[name])
    ends = got["status"] == CODES["ends_not_covered"]
    for name in ("ols_slope", "sen_slope", "mk_p_value", "vctfpw_slope", "ols_p_value"):
        np.testing.assert_array_equal(got[name], world["trend"][name].where(~ends), err_msg=name)
    uncorrected = got["hamed_rao_p_value"] == got["mk_p_value"]
    assert uncorrected.any() and (~uncorrected & tested).sum() > 3
    for name in ("pw_p_value", "hamed_rao_p_value"):
        assert name not in world["trend"] and got[name].attrs["long_name"]


def test_the_vctfpw_slope_is_there_in_both_presets(annual: xr.Dataset, world: dict[str, xr.Dataset]) -> None:
    """Without autocorrelation it is a Sen slope; the kernel's own formula is tested with the statistics."""
    trend = world["trend"]
    assert (trend["vctfpw_slope"].notnull() == trend["slope"].notnull()).all()
    assert float(trend["vctfpw_slope"][CONSTANT]) == 0
    ok = trend["status"] == CODES["ok"]
    strong = ok & (trend["mk_p_value"] < 0.001)
    assert strong.sum() > 5
    agree = np.sign(trend["vctfpw_slope"]) == np.sign(trend["sen_slope"])
    assert float(agree.where(strong).mean()) > 0.8  # the restored variance holds that of the trend, and makes it noisy
    assert not np.array_equal(trend["vctfpw_slope"].where(ok), trend["sen_slope"].where(ok), equal_nan=True)


def test_a_slope_that_no_test_can_judge_is_not_significant(world: dict[str, xr.Dataset]) -> None:
    p = world["trend"]["p_value"].copy()
    p[2, 3] = np.nan
    for rule in ("p_value", "p_adjusted"):
        got = trend_fields(world["trend"].assign(p_value=p), make_config(trend={"significance": rule}), world["annual"])
        assert int(got["significant"][2, 3]) == 0 and np.isnan(got["p_adjusted"][2, 3])
        assert int(got["significant"][EMPTY]) == 255


def test_the_share_of_pools_that_are_not_of_one_kind_becomes_an_attribute(annual: xr.Dataset) -> None:
    config, rng = make_config(preset="rigorous", trend={"radius_km": 6000}), np.random.default_rng(2)
    noise = rng.normal(size=(22, 12, 12))
    walk = np.where(np.arange(12) % 2, noise.cumsum(axis=0), noise)  # of two kinds, column by column
    walk[..., 6:, :] = noise[:, 6:]
    axes = {"year": annual["year"], "lat": np.linspace(-55, 55, 12), "lon": np.arange(0.0, 120, 10)}
    series = xr.Dataset({"soil_moisture": (("year", "lat", "lon"), walk)}, axes).assign(n_months=12 + 0 * annual.year)
    fields = trend_fields(trend_maps(series, config), config, series)
    dispersion, area = fields["r1_dispersion"], cell_area(series.lat, series.lon)
    over = float(area.where(dispersion > 1.5).sum() / area.where(dispersion.notnull()).sum())
    assert 0 < over < 1 and float(fields["mixed_pools_share"]) == pytest.approx(over, rel=1e-12)
    written = scalars_to_attributes(fields)
    assert (
        written.attrs["mixed_pools_share"] == float(fields["mixed_pools_share"])
        and "1.5" in written.attrs["mixed_pools_comment"]
    )
    assert "mixed_pools_share" not in written and set(written) == set(fields) - {"mixed_pools_share"}
    none = fields.assign(mixed_pools_share=fields["mixed_pools_share"] * np.nan)
    assert "mixed_pools_share" not in scalars_to_attributes(none).attrs


def test_autocorrelation_of_residuals_is_that_of_plain_sums_bit_for_bit() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=(22, 6, 100)).cumsum(axis=0) + 300
    values[rng.random(values.shape) < 0.6 * rng.random(values.shape[1:])] = np.nan
    values[:, 0, :3] = np.arange(22.0)[:, None]
    values[:, 1, :3], values[:, 2, 0], values[2:, 2, 1] = 5.0, np.nan, np.nan
    years = np.arange(2000, 2022)
    da = xr.DataArray(values, {"year": years}, ("year", "lat", "lon"))
    ols = linear_trend(da, dim="year", min_valid=3)
    valid = ~np.isnan(values)
    pairs = (valid[1:] & valid[:-1]).sum(axis=0)
    rest = values - (ols["slope"].values * years[:, None, None] + ols["intercept"].values)

    def added(terms: np.ndarray) -> np.ndarray:
        return np.where(np.isnan(terms), 0.0, terms).cumsum(axis=0)[-1]

    with np.errstate(invalid="ignore", divide="ignore"):
        weight = (valid.sum(axis=0) - 1) / np.where(pairs >= 5, pairs, np.nan)
        squares = added(rest**2)
        r1 = added(rest[1:] * rest[:-1]) / np.where(squares > 0, squares, np.nan) * weight
    expected = np.where(ols["stderr"].values > 0, np.clip(r1, -0.99, 0.99), np.nan)
    assert 400 < np.isfinite(expected).sum() < 597 and (np.abs(expected) == 0.99).any()
    np.testing.assert_array_equal(_lag1_of_residuals(da, ols), expected)
    lazy = _lag1_of_residuals(da.chunk(lat=2, lon=30), linear_trend(da.chunk(lat=2, lon=30), dim="year", min_valid=3))
    np.testing.assert_array_equal(lazy.transpose("lat", "lon"), expected)
