import math

import cloudpickle
import dask.array
import numpy as np
import pytest
import scipy.stats
import xarray as xr

from smcloud.config import RunConfig
from smcloud.errors import GridError
from smcloud.products import ddww
from smcloud.products.regions import regions, strata
from smcloud.products.tables import table

from .conftest import DRIVERS, LAT, LON, OCEAN, SHORT, make_config, products
from .test_ddww import area

CELLS = [(i, j) for i in range(len(LAT)) for j in range(len(LON))]


@pytest.fixture(scope="module")
def regional(world: dict[str, xr.Dataset], config: RunConfig) -> xr.Dataset:
    annual = world["annual"]
    return table(annual, world["trend"], world["drivers"], regions(annual["lat"], annual["lon"]), config)


@pytest.fixture(scope="module")
def by_stratum(world: dict[str, xr.Dataset], config: RunConfig) -> xr.Dataset:
    annual = world["annual"]
    groups = strata(annual, world["trend"], world["ddww"], config)
    return table(annual, world["trend"], world["drivers"], groups, config)


def mean(values: np.ndarray, cells: list[tuple[int, int]]) -> float:
    """Area-weighted mean over the cells with a value."""
    found = [(area(i), values[i, j]) for i, j in cells if not np.isnan(values[i, j])]
    return math.fsum(w * v for w, v in found) / math.fsum(w for w, _ in found) if found else np.nan


def line(years: np.ndarray, values: np.ndarray) -> tuple[float, float, float, float, float]:
    """Slope, limits, p and n with the effective sample size, written out."""
    valid = ~np.isnan(values)
    t, x = years[valid].astype(float), values[valid]
    n = len(t)
    fit = scipy.stats.linregress(t, x)
    rest = dict(zip(t, x - fit.intercept - fit.slope * t, strict=True))
    r1 = sum(rest[y] * rest[y + 1] for y in rest if y + 1 in rest) / sum(v * v for v in rest.values())
    phi = max(0.0, (n * max(-0.99, min(0.99, r1)) + 2) / (n - 4))
    n_eff = n * (1 - phi) / (1 + phi)
    stderr = math.sqrt(sum(v * v for v in rest.values()) / (n_eff - 2) / sum((t - t.mean()) ** 2))
    half = scipy.stats.t.ppf(0.975, n_eff - 2) * stderr
    return (
        fit.slope,
        fit.slope - half,
        fit.slope + half,
        2 * scipy.stats.t.sf(abs(fit.slope) / stderr, n_eff - 2),
        n_eff,
    )


def members(name: str) -> list[tuple[int, int]]:
    limits = {"globe": (-90, 90), "north": (0, 90), "south": (-90, 0), "tropics": (-23, 23), "40N-50N": (40, 50)}
    return [(i, j) for i, j in CELLS if limits[name][0] <= LAT[i] < limits[name][1] and (i, j) != OCEAN]


@pytest.mark.parametrize("name", ["globe", "north", "south", "tropics", "40N-50N"])
def test_regions_against_a_plain_loop(world: dict[str, xr.Dataset], regional: xr.Dataset, name: str) -> None:
    cells, row = members(name), regional.sel(region=name)
    trend, years = world["trend"], world["annual"]["year"].values
    moisture, slope, p = (
        world["annual"]["soil_moisture"].values, trend["slope"].values, trend["p_value"].values
    )  # fmt: skip
    series = np.array([mean(moisture[k], cells) for k in range(22)])
    np.testing.assert_allclose(row["soil_moisture"], series, rtol=1e-13)
    got = [float(row[k]) for k in ("slope", "slope_lower", "slope_upper", "p_value")]
    np.testing.assert_allclose(got, line(years, series)[:4], rtol=1e-7)
    assert float(row["n_effective"]) == pytest.approx(line(years, series)[4], rel=1e-7)
    covered = [c for c in cells if not np.isnan(slope[c])]
    assert float(row["mean_of_slopes"]) == pytest.approx(mean(slope, cells), rel=1e-12)
    assert float(row["area_km2"]) == pytest.approx(sum(area(i) for i, _ in cells), rel=1e-12)
    assert float(row["covered_area_km2"]) == pytest.approx(sum(area(i) for i, _ in covered), rel=1e-12)
    assert int(row["n_cells"]) == len(covered)
    share = sum(area(i) for i, _ in covered) / sum(area(i) for i, _ in cells)
    assert float(row["covered_share"]) == pytest.approx(share, rel=1e-12)
    for share, sign in (("drying_share", -1), ("wetting_share", 1)):
        part = sum(area(i) for i, j in covered if p[i, j] < 0.05 and sign * slope[i, j] > 0)
        assert float(row[share]) == pytest.approx(part / sum(area(i) for i, _ in covered), abs=1e-14)
    for driver in DRIVERS:
        r = world["drivers"]["partial_correlation"].sel(driver=driver).values
        assert float(row["partial_correlation"].sel(driver=driver)) == pytest.approx(mean(r, cells), rel=1e-12)


