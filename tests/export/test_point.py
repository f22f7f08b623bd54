"""One cell of a release: the numbers of the products, as a record and as CSV."""

import io
import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import smcloud
from smcloud.errors import NothingPublishedError, OutsideGridError
from smcloud.export import point
from tests.export.small_release import LAT, LON, products, publish


def test_every_number_is_that_of_the_products(store):
    got = point(store, LAT[1] + 3, LON[2] - 3).record
    here = {name: smcloud.open_product(store, name).load() for name in ("annual", "trend", "drivers", "ddww")}
    here = {name: ds.isel(lat=1, lon=2) for name, ds in here.items()}
    for name in ("slope", "slope_lower", "p_value", "p_adjusted", "n_years"):
        np.testing.assert_equal(np.float64(got["trend"][name] if got["trend"][name] is not None else np.nan),
                                np.float64(here["trend"][name]))  # fmt: skip
    names = {int(v): m for v, m in zip(here["trend"]["status"].flag_values,
                                       here["trend"]["status"].flag_meanings.split(), strict=True)}  # fmt: skip
    assert got["trend"]["status"] == names[int(here["trend"]["status"])]
    assert [row["driver"] for row in got["drivers"]] == ["precipitation", "lai"]
    series = here["annual"]["soil_moisture"].values
    np.testing.assert_array_equal([np.nan if row["soil_moisture"] is None else row["soil_moisture"]
                                   for row in got["series"]], series)  # fmt: skip
    assert got["soil_moisture"]["mean"] == pytest.approx(np.nanmean(series), abs=1e-15)
    assert got["soil_moisture"]["n_years"] == int(np.isfinite(series).sum())
    assert got["cell"]["lat_bounds"] == [-60, -30] and got["cell"]["lon_bounds"] == [-120, -90]
    assert got["release"] == 1 and got["citation"].startswith("A. Person")
    json.dumps(got, allow_nan=False)


@pytest.mark.parametrize("turn", [-360, 0, 360])
def test_longitudes_of_any_convention_are_one_place(store, turn):
    assert point(store, 10, 100 + turn).record["cell"] == point(store, 10, 100).record["cell"]


def test_the_area_is_that_of_the_sphere(store):
    cell = point(store, 75, 0).record["cell"]
    assert cell["area_km2"] == pytest.approx(6371.0072**2 * np.radians(30) * (1 - np.sin(np.radians(60))), rel=1e-12)
    assert cell["height_km"] == pytest.approx(30 * 111.195, rel=1e-4)


def test_the_series_as_csv_reads_back(store):
    found = point(store, 10, 100)
    csv = pd.read_csv(io.BytesIO(found.as_csv()), comment="#")
    wanted = pd.DataFrame(found.record["series"])
    pd.testing.assert_frame_equal(csv, wanted, check_dtype=False)
    assert list(csv)[:3] == ["year", "soil_moisture", "n_months"]
    text = found.as_csv().decode()
    assert "# column soil_moisture [m3 m-3]" in text and "# citation: A. Person" in text
    assert "# cell: latitude 15.0, longitude 105.0" in text


def test_outside_the_grid_and_without_a_series(tmp_path):
    made = products(lat=np.array([5.0, 15]), lon=np.array([5.0, 15, 25]))
    regional = publish(tmp_path, made)
    with pytest.raises(OutsideGridError) as refused:
        point(regional, 10, 50)
    assert "latitudes 0 to 20, longitudes 0 to 30" in refused.value.expected
    (tmp_path / "other").mkdir()
    with pytest.raises(NothingPublishedError, match="no annual series"):
        point(publish(tmp_path / "other", {"regional": made["regional"]}), 10, 10)


def test_only_the_chunks_of_the_cell_are_read(store, monkeypatch):
    read = []
    real = xr.Dataset.compute
    monkeypatch.setattr(xr.Dataset, "compute", lambda ds, **more: read.append(dict(ds.sizes)) or real(ds, **more))
    point(store, 10, 100)
    assert len(read) == 4 and not [sizes for sizes in read if {"lat", "lon"} & {*sizes}]
