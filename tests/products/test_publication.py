"""What a product is given when it is written."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from smcloud.config import parse_config
from smcloud.pipeline.inputs import for_computing
from smcloud.products.publication import ANCILLARY, Publication, RunFacts
from smcloud.products.summaries import TEXTS, summary_of

BASE = {"preset": "peng2023", "period": {"start": "2000-01"}, "catalog": "c.yaml", "store": "s",
        "inputs": dict.fromkeys(("soil_moisture", "precipitation", "aridity_index"), "world"),
        "drivers": {"names": ["precipitation"]}}  # fmt: skip
CELLS = xr.Dataset(
    coords={
        "lat": [-1.0, 1.0],
        "lon": [0.0, 2.0, 4.0],
        "lat_bnds": (("lat", "bnds"), [[-2.0, 0.0], [0.0, 2.0]]),
        "lon_bnds": (("lon", "bnds"), [[-1.0, 1.0], [1.0, 3.0], [3.0, 5.0]]),
    }
)
INPUTS = {
    "soil_moisture": {"entry": "cci", "version": "v09", "licence": "CC-BY-4.0", "citation": "Dorigo 2017"},
    "precipitation": {"entry": "era5", "version": "", "licence": "CC-BY-4.0", "citation": "Hersbach 2020"},
}


def publication(**changes) -> Publication:
    facts = RunFacts(("1999-11", "2004-03"), ("2003-12", "2004-02"), INPUTS)
    return Publication(parse_config(BASE | changes), facts, CELLS)


@pytest.fixture
def trend() -> xr.Dataset:
    dims, rng = ("lat", "lon"), np.random.default_rng(1)
    ds = xr.Dataset(
        {
            "slope": (dims, rng.normal(size=(2, 3)), {"units": "m3 m-3 yr-1", "long_name": "slope"}),
            "p_value": (dims, rng.random((2, 3)), {"units": "1"}),
            "significant": (dims, np.ones((2, 3), "uint8"), {"units": "1", "flag_values": [0, 1]}),
        },
        {"lat": CELLS["lat"], "lon": CELLS["lon"]},
        {"alpha": 0.05, "title": "another", "share": float("nan")},
    )
    return ds


def test_years_are_whole_and_only_their_provisional_months_are_told():
    facts = publication().facts
    assert facts.years() == (2000, 2003) and facts.provisional_months() == ["2003-12"]
    assert facts.years(7) == (2001, 2003) and facts.provisional_months(7) == []
    assert facts.years(4) == (2001, 2004) and facts.provisional_months(4) == ["2003-12", "2004-02"]
    assert RunFacts(("2000-01", "2003-12")).years() == (2000, 2003)


def test_a_map_is_float32_its_p_value_float64_and_all_axes_are_there(trend):
    out = publication()("trend", trend)
    assert (out["slope"].dtype, out["p_value"].dtype, out["significant"].dtype) == ("float32", "float64", "uint8")
    np.testing.assert_array_equal(out["slope"], trend["slope"].astype("float32"))
    assert {"crs", "lat_bnds", "lon_bnds", "time"} <= set(out.coords)
    xr.testing.assert_equal(out["lat_bnds"].drop_vars(["crs", "time"], errors="ignore"), CELLS["lat_bnds"])
    assert out["slope"].attrs["grid_mapping"] == "crs" and out["lat"].attrs["bounds"] == "lat_bnds"
    assert out["slope"].attrs["ancillary_variables"] == ANCILLARY["trend"]["slope"]
    assert trend["slope"].attrs == {"units": "m3 m-3 yr-1", "long_name": "slope"}  # the given one is as it was


def test_attributes_are_of_the_run_and_hold_no_number_that_json_lacks(trend):
    attrs = publication()("trend", trend).attrs
    json.dumps(attrs, allow_nan=False)
    assert "share" not in attrs and attrs["alpha"] == 0.05
    assert attrs["title"] == "Trend of annual soil moisture, 2000-2003"
    assert attrs["source"] == "soil_moisture: cci (version v09); precipitation: era5"
    assert attrs["references"] == "Dorigo 2017; Hersbach 2020"
    assert attrs["license"] == "Licences of the inputs: CC-BY-4.0"
    assert (attrs["time_coverage_start"], attrs["time_coverage_end"]) == ("2000-01-01", "2003-12-31")
    assert attrs["date_created"] == "2003-12-31" and attrs["time_coverage_duration"] == "P4Y"
    assert "2003-12" in attrs["summary"] and "2004-02" not in attrs["summary"]


def test_what_is_not_known_is_left_out(trend):
    bare = Publication(parse_config(BASE), RunFacts(("2000-01", "2003-12")), CELLS)("trend", trend).attrs
    assert not {"source", "references", "license"} & bare.keys()


def test_a_table_of_years_has_dates(trend):
    ds = xr.Dataset({"soil_moisture": (("region", "year"), np.zeros((1, 2)))}, {"year": [2000, 2001], "region": ["a"]})
    out = publication()("regional", ds)
    assert out["time"].dims == ("year",) and "crs" not in out.coords and out["soil_moisture"].dtype == "float64"
    assert set(for_computing(out).coords) == {"year", "region"}


def test_annual_series_keep_the_digits_that_everything_is_made_of():
    ds = xr.Dataset({"soil_moisture": (("year", "lat", "lon"), np.zeros((2, 2, 3)))},
                    {"year": [2000, 2001], "lat": CELLS["lat"], "lon": CELLS["lon"]})  # fmt: skip
    assert publication()("annual", ds)["soil_moisture"].dtype == "float64"


@pytest.mark.parametrize("product", TEXTS)
@pytest.mark.parametrize(
    ("changes", "told", "silent"),
    [
        ({}, "p_value < 0.05, not adjusted", "Benjamini"),
        ({"preset": "rigorous"}, "p_adjusted <= 0.05 (Benjamini-Hochberg", "not adjusted"),
        ({"alpha": 0.1}, "p_value < 0.1", "0.05"),
    ],
)
def test_a_summary_says_what_this_run_did(product, changes, told, silent):
    text = summary_of(product, parse_config(BASE | changes), ())
    if product in ("trend", "ddww", "regional", "strata"):
        assert told in text and silent not in text, text
    assert "provisional" not in text


def test_estimator_test_zones_and_draws_are_those_of_the_configuration():
    trend = {"estimator": "sen", "test": "mann_kendall", "interval": "t"}
    zones = {"scheme": "climatology_terciles", "limits": None, "transition_in_share": False}
    config = parse_config(BASE | {"trend": trend, "zones": zones, "bootstrap": {"replicates": 0}})
    assert "Theil-Sen" in summary_of("trend", config) and "Mann-Kendall" in summary_of("trend", config)
    told = summary_of("ddww", config)
    assert "terciles of land area by mean soil moisture, shares without the transition zone" in told
    assert "No intervals of the shares." in told and "draws" not in told
