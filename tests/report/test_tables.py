"""Tables hold the datasets' numbers."""

import json

import numpy as np
import pytest
import xarray as xr

from smcloud.products.annual import cell_areas
from smcloud.report import summary_tables, tables


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
