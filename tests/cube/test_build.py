"""The whole cube from a small catalog with the quirks of real stores, against a plain numpy transcription."""

import datetime

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from smcloud.catalog import load_catalog
from smcloud.config import parse_config
from smcloud.cube import build, make_template, open_sources, resolve_months, validate_counters
from smcloud.cube.calendar import month_range
from smcloud.cube.regrid import regrid
from smcloud.errors import CalendarError, CatalogError, GridError, NoDataError, PeriodError, RangeError, UnitError
from smcloud.store.write import align, template_of

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


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write(tmp_path_factory.mktemp("world"), DATA)


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


@pytest.fixture(scope="module")
def built(world):
    """The sources, the lazy cube, and its computed dataset and counters."""
    cube, sources = cube_of(world)
    ds, counters = computed(cube)
    return sources, cube, ds, counters


# The transcription: one plain loop over steps for each variable, on its own grid.


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


def shifted_to_cells(values):
    """Mean of the four nodes around each cell, weighted by area; ``values`` from -90 and from 0 degrees."""
    values = np.roll(values, len(NODE_LON) // 2, axis=-1)  # from -180
    south, middle, north = (np.sin(np.radians(LAT + d)) for d in (-15, 0, 15))
    low, high = (middle - south)[:, None] / 2, (north - middle)[:, None] / 2
    corners = [
        (low, values[..., :-1, :]),
        (low, np.roll(values, -1, -1)[..., :-1, :]),
        (high, values[..., 1:, :]),
        (high, np.roll(values, -1, -1)[..., 1:, :]),
    ]
    weight = sum(w * np.isfinite(v) for w, v in corners)
    total = sum(w * np.nan_to_num(v) for w, v in corners)
    with np.errstate(invalid="ignore"):
        return np.where(weight >= 0.5 * 2 * (low + high) - 1e-12, total / weight, np.nan)


@pytest.mark.slow
def test_the_cube_equals_a_plain_transcription(built):
    sources, _, ds, counters = built
    expected = expected_values()
    for name in ("precipitation", "potential_evaporation", "soil_temperature", "snow_depth"):
        expected[name] = shifted_to_cells(expected[name])
    for name, values in expected.items():
        assert ds[name].dtype == np.float32
        np.testing.assert_allclose(ds[name], values, rtol=2e-7, atol=1e-7, err_msg=name)
    # The data must put every rule to the test.
    assert np.isnan(expected["soil_moisture"]).any() and np.isfinite(expected["soil_moisture"]).any()
    assert ds["soil_moisture"].max() < 0.6
    assert ds["precipitation"].sel(time="2001-12-01").min() > 400 > ds["precipitation"].sel(time="2002-01-01").max()
    assert ds["precipitation"].isnull().sum() == 0 or ds["precipitation"].isnull().sum() < 5
    for role, source in sources.items():
        validate_counters(role, counters[role], source.spec.valid_range, source.spec.units, source.where)


@pytest.mark.slow
def test_static_layers(built):
    ds = built[2]
    raw = DATA["static"]
    weights = np.diff(np.sin(np.radians(np.arange(-90, 91, 10))))
    whole = weights.reshape(6, 3).sum(1)[:, None]

    def block_mean(values):
        return (values * weights[:, None]).reshape(6, 3, 12, 3).sum(axis=(1, 3)) / 3 / whole

    np.testing.assert_allclose(ds["aridity_index"], block_mean(raw["ai"].values * 1e-4), rtol=1e-6)
    land = block_mean(np.nan_to_num(raw["lsm"].values))
    np.testing.assert_array_equal(ds["land_mask"], land >= 0.5)
    assert 0 < ds["land_mask"].sum() < 72
    shares = np.stack([block_mean((raw["lc"].values == code).astype(float)) for code in LEGEND])
    best = np.where(shares.sum(0) >= 0.5 - 1e-9, 1 + shares.round(9).argmax(0), np.nan)
    np.testing.assert_array_equal(ds["land_cover"], best)
    assert ds["land_cover"].attrs["flag_meanings"] == "forest savanna croplands"
    assert list(ds["land_cover"].attrs["flag_values"]) == [1, 2, 3]


def test_axes_bounds_and_units(built):
    ds = built[1].dataset
    np.testing.assert_array_equal(ds["lat"], LAT)
    np.testing.assert_array_equal(ds["lon"], LON)
    assert ds["time"].values[0] == np.datetime64("2000-01-01")
    np.testing.assert_array_equal(ds["time_bnds"][1], np.array(["2000-02-01", "2000-03-01"], "datetime64[ns]"))
    units = {
        "soil_moisture": "m3 m-3",
        "soil_moisture_days": "day",
        "soil_moisture_uncertainty": "m3 m-3",
        "precipitation": "mm month-1",
        "potential_evaporation": "mm month-1",
        "soil_temperature": "K",
        "snow_depth": "cm",
        "lai": "m2 m-2",
        "aridity_index": "1",
        "land_mask": "1",
    }
    assert {name: ds[name].attrs["units"] for name in units} == units
    assert ds["precipitation"].attrs["cell_methods"] == "time: sum"
    assert ds["soil_temperature"].attrs["cell_methods"] == "time: mean"
    for name in ("soil_moisture", "precipitation"):
        assert ds[name].dims == ("time", "lat", "lon")
        assert ds[name].chunks == ((12, 12, 12), (6,), (12,))


def test_an_open_role_is_not_taken_for_a_companion_of_soil_moisture(world):
    entries = catalog_of()
    entries["era5"]["metadata"]["variables"]["frost_days"] = variable("sd", "cm", "6hour", 0, 500, stamp="end")
    path = world.parent / "frost.yaml"
    path.write_text(yaml.safe_dump({"sources": entries}))
    ds = cube_of(path, inputs={"soil_moisture": "cci", "precipitation": "era5", "frost_days": "era5"})[0].dataset
    assert ds["frost_days"].attrs["units"] == "cm"
    assert ds["frost_days"].attrs["cell_methods"] == "time: mean"


@pytest.mark.slow
@pytest.mark.parametrize(("chunks", "scheduler", "workers"), [(61, "threads", 3), (2000, "synchronous", 1)])
def test_chunks_and_workers_do_not_change_a_bit(built, tmp_path, chunks, scheduler, workers):
    reference = built[2]
    other = write(tmp_path, DATA, chunks)
    with dask.config.set(scheduler=scheduler, num_workers=workers):
        ds, _ = computed(cube_of(other)[0])
    for name in reference.data_vars:
        assert ds[name].values.tobytes() == reference[name].values.tobytes(), name


@pytest.mark.slow
def test_a_year_alone_has_the_bits_of_the_whole(world, built):
    ds = built[2]
    year, _ = computed(cube_of(world, period={"start": "2001-01", "end": "2001-12"})[0])
    for name in ds.data_vars:
        part = ds[name].isel(time=slice(12, 24)) if "time" in ds[name].dims else ds[name]
        assert year[name].values.tobytes() == part.values.tobytes(), name


@pytest.mark.slow
@pytest.mark.parametrize("end", ["2000-06", "2002-12"])
def test_the_outline_of_a_cube_is_laid_out_as_the_cube(world, end):
    config = config_for(world, period={"start": "2000-01", "end": end})
    sources = open_sources(config, load_catalog(config.catalog))
    months = month_range("2000-01", end)
    ours, whole = make_template(config, sources, months), build(config, sources, months).dataset
    assert template_of(align(ours)) == template_of(align(whole))
    for name, variable in whole.variables.items():
        assert (ours[name].chunks is None) == (variable.chunks is None), name


def refuse(*args, **kwargs):
    raise AssertionError("something was computed")


@pytest.mark.slow
def test_nothing_is_computed_before_it_is_asked_for(world):
    with dask.config.set(scheduler=refuse):
        cube, _ = cube_of(world)
    assert all(dask.is_dask_collection(cube.dataset[name]) for name in (*expected_values(), "land_cover"))
    assert all(dask.is_dask_collection(c) for counted in cube.counters.values() for c in counted.values())


def test_the_graph_grows_with_the_chunks_and_years_only(built):
    sources, cube, _, _ = built
    chunks = sum(source.values.data.npartitions for source in sources.values())
    assert len(cube.dataset.__dask_graph__()) < 10 * chunks + 12 * 3 * len(sources)


@pytest.mark.slow
def test_another_grid_on_request(world, built):
    native = built[2]
    ds, _ = computed(cube_of(world, grid={"resolution": 22.5})[0])
    assert ds.sizes["lat"] == 8 and ds.sizes["lon"] == 16
    expected = regrid(native["soil_moisture"].astype(float), ds["lat"].values, ds["lon"].values)
    np.testing.assert_allclose(ds["soil_moisture"], expected, rtol=1e-6)


@pytest.mark.slow
def test_a_line_comes_through(tmp_path):
    """Soil moisture 0.2 + 0.001 (t - 2000): every month is the line at its middle, whatever days are left."""
    time = pd.date_range("2000-01-01", "2004-12-31")
    year = 2000 + np.array([(t.month - 0.5) / 12 + t.year - 2000 for t in time])
    sm = np.broadcast_to((0.2 + 0.001 * (year - 2000))[:, None, None], (len(time), 2, 3)).astype(np.float32)
    gone = np.random.default_rng(1).random(sm.shape) < 0.4
    ds = xr.Dataset(
        {"sm": (("time", "lat", "lon"), np.where(gone, np.nan, sm), {"units": "m3 m-3"})},
        coords={"time": time, "lat": [10.0, 20], "lon": [0.0, 10, 20]},
    )
    entries = {"sm": entry("zarr", "sm.zarr", {"soil_moisture": variable("sm", "m3 m-3", "day", 0, 1)})}
    entries["sm"]["metadata"]["variables"]["twin"] = variable("sm", "m3 m-3", "day", 0, 1)
    path = write(tmp_path, {"sm": ds}, 50, entries)
    cube, _ = cube_of(
        path,
        period={"start": "2000-01", "end": "latest-complete-year"},
        inputs={"soil_moisture": "sm", "twin": "sm"},
        drivers={"names": ["twin"]},
    )
    out, _ = computed(cube)
    month = np.arange(60)
    np.testing.assert_allclose(out["soil_moisture"][:, 1, 2], 0.2 + 0.001 * (month + 0.5) / 12, rtol=1e-6)
    assert out["soil_moisture"].notnull().all()


def test_one_row_of_two_cells_on_its_own_grid(tmp_path):
    time = pd.date_range("2000-01-01", "2000-12-31")
    ds = xr.Dataset(
        {"sm": (("time", "lat", "lon"), np.full((366, 1, 2), 0.25, np.float32), {"units": "m3 m-3"})},
        coords={"time": time, "lat": [46.9], "lon": [7.31, 6.12]},
    )
    ds["t2m"] = (ds["sm"] + 10).assign_attrs(units="degC")
    entries = {"basins": entry("zarr", "basins.zarr", {
        "soil_moisture": variable("sm", "m3 m-3", "day", 0, 1),
        "temperature": variable("t2m", "degC", "day", -60, 60),
    })}  # fmt: skip
    path = write(tmp_path, {"basins": ds}, 100, entries)
    cube, _ = cube_of(
        path,
        period={"start": "2000-01", "end": "2000-12"},
        inputs={"soil_moisture": "basins", "temperature": "basins"},
        drivers={"names": ["temperature"]},
    )
    out, _ = computed(cube)
    assert out["soil_moisture"].shape == (12, 1, 2)
    np.testing.assert_array_equal(out["soil_moisture"], np.float32(0.25))
    np.testing.assert_allclose(out["temperature"], 283.4, rtol=1e-6)


# What must be refused.


def changed(tmp_path, name, change, entries=None):
    data = dict(DATA)
    if change:
        data[name] = change(DATA[name])
    return write(tmp_path, data, 400, entries)


@pytest.mark.slow
def test_the_latest_complete_year_is_that_of_the_shortest_source(world, tmp_path):
    config = config_for(world, period={"start": "2000-01", "end": "latest-complete-year"})
    assert resolve_months(config, open_sources(config, load_catalog(world)))[-1] == np.datetime64("2002-12")
    short = changed(tmp_path, "cci", lambda ds: ds.isel(time=slice(0, -1)))
    assert resolve_months(config, open_sources(config, load_catalog(short)))[-1] == np.datetime64("2001-12")
    late = config_for(world, period={"start": "2002-06", "end": "latest-complete-year"})
    with pytest.raises(PeriodError, match="no complete year"):
        sources = open_sources(late, load_catalog(short))
        resolve_months(late, {role: sources[role] for role in ("soil_moisture", "precipitation")})


@pytest.mark.slow
@pytest.mark.parametrize("period", [("1999-12", "2001-12"), ("2000-01", "2003-01")])
def test_a_period_outside_the_record(world, period):
    config = config_for(world, period=dict(zip(("start", "end"), period, strict=True)))
    with pytest.raises(PeriodError, match="outside the record") as err:
        resolve_months(config, open_sources(config, load_catalog(world)))
    assert "2000-01 to 2002-12" in err.value.expected


@pytest.mark.slow
def test_without_the_valid_end_the_poison_is_seen(tmp_path):
    entries = catalog_of()
    del entries["era5"]["metadata"]["valid_end"]
    path = changed(tmp_path, "", None, entries)
    config = config_for(path, inputs={"soil_moisture": "cci", "precipitation": "era5"})
    sources = open_sources(config, load_catalog(path))
    cube = build(config, sources, month_range("2002-06", "2003-06"))
    _, counters = computed(cube)
    source = sources["precipitation"]
    with pytest.raises(RangeError) as err:
        validate_counters("precipitation", counters["precipitation"], source.spec.valid_range, "m", source.where)
    assert "1e+06 m" in err.value.found
    _, counters = computed(build(config, sources, month_range("2002-01", "2002-12")))
    validate_counters("precipitation", counters["precipitation"], source.spec.valid_range, "m", source.where)


@pytest.mark.slow
def test_a_source_without_the_attribute_of_its_valid_end(tmp_path):
    path = changed(tmp_path, "era5", lambda ds: ds.drop_attrs())
    config = config_for(path, inputs={"soil_moisture": "cci", "precipitation": "era5"})
    with pytest.raises((CatalogError, UnitError)):
        open_sources(config, load_catalog(path))
    keep = DATA["era5"].copy()
    keep.attrs = {"other": 1}
    with pytest.raises(CatalogError, match="valid end"):
        other = tmp_path / "other"
        other.mkdir()
        path = write(other, DATA | {"era5": keep}, 400)
        open_sources(config_for(path), load_catalog(path))


@pytest.mark.slow
def test_scale_and_fill_left_out_are_seen(tmp_path):
    for change in ({"scale": None}, {"fill": [255]}):
        entries = catalog_of()
        entries["lai"]["metadata"]["variables"]["lai"] |= change
        folder = tmp_path / next(iter(change))
        folder.mkdir()
        path = changed(folder, "", None, entries)
        cube, sources = cube_of(path, inputs={"soil_moisture": "cci", "precipitation": "era5", "lai": "lai"})
        _, counters = computed(cube)
        with pytest.raises(RangeError):
            validate_counters("lai", counters["lai"], sources["lai"].spec.valid_range, "m2 m-2", "lai")


@pytest.mark.slow
def test_nothing_valid_is_seen(tmp_path):
    path = changed(tmp_path, "cci", lambda ds: ds.assign(flag=(ds["flag"] | 1).assign_attrs(ds["flag"].attrs)))
    cube, sources = cube_of(path)
    _, counters = computed(cube)
    with pytest.raises(NoDataError):
        validate_counters("soil_moisture", counters["soil_moisture"], (0, 1), "m3 m-3", sources["soil_moisture"].where)


@pytest.mark.slow
def test_grids_that_do_not_fit(tmp_path):
    uneven = NODE_LAT.copy()
    uneven[2] += 3
    path = changed(tmp_path, "era5", lambda ds: ds.assign_coords(latitude=uneven))
    with pytest.raises(GridError, match="evenly"):
        cube_of(path)


@pytest.mark.slow
def test_repeated_months_and_another_calendar(tmp_path):
    twice = np.sort(np.concatenate([np.arange(len(COMPOSITES)), [7]]))
    path = changed(tmp_path, "lai", lambda ds: ds.isel(time=twice))
    with pytest.raises(CalendarError, match="repeat"):
        cube_of(path)
    other = tmp_path / "other"
    other.mkdir()
    time = xr.date_range("2000-01-01", periods=len(DAYS), freq="D", calendar="360_day", use_cftime=True)
    path = write(other, DATA | {"cci": DATA["cci"].assign_coords(time=time)}, 400)
    with pytest.raises(CalendarError, match="calendar"):
        cube_of(path)


@pytest.mark.slow
def test_classes_over_time_are_refused(tmp_path):
    entries = catalog_of()
    entries["era5"]["metadata"]["variables"]["snow_depth"] |= {"aggregate": "class", "legend": {1: "snow"}}
    path = changed(tmp_path, "", None, entries)
    with pytest.raises(CatalogError, match="averaged"):
        cube_of(path)


@pytest.mark.slow
def test_a_unit_of_another_kind(tmp_path):
    entries = catalog_of()
    entries["era5"]["metadata"]["variables"]["precipitation"]["aggregate"] = "mean"
    path = changed(tmp_path, "", None, entries)
    with pytest.raises(UnitError, match="converted"):
        cube_of(path)
