"""Ways to spoil the small stores of a run: values, axes, units, keys, files."""

import h5py
import numpy as np
import zarr

INPUTS = dict.fromkeys(("soil_moisture", "precipitation", "soil_temperature", "lai", "aridity_index"), "world")


def values(role, where, value):
    """A change of the world: ``role`` is ``value`` at the index ``where``."""

    def change(ds):
        ds[role][where] = value
        return ds

    return change


def coordinate(name, new):
    return lambda ds: ds.assign_coords({name: new})


def steps(select):
    return lambda ds: ds.isel(time=select(np.arange(ds.sizes["time"])))


def units(role, unit, **attrs):
    def change(ds):
        ds[role].attrs |= {"units": unit, **attrs}
        return ds

    return change


def climatology(ds):
    year = ds["lai"].isel(time=slice(0, 12)).values
    ds["lai"][:] = np.tile(year, (ds.sizes["time"] // 12, 1, 1))
    return ds


def text(ds):
    return ds.assign(lai=ds["lai"].astype(str))


def imaginary(ds):
    return ds.assign(lai=ds["lai"].astype(complex).assign_attrs(ds["lai"].attrs))


def levels(ds):
    return ds.assign(lai=ds["lai"].expand_dims(level=[0, 1]))


def no_latitude(ds):
    return ds.rename(lat="row")


def no_steps(ds):
    return ds.isel(time=slice(0, 0))


def without(role):
    return lambda ds: ds.drop_vars(role)


def versions(ds):
    return ds.expand_dims(expver=[1, 9])


def spec(role, **changed):
    return lambda entry: entry["metadata"]["variables"][role].update(changed)


def metadata(**changed):
    return lambda entry: entry["metadata"].update(changed)


def args(**changed):
    return lambda entry: entry["args"].update(changed)


def lost(folder):
    for path in (folder / "world.zarr" / "lai" / "c").rglob("*"):
        if path.is_file():
            path.unlink()


def garbled(folder):
    for path in (folder / "world.zarr" / "precipitation" / "c").rglob("*"):
        if path.is_file():
            path.write_bytes(b"not a chunk")


def gone(folder):
    (folder / "world.zarr" / "zarr.json").unlink()


def declared(name, dims, shape, chunks):
    """An array of which only the metadata is written: a store of a few bytes can declare anything."""

    def damage(folder):
        group = zarr.open_group(folder / "world.zarr")
        group.create_array(name, shape=shape, chunks=chunks, dtype="f4", dimension_names=dims)

    return damage


def files_of(entry):
    """The entry of files instead of the store."""
    entry.update(driver="netcdf")
    entry["args"] = {"urlpath": "{{ CATALOG_DIR }}/*.nc", "chunks": {}}


def images_of(entry):
    """As daily images, dated by their names."""
    files_of(entry)
    entry["metadata"]["reader"] = "esa_cci"


def long_axis(axis, name="world"):
    """A file of some kilobytes whose ``axis`` is 3e9 steps long."""

    def damage(folder):
        sizes = {"time": 1, "lat": 4, "lon": 6} | {axis: 3_000_000_000}
        with h5py.File(folder / f"{name}.nc", "w") as file:
            for dim, size in sizes.items():
                file.create_dataset(dim, shape=(size,), maxshape=(None,), chunks=(min(size, 2**20),), dtype="f8")
                file[dim].make_scale(dim)
            file["time"].attrs["units"] = np.bytes_("days since 1970-01-01")
            for role in INPUTS:
                file.create_dataset(role, shape=tuple(sizes.values()), chunks=(1, 1, 1), dtype="f4")
                for i, dim in enumerate(sizes):
                    file[role].dims[i].attach_scale(file[dim])

    return damage


def spread(unit):
    """Soil moisture with an uncertainty in ``unit`` beside it."""
    return lambda ds: ds.assign(spread=(0.1 * ds["soil_moisture"]).assign_attrs(units=unit))
