"""What the tests of this folder share."""

import importlib
from dataclasses import replace
from pathlib import Path

import pytest
import xarray as xr

from smcloud import pipeline
from smcloud.config import load_config
from tests.pipeline.refreshes import FEW, until


@pytest.fixture
def ingest(small_world, tmp_path):
    """A function that writes the world and brings its cube about; ``fresh`` in an empty store. Returns record, job."""

    def run(
        end,
        edit=lambda ds: None,
        last=None,
        fresh=None,
        chunk=3,
        start="2000-01",
        entry=lambda source: None,
        **overrides,
    ):
        period = {"start": start, "end": last or end}
        path = small_world(until(end, edit, chunk), entry, period=period, **FEW | overrides)
        config = load_config(path)
        if fresh:
            config = config.model_copy(update={"store": str(tmp_path / fresh)})
        job = pipeline.check(config)
        return pipeline.ingest(config, job), job

    return run


@pytest.fixture
def files(small_world, tmp_path, monkeypatch):
    """A function that writes one file per year, and ingests them. Returns the record and the files opened for it."""
    opened, written = [], {}
    spans = importlib.import_module("smcloud.catalog.fingerprints.file_spans")
    real = spans._span
    monkeypatch.setattr(spans, "_span", lambda *args: opened.append(Path(args[2]).name) or real(*args))

    def entry(source):
        source["driver"] = "netcdf"
        source["args"] = {"urlpath": "{{ CATALOG_DIR }}/files/*.nc"}

    def run(end, edit=lambda ds: None, store="store"):
        only = {"inputs": dict.fromkeys(("soil_moisture", "soil_temperature"), "world")}
        path = small_world(entry=entry, period={"start": "2000-01", "end": end}, **only)
        (tmp_path / "files").mkdir(exist_ok=True)
        world = until(end, edit)(xr.open_zarr(tmp_path / "world.zarr", consolidated=False).load()).load()
        for year, ds in world.groupby("time.year"):
            if written.get(year) is not None and ds.identical(written[year]):
                continue  # HDF5 stamps the time of writing into the file
            written[year] = ds
            ds.drop_encoding().to_netcdf(tmp_path / "files" / f"{year}.nc", engine="h5netcdf")
        config = load_config(path).model_copy(update={"store": str(tmp_path / store)})
        opened.clear()
        job = pipeline.check(config)
        record = pipeline.ingest(config, job)
        return record, replace(job, opened=None), list(opened)  # its files stay open as long as it is held

    return run
