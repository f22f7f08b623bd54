"""ERA5 as NetCDF of both generations: final and provisional versions."""

import zipfile

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smcloud.cube.provisional import ValidLimits
from smcloud.errors import VariableError
from tests.catalog.readers.era5_files import LAT, LON, ROLES, TP, WATER, field

MONTHLY_TP = {"name": "tp", "units": "m day-1", "attr_units": "m", "period": "month", "valid_range": [-0.0001, 1]}
MONTHS = pd.date_range("2000-01-01", periods=6, freq="MS")


def packed(path, name, values, units, expver=None, engine="NETCDF3_64BIT"):
    """A file as the old store made it: classic NetCDF, hours since 1900 (int32), int16 packed over the file's range."""
    low, high = np.nanmin(values), np.nanmax(values)
    scale, offset = (high - low) / 65532, (high + low) / 2
    raw = np.where(np.isnan(values), -32767, np.rint((values - offset) / scale)).astype("int16")
    with netCDF4.Dataset(path, "w", format=engine) as file:
        axes = [("longitude", LON, "f4"), ("latitude", LAT, "f4")] + ([("expver", expver, "i4")] if expver else [])
        hours = ((MONTHS - pd.Timestamp("1900-01-01")) / pd.Timedelta("1h")).to_numpy().astype("int32")
        for axis, held, dtype in [*axes, ("time", hours, "i4")]:
            file.createDimension(axis, len(held))
            file.createVariable(axis, dtype, (axis,))[:] = held
        file["time"].setncatts(
            {"units": "hours since 1900-01-01 00:00:00.0", "long_name": "time", "calendar": "gregorian"}
        )
        file["latitude"].units, file["longitude"].units = "degrees_north", "degrees_east"
        dims = ("time", "expver", "latitude", "longitude") if expver else ("time", "latitude", "longitude")
        variable = file.createVariable(name, "i2", dims, fill_value=np.int16(-32767))
        variable.set_auto_maskandscale(False)
        variable.setncatts(
            {"scale_factor": scale, "add_offset": offset, "missing_value": np.int16(-32767), "units": units}
        )
        variable[:] = raw
    return np.where(raw == -32767, np.nan, raw * scale + offset)


@pytest.mark.slow
@pytest.mark.parametrize("order", [[1, 5], [5, 1]])
def test_versions_along_a_dimension_are_merged_final_first(tmp_path, cube, entry, order):
    """Months 0 to 3 are final, 3 to 5 provisional: month 3 is in both, and the final value holds."""
    final, later = field(6, 0, 0.01, 1), field(6, 0, 0.01, 2)
    final[4:], later[:3] = np.nan, np.nan
    final[:, 0, 0] = later[:, 0, 0] = np.nan  # as the sea in ERA5-Land
    both = np.stack([final if version == 1 else later for version in order], axis=1)
    stored = packed(tmp_path / "tp.nc", "tp", both, "m", order)
    packed(tmp_path / "swvl1.nc", "swvl1", field(6, 0.1, 0.4, 3), "m**3 m**-3")
    made = cube(
        entry(f"{tmp_path}/*.nc", {"precipitation": MONTHLY_TP, "soil_moisture": WATER}, args={"chunks": {}}),
        "2000-01", "2000-06", ("soil_moisture", "precipitation"),
    )  # fmt: skip
    final, later = stored[:, order.index(1)], stored[:, order.index(5)]
    days = MONTHS.days_in_month.to_numpy()[:, None, None]
    want = np.where(np.isnan(final), later, final) * days * 1000
    want = np.roll(want[:, ::-1], 2, axis=2)
    np.testing.assert_allclose(made.dataset["precipitation"], want, rtol=1e-5)
    np.testing.assert_array_equal(made.dataset["provisional"], [0, 0, 0, 0, 1, 1])
    assert made.sources["soil_moisture"].provisional is None
    assert not isinstance(made.sources["precipitation"].provisional, np.ndarray)  # known only once values are read


def test_versions_that_are_not_known(tmp_path, cube, entry):
    packed(tmp_path / "tp.nc", "tp", np.stack([field(6, 0, 0.01), field(6, 0, 0.01)], axis=1), "m", [1, 7])
    variables = {"soil_moisture": MONTHLY_TP}
    with pytest.raises(VariableError) as caught:
        cube(entry(str(tmp_path / "tp.nc"), variables), "2000-01", "2000-06")
    assert "7" in caught.value.found
    assert all(caught.value.record().values())


