"""Interval and chance of a DDWW share: against plain loops, and in worlds whose truth is known."""

import math

import numpy as np
import pytest
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.association import association
from smcloud.products.ddww import completed_ddww, ddww, ddww_attributes, shared_classes

from .conftest import make_config

LAT, LON = np.arange(-85.0, 90, 10), np.arange(5.0, 360, 10)
NAMES = ["DD", "DW", "WD", "WW", "TD", "TW"]
GRID = {"lat": LAT, "lon": LON}


def area(lat: float) -> float:
    south, north = np.radians(lat - 5), np.radians(lat + 5)
    return 6371.0072**2 * np.radians(10) * (np.sin(north) - np.sin(south))


WEIGHT = np.array([[area(lat)] * len(LON) for lat in LAT])


def lattice(values: np.ndarray) -> xr.DataArray:
    return xr.DataArray(values, GRID, ("lat", "lon"))


def a_map(seed: int, least: int = 0) -> np.ndarray:
    """Codes of classes at random: a third of the cells have no data, some have no change."""
    code = np.random.default_rng(seed).integers(least, 7, (len(LAT), len(LON)))
    code[np.random.default_rng(seed + 1).random(code.shape) < 0.3] = 255
    return code.astype("uint8")


def found(code: np.ndarray, replicates: int = 999, **zones: bool) -> dict[str, float | int | str]:
    config = make_config(bootstrap={"replicates": replicates, "seed": 5}, zones=zones)
    return association(lattice(code), xr.Dataset(coords=GRID), shared_classes(config), config)


