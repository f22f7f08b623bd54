"""The metadata of one file or store as it is stored, whatever its form: names, axes, attributes, and raw values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from smcloud.catalog.arguments import Args
from smcloud.catalog.hosts import client_options
from smcloud.first_study.places import Group, again
from smcloud.io_errors import reaching_source

if TYPE_CHECKING:
    import xarray as xr

SAMPLE = 2**22  # values of a variable that are looked at


def header_of(group: Group, file: str) -> xr.Dataset:
    """Open one file of ``group`` without decoding anything; values are read when they are asked for.

    Raises what the readers of the catalog raise: :class:`FileFormError` for a damaged file, and so on.
    """
    with reaching_source("://" in file, file, again(group.root, group.options)):
        ds: xr.Dataset = {"hdf4": _hdf4, "geotiff": _geotiff, "netcdf": _netcdf}.get(group.form, _zarr)(group, file)
        return ds


def _netcdf(group: Group, file: str) -> xr.Dataset:
    import fsspec
    import xarray as xr

    from smcloud.catalog.readers.netcdf_files import NetcdfFiles

    place: Any = file
    if "://" in file:
        options = client_options(Args(urlpath=file, storage_options=group.options))
        place = fsspec.open_files([file], "rb", **options)[0].open()
    return xr.open_dataset(place, engine=NetcdfFiles, decode_cf=False, chunks=None, create_default_indexes=False)


def _zarr(group: Group, file: str) -> xr.Dataset:
    import xarray as xr

    from smcloud.catalog.readers.zarr_arrays import ZarrArrays

    args = Args(urlpath=file, storage_options=group.options)
    given: dict[str, Any] = {}
    if group.form == "icechunk":
        from smcloud.catalog.readers.icechunk import repository, session

        store, given = session(repository(args, file), args).store, {"consolidated": False}
    else:
        from smcloud.catalog.stores.guarded import open_stores

        stores, inside = open_stores(args, ())
        store = next(iter(stores.values()))
        given = {"group": inside, "consolidated": False} if inside else {"consolidated": is_consolidated(store)}
    ds = xr.open_dataset(
        store, engine=ZarrArrays, decode_cf=False, chunks=None, create_default_indexes=False, where=file, **given
    )
    ds.encoding["consolidated"] = given["consolidated"]
    return ds


def is_consolidated(store: Any) -> bool:
    """Return whether a Zarr store holds the metadata of all its arrays in one document."""
    import zarr

    return zarr.open_group(store, mode="r").metadata.consolidated_metadata is not None


def _hdf4(group: Group, file: str) -> xr.Dataset:
    import dask.array
    import xarray as xr
    from dask import delayed

    from smcloud.catalog.readers.hdf_eos import opened

    with opened(file) as sd:
        arrays = {
            name: (held[0], tuple(held[1]), np.dtype(sd.select(name).get(count=[1] * len(held[1])).dtype))
            for name, held in sd.datasets().items()
        }
        attrs = {name: sd.select(name).attributes() for name in arrays}
    lazy = {
        name: dask.array.from_delayed(delayed(_stored)(file, name), shape, dtype)
        for name, (_, shape, dtype) in arrays.items()
    }
    return xr.Dataset(
        {name: xr.Variable(arrays[name][0], lazy[name], attrs[name]) for name in arrays if len(arrays[name][1]) == 2}
    )


def _stored(file: str, name: str) -> Any:
    from smcloud.catalog.readers.hdf_eos import opened

    with opened(file) as sd:
        return sd.select(name).get()


def _geotiff(group: Group, file: str) -> xr.Dataset:
    import xarray as xr

    from smcloud.catalog.readers.images import opened_image

    with opened_image(file) as image:
        height, width = image.shape
        window = ((height // 2, min(height, height // 2 + 512)), (0, min(width, 2048)))
        made = {}
        for number, kind in zip(image.indexes, image.dtypes, strict=True):
            nodata, units = image.nodatavals[number - 1], image.units[number - 1]
            attrs: dict[str, Any] = {"_FillValue": np.dtype(kind).type(nodata)} if nodata is not None else {}
            attrs |= {"units": units} if units else {}
            attrs |= {"long_name": str(image.descriptions[number - 1] or "")}
            if (image.scales[number - 1], image.offsets[number - 1]) != (1.0, 0.0):
                attrs |= {"scale_factor": image.scales[number - 1], "add_offset": image.offsets[number - 1]}
            made[f"band_{number}"] = xr.Variable(("lat", "lon"), image.read(number, window=window), attrs)
        return xr.Dataset(made)


def sample(da: xr.DataArray) -> np.ndarray:
    """Read values of a variable as they are stored: of its first step, of large ones the middle only."""
    rest = da
    for dim in da.dims[:-2]:
        rest = rest.isel({dim: 0})
    side = int(SAMPLE**0.5)
    for dim in rest.dims:
        start = max(0, rest.sizes[dim] - side) // 2
        rest = rest.isel({dim: slice(start, start + side)})
    return np.asarray(rest.values)
