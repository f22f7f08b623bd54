"""Shares, means, trends of drivers, parts and gradients in the tables, against pandas and scipy on the sample world."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.definition import _regional, _strata
from smcloud.sample import WORLDS, Coefficients, annual_world
from smcloud.sample.physics import physics
from smcloud.stats import cell_area

from .conftest import DRIVERS, make_config, products

pytestmark = pytest.mark.slow

PRESETS = ("peng2023", "rigorous")
DRAWS = {"replicates": 400, "seed": 1}
PROPERTIES = ("clay", "sand", "elevation")


def world_of(coefficients: Coefficients, seed: int = 11) -> xr.Dataset:
    """The annual product of a sample world, with gaps, and with properties of the land that clay and height follow."""
    annual = annual_world(seed, coefficients=coefficients)[0]
    rng = np.random.default_rng(seed)
    annual["soil_moisture"] = annual["soil_moisture"].where(rng.random(annual["soil_moisture"].shape) > 0.04)
    land = annual["aridity_index"].notnull()
    clay = (30 + 25 * np.sin(annual["lon"] / 23) * np.cos(annual["lat"] / 17)).where(land)
    annual["clay"], annual["sand"] = clay, 90 - 1.2 * clay
    annual["elevation"] = (1500 + 1400 * np.sin(annual["lon"] / 31 + annual["lat"] / 11)).where(land)
    annual["land_mask"] = land.astype("float32")
    return annual


def made(annual: xr.Dataset, config: RunConfig) -> dict[str, xr.Dataset]:
    parts = products(annual, config)
    tables = {name: parts[name] for name in ("annual", "trend", "drivers")}
    return parts | {
        "regional": _regional(config, annual, **tables),
        "strata": _strata(config, **tables, ddww=parts["ddww"]),
    }


@pytest.fixture(scope="module", params=PRESETS)
def run(request: pytest.FixtureRequest) -> tuple[RunConfig, dict[str, xr.Dataset]]:
    config = make_config(preset=request.param, bootstrap=DRAWS)
    return config, made(world_of(WORLDS["default"]), config)


def cells(config: RunConfig, out: dict[str, xr.Dataset]) -> pd.DataFrame:
    """A row for each land cell."""
    annual, trend, drivers = out["annual"], out["trend"], out["drivers"]
    maps = {name: trend[name] for name in ("slope", "climatology", "significant")} | {"land": annual["land_mask"] > 0}
    maps |= {name: annual[name] for name in PROPERTIES}
    maps |= {name: out["ddww"][name] for name in ("ddww_class", "zone")} | {"lead": drivers["dominant_driver"]}
    maps["w"] = cell_area(annual["lat"], annual["lon"])
    for name in DRIVERS:
        maps[f"r {name}"] = drivers["partial_correlation"].sel(driver=name, drop=True)
        rule = "p_value" if config.drivers.dominant == "p_value" else "p_adjusted"
        maps[f"p {name}"] = drivers[rule].sel(driver=name, drop=True)
        maps[f"part {name}"] = drivers["trend_contribution"].sel(driver=name, drop=True)
    table = xr.Dataset(maps).to_dataframe().reset_index()
    table["tile"] = (((table.lat + 90) // 20) * 18 + (table.lon + 180) // 20).astype(int)
    return table[table.land].reset_index(drop=True)


def called(frame: pd.DataFrame, name: str, sign: int) -> pd.Series:
    """Where the partial correlation of a cell has this sign and is significant."""
    return ((sign * frame[f"r {name}"] > 0) & (frame[f"p {name}"] <= 0.05)).where(frame[f"r {name}"].notna())


def bootstrap_mean(frame: pd.DataFrame, values: pd.Series) -> tuple[float, float, float]:
    """Mean and limits by a plain bootstrap of tiles."""
    sums = pd.DataFrame({"top": values * frame.w, "w": frame.w}).groupby(frame.tile).sum().to_numpy()
    mean = sums[:, 0].sum() / sums[:, 1].sum()
    if len(sums) < 10:
        return mean, np.nan, np.nan
    drawn = np.random.default_rng(1).integers(len(sums), size=(400, len(sums)))
    top, bottom = sums[drawn].sum(axis=1).T
    return mean, *np.quantile(top / bottom, [0.025, 0.975])


def test_columns_of_the_deciles_are_those_of_pandas(run: tuple[RunConfig, dict[str, xr.Dataset]]) -> None:
    config, out = run
    frame = cells(config, out).dropna(subset="climatology").sort_values("climatology", kind="stable")
    strata = out["strata"].sel(stratum=[f"climatology/{k}" for k in range(1, 11)])
    edges = [
        float(frame.climatology[(frame.w.cumsum() >= k * frame.w.sum() / 10 - 1e-6)].iloc[0]) for k in range(1, 10)
    ]
    frame["decile"] = np.searchsorted(edges, frame.climatology, side="right")
    assert (frame.groupby("decile").w.sum() / frame.w.sum()).between(0.08, 0.12).all()
    bounded = 0
    for k, own in frame.groupby("decile"):
        row = strata.isel(stratum=int(k))
        assert float(row["area_km2"]) == pytest.approx(own.w.sum(), rel=1e-12)
        for number, name in enumerate(DRIVERS, start=1):
            tested = own[own.lead != 255]
            for column, part, values in (
                ("partial_correlation", own, own[f"r {name}"]), ("trend_contribution", own, own[f"part {name}"]),
                ("dominant_share", tested, (tested.lead == number).astype(float)),
                ("positive_share", own, (own[f"r {name}"] > 0).where(own[f"r {name}"].notna())),
                ("significant_positive_share", own, called(own, name, 1)),
                ("significant_negative_share", own, called(own, name, -1)),
            ):  # fmt: skip
                known = values.notna()
                want = bootstrap_mean(part[known], values[known].astype(float))
                got = [float(row[f"{column}{end}"].sel(driver=name)) for end in ("", "_lower", "_upper")]
                np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-12, err_msg=f"{k} {name} {column}")
                assert int(row[f"{column}_n_cells"].sel(driver=name)) == known.sum()
                bounded += np.isfinite(want[1])
    assert bounded > 60


def test_trends_of_drivers_by_class_are_those_of_scipy(run: tuple[RunConfig, dict[str, xr.Dataset]]) -> None:
    """Over the years of the regression; and slope times its coefficient is the part of the trend."""
    config, out = run
    annual, drivers = out["annual"], out["drivers"]
    frame = cells(config, out)
    years = annual["year"].values.astype(float)
    seen = 0
    for code, name in ((1, "DD"), (4, "WW"), (3, "WD")):
        own = frame[frame.ddww_class == code]
        row = out["strata"].sel(stratum=f"ddww/{name}")
        for driver in DRIVERS:
            slopes, rising, falling, area = [], 0.0, 0.0, 0.0
            for cell in own.itertuples():
                at = {"lat": cell.lat, "lon": cell.lon}
                if np.isnan(float(drivers["trend_contribution"].sel(driver=driver, **at))):
                    continue
                used = [d for d in DRIVERS if int(drivers["status"].sel(driver=d, **at)) != 5]
                series = annual[["soil_moisture", *used]].sel(at).to_dataframe()[["soil_moisture", *used]]
                known = series.notna().all(axis=1).to_numpy()
                line = scipy.stats.linregress(years[known], series[driver].to_numpy()[known])
                slopes.append((line.slope, cell.w))
                p = (
                    line.pvalue
                    if config.drivers.dof == "n"
                    else effective_p(years, series[driver].where(known).to_numpy())
                )
                rising += cell.w * (p < 0.05 and line.slope > 0)
                falling += cell.w * (p < 0.05 and line.slope < 0)
                area += cell.w
            seen += len(slopes)
            mean = np.average([s for s, _ in slopes], weights=[w for _, w in slopes])
            assert float(row[f"trend_of_{driver}"]) == pytest.approx(mean, rel=1e-8, abs=1e-12)
            got = [float(row[column].sel(driver=driver)) for column in ("rising_share", "falling_share")]
            np.testing.assert_allclose(got, [rising / area, falling / area], atol=1e-12)
            assert int(row["driver_trend_n_cells"].sel(driver=driver)) == len(slopes)
            assert np.isnan(row["trend_contribution_lower"].sel(driver=driver))  # chosen by its trend
    assert seen > 300


def effective_p(years: np.ndarray, x: np.ndarray) -> float:
    """Definition 7, written out."""
    known = np.isfinite(x)
    t, n = years[known], int(known.sum())
    line = scipy.stats.linregress(t, x[known])
    rest = dict(zip(t, x[known] - line.intercept - line.slope * t, strict=True))
    pairs = [rest[y] * rest[y + 1] for y in rest if y + 1 in rest]
    r1 = np.clip((sum(pairs) / len(pairs)) / (sum(v * v for v in rest.values()) / n) * (n - 1) / n, -0.99, 0.99)
    phi = max(0.0, (n * r1 + 2) / (n - 4))
    n_eff = n * (1 - phi) / (1 + phi)
    if n_eff <= 2:
        return np.nan
    error = np.sqrt(sum(v * v for v in rest.values()) / (n_eff - 2) / sum((t - t.mean()) ** 2))
    return float(2 * scipy.stats.t.sf(abs(line.slope) / error, n_eff - 2))


def test_gradients_are_those_of_weighted_least_squares(run: tuple[RunConfig, dict[str, xr.Dataset]]) -> None:
    _, out = run
    frame, strata = cells(*run), out["strata"]
    for name, step in (("clay", 10), ("sand", 10), ("elevation", 1000)):
        row = strata.sel(property=name)
        assert float(row["step"]) == step
        for column, values in [("trend_gradient", frame.slope), *((d, frame[f"r {d}"]) for d in DRIVERS)]:
            one = row if column == "trend_gradient" else row.sel(driver=column)
            key = column if column == "trend_gradient" else "correlation_gradient"
            known = values.notna() & frame[name].notna()
            x, y, w = frame[name][known] / step, values[known], frame.w[known]
            slope = np.cov(x, y, aweights=w)[0, 1] / np.cov(x, aweights=w)
            assert float(one[key]) == pytest.approx(slope, rel=1e-6), (name, column)
            assert float(one[f"{key}_lower"]) < slope < float(one[f"{key}_upper"])
            assert int(one[f"{key}_n_cells"]) == known.sum()


def test_parts_of_hemispheres_and_bands_add_up_to_the_global_trend(
    run: tuple[RunConfig, dict[str, xr.Dataset]],
) -> None:
    regional = run[1]["regional"]
    whole = float(regional["slope_fixed_cells"].sel(region="globe"))
    part = regional["part_of_whole"]
    assert float(part.sel(region="globe")) == pytest.approx(whole, rel=1e-12)
    assert float(part.sel(region="north") + part.sel(region="south")) == pytest.approx(whole, rel=1e-10)
    assert float(part.where(regional["kind"] == "band").sum()) == pytest.approx(whole, rel=1e-10)
    assert part.sel(region="90S-80S").isnull() and (regional["part_of_whole_lower"] <= part).sum() > 10
    gradient = regional["latitude_gradient"]
    assert gradient.notnull().sum() == 3 and gradient.sel(region="tropics").isnull()
    assert int(regional["latitude_gradient_n_cells"].sel(region="tropics")) == 0


@pytest.mark.parametrize("preset", PRESETS)
def test_a_planted_gradient_lies_in_its_interval(preset: str) -> None:
    """4e-5 m3 m-3 yr-1 for each degree of southern latitude; and the south's part of the global trend leads."""
    config = make_config(preset=preset, bootstrap=DRAWS)
    regional = made(world_of(WORLDS["drying with latitude"], 5), config)["regional"]
    south, north = regional.sel(region="south"), regional.sel(region="north")
    assert float(south["latitude_gradient_lower"]) < -4e-4 < float(south["latitude_gradient_upper"]) < 0
    assert float(north["latitude_gradient_lower"]) < 0 < float(north["latitude_gradient_upper"])
    truth = annual_world(5, coefficients=WORLDS["drying with latitude"])[1]["beta"].to_dataframe().dropna()
    truth = truth.reset_index().query("lat < 0")  # constant land and the like among it
    slope, level = np.polyfit(-truth.lat / 10, truth.beta, 1, w=np.sqrt(np.cos(np.deg2rad(truth.lat))))
    assert float(south["latitude_gradient_lower"]) < slope < float(south["latitude_gradient_upper"])
    line = south[["latitude_line_lower", "latitude_line_upper"]].sel(distance=30).to_array().values
    assert line[0] < level + 3 * slope < line[1]
    assert float(south["part_of_whole_upper"]) < 0 and float(south["part_of_whole"]) < float(north["part_of_whole"])


