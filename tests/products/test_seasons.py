"""Seasons against pandas on the months of a cell, and their trends against scipy."""

from __future__ import annotations

import dask
import numpy as np
import pandas as pd
import pytest
import scipy.stats
import xarray as xr
from statsmodels.stats.multitest import multipletests

from smcloud.config import RunConfig
from smcloud.errors import ConfigurationError
from smcloud.products.definition import _annual, _regional, _trend
from smcloud.products.seasons import SEASONAL, seasonal_moisture
from smcloud.products.trend import trend_fields

from .conftest import DRIVERS, EMPTY, LAT, LON, make_config, make_cube
from .test_monthly_drivers import without_season

ALL = ["DJF", "MAM", "JJA", "SON", "growing"]
MONTHS = {"DJF": (12, 1, 2), "MAM": (3, 4, 5), "JJA": (6, 7, 8), "SON": (9, 10, 11)}
CELLS = [(2, 1), (3, 1), (1, 4), (4, 6)]


def config_of(**more: object) -> RunConfig:
    annual = {"seasons": ALL} | dict(more.pop("annual", {}))
    return make_config(**more, annual=annual)


@pytest.fixture(scope="module")
def cube() -> xr.Dataset:
    """Winters of the north below 5 degrees C, those of the south in July; never in the tropics."""
    cube = make_cube()
    attrs = cube["soil_temperature"].attrs
    swing = np.abs(LAT) / 5 * np.sign(LAT)
    season = -np.cos(2 * np.pi * (cube["time"].dt.month - 1) / 12)
    cube["soil_temperature"] = cube["soil_temperature"] - 5 + season * xr.DataArray(swing, {"lat": LAT}, ("lat",))
    cube["soil_temperature"] = cube["soil_temperature"].transpose("time", "lat", "lon").assign_attrs(attrs)
    return cube


def by_pandas(cube: xr.Dataset, cell: tuple[int, int], name: str, first_month: int = 1) -> pd.Series:
    """Mean of the season of each year, NaN with fewer than two thirds of its months or one outside the record."""
    frame = cube[["soil_moisture", "soil_temperature"]].isel(lat=cell[0], lon=cell[1]).to_dataframe()
    stamp = frame.index
    begins = f"2000-{first_month:02d}"
    if name == "growing":
        last = pd.Period("2021-12" if first_month == 1 else f"2021-{first_month - 1:02d}").end_time
        inside = frame[(stamp >= begins) & (stamp <= last)]
        warm = inside.soil_temperature.astype(float).groupby(inside.index.month).mean() > 278.15
        own = inside[warm.reindex(inside.index.month).to_numpy()]
        year = own.index.year + ((own.index.month >= first_month) & (first_month > 1))
        size = int(warm.sum())
    else:
        own = frame[np.isin(stamp.month, MONTHS[name])]
        year, size = own.index.year + (own.index.month == 12) * (name == "DJF"), 3
    groups = own.soil_moisture.astype(float).groupby(np.asarray(year))
    out = groups.mean().where((groups.count() * 3 >= 2 * size) & (groups.size() == size))
    return out if size else out * np.nan


@pytest.mark.parametrize("first_month", [1, 7])
def test_seasons_are_those_of_pandas(cube: xr.Dataset, first_month: int) -> None:
    got = seasonal_moisture(cube, config_of(annual={"first_month": first_month}))[SEASONAL]
    assert got.dims == ("season", "year", "lat", "lon") and got["season"].values.tolist() == ALL
    years = got["year"].values
    assert years[0] == 2000 + (first_month > 1) and got.attrs["units"] == "m3 m-3"
    sizes = set()
    for cell in CELLS:
        for name in ALL:
            want = by_pandas(cube, cell, name, first_month).reindex(years).to_numpy()
            np.testing.assert_allclose(got.sel(season=name)[:, *cell], want, rtol=1e-12, err_msg=f"{cell} {name}")
            sizes.add(int(np.isfinite(want).sum()))
    assert min(sizes) < 22 and got.isel(lat=EMPTY[0], lon=EMPTY[1]).isnull().all()


def test_december_belongs_to_the_year_of_its_january(cube: xr.Dataset) -> None:
    """The record begins in November 1999, so the first winter is whole; without that December it is missing."""
    cube = cube.assign(soil_moisture=cube["soil_moisture"].fillna(0.2))
    config = config_of(annual={"seasons": ["DJF"]})
    cell = {"lat": LAT[2], "lon": LON[1]}
    got = seasonal_moisture(cube, config)[SEASONAL].sel(season="DJF", **cell)
    want = cube["soil_moisture"].sel(cell).sel(time=slice("1999-12", "2000-02")).astype(float).mean()
    assert float(got.sel(year=2000)) == pytest.approx(float(want), rel=1e-12)
    cut = seasonal_moisture(cube.sel(time=slice("2000-01", None)), config)[SEASONAL].sel(season="DJF", **cell)
    assert np.isnan(cut.sel(year=2000)) and cut.sel(year=slice(2001, None)).notnull().all()


