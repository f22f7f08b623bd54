"""A new user's first try: a CRU file and daily rain of stations, with the entries of own-data.md as written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from smcloud import cli, pipeline
from smcloud.config import load_config
from tests.strangers.world import AXES, LAT, LON, random_field

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "own-data.md"
MONTHS = pd.date_range("2001-01", periods=12, freq="MS")
DAYS = pd.date_range("2001-01-01", "2001-12-31")
FILL = np.float32(9.96921e36)
SEA = (slice(None), 0, 0)


def cru(path: Path) -> np.ndarray:
    """A file of CRU TS: classic NetCDF, mid-month stamps, `stn` beside `tmp`; returns the months in K."""
    values = random_field(12, -35, 35, 21)
    values[SEA] = FILL
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as file:
        axes(file, "lon", "lat")
        file.createDimension("time", None)
        time = file.createVariable("time", "f4", ("time",))
        time.setncatts({"long_name": "time", "units": "days since 1900-1-1", "calendar": "gregorian"})
        tmp = file.createVariable("tmp", "f4", ("time", "lat", "lon"), fill_value=FILL)
        tmp.setncatts({"long_name": "near-surface temperature", "units": "degrees Celsius", "missing_value": FILL})
        tmp.setncattr("correlation_decay_distance", np.float32(1200))
        stations = file.createVariable("stn", "i4", ("time", "lat", "lon"), fill_value=np.int32(-999))
        stations.setncattr("description", "number of stations contributing to each datum")
        tmp.set_auto_mask(False)
        time[:] = [(month + pd.Timedelta(days=15) - pd.Timestamp("1900-01-01")).days for month in MONTHS]
        tmp[:], stations[:] = values, np.full(values.shape, 8)
    kelvin = values.astype("f8") + 273.15
    kelvin[SEA] = np.nan
    return kelvin


def stations(path: Path, hour: int) -> np.ndarray:
    """Daily rain in mm, stamped at ``hour``; returns the totals of the months."""
    values = np.maximum(random_field(len(DAYS), -40, 40, 22), 0)
    values[SEA] = -999.0
    with netCDF4.Dataset(path, "w") as file:
        axes(file, "lon", "lat")
        file.createDimension("time", None)
        time = file.createVariable("time", "f8", ("time",))
        time.setncatts({"units": "hours since 1970-01-01 00:00:00", "calendar": "standard", "axis": "T"})
        rain = file.createVariable("rain", "f4", ("time", "lat", "lon"), fill_value=np.float32(-999), zlib=True)
        rain.setncatts({"long_name": "daily precipitation sum", "units": "mm"})
        rain.set_auto_mask(False)
        time[:] = (DAYS - pd.Timestamp("1970-01-01")) / pd.Timedelta(hours=1) + hour
        rain[:] = values
    values[SEA] = np.nan
    return np.stack([values[DAYS.month == month].astype("f8").sum(0) for month in range(1, 13)])


def axes(file: netCDF4.Dataset, *names: str) -> None:
    for name, values in zip(names, (LON, LAT), strict=True):
        file.createDimension(name, values.size)
        axis = file.createVariable(name, "f4", (name,))
        axis.setncatts({"units": {"lon": "degrees_east", "lat": "degrees_north"}[name]})
        axis[:] = values


@pytest.mark.slow
@pytest.mark.parametrize(("entry", "hour"), [("cru_temperature", 0), ("my_rain", 0), ("my_rain", 12)])
def test_the_entry_of_the_page_gives_the_right_months(entry, hour, tmp_path, capsys):
    (tmp_path / "cru").mkdir()
    (tmp_path / "rain").mkdir()
    totals = stations(tmp_path / "rain" / "2001.nc", hour)
    kelvin = cru(tmp_path / "cru" / "cru_ts4.08.2001.2010.tmp.dat.nc")
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    if hour == 12:  # what the page says of noon
        assert "stamped at noon, stamp is mid" in text
        text = text.replace("stamp: start", "stamp: mid")
    soil = xr.Dataset(
        {"sm": (AXES, random_field(12, 0.1, 0.4), {"units": "m3 m-3"})}, {"time": MONTHS, "lat": LAT, "lon": LON}
    )
    soil.to_zarr(tmp_path / "soil.zarr", zarr_format=3, consolidated=False)
    catalog = yaml.safe_load(text)
    catalog["sources"]["soil"] = {
        "driver": "zarr", "description": "soil moisture",
        "args": {"urlpath": "{{ CATALOG_DIR }}/soil.zarr", "xarray_kwargs": {"consolidated": False}},
        "metadata": {"licence": "x", "citation": "x", "variables": {
            "soil_moisture": {"name": "sm", "units": "m3 m-3", "period": "month", "valid_range": [0, 1]}}},
    }  # fmt: skip
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(catalog, sort_keys=False))
    with pytest.raises(SystemExit) as done:
        cli.main(["catalog", "check", str(tmp_path / "mine.yaml"), "--json"])
    assert done.value.code == 0
    assert set(json.loads(capsys.readouterr().out)["entries"].values()) == {"ok"}

    role, expected = ("temperature", kelvin) if entry == "cru_temperature" else ("precipitation", totals)
    run = {
        "preset": "peng2023", "period": {"start": "2001-01", "end": "2001-12"}, "catalog": str(tmp_path / "mine.yaml"),
        "inputs": {"soil_moisture": "soil", role: entry}, "grid": "native", "store": str(tmp_path / "store"),
        "monthly": {"min_days": 1}, "drivers": {"names": [role]},
    }  # fmt: skip
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(run))
    config = load_config(tmp_path / "run.yaml")
    record = pipeline.ingest(config, pipeline.check(config))
    cube = xr.open_zarr(tmp_path / "store" / record.url)
    assert cube[role].attrs["units"] == ("K" if role == "temperature" else "mm month-1")
    np.testing.assert_allclose(cube[role].values, expected, rtol=2e-6)


def test_daily_rain_that_is_averaged_is_refused_by_the_check(tmp_path, capsys):
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "mine.yaml").write_text(text.replace("aggregate: sum", "aggregate: mean"))
    with pytest.raises(SystemExit) as done:
        cli.main(["catalog", "check", str(tmp_path / "mine.yaml"), "--json"])
    error = json.loads(capsys.readouterr().out)
    assert (done.value.code, error["code"], error["found"]) == (3, "unit", "mm")
    assert "aggregate: sum" in error["next"] and "sources.my_rain.metadata.variables.precipitation" in error["where"]