def test_real_hours_of_the_old_form(test_data, tmp_path, opened, entry):
    """Eight classic NetCDF files out of one download: two variables, four hours, each packed in its own way."""
    with zipfile.ZipFile(test_data / "era5" / "ERA5_UK_mixed_multi_netcdf.zip") as archive:
        archive.extractall(tmp_path)
    temperature = {"name": "t2m", "units": "K", "period": "hour", "stamp": "end", "valid_range": [180, 350]}
    ds = opened(entry(f"{tmp_path}/*.nc", {"precipitation": TP, "temperature": temperature}, args={"chunks": {}}))
    assert dict(ds.sizes) == {"time": 4, "latitude": 81, "longitude": 81}
    assert ds["tp"].chunks is not None
    for name, start in (("tp", "pr"), ("t2m", "t2m")):
        for hour in range(4):
            with netCDF4.Dataset(tmp_path / f"{start}_UK_0{hour}:00.nc") as file:
                stamp = netCDF4.num2date(file["time"][0], file["time"].units)
                assert ds["time"].values[hour] == np.datetime64(stamp.isoformat())
                np.testing.assert_allclose(ds[name][hour], file[name][0], rtol=0, atol=1e-6 * file[name][0].max())
    assert ds["tp"].min() > -1e-6  # packing leaves rounding errors below zero, no more
    assert float(ds["t2m"].mean()) == pytest.approx(280, abs=8)


