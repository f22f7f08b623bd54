import numpy as np
import pytest
import xarray as xr

from smcloud.config import RunConfig
from smcloud.errors import CalendarError, ChunkError, TooFewYearsError
from smcloud.products.annual import annual as annual_product
from smcloud.products.annual import land, ordered_mean, ordered_sum

from .conftest import CONSTANT, EMPTY, OCEAN, each_cell


def month_values(cube: xr.Dataset, name: str, year: int, i: int, j: int) -> list[float]:
    return [float(v) for v, t in zip(cube[name][:, i, j].values, cube.time.dt.year.values, strict=True) if t == year]


@pytest.mark.parametrize("year", [2000, 2009, 2021])
def test_values_against_a_plain_loop(cube: xr.Dataset, annual: xr.Dataset, year: int) -> None:
    def expected(name: str, i: int, j: int) -> float:
        months = month_values(cube, name, year, i, j)
        valid = [v for v in months if v == v]
        need = 6 if name == "soil_moisture" else 12
        if len(valid) < need:
            return float("nan")
        return sum(valid) if name == "precipitation" else sum(valid) / len(valid)

    for name in ("soil_moisture", "precipitation", "soil_temperature", "lai", "radiation"):
        got = annual[name].sel(year=year)
        np.testing.assert_allclose(got, each_cell(lambda i, j, n=name: expected(n, i, j)), rtol=1e-14)
    counted = each_cell(lambda i, j: sum(v == v for v in month_values(cube, "soil_moisture", year, i, j)))
    np.testing.assert_array_equal(annual["n_months"].sel(year=year), counted)


def test_five_months_are_no_year_and_six_are(cube: xr.Dataset, config: RunConfig) -> None:
    in_2005 = np.flatnonzero(cube.time.dt.year == 2005)
    cube["soil_moisture"][in_2005, 2, 5] = np.nan
    cube["soil_moisture"][in_2005[:6], 2, 5] = 0.3
    cube["soil_moisture"][in_2005, 2, 6] = np.nan
    cube["soil_moisture"][in_2005[7:], 2, 6] = 0.3
    got = annual_product(cube, config).sel(year=2005)
    assert float(got["soil_moisture"][2, 5]) == pytest.approx(0.3)
    assert np.isnan(got["soil_moisture"][2, 6])
    assert (int(got["n_months"][2, 5]), int(got["n_months"][2, 6])) == (6, 5)


def test_a_missing_month_of_a_driver_makes_the_year_nan(cube: xr.Dataset, annual: xr.Dataset) -> None:
    missing = cube["precipitation"][:, 3, 5].isnull()
    year = int(cube.time.dt.year[missing][0])
    assert np.isnan(annual["precipitation"].sel(year=year)[3, 5])
    assert int(annual["precipitation"].isnull().sum()) == 1


def test_only_whole_years_and_all_of_them(annual: xr.Dataset) -> None:
    assert annual["year"].values.tolist() == list(range(2000, 2022))


def test_constant_empty_and_static_cells(cube: xr.Dataset, annual: xr.Dataset) -> None:
    assert (annual["soil_moisture"][:, *CONSTANT] == float(np.float32(0.1))).all()
    assert annual["soil_moisture"][:, *EMPTY].isnull().all()
    assert (annual["n_months"][:, *EMPTY] == 0).all()
    for name in ("aridity_index", "elevation", "land_cover", "clay", "sand", "land_mask"):
        xr.testing.assert_identical(annual[name].drop_attrs(), cube[name].drop_attrs())
        assert annual[name].attrs["units"] == cube[name].attrs["units"]


def test_attributes(annual: xr.Dataset) -> None:
    assert annual["precipitation"].attrs["units"] == "mm yr-1"
    assert annual["precipitation"].attrs["cell_methods"] == "time: sum"
    assert annual["soil_moisture"].attrs["cell_methods"] == "time: mean"
    assert annual["soil_moisture"].attrs["standard_name"] == "volume_fraction_of_condensed_water_in_soil"
    assert annual["soil_temperature"].attrs["units"] == "K"
    assert "soil_moisture_days" not in annual


def test_land_is_the_mask_or_where_soil_moisture_is(annual: xr.Dataset) -> None:
    assert not land(annual)[OCEAN]
    assert int(land(annual).sum()) == annual["land_mask"].size - 1
    without = land(annual.drop_vars("land_mask"))
    assert bool(without[OCEAN]) and not without[EMPTY]


def test_cell_bounds_are_carried(cube: xr.Dataset, config: RunConfig) -> None:
    edges = np.stack([cube["lat"].values - 15, cube["lat"].values + 15], axis=1)
    got = annual_product(cube.assign_coords(lat_bnds=(("lat", "bnds"), edges)), config)
    np.testing.assert_array_equal(got["lat_bnds"], edges)


def test_too_few_years(cube: xr.Dataset, config: RunConfig) -> None:
    with pytest.raises(TooFewYearsError) as err:
        annual_product(cube.sel(time=slice("2003-02", "2018-11")), config)
    assert err.value.found == "14 whole years in 2003-02..2018-11"
    assert err.value.expected == "at least 15"
    assert annual_product(cube.sel(time=slice("2003-02", "2018-12")), config).sizes["year"] == 15


def test_bad_calendars_and_chunks(cube: xr.Dataset, config: RunConfig) -> None:
    with pytest.raises(CalendarError, match="follow"):
        annual_product(cube.isel(time=[*range(30), *range(31, 260)]), config)
    with pytest.raises(CalendarError, match="no dates"):
        annual_product(cube.assign_coords(time=np.arange(cube.sizes["time"])), config)
    with pytest.raises(ChunkError, match="one chunk") as chunked:
        annual_product(cube.chunk(time=12), config)
    assert "time" in chunked.value.next


def test_sums_do_not_depend_on_layout() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(22, 40, 40)) * 10.0 ** rng.integers(-3, 3, (22, 40, 40))
    values[rng.random(values.shape) < 0.2] = np.nan
    da = xr.DataArray(values, dims=("year", "lat", "lon"))
    whole = ordered_sum(da, "year")
    parts = [[ordered_sum(da[:, i : i + 1, j : j + 1].copy(), "year").item() for j in range(40)] for i in range(40)]
    np.testing.assert_array_equal(whole, parts)
    np.testing.assert_allclose(ordered_mean(da, "year"), np.nanmean(values, axis=0), rtol=1e-9, atol=1e-9)
    assert np.isnan(ordered_mean(da.where(False), "year")).all()
