import numpy as np
import pytest
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.ddww import CLASS_FLAGS, ddww, ddww_attributes

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
    zone = {z: sum(total[name] for name in NAMES if name[0] == z) for z in "DTW"}
    direction = {d: sum(total[name] for name in NAMES if name[1] == d) for d in "DW"}
    got = world["ddww"]
    np.testing.assert_allclose(got["area_km2"], [total[n] for n in NAMES], rtol=1e-12)
    np.testing.assert_allclose(got["share_of_change"], [total[n] / changed for n in NAMES], rtol=1e-12)
    np.testing.assert_allclose(got["share_of_land"], [total[n] / valid for n in NAMES], rtol=1e-12)
    np.testing.assert_allclose(got["share_of_all_land"], [total[n] / land for n in NAMES], rtol=1e-12)
    expected = [zone[n[0]] / changed * direction[n[1]] / changed for n in NAMES]
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
    dd, dw, wd, ww = got["area_km2"].values[:4]
    assert attributes == {
        "ddww_share_of_change": float(both["share_of_change"].sum()),
        "ddww_share_of_land": float(both["share_of_land"].sum()),
        "ddww_expected_share": float(both["expected_share"].sum()),
        "ddww_share_without_transition": (dd + ww) / (dd + dw + wd + ww),
        "odds_ratio": dd * ww / (dw * wd),
    }
    assert attributes["ddww_share_without_transition"] != attributes["ddww_share_of_change"]
    assert 0 < attributes["ddww_share_of_land"] < attributes["ddww_share_of_change"] < 1


def test_no_change_at_all_gives_no_share(world: dict[str, xr.Dataset], config: RunConfig) -> None:
    trend = world["trend"].assign(significant=xr.zeros_like(world["trend"]["significant"]))
    got = ddww(trend, world["annual"], config)
    assert (got["area_km2"] == 0).all() and (got["share_of_land"] == 0).all()
    assert got["share_of_change"].isnull().all() and got["expected_share"].isnull().all()
    found = ddww_attributes(got)
    assert found.pop("ddww_share_of_land") == 0 and np.isnan(list(found.values())).all()


def test_only_drying_expects_no_wetting(world: dict[str, xr.Dataset], config: RunConfig) -> None:
    trend = world["trend"].assign(slope=-abs(world["trend"]["slope"]))
    got = ddww(trend, world["annual"], config)
    assert (got["expected_share"].sel({"class": ["DW", "WW", "TW"]}) == 0).all()
    assert float(got["expected_share"].sum()) == pytest.approx(1)


def test_without_an_aridity_index_there_is_none(world: dict[str, xr.Dataset], config: RunConfig) -> None:
    assert ddww(world["trend"], world["annual"].drop_vars("aridity_index"), config) is None


def test_an_empty_class_leaves_no_odds_ratio(world: dict[str, xr.Dataset], config: RunConfig) -> None:
    trend = world["trend"].assign(slope=-abs(world["trend"]["slope"]))
    found = ddww_attributes(ddww(trend, world["annual"], config))
    assert np.isnan(found["odds_ratio"]) and 0 < found["ddww_share_without_transition"] < 1


def test_shares_without_the_transition_zone(world: dict[str, xr.Dataset], names: np.ndarray) -> None:
    config = make_config(zones={"transition_in_share": False})
    got = ddww(world["trend"], world["annual"], config)
    total = {name: sum(area(i) for i, j in np.argwhere(names == name)) for name in NAMES}
    changed = sum(total[name] for name in NAMES[:4])
    assert total["TD"] + total["TW"] > 0
    zone = {z: sum(total[z + d] for d in "DW") / changed for z in "DW"}
    direction = {d: sum(total[z + d] for z in "DW") / changed for d in "DW"}
    np.testing.assert_allclose(got["share_of_change"][:4], [total[n] / changed for n in NAMES[:4]], rtol=1e-12)
    np.testing.assert_allclose(got["expected_share"][:4], [zone[n[0]] * direction[n[1]] for n in NAMES[:4]], rtol=1e-12)
    assert got["share_of_change"][4:].isnull().all() and got["expected_share"][4:].isnull().all()
    for name in ("area_km2", "share_of_land", "share_of_all_land", "ddww_class", "zone"):
        xr.testing.assert_equal(got[name], world["ddww"][name])
    found = ddww_attributes(got)
    assert found["ddww_share_of_change"] == pytest.approx(found["ddww_share_without_transition"])
    assert found["ddww_share_without_transition"] == ddww_attributes(world["ddww"])["ddww_share_without_transition"]
    assert "dry and the wet zone" in got.attrs["ddww_share_of_change_denominator"]
    assert "and a zone" in world["ddww"].attrs["ddww_share_of_change_denominator"]