@pytest.mark.parametrize("name", ["globe", "south"])
def test_fixed_cells_against_a_plain_loop(world: dict[str, xr.Dataset], regional: xr.Dataset, name: str) -> None:
    moisture = world["annual"]["soil_moisture"].values
    valid = ~np.isnan(moisture)
    cells = [
        c for c in members(name)
        if valid[:, *c].sum() >= 17.6 and valid[:5, *c].sum() >= 3 and valid[-5:, *c].sum() >= 3
    ]  # fmt: skip
    assert 0 < len(cells) < len([c for c in members(name) if valid[:, *c].any()])
    seen = [(n, k) for n, c in enumerate(cells) for k in range(22) if valid[k, *c]]
    levels_and_years = np.zeros((len(seen), len(cells) + 22))
    for row, (n, k) in enumerate(seen):
        levels_and_years[row, [n, len(cells) + k]] = 1
    root = np.sqrt([area(cells[n][0]) for n, _ in seen])
    values = root * [moisture[k, *cells[n]] for n, k in seen]
    series = np.linalg.lstsq(root[:, None] * levels_and_years, values)[0][len(cells) :]
    names = [f"slope_fixed_cells{tail}" for tail in ("", "_lower", "_upper", "_p_value")]
    got = [float(regional[k].sel(region=name)) for k in names]
    np.testing.assert_allclose(got, line(world["annual"]["year"].values, series)[:4], rtol=1e-7)
    row = regional.sel(region=name)
    assert int(row["n_fixed_cells"]) == len(cells)
    share = sum(area(i) for i, _ in cells) / sum(area(i) for i, _ in members(name))
    assert float(row["fixed_cells_share"]) == pytest.approx(share, rel=1e-12) and share < float(row["covered_share"])


def test_wetter_cells_that_enter_late_do_not_move_the_fixed_set(
    world: dict[str, xr.Dataset], config: RunConfig
) -> None:
    annual = world["annual"]
    flat = xr.full_like(annual["soil_moisture"], 0.2)
    flat = flat + 1e-4 * np.random.default_rng(0).normal(size=22)[:, None, None]
    flat[:10, :, 6:] = np.nan
    flat[10:, :, 6:] += 0.2
    changed = annual.assign(soil_moisture=flat)
    made = products(changed, make_config(years={"min_years": 10}))
    groups = regions(annual["lat"], annual["lon"])
    got = table(changed, made["trend"], made["drivers"], groups, config).sel(region="globe")
    assert float(got["slope"]) > 1e-3
    assert abs(float(got["slope_fixed_cells"])) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("missing", [range(4, 20, 3), range(0, 3), range(19, 22)], ids=["years", "start", "end"])
def test_who_is_not_in_the_fixed_set(world: dict[str, xr.Dataset], config: RunConfig, missing: range) -> None:
    annual = world["annual"]
    rng = np.random.default_rng(5)
    full = xr.full_like(annual["soil_moisture"], 0.2) + 0.01 * rng.normal(size=annual["soil_moisture"].shape)

    def slope(moisture: xr.DataArray) -> float:
        changed = annual.assign(soil_moisture=moisture)
        groups = regions(annual["lat"], annual["lon"])
        got = table(changed, world["trend"], world["drivers"], groups, config)
        return float(got["slope_fixed_cells"].sel(region="globe"))

    without, poor, rich = full.copy(), full.copy(), full.copy()
    without[:, 2, 2] = np.nan
    poor[list(missing), 2, 2] = np.nan
    rich[[4, 8, 12, 16], 2, 2] = np.nan  # 18 of 22 years, both ends
    assert slope(poor) == slope(without)
    assert slope(rich) != slope(without)


def test_regions_without_cells_are_nan_and_zero(regional: xr.Dataset) -> None:
    row = regional.sel(region="0-10N")
    assert float(row["area_km2"]) == 0 and int(row["n_cells"]) == 0 and float(row["covered_area_km2"]) == 0
    assert int(row["n_fixed_cells"]) == 0
    shares = ("covered_share", "fixed_cells_share", "drying_share")
    for name in ("slope", "p_value", "mean_of_slopes", "slope_fixed_cells", *shares):
        assert np.isnan(row[name]), name
    assert row["partial_correlation"].isnull().all()


