"""Real ESA CCI and C3S image files, through catalog, flags, axes, calendar and the monthly cube."""

import netCDF4
import numpy as np
import pytest
import yaml

from smcloud.catalog import load_catalog
from smcloud.config import parse_config
from smcloud.cube import build, open_sources, validate_counters
from smcloud.cube.calendar import month_range

CCI = "ESACCI-SOILMOISTURE-L3S-SSMV-"
C3S = "C3S-SOILMOISTURE-L3S-SSMV-COMBINED-"
# Day, files, share of the pixels of the globe that hold a value (as published beside the files, in percent).
DAILY = {
    "v02.2": ("2000-01-01", [CCI + "COMBINED-20000101000000-fv02.2.nc"], 2.5),
    "v04.5": ("2010-07-01", [CCI + "COMBINED-20100701000000-fv04.5.nc"], 15.8),
    "c3s": ("2014-01-01", [C3S + "DAILY-20140101000000-TCDR-v201801.0.0.nc"], 6.8),
}
PASSIVE = [CCI + f"PASSIVE-201612{day}000000-fv04.2.nc" for day in (29, 30, 31)]
MONTHLY = [C3S + f"MONTHLY-{month}01000000-TCDR-v201801.0.0.nc" for month in ("201401", "201604")]


def opened(tmp_path, folder, files, period="day", flag=True):
    """Configuration, sources of a catalog of ``files``."""
    spec = {"name": "sm", "units": "m3 m-3", "period": period, "stamp": "start", "valid_range": [0, 1]}
    if flag:
        spec |= {"flag": "flag", "uncertainty": "sm_uncertainty"}
    twin = {"name": "sm", "units": "m3 m-3", "period": period, "stamp": "start", "valid_range": [0, 1]}
    urls = [f"{folder}/{name}" for name in files]
    catalog = {
        "sources": {
            "images": {
                "driver": "netcdf",
                "description": "image files as published",
                "args": {"urlpath": urls if len(urls) > 1 else urls[0], "chunks": {}},
                "metadata": {
                    "licence": "as published",
                    "citation": "as published",
                    "variables": {"soil_moisture": spec, "twin": twin},
                },
            }
        }
    }
    path = tmp_path / "catalog.yaml"
    path.write_text(yaml.safe_dump(catalog))
    config = parse_config(
        {
            "preset": "peng2023",
            "period": {"start": "2000-01", "end": "2000-12"},
            "catalog": str(path),
            "inputs": {"soil_moisture": "images", "twin": "images"},
            "drivers": {"names": ["twin"]},
            "monthly": {"min_days": 1},
            "store": "nowhere",
        }
    )
    return config, open_sources(config, load_catalog(path))


def read(path, *names):
    """Variables of one file by netCDF4 alone, latitude ascending, missing values NaN.

    Fill and scale are applied here: netCDF4 itself would hold the packed integers of v02.2 against a
    valid range that is meant for the unpacked values, and mask nearly all of them.
    """
    out = []
    with netCDF4.Dataset(path) as file:
        assert file["lat"][0] > file["lat"][-1]
        file.set_auto_maskandscale(False)
        for name in names:
            raw = file[name][0][::-1]
            scale = float(getattr(file[name], "scale_factor", 1.0))
            out.append(np.where(raw == file[name]._FillValue, np.nan, raw * scale))
    return out


