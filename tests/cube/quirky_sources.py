"""A small catalog with the quirks of real sources, its configuration, and its cube."""

import datetime

import dask
import numpy as np
import pandas as pd
import xarray as xr
import yaml

from smcloud.catalog import load_catalog
from smcloud.config import parse_config
from smcloud.cube import build, open_sources, resolve_months

LAT = np.arange(-75.0, 90, 30)
LON = np.arange(-165.0, 180, 30)
NODE_LAT = np.arange(90.0, -91, -30)
NODE_LON = np.arange(0.0, 360, 30)
DAYS = pd.date_range("2000-01-01", "2002-12-31")
HOURS = pd.date_range("2000-01-01T06", "2004-01-01T00", freq="6h")
VALID_END = "2002-12-31"
COMPOSITES = pd.DatetimeIndex(
    np.concatenate([pd.date_range(f"{year}-01-01", f"{year}-12-31", freq="8D") for year in (2000, 2001, 2002)])
)


INPUTS = {
    "soil_moisture": "cci",
    "precipitation": "era5",
    "soil_temperature": "era5",
    "potential_evaporation": "era5",
    "snow_depth": "era5",
    "lai": "lai",
    "aridity_index": "static",
    "land_cover": "static",
    "land_mask": "static",
}


LEGEND = {1: "forest", 2: "savanna", 3: "croplands"}


def entry(driver, path, variables, **metadata):
    return {
        "driver": driver,
        "description": "invented",
        "args": {"urlpath": "{{ CATALOG_DIR }}/" + path, "chunks": {}},
        "metadata": {"licence": "CC0-1.0", "citation": "invented", "variables": variables, **metadata},
    }


def variable(name, units, period, low, high, **more):
    return {"name": name, "units": units, "period": period, "valid_range": [low, high], **more}


def catalog_of():
    six = {"period": "6hour", "stamp": "end"}
    return {
        "cci": entry(
            "zarr",
            "cci.zarr",
            {
                "soil_moisture": variable(
                    "sm", "m3 m-3", "day", 0, 1, flag="flag", uncertainty="sm_uncertainty", fill=[-9999]
                )
            },
        ),
        "era5": entry(
            "zarr",
            "era5.zarr",
            {
                "precipitation": variable("tp", "m", **six, low=0, high=1, aggregate="sum"),
                "potential_evaporation": variable("pev", "m", **six, low=-1, high=1, aggregate="sum"),
                "soil_temperature": variable("stl1", "K", **six, low=180, high=350),
                "snow_depth": variable("sd", "cm", **six, low=0, high=500),
            },
            valid_end={"attr": "valid_time_stop"},
        ),
        "lai": entry("netcdf", "lai.nc", {"lai": variable("LAI", "m2 m-2", "8day", 0, 10, scale=0.1, fill=[255, 254])}),
        "static": entry(
            "zarr",
            "static.zarr",
            {
                "aridity_index": variable("ai", "1", "static", 0, 100, scale=0.0001),
                "land_cover": variable("lc", "1", "static", 0, 255, aggregate="class", legend=LEGEND),
                "land_mask": variable("lsm", "1", "static", 0, 1),
            },
        ),
    }


def datasets():
    rng = np.random.default_rng(11)
    shape = (len(DAYS), len(LAT), len(LON))
    sm = rng.uniform(0.05, 0.5, shape).astype(np.float32)
    flag = rng.choice(np.array([0, 64, 1, 2, 17, 127], np.int8), p=[0.4, 0.1, 0.2, 0.1, 0.1, 0.1], size=shape)
    sm[(flag & 63) != 0] = 0.9  # what a flag hides is wrong
    sm[rng.random(shape) < 0.05] = -9999.0
    flag[:, 0, 0] = 1  # never valid
    sigma = np.where((sm < 0) | (rng.random(shape) < 0.03), -9999.0, sm / 10).astype(np.float32)
    dims = ("time", "lat", "lon")
    cci = xr.Dataset(
        {
            "sm": (dims, sm[:, ::-1], {"units": "m3 m-3"}),
            "sm_uncertainty": (dims, sigma[:, ::-1], {"units": "m3 m-3"}),
            "flag": (dims, flag[:, ::-1], {"_FillValue": np.int8(127)}),
        },
        coords={"time": DAYS, "lat": LAT[::-1].astype(np.float32), "lon": LON.astype(np.float32)},
    )
    dims = ("time", "latitude", "longitude")
    shape = (len(HOURS), len(NODE_LAT), len(NODE_LON))
    past = pd.Timestamp("2003-01-01") < HOURS
    fields = {
        "tp": (rng.gamma(0.2, 0.002, shape), "m"),
        "pev": (-rng.gamma(2, 0.0005, shape), "m"),
        "stl1": (rng.normal(285, 10, shape), "K"),
        "sd": (rng.gamma(0.5, 5, shape), "cm"),
    }
    fields["tp"][0][pd.Timestamp("2002-01-01") == HOURS] = 0.4  # the deluge of the last hours of December
    fields["tp"][0][100, 2, 3] = np.nan
    for values, _ in fields.values():
        values[past] = 1e6  # poison behind the valid end
    era5 = xr.Dataset(
        {name: (dims, values.astype(np.float32), {"units": units}) for name, (values, units) in fields.items()},
        coords={"time": HOURS, "latitude": NODE_LAT, "longitude": NODE_LON},
        attrs={"valid_time_stop": VALID_END},
    )
    codes = rng.integers(0, 70, (len(COMPOSITES), len(LAT), len(LON))).astype(np.uint8)
    codes[rng.random(codes.shape) < 0.1] = 255
    codes[rng.random(codes.shape) < 0.05] = 254
    codes[:, 2, 2] = 255
    lai = xr.Dataset(
        {"LAI": (("time", "lat", "lon"), codes, {"units": "m2 m-2"})},
        coords={"time": COMPOSITES, "lat": LAT, "lon": LON},
    )
    fine = (np.arange(-85.0, 90, 10), np.arange(-175.0, 180, 10))
    static = xr.Dataset(
        {
            "ai": (("lat", "lon"), rng.integers(100, 20000, (18, 36)).astype(np.int32)),
            "lc": (("lat", "lon"), rng.integers(0, 4, (18, 36)).astype(np.uint8)),
            "lsm": (("lat", "lon"), np.where(rng.random((18, 36)) < 0.5, 1.0, np.nan).astype(np.float32)),
        },
        coords={"lat": fine[0], "lon": fine[1]},
    )
    return {"cci": cci, "era5": era5, "lai": lai, "static": static}


