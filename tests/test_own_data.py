"""From a directory of NetCDF files to a cube: the README's three commands, and the real image files."""

import json
import re
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from smcloud import cli

README = Path(__file__).parents[1] / "README.md"
NAME = "ESACCI-SOILMOISTURE-L3S-SSMV-COMBINED-{day:%Y%m%d}000000-fv09.1.nc"


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as done:
        cli.main(list(arguments))
    out, err = capsys.readouterr()
    assert not done.value.code, out + err
    return out


def daily_files(folder, days):
    """Files as ESA CCI publishes them, of 12 x 24 cells; returns soil moisture (time, lat ascending, lon)."""
    rng = np.random.default_rng(8)
    lat, lon = np.arange(82.5, -90, -15), np.arange(-172.5, 180, 15)
    values = rng.uniform(0.05, 0.5, (len(days), 12, 24)).astype("f4")
    values[rng.random(values.shape) < 0.3] = np.nan
    for day, image in zip(days, values, strict=True):
        with netCDF4.Dataset(folder / NAME.format(day=day), "w") as file:
            for axis, held, units in (("lat", lat, "degrees_north"), ("lon", lon, "degrees_east")):
                file.createDimension(axis, len(held))
                file.createVariable(axis, "f8", (axis,))[:] = held
                file[axis].units = units
            file.createDimension("time", None)
            file.createVariable("time", "f8", ("time",))[:] = (day - pd.Timestamp("1970-01-01")).days
            file["time"].units = "days since 1970-01-01 00:00:00 UTC"
            for name, held in (("sm", image), ("sm_uncertainty", image * 0.1)):
                file.createVariable(name, "f4", ("time", "lat", "lon"), fill_value=-9999.0)[0] = held
                file[name].units = "m3 m-3"
            missing = np.isnan(image)
            file.createVariable("flag", "i1", ("time", "lat", "lon"), fill_value=127)[0] = np.where(missing, 1, 0)
            file.createVariable("sensor", "i4", ("time", "lat", "lon"), fill_value=0)[0] = np.where(missing, 0, 512)
    return values[:, ::-1]


def test_the_readmes_three_commands(tmp_path, monkeypatch, capsys):
    section = re.search(r"## Your own data\n(.*?)\n## ", README.read_text(), re.DOTALL)[1]
    commands = [line.split("#")[0].strip() for line in section.splitlines() if line.startswith("    ")]
    assert len(commands) == 3
    variable, folder = re.fullmatch(r"export (\w+)=(\S+)", commands[0]).groups()
    (tmp_path / "esa_cci_sm").mkdir()
    days = pd.date_range("2000-01-01", "2000-03-31").delete(40)  # a day is missing
    values = daily_files(tmp_path / "esa_cci_sm", days)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(variable, folder.replace("$HOME", str(tmp_path)))
    (tmp_path / "catalogs").symlink_to(README.parent / "catalogs")
    study = yaml.safe_load(re.search(r"```yaml\n(.*?)```", section, re.DOTALL)[1])
    study["period"] = {"start": "2000-01", "end": "2000-03"}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(study))

    checked = call(capsys, *commands[1].split()[1:], "--json")
    assert json.loads(checked)["entries"]["esa_cci_sm_files"] == "ok"
    made = json.loads(call(capsys, *commands[2].split()[1:], "--json"))
    assert made["status"] == "built"
    cube = xr.open_zarr(tmp_path / study["store"] / made["url"])
    by_month = xr.DataArray(values, dims=("time", "lat", "lon"), coords={"time": days}).groupby("time.month")
    count = by_month.count().values
    np.testing.assert_array_equal(cube["soil_moisture_days"], count)
    np.testing.assert_allclose(cube["soil_moisture"], by_month.mean().where(count >= 5), rtol=1e-6)
    assert json.loads(call(capsys, *commands[2].split()[1:], "--json"))["status"] == "already there"


def test_the_real_image_files(test_data, tmp_path, capsys):
    """Images of single days of 2000 and 2010: months without any are allowed, because the entry says so."""
    spec = {
        "name": "sm", "units": "m3 m-3", "period": "day", "valid_range": [0, 1], "flag": "flag",
        "uncertainty": "sm_uncertainty", "coverage_change": 1.0,
    }  # fmt: skip
    entry = {
        "driver": "netcdf",
        "description": "image files as published",
        "args": {"urlpath": f"{test_data}/cci_images/ESACCI-SOILMOISTURE-L3S-SSMV-COMBINED-*.nc"},
        "metadata": {
            "reader": "esa_cci", "licence": "as published", "citation": "as published",
            "variables": {"soil_moisture": spec},
        },
    }  # fmt: skip
    (tmp_path / "catalog.yaml").write_text(yaml.safe_dump({"sources": {"images": entry}}))
    study = {
        "preset": "peng2023", "period": {"start": "2000-01", "end": "2000-03"}, "monthly": {"min_days": 1},
        "catalog": str(tmp_path / "catalog.yaml"), "inputs": {"soil_moisture": "images"},
        "store": str(tmp_path / "store"),
    }  # fmt: skip
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    made = json.loads(call(capsys, "ingest", str(tmp_path / "study.yaml"), "--json"))
    cube = xr.open_zarr(tmp_path / "store" / made["url"])
    assert dict(cube["soil_moisture"].sizes) == {"time": 3, "lat": 720, "lon": 1440}
    path = test_data / "cci_images" / "ESACCI-SOILMOISTURE-L3S-SSMV-COMBINED-20000101000000-fv02.2.nc"
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        raw, scale = file["sm"][0][::-1], file["sm"].scale_factor
    np.testing.assert_allclose(cube["soil_moisture"][0], np.where(raw < 0, np.nan, raw * scale), atol=1e-6)
    assert cube["soil_moisture"][1:].isnull().all()
    assert int(cube["soil_moisture_days"][0].sum()) == (raw >= 0).sum()
