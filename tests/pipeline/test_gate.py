"""Nothing bad reaches the cube: each bad input ends with one error that names it."""

import numpy as np
import pytest
import xarray as xr

from smcloud import pipeline
from smcloud.config import load_config
from smcloud.errors import SmcloudError
from tests.pipeline.bad_inputs import (
    INPUTS,
    args,
    climatology,
    coordinate,
    declared,
    files_of,
    garbled,
    gone,
    images_of,
    imaginary,
    levels,
    long_axis,
    lost,
    metadata,
    no_latitude,
    no_steps,
    spec,
    spread,
    steps,
    text,
    units,
    values,
    versions,
    without,
)

MONTH, CELL = (30, slice(None), slice(None)), (5, 1, 1)


# what is wrong -> change of the world, of its catalog entry, of the configuration, of the files; code; words
BAD = {
    # the configuration
    "a key is missing": (None, None, {"catalog": None}, None, "configuration", ["catalog"]),
    "a key is unknown": (None, None, {"colour": "blue"}, None, "configuration", ["colour"]),
    "the preset is unknown": (None, None, {"preset": "x2024"}, None, "configuration", ["x2024", "peng2023"]),
    "the period runs backwards": (
        None, None, {"period": {"start": "2010-01", "end": "2000-12"}}, None, "configuration", ["2010-01", "2000-12"],
    ),
    "the entry is unknown": (
        None, None, {"inputs": INPUTS | {"lai": "moon"}}, None, "catalog", ["moon", "world", "inputs.lai"],
    ),
    "the variable is unknown": (
        None, None, {"inputs": INPUTS | {"lai": "world:LAI"}}, None, "catalog", ["LAI", "soil_temperature"],
    ),
    # the catalog
    "the driver is unknown": (None, lambda e: e.update(driver="csv"), {}, None, "catalog", ["csv", "zarr"]),
    "the licence is missing": (None, lambda e: e["metadata"].pop("licence"), {}, None, "catalog", ["licence"]),
    "the address runs code": (
        None, args(urlpath="{{ shell(ls) }}"), {}, None, "catalog", ["shell", "CATALOG_DIR"],
    ),
    "the address is of an unknown kind": (None, args(urlpath="ssh://host/a"), {}, None, "catalog", ["ssh", "s3://"]),
    "a secret is written down": (
        None, args(storage_options={"secret": "abc"}), {}, None, "catalog", ["secret", "environment"],
    ),
    "the valid range runs backwards": (
        None, spec("lai", valid_range=[10, 0]), {}, None, "catalog", ["valid_range", "[10"],
    ),
    "leaf area is ERA5's": (None, spec("lai", name="lai_hv"), {}, None, "catalog", ["lai_hv", "climatology"]),
    "classes have no names": (
        None, spec("aridity_index", aggregate="class"), {}, None, "catalog", ["legend", "class"],
    ),
    "classes change with time": (
        None, spec("lai", aggregate="class", legend={1: "forest"}), {}, None, "catalog", ["averaged", "static"],
    ),
    # what a source is
    "the source is not there": (None, args(urlpath="{{ CATALOG_DIR }}/no.zarr"), {}, None, "file-form", ["no.zarr"]),
    "the source lost its metadata": (None, None, {}, gone, "file-form", ["world"]),
    "a chunk is lost": (None, metadata(complete=True), {}, lost, "source-read", ["lai"]),
    "a chunk is garbled": (None, None, {}, garbled, "source-read", ["precipitation"]),
    "the axis would not fit in memory": (
        None, None, {}, declared("t", ["t"], [10**12], [10**8]), "chunks", ["axis", "3725.3 GiB"],
    ),
    "a chunk would not fit in memory": (
        None, spec("lai", name="vast"), {}, declared("vast", ["a", "b"], [10**6, 10**6], [10**5, 10**5]),
        "chunks", ["vast", "37.3 GiB"],
    ),
    "there are too many chunks": (
        None, spec("lai", name="crumbs"), {}, declared("crumbs", ["a", "b"], [30_000, 1000], [1, 1]),
        "chunks", ["30000000", "crumbs"],
    ),
    "the time axis of a file would not fit in memory": (
        None, files_of, {}, long_axis("time"), "chunks", ["axis", "time", "22.4 GiB"],
    ),
    "the latitudes of an image would not fit in memory": (
        None, images_of, {}, long_axis("lat", "SSMV-20000101000000-fv"), "chunks", ["axis", "lat", "22.4 GiB"],
    ),
    "a variable is missing": (without("lai"), None, {}, None, "variable", ["lai", "soil_moisture"]),
    "a companion is missing": (None, spec("soil_moisture", flag="flag"), {}, None, "variable", ["flag"]),
    "values are text": (text, None, {}, None, "variable", ["lai", "numbers"]),
    "values are complex": (imaginary, None, {}, None, "variable", ["lai", "complex128", "numbers"]),
    "a version is unknown": (versions, None, {}, None, "variable", ["expver", "9"]),
    "the end of the record is not stated": (
        None, metadata(valid_end={"attr": "valid_time_stop"}), {}, None, "catalog", ["valid_time_stop"],
    ),
    "the end of the record is not a date": (
        lambda ds: ds.assign_attrs(stop="soon"), metadata(valid_end={"attr": "stop"}), {}, None,
        "calendar", ["soon", "YYYY-MM-DD"],
    ),
    # units
    "the unit is another": (units("precipitation", "K"), None, {}, None, "unit", ["precipitation", "K", "mm"]),
    "the unit of the uncertainty is another": (
        spread("percent"), spec("soil_moisture", uncertainty="spread"), {}, None,
        "unit", ["spread", "percent", "m3 m-3"],
    ),
    "the unit of the uncertainty is that of the raw values": (
        lambda ds: spread("m3 m-3")(units("soil_moisture", "percent")(ds)),
        spec("soil_moisture", uncertainty="spread", attr_units="percent", scale=0.0045),
        {}, None, "unit", ["spread", "m3 m-3", "percent"],
    ),
    "the provisional months are stated in two ways": (
        None, metadata(valid_end={"attr": "stop", "months": 3}), {}, None, "catalog", ["valid_end", "attr", "months"],
    ),
    "the unit cannot be converted": (
        units("soil_temperature", "kg"), spec("soil_temperature", units="kg"), {}, None, "unit", ["kg", "K"],
    ),
    "the unit is not one": (
        units("soil_temperature", "Grad"), spec("soil_temperature", units="Grad"), {}, None, "unit", ["Grad"],
    ),
    "soil moisture is a share of saturation": (
        units("soil_moisture", "percent", long_name="Percent of Saturation Soil Moisture"),
        spec("soil_moisture", units="percent"), {}, None, "unit", ["saturation", "porosity"],
    ),
    # axes
    "latitude is uneven": (coordinate("lat", [-67.5, -22.5, 30.0, 67.5]), None, {}, None, "grid", ["lat", "30.0"]),
    "longitude is uneven": (
        coordinate("lon", [-150.0, -90, -30, 30, 90, 170]), None, {}, None, "grid", ["lon", "-150.0", "170.0"],
    ),
    "a latitude comes twice": (coordinate("lat", [-67.5, -22.5, -22.5, 67.5]), None, {}, None, "grid", ["-22.5"]),
    "latitude leaves the globe": (coordinate("lat", [-65.0, 0, 65, 130]), None, {}, None, "grid", ["130", "-90..90"]),
    "there is no latitude": (no_latitude, None, {}, None, "grid", ["row", "lat"]),
    "there are levels": (levels, None, {}, None, "grid", ["level"]),
    # time
    "there are no steps": (no_steps, None, {}, None, "no-data", ["time"]),
    "the calendar has no leap days": (
        lambda ds: ds.convert_calendar("noleap"), None, {}, None, "calendar", ["noleap", "Gregorian"],
    ),
    "a month comes twice": (steps(lambda i: np.sort(np.append(i, 30))), None, {}, None, "calendar", ["2002-07"]),
    "a month is missing": (steps(lambda i: np.delete(i, 30)), None, {}, None, "calendar", ["2002-07"]),
    "steps overlap": (
        coordinate("time", np.datetime64("2000-01-01") + np.arange(96) * np.timedelta64(20, "D")),
        None, {}, None, "calendar", ["overlap"],
    ),
    "the period begins before the record": (
        None, None, {"period": {"start": "1990-01", "end": "2007-12"}}, None, "period", ["1990-01", "2000-01"],
    ),
    "the period ends after the record": (
        None, None, {"period": {"start": "2000-01", "end": "2008-12"}}, None, "period", ["2008-12", "2007-12"],
    ),
    # values
    "a value lies outside": (values("lai", CELL, 25.5), None, {}, None, "valid-range", ["1 values", "25.5", "0 to 10"]),
    "a fill value has no attribute": (
        values("soil_temperature", CELL, -9999.0), None, {}, None, "valid-range", ["-9999", "fill: [-9999]"],
    ),
    "netCDF's own fill value has no attribute": (
        values("soil_moisture", CELL, 9.96921e36), None, {}, None,
        "valid-range", ["1 values", "fill: [9.96921e+36]"],
    ),
    "a static value is a fill value": (
        values("aridity_index", (0, 0), -32768.0), None, {}, None, "valid-range", ["aridity_index", "fill: [-32768]"],
    ),
    "a value is infinite": (values("precipitation", CELL, np.inf), None, {}, None, "valid-range", ["1 values", "inf"]),
    "the scale was forgotten": (
        lambda ds: ds.assign(lai=(ds["lai"] * 100).assign_attrs(ds["lai"].attrs)), None, {}, None,
        "valid-range", ["lai", "scale"],
    ),
    "nothing is valid": (values("soil_moisture", ..., np.nan), None, {}, None, "no-data", ["soil_moisture"]),
    "a month is empty": (
        values("precipitation", MONTH, np.nan), None, {}, None, "no-data", ["2002-07", "1 of 96", "coverage_change"],
    ),
    "a month loses most cells": (
        values("soil_temperature", (30, slice(None), slice(0, 4)), np.nan), None, {}, None,
        "coverage", ["8 cells in 2002-07", "24 in the month before", "50%", "coverage_change"],
    ),
    "rain is below zero": (
        values("precipitation", CELL, -0.02), spec("precipitation", valid_range=[-1, 2000]), {}, None,
        "valid-range", ["precipitation", "-0.02", "-0.01 to 10000 mm month-1"],
    ),
    "the unit and its range are those of Celsius": (
        lambda ds: ds.assign(soil_temperature=(ds["soil_temperature"] - 273.15).assign_attrs(units="K")),
        spec("soil_temperature", valid_range=[-60, 60]), {}, None, "valid-range", ["180 to 350 K", "in degC"],
    ),
    "leaf area is the same every year": (
        climatology, None, {}, None, "climatology", ["lai", "is 0 of that from month to month", "observed"],
    ),
}  # fmt: skip


