"""What a change of a source in each of its forms makes anew: the months that it touched, and no other."""

import json
import sys

import icechunk
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml
from pyhdf.SD import SD, SDC

from smcloud import pipeline
from smcloud.catalog import load_catalog
from smcloud.catalog.fingerprints import source_parts
from smcloud.catalog.fingerprints.file_spans import file_spans
from smcloud.config import parse_config
from smcloud.cube.provenance import _positions
from smcloud.pipeline import incremental

MONTHS = pd.date_range("2000-01-01", "2002-02-01", freq="MS")
LAST, PAST = "2002-02", "2000-03"


def images(months=MONTHS):
    """A soil moisture of 2 x 3 cells for each month, the same whichever months are asked for."""
    fields = [np.random.default_rng(month.year * 12 + month.month).random((2, 3), "f4") for month in months]
    return xr.Dataset(
        {"sm": (("time", "lat", "lon"), np.stack(fields), {"units": "m3 m-3"})},
        coords={"time": months, "lat": [-45.0, 45.0], "lon": [-120.0, 0.0, 120.0]},
    )


@pytest.fixture
def lineage(tmp_path):
    """A function that gives the record of the cube to the month ``end`` of the source of an entry."""

    def make(end, urlpath, driver="netcdf", reader="default", args=None, **spec):
        variable = {"name": "sm", "units": "m3 m-3", "period": "month", "valid_range": [0, 1]} | spec
        metadata = {"reader": reader, "licence": "x", "citation": "x", "variables": {"soil_moisture": variable}}
        entry = {"driver": driver, "description": "x", "metadata": metadata}
        entry["args"] = {"urlpath": urlpath} | (args or {})
        (tmp_path / "catalog.yaml").write_text(json.dumps({"sources": {"a": entry}}))
        config = {
            "preset": "peng2023", "period": {"start": "2000-01", "end": end}, "catalog": str(tmp_path / "catalog.yaml"),
            "inputs": {"soil_moisture": "a"}, "store": str(tmp_path / "store"), "grid": "native",
        }  # fmt: skip
        return pipeline.check(parse_config(config)).lineage

    return make


def assert_traced(first, longer, edited):
    """``longer`` has one month more than ``first``, ``edited`` another March 2000 than ``longer``."""
    change = incremental.compare(longer, "before", first)
    assert (change.new, change.recomputed, change.runs) == ([LAST], [], [(24, 26)])
    change = incremental.compare(edited, "before", longer)
    assert (change.new, change.recomputed, change.runs) == ([], [PAST], [(0, 12)])


