"""Slopes without end years, against scipy on sliced series."""

import numpy as np
import pytest
import scipy.stats
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import cell_areas
from smcloud.products.end_years import CASES, CODES
from smcloud.products.regions import regions
from smcloud.products.tables import fixed_cells, table
from smcloud.products.trend import trend_maps
from smcloud.stats.area_course import course_and_parts

from .conftest import CONSTANT, EMPTY, LAT, LON, OCEAN, SHORT, make_config
from .test_tables import line

LEFT = {"first": (1, None), "first two": (2, None), "last": (0, -1), "last two": (0, -2), "both": (1, -1)}
LEFT |= {"both two": (2, -2)}


def slope_of(years: np.ndarray, values: np.ndarray) -> float:
    known = np.isfinite(values)
    return scipy.stats.linregress(years[known], values[known]).slope


def test_the_map_is_the_largest_change_of_slopes_by_scipy(annual: xr.Dataset, world: dict[str, xr.Dataset]) -> None:
    trend, years = world["trend"], annual["year"].values.astype(float)
    seen = set()
    for i in range(len(LAT)):
        for j in range(len(LON)):
            got, code = (trend[name][i, j].item() for name in ("end_years_slope_change", "end_years_case"))
            if np.isnan(trend["slope"][i, j]):
                assert np.isnan(got) and code == 255
                continue
            values = annual["soil_moisture"][:, i, j].values
            whole = 0.0 if (i, j) == CONSTANT else slope_of(years, values)
            changes = {name: slope_of(years[slice(*at)], values[slice(*at)]) - whole for name, at in LEFT.items()}
            largest = max(changes, key=lambda name: abs(changes[name]))
            assert got == pytest.approx(changes[largest], rel=1e-7, abs=1e-12)
            if (i, j) != CONSTANT:
                assert CODES[code].replace("_", " ") == largest
                seen.add(largest)
    assert len(seen) >= 3 and {EMPTY, SHORT, OCEAN} <= {*zip(*np.where(trend["end_years_case"] == 255), strict=True)}


def test_an_extreme_first_year_is_found(annual: xr.Dataset, config: RunConfig) -> None:
    """What the first year adds to a flat series goes away with it, and with it alone."""
    flat = annual.copy(deep=True)
    quiet = 1e-5 * np.random.default_rng(3).normal(size=flat["soil_moisture"].shape)
    flat["soil_moisture"] = xr.where(flat["year"] == 2000, 0.4, 0.3 + xr.zeros_like(flat["soil_moisture"]) + quiet)
    trend = trend_maps(flat.transpose("year", "lat", "lon"), config)
    here = trend["slope"].notnull()
    assert int(here.sum()) == here.size - 1
    np.testing.assert_allclose(trend["end_years_slope_change"].values[here], -trend["slope"].values[here], rtol=0.05)
    assert set(np.unique(trend["end_years_case"].values[here])) <= {1, 2, 5, 6}


def test_regions_have_the_slopes_of_their_course_without_the_years(
    annual: xr.Dataset, world: dict[str, xr.Dataset], config: RunConfig
) -> None:
    chosen = regions(annual["lat"], annual["lon"])
    regional = table(annual, world["trend"], None, chosen, config)
    assert regional["end_years"].values.tolist() == list(CASES) == list(LEFT)
    moisture = annual["soil_moisture"].where(annual["land_mask"] > 0)
    area = cell_areas(annual).where(annual["land_mask"] > 0, 0.0)
    course = course_and_parts(moisture.where(fixed_cells(moisture, config)), area, chosen.mask, "globe")["course"]
    np.testing.assert_array_equal(regional["fixed_cells_course"], course)
    years = annual["year"].values
    for name in ("globe", "north", "south"):
        own = course.sel(region=name).values
        for case, at in LEFT.items():
            row = regional.sel(region=name, end_years=case)
            got = [float(row[f"slope_without_end_years{end}"]) for end in ("", "_lower", "_upper")]
            np.testing.assert_allclose(got, line(years[slice(*at)], own[slice(*at)])[:3], rtol=1e-7)


def test_fewer_years_are_asked_of_a_shorter_record(annual: xr.Dataset) -> None:
    """A cell with just enough years has slopes without some of them too."""
    just = annual.assign(soil_moisture=annual["soil_moisture"].where(annual["year"] < 2015))
    got = trend_maps(just, make_config(years={"min_years": 15}))
    full = got["n_years"] == 15
    assert full.any() and (got["end_years_case"].where(full, 1) < 255).all()