DATA = datasets()


def write(folder, data, chunks=100, entries=None):
    for name, ds in data.items():
        if name == "lai":
            ds.to_netcdf(folder / "lai.nc", engine="h5netcdf", encoding={"LAI": {"_FillValue": None}})
        else:
            ds = ds.chunk(time=chunks) if "time" in ds.dims else ds
            ds.to_zarr(folder / f"{name}.zarr", zarr_format=2, consolidated=True)
    (folder / "catalog.yaml").write_text(yaml.safe_dump({"sources": entries or catalog_of()}))
    return folder / "catalog.yaml"


def config_for(catalog, **changes):
    data = {
        "preset": "peng2023",
        "period": {"start": "2000-01", "end": "2002-12"},
        "catalog": str(catalog),
        "inputs": INPUTS,
        "drivers": {"names": ["precipitation"]},
        "store": "nowhere",
    }
    return parse_config(data | changes)


def cube_of(catalog, **changes):
    config = config_for(catalog, **changes)
    sources = open_sources(config, load_catalog(config.catalog))
    return build(config, sources, resolve_months(config, sources)), sources


def computed(cube):
    return dask.compute(cube.dataset, {role: dict(counters) for role, counters in cube.counters.items()})


def months_of(values, starts, lengths, total):
    """Sum of value x hours (or value x share) and hours by month; ``values`` (step, lat, lon)."""
    amount = np.zeros((36, *values.shape[1:]))
    hours = np.zeros_like(amount)
    for value, start, length in zip(values.astype(float), starts, lengths, strict=True):
        at = start
        while at < start + datetime.timedelta(hours=length):
            following = datetime.datetime(at.year + at.month // 12, at.month % 12 + 1, 1)
            spent = (min(following, start + datetime.timedelta(hours=length)) - at).total_seconds() / 3600
            month = (at.year - 2000) * 12 + at.month - 1
            if 0 <= month < 36:
                valid = np.isfinite(value)
                amount[month] += np.where(valid, value, 0) * (spent / length if total else spent)
                hours[month] += valid * spent
            at = following
    return amount, hours


def expected_values():
    length = pd.date_range("2000-01", periods=36, freq="MS").days_in_month.to_numpy()[:, None, None]
    out = {}
    cci = DATA["cci"].sortby("lat")
    use = np.isin(cci["flag"].values, [0, 64])
    days = DAYS.to_pydatetime()
    with np.errstate(invalid="ignore"):
        sm = np.where(use & (cci["sm"].values > -1), cci["sm"].values, np.nan)
        amount, hours = months_of(sm, days, [24] * len(days), False)
        enough = hours >= 5 * 24
        out["soil_moisture"] = np.where(enough, amount / hours, np.nan)
        out["soil_moisture_days"] = hours / 24
        sigma = cci["sm_uncertainty"].values
        amount, hours = months_of(
            np.where(np.isfinite(sm) & (sigma > -1), sigma, np.nan), days, [24] * len(days), False
        )
        out["soil_moisture_uncertainty"] = np.where(enough, amount / hours, np.nan)
        era5 = DATA["era5"].sel(time=slice(None, "2003-01-01T00")).sortby("latitude")
        starts = era5["time"].to_index() - pd.Timedelta(hours=6)
        for name, raw, factor in (
            ("precipitation", "tp", 1000),
            ("potential_evaporation", "pev", 1000),
            ("soil_temperature", "stl1", None),
            ("snow_depth", "sd", None),
        ):
            amount, hours = months_of(era5[raw].values, starts.to_pydatetime(), [6] * len(starts), factor is not None)
            if factor:
                out[name] = np.where(hours == 24 * length, amount * factor, np.nan)
            else:
                out[name] = np.where(hours >= 12 * length, amount / hours, np.nan)
        codes = DATA["lai"]["LAI"].values
        values = np.where(codes >= 254, np.nan, codes * 0.1)
        starts = COMPOSITES.to_pydatetime()
        lengths = [min(192, (datetime.datetime(s.year + 1, 1, 1) - s).total_seconds() / 3600) for s in starts]
        amount, hours = months_of(values, starts, lengths, False)
        out["lai"] = np.where(hours >= 12 * length, amount / hours, np.nan)
    return out