def write_hdf4(folder, ds):
    """MODIS-like files of one image each: dates in their names, the grid in their structure."""
    structure = """GROUP=GRID_1\nXDim=3\nYDim=2\nUpperLeftPointMtrs=(-180.0,90.0)\nLowerRightMtrs=(180.0,-90.0)
Projection=GCTP_GEO\nDataFieldName="sm"\nEND_GROUP=GRID_1\n"""
    for time, image in ds["sm"].groupby("time"):
        file = SD(str(folder / f"X.A{pd.Timestamp(time):%Y%j}.hdf"), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
        file.attr("StructMetadata.0").set(SDC.CHAR, structure)
        array = file.create("sm", SDC.FLOAT32, (2, 3))
        array[:] = image.values.squeeze()
        array.endaccess()
        file.end()


def test_hdf4_files_are_traced_by_the_days_in_their_names(lineage, tmp_path):
    (tmp_path / "files").mkdir()

    def record(ds, end):
        write_hdf4(tmp_path / "files", ds)
        return lineage(end, "{{ CATALOG_DIR }}/files/*.hdf", reader="hdf4")

    first = record(images(MONTHS[:-1]), "2002-01")
    longer = record(images(MONTHS[-1:]), LAST)
    assert_traced(first, longer, record(images(MONTHS[2:3]) * 0.5, LAST))


def write_days(folder, days, factor=1.0):
    """CCI-like images; time as v02.2 has it: a day count that decodes to a moment before midnight."""
    for day in days:
        ds = images(pd.DatetimeIndex([day])) * factor
        ds["sm"].attrs["units"] = "m3 m-3"
        count = (day - pd.Timestamp("1970-01-01")).days - 4.66e-10
        ds = ds.assign_coords(time=("time", [count], {"units": "days since 1970-01-01 00:00:00 UTC"}))
        path = folder / f"ESACCI-SOILMOISTURE-L3S-SSMV-COMBINED-{day:%Y%m%d}000000-fv02.2.nc"
        ds.to_netcdf(path, engine="h5netcdf", encoding={"time": {"dtype": "f8"}})


@pytest.mark.slow
def test_the_first_day_of_a_month_belongs_to_its_month(lineage, tmp_path, monkeypatch):
    (tmp_path / "files").mkdir()
    days = MONTHS.union(pd.to_datetime(["2002-01-31", "2002-02-28"]))
    monkeypatch.delattr(
        sys.modules["smcloud.catalog.fingerprints.file_spans"], "_span"
    )  # dated by their names: none is opened for it

    def record(days, end, factor=1.0):
        write_days(tmp_path / "files", days, factor)
        return lineage(end, "{{ CATALOG_DIR }}/files/*.nc", reader="esa_cci", period="day")

    first = record(days[:-2], "2002-01")
    longer = record(days[-2:], LAST)
    assert_traced(first, longer, record(days[2:3], LAST, 0.5))


def test_the_names_of_real_images_date_them(lineage, test_data, tmp_path):
    made_from_nothing = {"licence": "x", "citation": "x", "reader": "esa_cci"}
    variable = {"name": "sm", "units": "m3 m-3", "period": "day", "valid_range": [0, 1]}
    for pattern, dates in (("*COMBINED-2*fv02.2.nc", ["2000-01-01"]), ("*PASSIVE*.nc", ["2016-12-29", "2016-12-30",
                                                                                        "2016-12-31"])):  # fmt: skip
        entry = {
            "driver": "netcdf", "description": "x", "args": {"urlpath": str(test_data / "cci_images" / pattern)},
            "metadata": made_from_nothing | {"variables": {"soil_moisture": variable}},
        }  # fmt: skip
        (tmp_path / "catalog.yaml").write_text(yaml.safe_dump({"sources": {"a": entry}}))
        catalog = load_catalog(tmp_path / "catalog.yaml")
        spans = file_spans(catalog, "a", source_parts(catalog, "a"), {})
        assert [span[0][:10] for span in spans.values()] == dates
        assert all(first == last for first, last in spans.values())


def test_stamps_are_compared_to_the_second():
    stamps = np.array(["1999-12-31T23:59:59.999959", "2000-01-02T00:00:00.00001"], "datetime64[ns]")
    seconds = stamps.astype("datetime64[ms]").astype("datetime64[ns]")
    rounded = np.array(["2000-01-01", "2000-01-02"], "datetime64[s]")
    for stamp, position in zip(seconds, (0, 1), strict=True):
        assert _positions(rounded, [str(stamp)] * 2, "day") == (position, position + 1)


def test_kerchunk_references_are_traced_by_where_the_chunks_lie(lineage, tmp_path):
    images().chunk(time=1).to_zarr(tmp_path / "a.zarr", zarr_format=2, consolidated=False)
    options = {"fo": str(tmp_path / "refs.json"), "remote_protocol": "file"}

    def record(months, end, shift=None):
        """References to the first ``months``; the chunk of the month ``shift`` is said to lie in another file."""
        images(MONTHS[:months]).chunk(time=1).to_zarr(tmp_path / "b.zarr", "w", zarr_format=2, consolidated=False)
        refs = {}
        for path in sorted((tmp_path / "b.zarr").rglob("*")):
            key = path.relative_to(tmp_path / "b.zarr").as_posix()
            if path.is_file() and (path.name.startswith(".z") or key.startswith("time/")):
                refs[key] = path.read_text() if path.name.startswith(".z") else [str(path), 0, path.stat().st_size]
            elif path.is_file():
                held = tmp_path / "a.zarr" / key
                refs[key] = [str(path if key.startswith(f"sm/{shift}.") else held), 0, held.stat().st_size]
        (tmp_path / "refs.json").write_text(json.dumps({"version": 1, "refs": refs}))
        args = {"storage_options": options, "xarray_kwargs": {"consolidated": False}}
        return lineage(end, "reference://", "zarr", args=args)

    longer = record(26, LAST)
    assert_traced(record(25, "2002-01"), longer, record(26, LAST, shift=2))


@pytest.fixture
def commit(tmp_path):
    """A function that commits what ``write`` does with a store of the repository; gives the snapshot."""
    icechunk.set_logs_filter("error")
    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(tmp_path / "ice")))

    def make(write):
        session = repository.writable_session("main")
        write(session.store)
        return session.commit("months")

    make.repository = repository
    return make


def grown(store):
    images(MONTHS[-1:]).to_zarr(store, group="g", append_dim="time", consolidated=False)


def edited(store):
    past = images(MONTHS[2:3])[["sm"]].drop_vars(["lat", "lon"]) * 0.5
    past.drop_vars("time").to_zarr(store, group="g", region={"time": slice(2, 3)}, consolidated=False)


@pytest.mark.slow
def test_an_icechunk_repository_is_traced_by_its_commits(lineage, commit, tmp_path):
    def record(write, end):
        snapshot = commit(write)
        held = lineage(end, str(tmp_path / "ice"), "zarr", "icechunk", {"xarray_kwargs": {"group": "g"}})
        assert held.sources["soil_moisture"]["snapshot"] == snapshot
        return held

    def begun(store):
        images(MONTHS[:-1]).chunk(time=1).to_zarr(store, group="g", zarr_format=3, consolidated=False)

    first = record(begun, "2002-01")
    longer = record(grown, LAST)
    changed = record(edited, LAST)
    assert_traced(first, longer, changed)
    # What is not known of expired history counts as changed once more expires.
    newest = next(iter(commit.repository.ancestry(branch="main")))
    commit.repository.expire_snapshots(older_than=newest.written_at)
    again = record(lambda store: images()[["lat"]].to_zarr(store, group="other", consolidated=False), LAST)
    assert incremental.compare(again, "before", changed) is None


def test_a_changed_sensor_alone_is_noticed(lineage, tmp_path):
    args = {"xarray_kwargs": {"consolidated": False}}

    def record(*changed):
        ds = images()
        ds["sensor"] = (ds.dims, np.ones(tuple(ds.sizes.values()), "int32"))
        for month in changed:
            ds["sensor"].loc[{"time": month}] = 2
        ds.chunk(time=1).to_zarr(tmp_path / "a.zarr", "w", zarr_format=3, consolidated=False)
        return lineage(LAST, "{{ CATALOG_DIR }}/a.zarr", "zarr", args=args, sensor="sensor")

    change = incremental.compare(record(PAST), "before", record())
    assert (change.new, change.recomputed) == ([], [PAST])