def test_parts_add_up(regional: xr.Dataset, by_stratum: xr.Dataset, world: dict[str, xr.Dataset]) -> None:
    for name in ("area_km2", "covered_area_km2", "n_cells"):
        whole = float(regional[name].sel(region="globe"))
        assert float(regional[name].sel(region=["north", "south"]).sum()) == pytest.approx(whole, rel=1e-12)
        assert float(regional[name].where(regional["kind"] == "band").sum()) == pytest.approx(whole, rel=1e-12)
        for kind in ("land_cover", "texture", "elevation", "lai"):
            assert float(by_stratum[name].where(by_stratum["kind"] == kind).sum()) == pytest.approx(whole, rel=1e-12)
    classes = by_stratum["area_km2"].sel(stratum=[f"ddww/{name}" for name in world["ddww"]["class"].values])
    np.testing.assert_allclose(classes, world["ddww"]["area_km2"], rtol=1e-12)


def test_classes_chosen_by_their_trend_have_no_test_of_it(by_stratum: xr.Dataset, regional: xr.Dataset) -> None:
    chosen = (by_stratum["kind"] == "ddww").values
    names = ["p_value", "slope_lower", "slope_upper", "drying_share", "wetting_share"]
    for name in names:
        assert by_stratum[name].isel(stratum=chosen).isnull().all(), name
        assert by_stratum[name].isel(stratum=~chosen).notnull().any(), name
    assert (by_stratum["status"].isel(stratum=chosen) == 9).all()
    there = by_stratum.isel(stratum=~chosen)
    np.testing.assert_array_equal(there["status"] == 0, there["slope"].notnull())
    filled = by_stratum.isel(stratum=chosen & (by_stratum["n_cells"] > 0).values)
    assert filled.sizes["stratum"] >= 4
    for name in ("slope", "mean_of_slopes", "area_km2", "trend_contribution"):
        assert filled[name].notnull().any(), name
    assert int(regional["status"].sel(region="globe")) == 0 and int(regional["status"].sel(region="0-10N")) == 1
    assert by_stratum["status"].dtype == np.uint8


def test_a_stratum_against_a_plain_loop(world: dict[str, xr.Dataset], by_stratum: xr.Dataset) -> None:
    cells = [(i, j) for i, j in CELLS if float(world["annual"]["land_cover"][i, j]) == 4 and (i, j) != OCEAN]
    row, moisture = by_stratum.sel(stratum="land_cover/savanna"), world["annual"]["soil_moisture"].values
    series = np.array([mean(moisture[k], cells) for k in range(22)])
    got = [float(row[k]) for k in ("slope", "slope_lower", "slope_upper", "p_value")]
    np.testing.assert_allclose(got, line(world["annual"]["year"].values, series)[:4], rtol=1e-7)
    assert str(row["kind"].values) == "land_cover" and str(row["label"].values) == "savanna"
    assert "slope_fixed_cells" not in by_stratum
    assert np.isnan(world["trend"]["slope"][SHORT]) and by_stratum.attrs["title"] != ""


def test_grids_that_differ_are_refused(world: dict[str, xr.Dataset], config: RunConfig) -> None:
    annual = world["annual"]
    groups = regions(annual["lat"] + 1e-7, annual["lon"])
    shifted = groups._replace(mask=groups.mask.assign_coords(lat=annual["lat"].values + 1e-7))
    with pytest.raises(GridError):
        table(annual, world["trend"], world["drivers"], shifted, config)


@pytest.mark.slow
def test_no_graph_of_a_table_carries_a_map(config: RunConfig) -> None:
    shape = {"year": 22, "lat": 720, "lon": 1440}

    def zeros(*dims: str) -> xr.DataArray:
        return xr.DataArray(dask.array.zeros([shape[dim] for dim in dims], chunks=-1, dtype="f4"), dims=dims)

    cells = {"lat": np.arange(-89.875, 90, 0.25), "lon": np.arange(-179.875, 180, 0.25)}
    maps = dict.fromkeys(("aridity_index", "land_mask"), zeros("lat", "lon"))
    annual = xr.Dataset({"soil_moisture": zeros("year", "lat", "lon")} | maps, cells | {"year": range(2000, 2022)})
    trend = xr.Dataset(dict.fromkeys(("slope", "significant", "climatology"), zeros("lat", "lon")), cells)
    everywhere = xr.ones_like(annual["aridity_index"], dtype=bool)
    by_region = regions(annual["lat"], annual["lon"], everywhere)
    by_stratum = strata(annual, trend, ddww(trend, annual, config), config)
    assert by_stratum is not None
    for groups in (by_region, by_stratum):
        made = table(annual, trend, None, groups, config)
        graph = dict(made.__dask_graph__())
        sizes = [len(cloudpickle.dumps(task)) for task in graph.values()]
        assert max(sizes) < 720 * 1440 / 8 / 6  # a sixth of a map of bits
        assert len(cloudpickle.dumps(graph)) < 720 * 1440 * 0.3  # of a map of booleans
