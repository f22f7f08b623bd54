import numpy as np
import pytest
import xarray as xr
from scipy.stats import linregress

from smcloud.config import RunConfig
from smcloud.products.ddww import CLASS_FLAGS, ddww, ddww_attributes, ddww_interval, interval_attributes
from smcloud.stats import block_sequence

from .conftest import LAT, LON, NO_ZONE, OCEAN, each_cell, make_config

NAMES = ["DD", "DW", "WD", "WW", "TD", "TW"]


def area(i: int) -> float:
    south, north = np.radians(LAT[i] - 15), np.radians(LAT[i] + 15)
    return 6371.0072**2 * np.radians(45) * (np.sin(north) - np.sin(south))


def zone_letter(annual: xr.Dataset, i: int, j: int) -> str:
    value = float(annual["aridity_index"][i, j])
    if (i, j) == OCEAN or value != value:
        return "-"
    return "D" if value < np.float32(0.5) else "T" if value < np.float32(0.65) else "W"


def class_name(world: dict[str, xr.Dataset], i: int, j: int) -> str:
    """Class of a cell, 'none' where not significant, 'no data' without zone or trend."""
    slope, p = (float(world["trend"][name][i, j]) for name in ("slope", "p_value"))
    letter = zone_letter(world["annual"], i, j)
    if letter == "-" or slope != slope:
        return "no data"
    return letter + ("D" if slope < 0 else "W") if p < 0.05 else "none"


@pytest.fixture(scope="module")
def names(world: dict[str, xr.Dataset]) -> np.ndarray:
    return each_cell(lambda i, j: class_name(world, i, j))


@pytest.mark.slow
def test_classes_against_a_plain_loop(world: dict[str, xr.Dataset], names: np.ndarray) -> None:
    codes = {"no data": 255, "none": 0} | {name: flag for flag, name in enumerate(NAMES, start=1)}
    np.testing.assert_array_equal(world["ddww"]["ddww_class"], np.vectorize(codes.get)(names))
    assert list(CLASS_FLAGS.items()) == [(name, flag) for flag, name in enumerate(NAMES, start=1)]
    assert world["ddww"]["class"].values.tolist() == NAMES
    assert world["ddww"]["ddww_class"].dtype == np.uint8
    assert world["ddww"]["ddww_class"].attrs["flag_values"] == [0, 1, 2, 3, 4, 5, 6, 255]
    assert len(set(names.ravel())) >= 6


def test_zones_and_their_limits(world: dict[str, xr.Dataset]) -> None:
    letters = each_cell(lambda i, j: zone_letter(world["annual"], i, j))
    expected = np.vectorize({"-": 0, "D": 1, "T": 2, "W": 3}.get)(letters)
    np.testing.assert_array_equal(world["ddww"]["zone"], expected)
    assert world["ddww"]["zone"].values[5, :4].tolist() == [2, 3, 1, 1]
    assert "dry below 0.5, wet from 0.65 on" in world["ddww"]["zone"].attrs["comment"]
    assert world["ddww"]["zone"].values[OCEAN] == 0 and world["ddww"]["zone"].values[NO_ZONE] == 0
    assert world["ddww"]["ddww_class"].values[NO_ZONE] == 255


def test_areas_and_shares_against_a_plain_loop(world: dict[str, xr.Dataset], names: np.ndarray) -> None:
    cells = [(i, j) for i in range(len(LAT)) for j in range(len(LON))]
    total = {name: sum(area(i) for i, j in cells if names[i, j] == name) for name in NAMES}
    changed = sum(total.values())
    valid = sum(area(i) for i, j in cells if names[i, j] != "no data")
    land = sum(area(i) for i, j in cells if (i, j) != OCEAN)
    zone = {z: sum(area(i) for i, j in cells if names[i, j] != "no data" and zone_letter(world["annual"], i, j) == z)
            for z in "DTW"}  # fmt: skip
    direction = {d: sum(total[name] for name in NAMES if name[1] == d) for d in "DW"}
    got = world["ddww"]
    np.testing.assert_allclose(got["area_km2"], [total[n] for n in NAMES], rtol=1e-12)
    np.testing.assert_allclose(got["share_of_change"], [total[n] / changed for n in NAMES], rtol=1e-12)
    np.testing.assert_allclose(got["share_of_land"], [total[n] / valid for n in NAMES], rtol=1e-12)
    np.testing.assert_allclose(got["share_of_all_land"], [total[n] / land for n in NAMES], rtol=1e-12)
    expected = [zone[n[0]] / valid * direction[n[1]] / changed for n in NAMES]
    np.testing.assert_allclose(got["expected_share"], expected, rtol=1e-12)


