"""The time stamps that each file of a source holds, so that months can be traced to files."""

from __future__ import annotations

from collections.abc import Mapping

from smcloud.catalog.fingerprints import SourceFingerprint
from smcloud.catalog.fingerprints.chunks import TIME
from smcloud.catalog.hosts import client_options
from smcloud.catalog.joining import with_own_time
from smcloud.catalog.loading import resolved
from smcloud.catalog.places import is_remote, protocols
from smcloud.catalog.readers import daily_images, hdf4
from smcloud.catalog.readers.local_files import date_in
from smcloud.catalog.schema import Catalog
from smcloud.io_errors import reaching_source

# Readers that date a file by its name: nothing is opened, and a rounded time stamp inside does not matter.
DATED = {"esa_cci": (daily_images.DATE, daily_images.FORM), "hdf4": (hdf4.DATE, hdf4.FORM)}


def file_spans(
    catalog: Catalog, name: str, parts: SourceFingerprint, known: Mapping[str, list[str]]
) -> dict[str, list[str]]:
    """Find the first and last time stamp of each file of ``parts``, by its digest; empty without a time axis.

    Files that ``known`` holds, and those that are dated by their names, are not opened.
    """
    rule = DATED.get(catalog.entry(name).metadata.reader)
    if rule is not None:
        dates = {digest: date_in(path, *rule) for digest, path in parts.files.items()}
        return {digest: [] if date is None else [str(date)] * 2 for digest, date in dates.items()}
    return {digest: known[digest] if digest in known else _span(catalog, name, path)
            for digest, path in parts.files.items()}  # fmt: skip


def _span(catalog: Catalog, name: str, path: str) -> list[str]:
    import fsspec
    import xarray as xr

    from smcloud.catalog.readers.netcdf_files import NetcdfFiles

    args = resolved(catalog, name).args
    kwargs = {key: args.xarray_kwargs[key] for key in ("group", "drop_variables") if key in args.xarray_kwargs}
    specs = [spec for spec in catalog.entry(name).metadata.variables.values() if spec.period != "static"]
    where = f"{catalog.path}: {name} ({path})"
    with reaching_source(is_remote(args), where, f"smcloud catalog check {catalog.path}"):
        fs, _ = fsspec.core.url_to_fs(args.urls[0], **client_options(args))
        file = path if "file" in protocols(fs) else fs.open(path)
        library = args.xarray_kwargs.get("engine")
        with xr.open_dataset(file, engine=NetcdfFiles, library=library, decode_times=False, **kwargs) as raw:
            ds = with_own_time(raw, [spec.name for spec in specs], path)
            times = next((ds[axis].values for axis in TIME if axis in ds.dims), None)
    return [] if times is None or not times.size else [str(times.min()), str(times.max())]