def test_a_real_day_of_era5_land_is_the_mean_of_its_hours(test_data, cube, entry):
    heat = {"name": "t2m", "units": "K", "period": "hour", "stamp": "end", "valid_range": [180, 350]}
    moist = heat | {"units": "m3 m-3", "attr_units": "K", "scale": 0.001}
    path = test_data / "era5" / "ERA5land_Rwanda_20160101.nc"
    made = cube(
        entry(str(path), {"soil_moisture": moist, "temperature": heat}),
        "2015-12", "2016-01", ("soil_moisture", "temperature"), monthly={"min_days": 1, "min_share": 0.001},
    )  # fmt: skip
    with netCDF4.Dataset(path) as file:
        hours = np.asarray(file["t2m"][:], "float64")[:, ::-1]
    # The hour that ends at the first stamp, midnight, is of 2015.
    np.testing.assert_allclose(made.dataset["temperature"][0], hours[0], rtol=1e-6)
    np.testing.assert_allclose(made.dataset["temperature"][1], hours[1:].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(made.dataset["soil_moisture_days"][1], 23 / 24, rtol=1e-6)


def renewed(path, name, values, units, codes, monthly=True):
    """A file as the new store makes it: ``valid_time`` in seconds since 1970, ``number``, ``expver`` as text."""
    stamps = MONTHS if monthly else pd.date_range("2000-01-31T20:00", periods=len(values), freq="h")
    ds = xr.Dataset(
        {
            name: (
                ("valid_time", "latitude", "longitude"),
                values.astype("float32"),
                {"units": units, "GRIB_paramId": 228},
            )
        },
        coords={
            "valid_time": ("valid_time", stamps),
            "latitude": LAT,
            "longitude": LON,
            "number": np.int64(0),
            "expver": ("valid_time", np.array(codes, dtype=object)),
        },
        attrs={"GRIB_centre": "ecmf", "Conventions": "CF-1.7"},
    )
    ds["valid_time"].encoding = {
        "units": "seconds since 1970-01-01",
        "dtype": "int64",
        "calendar": "proleptic_gregorian",
    }
    ds[name].encoding = {"zlib": True, "_FillValue": np.float32("nan")}
    ds.to_netcdf(path, engine="h5netcdf")


@pytest.mark.slow
@pytest.mark.parametrize("drop", [[], ["number"]])
def test_versions_along_the_steps_tell_the_provisional_months(tmp_path, cube, entry, drop):
    codes = ["0001"] * 4 + ["0005"] * 2
    rain, water = field(6, 0, 0.01, 1), field(6, 0.1, 0.4, 2)
    renewed(tmp_path / "tp.nc", "tp", rain, "m", codes)
    renewed(tmp_path / "swvl1.nc", "swvl1", water, "m**3 m**-3", codes)
    args = {"chunks": {}, "xarray_kwargs": {"drop_variables": drop}}
    made = cube(
        entry(f"{tmp_path}/*.nc", {"precipitation": MONTHLY_TP, "soil_moisture": WATER}, args=args),
        "2000-01", "2000-06", ("soil_moisture", "precipitation"),
    )  # fmt: skip
    np.testing.assert_array_equal(made.dataset["provisional"], [0, 0, 0, 0, 1, 1])
    want = rain.astype("float32") * MONTHS.days_in_month.to_numpy()[:, None, None] * 1000.0
    np.testing.assert_allclose(made.dataset["precipitation"], np.roll(want[:, ::-1], 2, axis=2), rtol=1e-6)
    assert "expver" not in made.dataset.coords


@pytest.mark.slow
def test_one_version_for_all_steps(tmp_path, cube, entry):
    """A download of ERA5T alone: ``expver`` without an axis."""
    for name, code, want in (("late", "0005", 1), ("final", "0001", 0)):
        path = tmp_path / f"{name}.nc"
        renewed(path, "swvl1", field(6, 0.1, 0.4), "m**3 m**-3", ["0001"] * 6)
        with xr.open_dataset(path, engine="h5netcdf") as ds:
            changed = ds.load().drop_vars("expver").assign_coords(expver=code)
        changed.to_netcdf(path, engine="h5netcdf")
        made = cube(entry(str(path), {"soil_moisture": WATER}), "2000-01", "2000-06")
        np.testing.assert_array_equal(made.dataset["provisional"], [want] * 6)
        assert "expver" not in made.dataset.coords


def test_totals_that_are_stamped_six_hours_late(tmp_path, cube, entry):
    """As one download of monthly means holds them: accumulations at 06:00, the others at 00:00."""
    rain, water = field(6, 0, 0.01, 1), field(6, 0.1, 0.4, 2)
    renewed(tmp_path / "tp.nc", "tp", rain, "m", ["0001"] * 6)
    renewed(tmp_path / "swvl1.nc", "swvl1", water, "m**3 m**-3", ["0001"] * 6)
    with xr.open_dataset(tmp_path / "tp.nc", engine="h5netcdf") as ds:
        late = ds.load()
    late = late.assign_coords(valid_time=late["valid_time"] + np.timedelta64(6, "h"))
    late.to_netcdf(tmp_path / "tp.nc", engine="h5netcdf")
    args = {"chunks": {}, "xarray_kwargs": {"drop_variables": ["number"]}}
    made = cube(
        entry(f"{tmp_path}/*.nc", {"precipitation": MONTHLY_TP, "soil_moisture": WATER}, args=args),
        "2000-01", "2000-06", ("soil_moisture", "precipitation"),
    )  # fmt: skip
    assert (made.sources["precipitation"].values["time"].dt.hour == 0).all()
    want = rain.astype("float32") * MONTHS.days_in_month.to_numpy()[:, None, None] * 1000.0
    np.testing.assert_allclose(made.dataset["precipitation"], np.roll(want[:, ::-1], 2, axis=2), rtol=1e-6)


@pytest.mark.slow
def test_the_last_months_of_a_record_without_marks(cube, hourly, arco):
    """Hours to 23:00 of 31 March: of three months the last two are provisional, and all are read."""
    made = cube(hourly(valid_end={"months": 2}), "2000-01", "2000-03", ROLES)
    source = made.sources["soil_moisture"]
    assert source.limits == ValidLimits("2000-01-31", "2000-03-31T23:00:00")
    assert len(source.steps.end) == arco.sizes["time"]
    assert source.steps.start[source.provisional][0] == np.datetime64("2000-02-01")
    np.testing.assert_array_equal(made.dataset["provisional"], [0, 1, 1])


@pytest.mark.slow
def test_a_month_with_one_provisional_hour_is_provisional(tmp_path, cube, entry):
    """Hours that end at 20:00 of 31 January to 03:00 of 1 February; the last of January is provisional."""
    water = WATER | {"period": "hour", "stamp": "end"}
    for i, (codes, want) in enumerate(
        (
            (["0001"] * 4 + ["0005"] * 4, [1, 1]),  # the hour to midnight is January's
            (["0001"] * 5 + ["0005"] * 3, [0, 1]),
            (["0001"] * 8, [0, 0]),
        )
    ):
        renewed(tmp_path / f"swvl1_{i}.nc", "swvl1", field(8, 0.1, 0.4), "m**3 m**-3", codes, monthly=False)
        made = cube(entry(str(tmp_path / f"swvl1_{i}.nc"), {"soil_moisture": water}), "2000-01", "2000-02")
        np.testing.assert_array_equal(made.dataset["provisional"], want)
