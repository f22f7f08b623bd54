"""What a source may not be: periods, grids, calendars, units and values that stop the build."""

import numpy as np
import pytest
import xarray as xr

from smcloud.catalog import load_catalog
from smcloud.cube import build, open_sources, resolve_months, validate_counters
from smcloud.cube.calendar import month_range
from smcloud.errors import CalendarError, CatalogError, GridError, NoDataError, PeriodError, RangeError, UnitError
from tests.cube.quirky_sources import COMPOSITES, DATA, DAYS, NODE_LAT, catalog_of, computed, config_for, cube_of, write


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