def monthly_cube(config, sources, first, last):
    cube = build(config, sources, month_range(first, last))
    ds = cube.dataset.drop_vars("twin")
    return ds.load(), {name: value.compute() for name, value in cube.counters["soil_moisture"].items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", DAILY)
def test_a_daily_image(test_data, tmp_path, name):
    day, files, share = DAILY[name]
    folder = test_data / "cci_images"
    config, sources = opened(tmp_path, folder, files)
    source = sources["soil_moisture"]
    np.testing.assert_array_equal(source.steps.start, np.array([day], "datetime64[s]"))
    np.testing.assert_array_equal(source.steps.end, source.steps.start + np.timedelta64(86400, "s"))

    sm, sigma, flag = read(folder / files[0], "sm", "sm_uncertainty", "flag")
    valid = np.isfinite(sm) & (flag == 0)
    assert (np.isfinite(sm) == valid).all()  # as published: a value only where the flag is 0
    assert round(100 * valid.mean(), 1) == share

    ds, counters = monthly_cube(config, sources, day[:7], day[:7])
    np.testing.assert_array_equal(ds["lat"], -89.875 + 0.25 * np.arange(720))
    np.testing.assert_array_equal(ds["lon"], -179.875 + 0.25 * np.arange(1440))
    assert ds["time"].values == [np.datetime64(f"{day[:7]}-01")]
    np.testing.assert_array_equal(np.isfinite(ds["soil_moisture"][0]), valid)
    np.testing.assert_allclose(ds["soil_moisture"][0], np.where(valid, sm, np.nan), rtol=0, atol=1e-7)
    np.testing.assert_allclose(ds["soil_moisture_uncertainty"][0], np.where(valid, sigma, np.nan), rtol=0, atol=1e-7)
    np.testing.assert_array_equal(ds["soil_moisture_days"][0], valid)
    validate_counters("soil_moisture", counters, (0, 1), "m3 m-3", source.where)
    assert counters["valid"] == valid.sum()


@pytest.mark.slow
def test_the_day_before_the_image_of_1_january_2000_is_empty(test_data, tmp_path):
    _, files, _ = DAILY["v02.2"]
    config, sources = opened(tmp_path, test_data / "cci_images", files)
    ds, _ = monthly_cube(config, sources, "1999-12", "2000-01")
    assert ds["soil_moisture"][0].isnull().all()
    assert ds["soil_moisture"][1].notnull().any()


@pytest.mark.slow
def test_three_days_of_one_month(test_data, tmp_path):
    folder = test_data / "cci_images"
    config, sources = opened(tmp_path, folder, PASSIVE)
    starts = sources["soil_moisture"].steps.start
    np.testing.assert_array_equal(starts, np.array(["2016-12-29", "2016-12-30", "2016-12-31"], "datetime64[s]"))
    images = np.stack(
        [np.where(flag == 0, sm, np.nan) for sm, flag in (read(folder / f, "sm", "flag") for f in PASSIVE)]
    )
    assert all(5.1 < 100 * share < 5.3 for share in np.isfinite(images).mean(axis=(1, 2)))
    count = np.isfinite(images).sum(axis=0)
    mean = np.where(count, np.nansum(images, axis=0) / np.maximum(count, 1), np.nan)
    ds, _ = monthly_cube(config, sources, "2016-12", "2016-12")
    np.testing.assert_array_equal(ds["soil_moisture_days"][0], count)
    np.testing.assert_allclose(ds["soil_moisture"][0], mean, rtol=0, atol=1e-7)
    assert set(np.unique(count)) == {0, 1, 2, 3}
    assert (ds["soil_moisture"] == 0).any()  # real files hold exact zeros


@pytest.mark.slow
def test_monthly_images(test_data, tmp_path):
    folder = test_data / "cci_images"
    config, sources = opened(tmp_path, folder, MONTHLY, "month", flag=False)
    for file, month, days in ((MONTHLY[0], "2014-01", 31), (MONTHLY[1], "2016-04", 30)):
        ds, _ = monthly_cube(config, sources, month, month)
        (sm,) = read(folder / file, "sm")
        np.testing.assert_allclose(ds["soil_moisture"][0], sm, rtol=0, atol=1e-7)
        np.testing.assert_array_equal(ds["soil_moisture_days"][0], np.where(np.isfinite(sm), days, 0))
    ds, _ = monthly_cube(config, sources, "2014-02", "2014-02")
    assert ds["soil_moisture"].isnull().all()