def plain_bootstrap(code: np.ndarray, replicates: int, transition: bool) -> dict[str, list[float]]:
    tiles: dict[tuple[int, int], dict[int, float]] = {}
    for i, j in np.ndindex(code.shape):
        if code[i, j] != 255:
            place = int((LAT[i] + 90) // 20), int((LON[j] + 180) % 360 // 20)
            here = tiles.setdefault(place, dict.fromkeys(range(7), 0.0))
            here[int(code[i, j])] += WEIGHT[i, j]
    held = [tiles[place] for place in sorted(tiles)]
    shares: dict[str, list[float]] = {"change": [], "land": [], "without": [], "odds": []}
    for drawn in np.random.default_rng(5).integers(len(held), size=(replicates, len(held))):
        total = {k: sum(held[t][k] for t in drawn) for k in range(7)}
        dd, dw, wd, ww, td, tw = (total[k] for k in range(1, 7))
        shares["change"].append((dd + ww) / (dd + dw + wd + ww + (td + tw if transition else 0)))
        shares["land"].append((dd + ww) / sum(total.values()))
        shares["without"].append((dd + ww) / (dd + dw + wd + ww))
        shares["odds"].append(math.log(dd * ww / (dw * wd)))
    return shares


@pytest.mark.parametrize("transition", [True, False])
def test_the_intervals_against_a_plain_bootstrap_of_tiles(transition: bool) -> None:
    code = a_map(1)
    got = found(code, 60, transition_in_share=transition)
    for key, name in {
        "change": "ddww_share_of_change", "land": "ddww_share_of_land", "without": "ddww_share_without_transition",
        "odds": "odds_ratio",
    }.items():  # fmt: skip
        expected = np.quantile(plain_bootstrap(code, 60, transition)[key], [0.025, 0.975])
        limits = [got[f"{name}_lower"], got[f"{name}_upper"]]
        np.testing.assert_allclose(limits, np.exp(expected) if key == "odds" else expected, rtol=1e-9, err_msg=name)
    assert got["ddww_replicates"] == 60
    last = 6 if transition else 4
    assert got["ddww_tiles"] == len({(i // 2, j // 2) for i, j in np.argwhere((code > 0) & (code <= last))})
    assert "ddww_interval_comment" not in got and "ddww_null_comment" not in got


@pytest.mark.parametrize("tiles", [9, 10])
def test_fewer_than_ten_tiles_with_changed_land_have_no_interval(tiles: int) -> None:
    code = np.zeros((len(LAT), len(LON)), "uint8")  # land without a change does not count
    for k in range(tiles):
        code[8:10, 2 * k : 2 * k + 2] = [[1, 2], [3, 4]]
    got = found(code)
    assert got["ddww_tiles"] == tiles
    limits = [value for name, value in got.items() if name.endswith(("_lower", "_upper")) and "null" not in name]
    assert len(limits) == 8 and bool(np.isnan(limits).all()) == (tiles == 9)
    assert ("ddww_interval_comment" in got) == (tiles == 9)
    if tiles == 9:
        assert "9 tiles" in str(got["ddww_interval_comment"])


def test_an_odds_ratio_that_draws_may_leave_without_a_class_is_not_bounded() -> None:
    code = a_map(2, least=3)  # no DD, no DW but one cell
    code[9, 9], code[2, 2] = 1, 2
    got = found(code)
    assert np.isnan(got["odds_ratio_lower"]) and np.isnan(got["odds_ratio_upper"])
    assert 0 < got["ddww_share_of_change_lower"] < got["ddww_share_of_change_upper"] < 1


def test_every_field_dries_the_area_that_dries() -> None:
    """With one zone the share of DDWW is that of the drying, and nothing is left to chance."""
    code = a_map(3)
    code[(code > 2) & (code < 255)] = 1
    got = found(code, 200)
    drying = WEIGHT[code == 1].sum() / WEIGHT[(code == 1) | (code == 2)].sum()
    for name in ("mean", "lower", "upper"):
        assert got[f"ddww_null_{name}"] == pytest.approx(drying, rel=1e-12)


@pytest.mark.parametrize("code", [np.full((18, 36), 1, "uint8"), np.zeros((18, 36), "uint8")], ids=["dries", "none"])
def test_no_range_by_chance_where_all_changes_alike_or_not_at_all(code: np.ndarray) -> None:
    got = found(code)
    assert np.isnan([got[f"ddww_null_{name}"] for name in ("mean", "lower", "upper", "efolding_km")]).all()
    assert "both directions" in str(got["ddww_null_comment"])


def smooth_values(length: float, seed: int, rows: np.ndarray) -> np.ndarray:
    """Fields (400, row, lon) with exponential correlation, by Cholesky of their plain covariance."""
    lat, lon = np.meshgrid(np.radians(LAT[rows]), np.radians(LON), indexing="ij")
    xyz = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1).reshape(-1, 3)
    apart = 6371.0072 * np.arccos(np.clip(xyz @ xyz.T, -1, 1))
    factor = np.linalg.cholesky(np.exp(-apart / length) + 1e-9 * np.eye(len(xyz)))
    noise = np.random.default_rng(seed).standard_normal((len(xyz), 400))
    return (factor @ noise).T.reshape(400, len(rows), len(LON))


def test_the_range_by_chance_against_fields_by_the_plain_covariance() -> None:
    """The range is that of shares in worlds with the same zones, and directions of a field with the length found."""
    rows = np.arange(4, 14)
    zone = np.zeros((18, 36), int)
    zone[rows] = np.where(np.abs(LON - 180) < 100, 1, 3)  # two blocks of dry and wet
    wetter = np.zeros((18, 36), bool)
    wetter[rows] = smooth_values(2000.0, 9, rows)[0] > 0
    code = np.where(zone == 1, np.where(wetter, 2, 1), np.where(wetter, 4, 3))
    code[zone == 0] = 255
    got = found(code.astype("uint8"))
    weight, drying = WEIGHT[rows], (WEIGHT[rows] * ~wetter[rows]).sum()
    shares = []
    for field in smooth_values(float(got["ddww_null_efolding_km"]), 10, rows):
        order = np.argsort(field, axis=None)
        dries = np.zeros(field.size, bool)
        dries[order[weight.ravel()[order].cumsum() <= drying]] = True
        held = dries.reshape(field.shape) == (zone[rows] == 1)
        shares.append((weight * held).sum() / weight.sum())
    lower, upper = np.quantile(shares, [0.025, 0.975])
    assert got["ddww_null_mean"] == pytest.approx(np.mean(shares), abs=0.02)
    assert got["ddww_null_lower"] == pytest.approx(lower, abs=0.04)
    assert got["ddww_null_upper"] == pytest.approx(upper, abs=0.04)
    assert upper - lower > 0.15


def test_without_replicates_there_is_neither() -> None:
    assert found(a_map(1), 0) == {}


def test_the_same_seed_gives_the_same_and_another_does_not() -> None:
    once, again = found(a_map(4), 80), found(a_map(4), 80)
    assert once == again
    config = make_config(bootstrap={"replicates": 80, "seed": 6})
    other = association(lattice(a_map(4)), xr.Dataset(coords=GRID), NAMES, config)
    assert other["ddww_share_of_change_lower"] != once["ddww_share_of_change_lower"]
    assert other["ddww_null_lower"] != once["ddww_null_lower"]


def test_a_completed_product_does_not_depend_on_chunks(world: dict[str, xr.Dataset]) -> None:
    config = make_config(bootstrap={"replicates": 60})
    annual, trend = world["annual"], world["trend"]
    whole = completed_ddww(ddww(trend, annual, config), annual, config)
    made = ddww(trend.chunk(lat=2, lon=3), annual.chunk(lat=2, lon=3), config)
    lazy = completed_ddww(made.compute(), annual.chunk(lat=2, lon=3), config)
    xr.testing.assert_identical(whole, lazy)
    assert {"ddww_null_mean", "odds_ratio_upper", "ddww_share_of_land_lower", "odds_ratio"} <= set(whole.attrs)


def world_of(rng: np.random.Generator, config: RunConfig, follows: float) -> dict[str, float]:
    """Attributes of a world in which the wet zone changes more often than the dry one, and three of four cells dry.

    ``follows`` is the share of the changed cells whose direction is that of their zone, others take any.
    """
    shape = (len(LAT), len(LON))
    index = rng.choice([0.2, 0.58, 0.9], shape)
    changed = rng.random(shape) < np.where(index > 0.65, 0.9, 0.2)
    slope = np.where(rng.random(shape) < 0.75, -1e-3, 1e-3)
    slope = np.where((rng.random(shape) < follows) & (index != 0.58), np.where(index > 0.65, 1e-3, -1e-3), slope)
    annual = xr.Dataset({"aridity_index": lattice(index), "land_mask": lattice(np.ones(shape))})
    trend = xr.Dataset({"slope": lattice(slope), "significant": lattice(changed.astype("uint8"))})
    return ddww_attributes(ddww(trend, annual, config))


@pytest.mark.slow
def test_the_expected_share_is_the_observed_one_without_association() -> None:
    """The shares of the zones in all valid land would expect 0.33 here: the wet zone changes more often."""
    rng, config = np.random.default_rng(12), make_config()
    worlds = [world_of(rng, config, follows=0.0) for _ in range(24)]
    observed, expected = (
        np.mean([w[f"ddww_{name}"] for w in worlds]) for name in ("share_of_change", "expected_share")
    )
    assert abs(observed - expected) < 0.02
    assert abs(np.mean([math.log(w["odds_ratio"]) for w in worlds])) < 0.15
    assert not 0.3 < observed < 0.34


def test_an_association_exceeds_its_chance() -> None:
    world = world_of(np.random.default_rng(13), make_config(), follows=0.6)
    assert world["ddww_share_of_change"] > world["ddww_expected_share"] + 0.15
    assert world["odds_ratio"] > 5