def test_identities(world: dict[str, xr.Dataset]) -> None:
    got, trend = world["ddww"], world["trend"]
    significant = (trend["significant"] == 1).values
    significant[NO_ZONE] = False
    changed = sum(area(i) for i, j in zip(*np.nonzero(significant), strict=True))
    assert float(got["area_km2"].sum()) == pytest.approx(changed, rel=1e-12)
    assert float(got["share_of_change"].sum()) == pytest.approx(1, abs=1e-12)
    assert float(got["expected_share"].sum()) == pytest.approx(1, abs=1e-12)
    attributes = ddww_attributes(got)
    both = got.sel({"class": ["DD", "WW"]})
    assert attributes == {
        "ddww_share_of_change": float(both["share_of_change"].sum()),
        "ddww_share_of_land": float(both["share_of_land"].sum()),
    }
    assert 0 < attributes["ddww_share_of_land"] < attributes["ddww_share_of_change"] < 1


def test_no_change_at_all_gives_no_share(world: dict[str, xr.Dataset], config: RunConfig) -> None:
    trend = world["trend"].assign(significant=xr.zeros_like(world["trend"]["significant"]))
    got = ddww(trend, world["annual"], config)
    assert (got["area_km2"] == 0).all() and (got["share_of_land"] == 0).all()
    assert got["share_of_change"].isnull().all() and got["expected_share"].isnull().all()
    assert np.isnan(ddww_attributes(got)["ddww_share_of_change"])


def test_only_drying_expects_no_wetting(world: dict[str, xr.Dataset], config: RunConfig) -> None:
    trend = world["trend"].assign(slope=-abs(world["trend"]["slope"]))
    got = ddww(trend, world["annual"], config)
    assert (got["expected_share"].sel({"class": ["DW", "WW", "TW"]}) == 0).all()
    assert float(got["expected_share"].sum()) == pytest.approx(1)


def test_without_an_aridity_index_there_is_none(world: dict[str, xr.Dataset], config: RunConfig) -> None:
    assert ddww(world["trend"], world["annual"].drop_vars("aridity_index"), config) is None


def share_in_a_plain_loop(annual: xr.Dataset, values: np.ndarray) -> tuple[float, float]:
    """DD + WW of the changed area and of land with a trend, for soil moisture (year, lat, lon)."""
    held = changed = valid = 0.0
    years = annual["year"].values.astype(float)
    for i, j in np.ndindex(len(LAT), len(LON)):
        letter, y = zone_letter(annual, i, j), values[:, i, j]
        there = np.isfinite(y)
        if letter == "-" or there.sum() < 15:
            continue
        valid += area(i)
        if np.ptp(y[there]) == 0:
            continue
        line = linregress(years[there], y[there])
        if line.pvalue < 0.05:
            changed += area(i)
            held += area(i) * (letter + ("D" if line.slope < 0 else "W") in ("DD", "WW"))
    return held / changed, held / valid


@pytest.mark.slow
def test_the_interval_against_a_plain_bootstrap(annual: xr.Dataset, world: dict[str, xr.Dataset]) -> None:
    config = make_config(bootstrap={"replicates": 40, "block": 3, "seed": 5})
    interval = ddww_interval(annual, config)
    series, years = annual["soil_moisture"].values, annual["year"].values.astype(float)
    shares = []
    for drawn in block_sequence(years.size, 3, 40, 5):
        again = np.full(series.shape, np.nan)
        for i, j in np.ndindex(len(LAT), len(LON)):
            y = series[:, i, j]
            there = np.isfinite(y)
            n = there.sum()
            if n >= 3:
                slope, level = np.polyfit(years[there] - 2010, y[there], 1)
                line = level + slope * (years - 2010)
                again[:, i, j] = line + np.sqrt(n / (n - 2)) * (y - line)[drawn]
        shares.append(share_in_a_plain_loop(annual, again))
    expected = np.quantile(shares, [0.025, 0.975], axis=0)
    np.testing.assert_allclose([interval["lower"], interval["upper"]], expected, rtol=1e-9)
    np.testing.assert_allclose(interval["estimate"], list(ddww_attributes(world["ddww"]).values()), rtol=1e-12)
    attributes = interval_attributes(interval)
    assert attributes["ddww_share_of_land_upper"] == pytest.approx(expected[1, 1])
    assert attributes["ddww_replicates"] == 40


def test_the_interval_is_for_runs_that_ask_for_it_and_have_zones(annual: xr.Dataset) -> None:
    asked = make_config(bootstrap={"replicates": 40})
    assert ddww_interval(annual, make_config()) is None
    assert ddww_interval(annual.drop_vars("aridity_index"), asked) is None


def test_no_limits_where_nothing_changes(annual: xr.Dataset) -> None:
    flat = annual.assign(soil_moisture=annual["soil_moisture"] * 0 + 0.2)
    found = interval_attributes(ddww_interval(flat, make_config(bootstrap={"replicates": 40})))
    assert np.isnan(found["ddww_share_of_change_lower"]) and found["ddww_share_of_land_lower"] == 0.0
    assert found["ddww_replicates"] == 0


@pytest.mark.slow
def test_the_interval_does_not_depend_on_chunks(annual: xr.Dataset) -> None:
    rule = {"test": "ols", "significance": "p_value"}
    config = make_config(preset="rigorous", trend=rule, bootstrap={"replicates": 40})
    whole = ddww_interval(annual, config)
    xr.testing.assert_identical(whole, ddww_interval(annual.chunk(lat=2, lon=3), config).compute())
