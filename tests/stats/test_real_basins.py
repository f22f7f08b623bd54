"""Two real basins (Caravan: daily ERA5-Land) through the whole job, against scipy and pingouin."""

import numpy as np
import pandas as pd
import pingouin
import pytest
import scipy.stats
import xarray as xr
from statsmodels.stats.outliers_influence import variance_inflation_factor

import smcloud
from smcloud import pipeline
from smcloud.config import parse_config

pytestmark = pytest.mark.slow

COLUMNS = {
    "soil_moisture": "volumetric_soil_water_layer_1_mean",
    "precipitation": "total_precipitation_sum",
    "temperature": "temperature_2m_mean",
    "potential_evaporation": "potential_evaporation_sum",
}
PROPERTIES = {"clay": ("cly_pc_sav", "%", 10), "sand": ("snd_pc_sav", "%", 10), "elevation": ("ele_mt_sav", "m", 1000)}
BASINS = {"camelsch_4001": 7.5, "camelslx_054": 6.0}
DRIVERS = ("precipitation", "temperature")
YEARS = slice("2001", "2020")


@pytest.fixture(scope="module")
def daily(test_data):
    frames = {
        name: pd.read_csv(test_data / "caravan" / f"{name}.csv.gz", index_col="date", parse_dates=True)
        for name in BASINS
    }
    return {role: pd.DataFrame({b: frames[b][column] for b in BASINS}) for role, column in COLUMNS.items()}


@pytest.fixture(scope="module")
def soils(test_data):
    """Clay, sand and elevation of the basins (HydroATLAS)."""
    tables = [
        pd.read_csv(
            test_data / "caravan" / f"attributes_hydroatlas_{name.partition('_')[0]}.csv.gz", index_col="gauge_id"
        )
        for name in BASINS
    ]
    every = pd.concat(tables)
    return {role: every.loc[list(BASINS), column] for role, (column, _, _) in PROPERTIES.items()}


@pytest.fixture(scope="module")
def store(daily, soils, tmp_path_factory):
    folder = tmp_path_factory.mktemp("basins")
    time = daily["soil_moisture"].index.to_numpy()
    lon = np.array(sorted(BASINS.values()))
    names = sorted(BASINS, key=BASINS.__getitem__)
    units = {"soil_moisture": "m3 m-3", "precipitation": "mm", "temperature": "degC", "potential_evaporation": "mm"}
    ds = xr.Dataset(
        {
            role: (("time", "lat", "lon"), daily[role][names].to_numpy()[:, None, :], {"units": units[role]})
            for role in COLUMNS
        },
        coords={"time": time, "lat": [47.5], "lon": lon},
    )
    for role, (_, unit, _) in PROPERTIES.items():
        ds[role] = (("lat", "lon"), soils[role].loc[names].to_numpy(float)[None], {"units": unit})
    ds.to_zarr(folder / "basins.zarr", zarr_format=3, consolidated=False)
    variable = "{name: %s, units: %s, period: day, stamp: start, aggregate: %s, valid_range: [%s]}"
    rows = [
        f"        {role}: " + variable % (role, units[role], aggregate, valid)
        for role, aggregate, valid in (
            ("soil_moisture", "mean", "0, 1"),
            ("precipitation", "sum", "0, 500"),
            ("temperature", "mean", "-60, 60"),
            ("potential_evaporation", "sum", "-10, 100"),
        )
    ]
    rows += [
        f"        {role}: {{name: {role}, units: '{unit}', period: static, aggregate: mean, valid_range: [-500, 9000]}}"
        for role, (_, unit, _) in PROPERTIES.items()
    ]
    catalog = folder / "basins.yaml"
    catalog.write_text(
        "sources:\n  basins:\n    driver: zarr\n    description: two basins\n"
        "    args: {urlpath: '{{ CATALOG_DIR }}/basins.zarr', xarray_kwargs: {consolidated: false}}\n"
        "    metadata:\n      licence: CC-BY-4.0\n      citation: Caravan\n      variables:\n" + "\n".join(rows) + "\n"
    )
    config = parse_config(
        {
            "preset": "peng2023",
            "period": {"start": "2001-01", "end": "2020-12"},
            "catalog": str(catalog),
            "inputs": dict.fromkeys((*COLUMNS, *PROPERTIES), "basins"),
            "annual": {"seasons": ["DJF", "JJA"]},
            "attribution": {"lags": [-1, 0, 2]},
            "grid": "native",
            "drivers": {"names": list(DRIVERS)},
            "store": str(folder / "store"),
        }
    )
    job = pipeline.check(config)
    cube = pipeline.ingest(config, job)
    release = pipeline.publish(config, job, cube, pipeline.compute(config, job))
    pipeline.report(release, job.store)
    return job.store


def series(store, role, lon):
    return smcloud.open_product(store, "annual")[role].sel(lon=lon).squeeze("lat").to_numpy()


