"""From a directory of NetCDF files to a cube: the three commands of its page, and the real image files."""

import json
import re
import shutil
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from smcloud import cli

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/esa-cci.md"
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


@pytest.mark.slow
def test_the_three_commands_of_the_page(tmp_path, monkeypatch, capsys):
    section = PAGE.read_text()
    commands = [line.split("#")[0].strip() for line in section.splitlines() if line.startswith("    ")]
    assert len(commands) == 3
    variable, folder = re.fullmatch(r"export (\w+)=(\S+)", commands[0]).groups()
    (tmp_path / "esa_cci_sm").mkdir()
    days = pd.date_range("2000-01-01", "2000-03-31").delete(40)  # a day is missing
    values = daily_files(tmp_path / "esa_cci_sm", days)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(variable, folder.replace("$HOME", str(tmp_path)))
    (tmp_path / "catalogs").symlink_to(ROOT / "catalogs")
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


def ingested(capsys, tmp_path, files, between, versions=None, **changed):
    """The cube of ``smcloud ingest`` of image files: months without any are allowed, because the entry says so."""
    spec = {
        "name": "sm", "units": "m3 m-3", "period": "day", "valid_range": [0, 1], "coverage_change": 1.0,
    } | changed  # fmt: skip
    entry = {
        "driver": "netcdf",
        "description": "image files as published",
        "args": {"urlpath": str(files)},
        "metadata": {
            "reader": "esa_cci", "licence": "as published", "citation": "as published", "versions": versions,
            "variables": {"soil_moisture": spec},
        },
    }  # fmt: skip
    (tmp_path / "catalog.yaml").write_text(yaml.safe_dump({"sources": {"images": entry}}))
    study = {
        "preset": "peng2023", "period": dict(zip(("start", "end"), between, strict=True)), "monthly": {"min_days": 1},
        "catalog": str(tmp_path / "catalog.yaml"), "inputs": {"soil_moisture": "images"},
        "store": str(tmp_path / "store"),
    }  # fmt: skip
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    made = json.loads(call(capsys, "ingest", str(tmp_path / "study.yaml"), "--json"))
    assert made["status"] == "built"
    return xr.open_zarr(tmp_path / "store" / made["url"])


def raw(path, name):
    """Values (lat ascending, lon) by netCDF4 alone, NaN where the file's fill is."""
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        held = file[name][0][::-1]
        scale = getattr(file[name], "scale_factor", 1)
        return np.where(held == file[name]._FillValue, np.nan, held.astype("f4") * np.float32(scale))


def framed(files, folder):
    """``files`` of one month, and copies of the first on the days before and after it: a record covers whole months."""
    for path in files:
        (folder / path.name).symlink_to(path)
    stamp = re.search(r"-(\d{8})000000-", files[0].name)[1]
    month = pd.Timestamp(stamp).replace(day=1)
    for day in (month - pd.Timedelta(days=1), month + pd.offsets.MonthBegin()):
        copy = folder / files[0].name.replace(stamp, f"{day:%Y%m%d}")
        shutil.copyfile(files[0], copy)
        with h5py.File(copy, "r+") as file:
            file["time"][0] = (day - pd.Timestamp("1970-01-01")).days
    return f"{month:%Y-%m}"


FLAGGED = {"flag": "flag", "uncertainty": "sm_uncertainty", "sensor": "sensor"}


@pytest.mark.slow
def test_the_real_combined_images(test_data, tmp_path, capsys):
    """Single days of 2000 (v02.2) and 2010 (v04.5)."""
    images = test_data / "cci_images"
    cube = ingested(
        capsys, tmp_path, images / "ESACCI-SOILMOISTURE-L3S-SSMV-COMBINED-*.nc", ("2000-01", "2000-03"),
        versions={"prefer": "newest"}, **FLAGGED,
    )  # fmt: skip
    assert dict(cube["soil_moisture"].sizes) == {"time": 3, "lat": 720, "lon": 1440}
    path = images / "ESACCI-SOILMOISTURE-L3S-SSMV-COMBINED-20000101000000-fv02.2.nc"
    want = raw(path, "sm")
    np.testing.assert_allclose(cube["soil_moisture"][0], want, atol=1e-6)
    assert cube["soil_moisture"][1:].isnull().all()
    assert int(cube["soil_moisture_days"][0].sum()) == np.isfinite(want).sum()
    sensors = np.where(np.isfinite(want), np.where(raw(path, "sensor") == 3, 4, 2), 0)  # SSMI is 2, TMI 3, as a bit 4
    np.testing.assert_array_equal(cube["soil_moisture_sensors"][0], sensors)


@pytest.mark.slow
def test_the_real_passive_images(test_data, tmp_path, capsys):
    """Three days of one month: the mean of those without a flag."""
    files = sorted((test_data / "cci_images").glob("ESACCI-SOILMOISTURE-L3S-SSMV-PASSIVE-*.nc"))
    assert len(files) == 3
    assert framed(files, tmp_path) == "2016-12"
    cube = ingested(capsys, tmp_path, tmp_path / "*PASSIVE*.nc", ("2016-12", "2016-12"), **FLAGGED)
    days = np.stack([np.where(raw(path, "flag") == 0, raw(path, "sm"), np.nan) for path in files])
    count = np.isfinite(days).sum(axis=0)
    np.testing.assert_array_equal(cube["soil_moisture_days"][0], count)
    mean = np.where(count > 0, np.nansum(days, axis=0) / np.maximum(count, 1), np.nan)
    np.testing.assert_allclose(cube["soil_moisture"][0], mean, rtol=1e-5)
    assert set(np.unique(count)) == {0, 1, 2, 3}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "month"),
    [("DAILY-20140101", "2014-01"), ("MONTHLY-20140101", "2014-01"), ("MONTHLY-20160401", "2016-04")],
)
def test_the_real_images_of_c3s(test_data, tmp_path, capsys, name, month):
    """One daily image, and each of the two monthly ones."""
    [path] = (test_data / "cci_images").glob(f"C3S-*-{name}*.nc")
    monthly = {"period": "month", "sensor": "sensor"}  # it has neither flags nor uncertainty
    assert framed([path], tmp_path) == month
    cube = ingested(capsys, tmp_path, tmp_path / "C3S*.nc", (month, month), **monthly if "MONTHLY" in name else FLAGGED)
    want = raw(path, "sm")
    if "DAILY" in name:
        want = np.where(np.isin(np.nan_to_num(raw(path, "flag"), nan=127), [0, 64]), want, np.nan)
    np.testing.assert_allclose(cube["soil_moisture"][0], want, rtol=1e-6)
    assert 0.05 < np.isfinite(want).mean() < 0.5
    bits = np.where(np.isfinite(want), np.nan_to_num(raw(path, "sensor")), 0)
    np.testing.assert_array_equal(cube["soil_moisture_sensors"][0], bits)