@pytest.mark.parametrize("preset", PRESETS)
def test_a_crossover_of_drivers_at_decile_3_is_found(preset: str) -> None:
    """Leaves act where it is drier than the upper limit of decile 3, precipitation from there on."""
    p = physics(5.0, Coefficients())
    alive = p.geo.alive if hasattr(p.geo, "alive") else np.ones(p.geo.lat.size, bool)
    order = np.argsort(p.geo.aridity[alive])
    area = np.cos(np.deg2rad(p.geo.lat[alive]))[order].cumsum()
    limit = float(p.geo.aridity[alive][order][np.searchsorted(area, 0.3 * area[-1])])
    config = make_config(preset=preset, bootstrap=DRAWS)
    strata = made(world_of(replace(WORLDS["default"], crossover=limit), 7), config)["strata"]
    deciles = strata.sel(stratum=[f"climatology/{k}" for k in range(1, 11)])
    for column in ("partial_correlation", "dominant_share"):
        rain, leaf = (deciles[column].sel(driver=name).values for name in ("precipitation", "lai"))
        assert (rain[3:] > leaf[3:]).all() and (leaf[1:3] > rain[1:3]).all(), column
    positive = deciles["significant_positive_share"]
    rain, leaf = (positive.sel(driver=name).values for name in ("precipitation", "lai"))
    assert (leaf[1:3] > rain[1:3]).all() and (rain[3:] > leaf[3:]).all()
    assert (deciles["significant_negative_share"].sel(driver=["precipitation", "lai"]) < 0.15).all()
    lower, upper = deciles["dominant_share_lower"], deciles["dominant_share_upper"]
    ahead = (lower.sel(driver="precipitation") > upper.sel(driver="lai")).values
    behind = (upper.sel(driver="precipitation") < lower.sel(driver="lai")).values
    assert ahead[3:].mean() >= 0.8 and not ahead[:3].any() and behind[:3].any() and not behind[3:].any()