@pytest.mark.parametrize("basin", BASINS)
def test_annual_values_are_those_of_the_daily_records(store, daily, basin):
    for role, total in (("soil_moisture", False), ("precipitation", True), ("temperature", False)):
        months = daily[role][basin].loc[YEARS].resample("MS")
        monthly = months.sum(min_count=1) if total else months.mean()
        years = monthly.resample("YS")
        expected = (years.sum() if total else years.mean()).to_numpy()
        offset = 273.15 if role == "temperature" else 0.0
        np.testing.assert_allclose(series(store, role, BASINS[basin]), expected + offset, rtol=2e-7)


@pytest.mark.parametrize("basin", BASINS)
def test_trend_is_that_of_scipy(store, basin):
    lon = BASINS[basin]
    y = series(store, "soil_moisture", lon).astype(float)
    years = np.arange(2001, 2021)
    trend = smcloud.open_product(store, "trend").sel(lon=lon).squeeze("lat")
    line = scipy.stats.linregress(years, y)
    sen = scipy.stats.theilslopes(y, years)
    tau = scipy.stats.kendalltau(years, y)
    np.testing.assert_allclose(trend["p_value"], line.pvalue, rtol=1e-9)
    np.testing.assert_allclose(trend["slope"], line.slope, rtol=1e-6)  # slopes are stored as float32
    np.testing.assert_allclose(trend["ols_stderr"], line.stderr, rtol=1e-6)
    half = scipy.stats.t.ppf(0.975, 18) * line.stderr
    np.testing.assert_allclose(trend["slope_lower"], line.slope - half, rtol=1e-5)
    np.testing.assert_allclose(trend["slope_upper"], line.slope + half, rtol=1e-5)
    np.testing.assert_allclose(trend["sen_slope"], sen.slope, rtol=1e-6)
    np.testing.assert_allclose(trend["mk_tau"], tau.statistic, rtol=1e-6)
    s = sum(np.sign(y[j] - y[i]) for i in range(20) for j in range(i + 1, 20))
    assert float(trend["mk_s"]) == s
    assert int(trend["n_years"]) == 20


@pytest.mark.parametrize("basin", BASINS)
def test_drivers_are_those_of_pingouin(store, basin):
    lon = BASINS[basin]
    frame = pd.DataFrame({role: series(store, role, lon).astype(float) for role in ("soil_moisture", *DRIVERS)})
    drivers = smcloud.open_product(store, "drivers").sel(lon=lon).squeeze("lat")
    for name in DRIVERS:
        covar = [other for other in DRIVERS if other != name]
        expected = pingouin.partial_corr(frame, x=name, y="soil_moisture", covar=covar).iloc[0]
        one = drivers.sel(driver=name)
        np.testing.assert_allclose(one["partial_correlation"], expected["r"], rtol=1e-6)
        np.testing.assert_allclose(one["p_value"], expected["p_val"], rtol=1e-8)
        assert float(one["df"]) == 20 - 2 - 1
        plain = scipy.stats.pearsonr(frame[name], frame["soil_moisture"])
        np.testing.assert_allclose(one["correlation"], plain.statistic, rtol=1e-6)
        np.testing.assert_allclose(one["correlation_p_value"], plain.pvalue, rtol=1e-6)
    slopes = {role: scipy.stats.linregress(np.arange(20), frame[role]).slope for role in frame}
    x = np.column_stack([np.ones(20), *(frame[name] for name in DRIVERS), np.arange(20) - 9.5])
    for name, design in (("trend_contribution", x), ("contribution_without_time", x[:, :-1])):
        beta = np.linalg.lstsq(design, frame["soil_moisture"], rcond=None)[0][1:]
        for b, driver in zip(beta, DRIVERS, strict=False):  # the last coefficient may be that of time
            np.testing.assert_allclose(drivers[name].sel(driver=driver), b * slopes[driver], rtol=1e-5)


def test_gradients_are_those_of_the_line_through_both_basins(store, soils):
    strata, trend, drivers = (smcloud.open_product(store, name) for name in ("strata", "trend", "drivers"))
    at = list(BASINS.values())
    for role, (_, _, step) in PROPERTIES.items():
        row = strata.sel(property=role)
        for column, values in (
            ("trend_gradient", trend["slope"]),
            *((f"correlation_gradient/{name}", drivers["partial_correlation"].sel(driver=name)) for name in DRIVERS),
        ):
            line = scipy.stats.linregress(soils[role].to_numpy() / step, values.sel(lon=at).squeeze("lat").to_numpy())
            column, _, name = column.partition("/")
            one = row.sel(driver=name) if name else row
            np.testing.assert_allclose(one[column], line.slope, rtol=1e-4)
            assert int(one[f"{column}_n_cells"]) == 2 and np.isnan(one[f"{column}_lower"])