def unchanged(ds: xr.Dataset) -> xr.Dataset:
    return ds


def test_there_are_forty():
    assert len(BAD) >= 40


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD)
def test_bad_input(name, small_world, tmp_path):
    change, entry, overrides, damage, code, words = BAD[name]
    path = small_world(change or unchanged, entry or (lambda e: None), **overrides)
    if damage:
        damage(tmp_path)
    with pytest.raises(SmcloudError) as caught:
        config = load_config(path)
        pipeline.ingest(config, pipeline.check(config))
    error = caught.value.record()
    assert error["code"] == code, error
    text = " ".join(error.values())
    assert not [word for word in words if word not in text], error
    assert error["what"] and error["where"] and error["found"] and error["expected"] and error["next"], error
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


@pytest.mark.slow
def test_a_source_that_is_known_to_change_its_coverage_passes(small_world):
    config = load_config(
        small_world(values("precipitation", MONTH, np.nan), spec("precipitation", coverage_change=1.0))
    )
    assert pipeline.ingest(config, pipeline.check(config)).built


@pytest.mark.slow
def test_rain_a_little_below_zero_is_zero_in_the_cube_and_counted_in_its_record(small_world, tmp_path):
    from smcloud.store import Store, cube_lineages

    config = load_config(
        small_world(values("precipitation", CELL, -0.005), spec("precipitation", valid_range=[-0.01, 2000]))
    )
    record = pipeline.ingest(config, pipeline.check(config))
    assert xr.open_zarr(tmp_path / "store" / record.url)["precipitation"].min() == 0
    (lineage,) = cube_lineages(Store.open(config.store)).values()
    zeroed = lineage.counters["precipitation"]["zeroed"]
    assert {month for month, cells in zeroed.items() if cells} == {"2000-06"} and sum(zeroed.values()) == 1
