"""Tables hold the datasets' numbers."""

import json

import numpy as np
import pytest
import xarray as xr

from smcloud.products.annual import cell_areas
from smcloud.report import render, summary_tables, tables
from smcloud.report.rounding import layout


def test_every_number_of_the_regional_product_is_in_its_record(products):
    regional = products["regional"]
    got = summary_tables(products)
    rows = {row["key"]: row for row in [*got["regions"], *got["bands"]]}
    assert list(rows) == [str(key) for key in regional["region"].values]
    for key, row in rows.items():
        here = regional.sel(region=key)
        assert row["label"] == str(here["label"].item())
        for name in ("slope", "slope_lower", "slope_fixed_cells_upper", "p_value", "area_km2", "drying_share"):
            want = float(here[name])
            assert row[name] is None if np.isnan(want) else row[name] == want
        for driver in regional["driver"].values:
            want = float(here["partial_correlation"].sel(driver=driver))
            assert row[f"partial_correlation: {driver}"] == (None if np.isnan(want) else want)


def test_strata_are_split_by_kind(products):
    got = summary_tables(products)
    assert {"strata_land_cover", "strata_texture", "strata_elevation", "strata_ddww"} <= set(got)
    classes = ("DD", "DW", "WD", "WW", "TD", "TW")
    assert [row["key"] for row in got["strata_ddww"]] == [f"ddww/{name}" for name in classes]


def test_records_are_json(products, empty):
    for case in (products, empty):
        text = json.dumps(summary_tables(case), allow_nan=False)
        assert "globe" in text.lower()


def test_driver_shares_are_those_of_the_flags(products):
    drivers = products["drivers"]
    rows = {row["driver"]: row for row in tables.driver_records(drivers)}
    weight = np.cos(np.deg2rad(drivers["lat"]))  # proportional to the area of cells of one height
    code = drivers["dominant_driver"]
    total = float((weight * (code != 255)).sum())
    for number, name in enumerate(drivers["driver"].values, start=1):
        assert rows[name]["share"] == pytest.approx(float((weight * (code == number)).sum()) / total, rel=1e-9)
        assert rows[name]["positive_share"] + rows[name]["negative_share"] == pytest.approx(rows[name]["share"])
        positive = (code == number) & (drivers["dominant_correlation"] > 0)
        assert rows[name]["positive_share"] == pytest.approx(float((weight * positive).sum()) / total, rel=1e-9)
    assert rows["tie"]["share"] == pytest.approx(float((weight * (code == 254)).sum()) / total, rel=1e-9)
    assert sum(row["share"] for row in rows.values()) == pytest.approx(1)


def test_class_table_by_name_or_by_code(products):
    ddww = products["ddww"]
    rows = tables.class_records(ddww)
    assert [row["area_km2"] for row in rows] == ddww["area_km2"].values.tolist()
    coded = ddww.assign_coords({"class": np.arange(1, 7)}).isel({"class": slice(None, None, -1)})
    assert tables.class_records(coded) == rows


def test_coverage_counts_land_by_reason(products):
    rows = {row["reason"]: row for row in tables.coverage_records(products["trend"])}
    globe = products["regional"].sel(region="globe")
    assert rows["valid trend"]["area_km2"] == pytest.approx(float(globe["covered_area_km2"]), rel=1e-9)
    assert sum(row["area_km2"] for row in rows.values()) == pytest.approx(float(globe["area_km2"]), rel=1e-9)
    assert "not land" not in rows and sum(row["share"] for row in rows.values()) == pytest.approx(1)


def test_areas_of_the_globe_and_of_given_bounds(products):
    assert float(cell_areas(products["trend"]).sum()) == pytest.approx(510_065_625, rel=1e-7)
    bounds = xr.Dataset(coords={"lat": [45.0], "lon": [7.0, 9.0]}).assign_coords(
        lat_bnds=(("lat", "bnds"), [[44.5, 45.5]]), lon_bnds=(("lon", "bnds"), [[6.5, 7.5], [8.0, 10.0]])
    )
    area = cell_areas(bounds).values
    assert area[0, 1] == pytest.approx(2 * area[0, 0])