def test_of_anomalies_months_lose_their_season_first(cube: xr.Dataset) -> None:
    got = seasonal_moisture(cube, config_of(preset="rigorous"))[SEASONAL]
    cell = (2, 1)
    series = cube["soil_moisture"].isel(lat=cell[0], lon=cell[1]).sel(time=slice("2000", "2021")).to_series()
    own = without_season(series.astype(float))[np.isin(series.index.month, MONTHS["JJA"])]
    want = own.groupby(own.index.year).mean().where(own.groupby(own.index.year).count() >= 2)
    both = got.sel(season="JJA")[:, *cell].values - want.reindex(got["year"].values).to_numpy()
    assert np.isfinite(both).sum() > 12 and np.nanstd(both) < 1e-12  # one level apart


def test_maps_and_regions_have_their_trends(cube: xr.Dataset) -> None:
    config = config_of()
    annual = _annual(config, cube)
    trend = _trend(config, cube, annual)
    regional = _regional(config, annual, annual, trend.assign(significant=xr.zeros_like(trend["slope"])), None)
    assert trend["season_slope"].dims == ("season", "lat", "lon")
    seen = 0
    for name in ALL:
        for cell in CELLS:
            values = annual[SEASONAL].sel(season=name)[:, *cell].values
            known = np.isfinite(values)
            got = [float(trend[f"season_{key}"].sel(season=name)[cell]) for key in ("slope", "p_value")]
            if known.sum() < 15:
                assert np.isnan(got).all()
                continue
            line = scipy.stats.linregress(annual["year"].values[known], values[known])
            np.testing.assert_allclose(got, [line.slope, line.pvalue], rtol=1e-7)
            seen += 1
    assert seen > 8
    adjusted = trend_fields(trend, config, annual)["season_p_adjusted"]
    for name in ALL:
        p, got = (da.sel(season=name).values.ravel() for da in (trend["season_p_value"], adjusted))
        known = np.isfinite(p)
        np.testing.assert_allclose(got[known], multipletests(p[known], method="fdr_bh")[1], rtol=1e-12)
        assert np.isnan(got[~known]).all() and known.sum() > 8
    for ds, product in ((annual, (SEASONAL,)), (trend, ("season_slope",)), (regional, ("season_slope",))):
        for key in product:
            assert ds[key].attrs["long_name"] and ds[key].attrs["units"].startswith("m3 m-3")
    globe = regional.sel(region="globe")
    assert regional["season_slope"].dims == ("region", "season") and globe["season_slope"].notnull().all()
    assert (globe["season_n_cells"] > 5).all() and (globe["season_slope_lower"] < globe["season_slope_upper"]).any()


def test_a_common_slope_is_found_in_its_season_alone(cube: xr.Dataset) -> None:
    """2e-3 per year in June to August everywhere, none in other months."""
    month, year = cube["time"].dt.month, cube["time"].dt.year + (cube["time"].dt.month - 0.5) / 12
    only = xr.where(month.isin(MONTHS["JJA"]), 2e-3 * (year - 2010), 0.0)
    moisture = (0.3 + only + 0 * cube["soil_moisture"].fillna(0.0)).transpose("time", "lat", "lon")
    cube = cube.assign(soil_moisture=moisture)
    config = config_of(annual={"seasons": ALL[:4]})
    annual = _annual(config, cube)
    trend = _trend(config, cube, annual)
    regional = _regional(config, annual, annual, trend.assign(significant=xr.zeros_like(trend["slope"])), None)
    for ds in (trend["season_slope"].sel(lat=LAT[2], lon=LON[1]), regional["season_slope"].sel(region="globe")):
        np.testing.assert_allclose(ds, [0, 0, 2e-3, 0], atol=1e-9)


@pytest.mark.slow
def test_no_chunk_changes_a_bit_and_nothing_is_there_unasked(cube: xr.Dataset) -> None:
    config = config_of()
    whole = seasonal_moisture(cube, config)
    lazy = seasonal_moisture(cube.chunk(lat=2, lon=3), config)
    assert lazy[SEASONAL].chunks and lazy[SEASONAL].attrs == whole[SEASONAL].attrs
    with dask.config.set(scheduler="synchronous"):
        np.testing.assert_array_equal(lazy[SEASONAL].values, whole[SEASONAL])
    assert SEASONAL not in _annual(make_config(), cube)


def test_what_cannot_be_is_refused() -> None:
    for annual in ({"seasons": ["DJF", "DJF"]}, {"seasons": ["winter"]}):
        with pytest.raises(ConfigurationError):
            make_config(annual=annual)
    without = {role: "entry" for role in ("soil_moisture", DRIVERS[0], "aridity_index")}
    with pytest.raises(ConfigurationError, match="soil_temperature"):
        make_config(annual={"seasons": ["growing"]}, inputs=without, drivers={"names": [DRIVERS[0]]})
