"""Sources that grow and change, and what a refreshed cube is compared with."""

from pathlib import Path

import xarray as xr

from smcloud import store as stores
from smcloud.store import Store
from smcloud.store.layout import TEMPORARY

# A static role, soil moisture and one that changes are enough, and each costs its time.
FEW = {"inputs": dict.fromkeys(("soil_moisture", "soil_temperature", "aridity_index"), "world")}


def until(end, edit=lambda ds: None, chunk=3):
    """The small world from 2000 to ``end``, edited, in time chunks of ``chunk`` months."""

    def change(ds):
        ds = ds.sel(time=slice(None, end)).copy(deep=True)
        edit(ds)
        return ds.chunk(time=chunk)

    return change


def warmer(*months):
    def edit(ds):
        for month in months:
            ds["soil_temperature"].loc[{"time": month}] += 1

    return edit


def place(job):
    store, path = Store.open(job.store), stores.cube_path(job.cube_id)
    sealed = stores.sealed_prefix(store, path)  # a twin that was faster seals in a folder of its own
    return Path(store.join(sealed.path if sealed else path))


def content(job):
    """The objects of a cube; a process that is killed while it writes one leaves its temporary file beside it."""
    files = (f for f in place(job).rglob("*") if f.is_file() and not f.name.startswith(TEMPORARY))
    return {str(f.relative_to(place(job))): f.read_bytes() for f in files}


def shared(job, previous):
    """Time chunks of soil temperature that are one file with the earlier cube's."""
    chunks = sorted(place(job).glob("soil_temperature/c/*/0/0"), key=lambda f: int(f.parts[-3]))
    there = Path(job.store) / previous
    return [i for i, f in enumerate(chunks) if (there / f.relative_to(place(job))).exists()
            and f.samefile(there / f.relative_to(place(job)))]  # fmt: skip


BUILT = {}


def assert_as_built_anew(job, ingest, *arguments, **keywords):
    """Equal Datasets, and equal bytes: metadata, chunks, record and inventory. One full build serves all tests."""
    if job.cube_id not in BUILT:
        record, other = ingest(*arguments, fresh="anew", **keywords)
        assert record.status == "built" and other.cube_id == job.cube_id
        opened = [xr.open_zarr(place(each)).load() for each in (job, other)]
        xr.testing.assert_identical(*opened)
        BUILT[job.cube_id] = content(other)
    ours, theirs = content(job), BUILT[job.cube_id]
    assert ours.keys() == theirs.keys()
    assert [key for key in ours if ours[key] != theirs[key]] == []
