"""Years from July to June, against the same months moved by hand to January."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smcloud.config import RunConfig
from smcloud.errors import ConfigurationError
from smcloud.pipeline.findings import whole_years as counted
from smcloud.products.annual import annual as annual_product
from smcloud.products.annual import whole_years
from smcloud.products.choice_grid import config_of, keys_of, rows
from smcloud.products.publication import Publication, RunFacts

from .conftest import make_config, make_cube, products


def july(**more: object) -> RunConfig:
    annual = {"first_month": 7} | dict(more.pop("annual", {}))
    return make_config(**more, annual=annual)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["peng2023", "rigorous"])
def test_all_products_are_those_of_months_moved_by_half_a_year(preset: str) -> None:
    """July 2000 becomes January 2001, so the year that ends in June 2001 is the calendar year 2001."""
    cube = make_cube()
    moved = cube.assign_coords(time=cube["time"].to_index() + pd.DateOffset(months=6))
    ask = {"preset": preset, "attribution": {"lags": [0, 1], "lmg": True}}
    ours, theirs = july(**ask), make_config(**ask)
    got = products(annual_product(cube, ours), ours, cube)
    want = products(annual_product(moved, theirs), theirs, moved)
    assert got["annual"]["year"].values.tolist() == list(range(2001, 2022))
    for product, ds in want.items():
        assert set(ds.data_vars) == set(got[product].data_vars)
        for name, da in ds.data_vars.items():
            if str(name).startswith(("monthly_", "lagged_")):  # time is a control there, half a year off
                np.testing.assert_allclose(got[product][name], da, rtol=1e-6, atol=1e-9, err_msg=str(name))
            else:
                np.testing.assert_array_equal(got[product][name], da, err_msg=f"{product}: {name}")


def test_a_year_holds_its_own_months() -> None:
    cube = make_cube()
    got = annual_product(cube, july(annual={"min_months": 12}))["precipitation"].sel(year=2005)
    months = cube["precipitation"].sel(time=slice("2004-07", "2005-06"))
    assert months.sizes["time"] == 12
    np.testing.assert_allclose(got, months.astype(float).sum("time"), rtol=1e-12)


@pytest.mark.parametrize("first_month", range(1, 13))
def test_the_plan_counts_the_years_that_products_have(first_month: int) -> None:
    cube = make_cube().isel(time=slice(3, 200))
    config = make_config(annual={"first_month": first_month})
    first, years = whole_years(cube, config)
    assert cube["time"].dt.month[first] == first_month
    assert counted(cube["time"].values.astype("datetime64[M]"), first_month) == len(years)
    last = cube["time"].to_index()[first + 12 * len(years) - 1]
    assert years[-1] == last.year  # the calendar year in which it ends
    facts = RunFacts(tuple(f"{cube['time'].to_index()[at]:%Y-%m}" for at in (0, -1)))
    assert facts.years(first_month) == (years[0], years[-1])


def test_dates_say_when_the_years_are() -> None:
    cube, config = make_cube(), july()
    edges = cube[["lat", "lon"]].assign_coords(
        {f"{dim}_bnds": ((dim, "bnds"), np.stack([cube[dim] - half, cube[dim] + half], axis=1))
         for dim, half in (("lat", 15.0), ("lon", 22.5))}
    )  # fmt: skip
    publication = Publication(config, RunFacts(("1999-11", "2022-03")), edges)
    out = publication("annual", annual_product(cube, config))
    assert out["year"].attrs["long_name"] == "year from July to June, named by the calendar year in which it ends"
    bounds = out["time_bnds"].sel(year=2001).values.astype("datetime64[D]").astype(str).tolist()
    assert bounds == ["2000-07-01", "2001-07-01"] and str(out["time"].sel(year=2001).values)[:10] == "2001-01-01"
    assert (out.attrs["time_coverage_start"], out.attrs["time_coverage_end"]) == ("2000-07-01", "2021-06-30")
    assert out.attrs["time_coverage_duration"] == "P21Y" and "July to June" in out.attrs["summary"]


def test_a_row_of_the_curve_that_begins_later_is_a_run_of_its_own() -> None:
    """The period of its keys gives the years that the row is made of."""
    cube, config = make_cube(), july()
    years = whole_years(cube, config)[1]
    row = next(row for row in rows() if row.start == "+2")
    keys = keys_of(row, int(years[0]), 7)
    assert keys["period"] == {"start": "2002-07"}
    later = whole_years(cube.sel(time=slice(keys["period"]["start"], None)), config)[1]
    assert later[0] == years[0] + 2 and config_of(row, config, int(years[0])).annual.first_month == 7


def test_months_are_1_to_12() -> None:
    with pytest.raises(ConfigurationError):
        make_config(annual={"first_month": 13})