@pytest.mark.parametrize("basin", BASINS)
def test_seasons_and_ends_are_those_of_pandas_and_scipy(store, daily, basin):
    lon, years = BASINS[basin], np.arange(2001, 2021)
    trend = smcloud.open_product(store, "trend").sel(lon=lon).squeeze("lat")
    months = daily["soil_moisture"][basin].loc[YEARS].resample("MS").mean()
    for season, own, named in (("DJF", (12, 1, 2), True), ("JJA", (6, 7, 8), False)):
        part = months[np.isin(months.index.month, own)]
        each = part.groupby(part.index.year + (part.index.month == 12) * named).agg(["mean", "size"])
        known = each["mean"].where(each["size"] == 3).reindex(years).dropna()
        line = scipy.stats.linregress(known.index, known)
        got = trend.sel(season=season)
        np.testing.assert_allclose([got["season_slope"], got["season_p_value"]], [line.slope, line.pvalue], rtol=1e-5)
    y = series(store, "soil_moisture", lon).astype(float)
    ends = [(1, 0), (2, 0), (0, 1), (0, 2), (1, 1), (2, 2)]
    slopes = [scipy.stats.linregress(years[a : 20 - b], y[a : 20 - b]).slope for a, b in ends]
    changes = np.array(slopes) - scipy.stats.linregress(years, y).slope
    case = int(np.argmax(np.abs(changes)))
    assert int(trend["end_years_case"]) == case + 1
    np.testing.assert_allclose(trend["end_years_slope_change"], changes[case], rtol=1e-5)


@pytest.mark.parametrize("basin", BASINS)
def test_lags_are_those_of_pingouin_and_factors_those_of_statsmodels(store, daily, basin):
    """Rain of two months before, or of the month after, beside soil moisture, both without their seasons."""
    drivers = smcloud.open_product(store, "drivers").sel(lon=BASINS[basin]).squeeze("lat")
    months = pd.DataFrame(
        {
            role: daily[role][basin].loc[YEARS].resample("MS").agg("sum" if role == "precipitation" else "mean")
            for role in ("soil_moisture", *DRIVERS)
        }
    )
    frame = months - months.groupby(months.index.month).transform("mean")  # no month is missing
    for lag in (-1, 0, 2):
        moved = frame.assign(**{name: frame[name].shift(lag) for name in DRIVERS}).dropna()
        for name, other in (DRIVERS, DRIVERS[::-1]):
            want = pingouin.partial_corr(moved, x=name, y="soil_moisture", covar=[other]).iloc[0]
            got = drivers.sel(lag=lag, driver=name)
            np.testing.assert_allclose(got["lagged_partial_correlation"], want["r"], rtol=1e-4, atol=1e-6)
            assert 20 < float(got["lagged_df"]) <= len(moved) - 3
    years = np.column_stack([np.ones(20), *(series(store, name, BASINS[basin]).astype(float) for name in DRIVERS)])
    for k, name in enumerate(DRIVERS, start=1):
        want = variance_inflation_factor(years, k)
        np.testing.assert_allclose(drivers["variance_inflation_factor"].sel(driver=name), want, rtol=1e-5)


def test_the_units_of_the_cube(store):
    cube = smcloud.open_cube(store)
    assert cube["precipitation"].attrs["units"] == "mm month-1"
    assert cube["temperature"].attrs["units"] == "K"
    assert float(cube["temperature"].mean()) == pytest.approx(283, abs=8)


def test_the_tables_are_those_of_scipy(store):
    """Parts of the trend of both basins, and what a decile with one of them says of its drivers."""
    years = np.arange(2001, 2021)
    both = [series(store, "soil_moisture", lon).astype(float) for lon in BASINS.values()]
    slope = scipy.stats.linregress(years, np.mean([x - x.mean() for x in both], axis=0)).slope  # of equal areas
    regional = smcloud.open_product(store, "regional")
    assert regional["region"].values.tolist() == ["region", "40N-50N"]
    np.testing.assert_allclose(regional["part_of_whole"], [slope, slope], rtol=1e-9)
    assert np.isnan(regional["latitude_gradient"].sel(region="region"))  # both lie on one parallel
    strata, drivers = smcloud.open_product(store, "strata"), smcloud.open_product(store, "drivers")
    means = {lon: x.mean() for lon, x in zip(BASINS.values(), both, strict=True)}
    held = strata["n_cells"].sel(stratum=(strata["kind"] == "climatology").values)
    ones = [str(name) for name in held["stratum"].values if int(held.sel(stratum=name)) == 1]
    assert len(ones) == 2 and int(held.sum()) == 2
    for name, lon in zip(ones, sorted(means, key=means.__getitem__), strict=True):  # the drier one first
        row, cell = strata.sel(stratum=name), drivers.sel(lon=lon).squeeze("lat")
        for number, driver in enumerate(DRIVERS, start=1):
            own, at = row.sel(driver=driver), cell.sel(driver=driver)
            line = scipy.stats.linregress(years, series(store, driver, lon).astype(float))
            np.testing.assert_allclose(row[f"trend_of_{driver}"], line.slope, rtol=1e-9)
            assert float(own["rising_share"]) == float(line.pvalue < 0.05 and line.slope > 0)
            assert float(own["falling_share"]) == float(line.pvalue < 0.05 and line.slope < 0)
            for column in ("partial_correlation", "trend_contribution"):
                np.testing.assert_allclose(own[column], at[column], rtol=1e-12)
                assert int(own[f"{column}_n_cells"]) == 1 and np.isnan(own[f"{column}_lower"])
            assert float(own["dominant_share"]) == float(int(cell["dominant_driver"]) == number)