def test_comparators_are_shares_and_means_by_area(products):
    trend = products["trend"]
    assert "comparators" not in summary_tables(products)
    alpha = 0.05
    p = trend["p_value"]
    more = {"ols_slope": trend["slope"] * 2, "vctfpw_slope": trend["slope"]}
    more |= {"ols_p_value": p / 2, "mk_p_value": p * 0 + 1}
    rows = tables.comparator_records(trend.assign(more).assign_attrs(alpha=alpha))
    assert [row["method"] for row in rows] == [
        "the preset’s", "least squares, t test", "Theil-Sen, Mann-Kendall", "VCTFPW"
    ]  # fmt: skip
    area, slope = cell_areas(trend).values, trend["slope"].values.astype(float)
    valid = np.isfinite(slope)
    mean = (slope[valid] * area[valid]).sum() / area[valid].sum()
    assert [row["mean_of_slopes"] for row in rows] == [pytest.approx(v) for v in (mean, 2 * mean)] + [
        None, pytest.approx(mean)
    ]  # fmt: skip
    expected = [area[valid & (values < alpha)].sum() / area[valid].sum() for values in (p.values, p.values / 2)]
    assert [row["rejected_share"] for row in rows] == [*map(pytest.approx, expected), 0.0, None]
    assert 0 < expected[0] < expected[1] < 1
    assert "comparators" in summary_tables({"trend": trend.assign(more)})


def with_choices(products):
    """The products with lags, factors, seasons and ends of the record."""
    drivers, regional = products["drivers"].copy(), products["regional"].copy()
    r = drivers["partial_correlation"]
    drivers["variance_inflation_factor"] = 1 + r**2
    drivers["lmg"] = r**2
    drivers["lagged_partial_correlation"] = xr.concat([0.5 * r, r], "lag").assign_coords(lag=[-1, 0])
    cases = {"end_years": ["first", "first two", "last", "last two", "both", "both two"]}
    for end in ("", "_lower", "_upper"):
        slope = regional[f"slope_fixed_cells{end}"]
        regional[f"slope_without_end_years{end}"] = slope * xr.DataArray(np.arange(6.0), cases, ("end_years",))
        regional[f"season_slope{end}"] = slope * xr.DataArray([1.0, 2.0], {"season": ["DJF", "JJA"]}, ("season",))
    regional["season_p_value"] = 0 * regional["season_slope"] + 0.01
    regional["season_n_cells"] = (0 * regional["season_slope"]).fillna(0).astype(int) + 40
    return products | {"drivers": drivers, "regional": regional}


def test_tables_of_lags_ends_and_seasons_hold_the_numbers_of_the_products(products):
    made = with_choices(products)
    got = summary_tables(made)
    assert not {"attribution", "end_years", "seasons"} & set(summary_tables(products))
    drivers, weight = made["drivers"], np.cos(np.deg2rad(made["drivers"]["lat"]))
    for row in got["attribution"]:
        r = drivers["partial_correlation"].sel(driver=row["driver"])
        mean = float(r.weighted(weight).mean())
        assert row["lagged_partial_correlation, lag 0"] == pytest.approx(mean, rel=1e-9)
        assert row["lagged_partial_correlation, lag -1"] == pytest.approx(mean / 2, rel=1e-9)
        assert row["lmg"] == pytest.approx(row["variance_inflation_factor"] - 1, rel=1e-9)
    rows = {row["key"]: row for row in got["end_years"]}
    whole = float(made["regional"]["slope_fixed_cells"].sel(region="globe"))
    assert rows["globe/all"]["slope"] == whole and rows["globe/last two"]["slope"] == pytest.approx(3 * whole)
    assert (
        rows["south/both two"]["left_out"] == "first and last two" and rows["globe/first"]["left_out"] == "first year"
    )
    assert not any("S-" in key for key in rows)
    seasons = {row["key"]: row for row in got["seasons"]}
    assert seasons["globe/JJA"]["slope"] == pytest.approx(2 * whole) and seasons["globe/JJA"]["n_cells"] == 40
    headers = [layout(got[name])[0] for name in ("attribution", "end_years", "seasons")]
    assert headers[0] == [
        "Driver", "Variance inflation factor", "Share of R² (LMG)", "r, driver 1 month later",
        "r, driver of the same month",
    ]  # fmt: skip
    assert headers[1] == ["", "Years left out", "Trend (10⁻³/yr)", "interval"]
    assert headers[2] == ["", "Season", "Trend (10⁻³/yr)", "interval", "p", "Cells"]


@pytest.mark.slow
def test_ends_seasons_and_lags_are_on_the_page(products, context):
    made = with_choices(products)
    made["trend"] = made["trend"].assign(end_years_slope_change=-made["trend"]["slope"])
    files = render(made, context)
    page = files["index.html"].decode()
    for name in ("attribution", "end_years", "seasons"):
        assert f'id="table-{name}"' in page and f"table-{name}.csv" in files
    assert "ends.svg" in files and "Without one or two years at an end" in page
