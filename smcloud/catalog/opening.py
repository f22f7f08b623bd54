"""The only module that uses intake: opens the sources of a catalog lazily and checks what they hold.

A catalog is intake's ``sources:`` form. ``catalog_file`` reads it as plain YAML and checks it against the models of
``catalog_schema`` before intake sees anything, because an intake catalog can run code.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import yaml

from smcloud.catalog.hosts import client_options, require_hosts
from smcloud.catalog.loading import resolved
from smcloud.catalog.readers import reader_of
from smcloud.catalog.schema import Args, Catalog, Entry
from smcloud.catalog.validation import check_axes, check_variables
from smcloud.errors import CalendarError, GridError, SmcloudError, UnreachableError
from smcloud.io_errors import SOURCE, reaching

if TYPE_CHECKING:
    import xarray as xr

ANSWER_SECONDS = 15.0
_opening = threading.Lock()


def open_with_intake(entry: Entry, where: str) -> xr.Dataset:
    """Open Zarr stores, NetCDF files (classic or NetCDF-4), and kerchunk references.

    Intake gets a copy that holds only what was checked, with imports and start-up hooks off. Where every variable is
    monthly the stamps of NetCDF files are those of their days: the Climate Data Store stamps accumulations of a month
    at 06:00 and its means at 00:00. Raises :class:`ChunkError` for an axis too large to read, :class:`CalendarError`
    and :class:`GridError` for files whose axes do not fit together.
    """
    import fsspec
    import intake
    import xarray as xr
    import zarr

    intake.conf.set(allow_import=False, allow_pickle=False, allow_templates=False, import_on_startup=False)
    args = entry.args.model_dump(mode="json", exclude={"branch", "snapshot"})
    args["storage_options"] = client_options(entry.args)
    kwargs = args.pop("xarray_kwargs")
    several = entry.driver == "netcdf" and (len(entry.args.urls) > 1 or "*" in entry.args.urls[0])
    if entry.driver == "zarr":
        engine = "zarr"
        args |= kwargs
    else:
        combine = {"combine": "by_coords", "join": "exact", "compat": "no_conflicts"} if several else {}
        engine = str(kwargs.get("engine") or _netcdf_engine(entry.args))
        args["xarray_kwargs"] = combine | kwargs | {"engine": engine}
    _require_small_axes(entry.args, engine, where)
    checked = {"sources": {"source": {"driver": entry.driver, "description": entry.description, "args": args}}}
    url = f"memory://smcloud-catalogs/{uuid.uuid4().hex}.yaml"
    fs, key = fsspec.core.url_to_fs(url)
    fs.pipe_file(key, yaml.safe_dump(checked).encode())
    # How an array treats a missing chunk is fixed when it is opened; the setting is global to the process.
    try:
        with _opening, zarr.config.set({"array.read_missing_chunks": not entry.metadata.complete}):
            source = intake.open_catalog(url)["source"]
            if several and all(spec.period == "month" for spec in entry.metadata.variables.values()):
                source.reader.kwargs["preprocess"] = at_midnight
            ds = source.to_dask()
    except xr.AlignmentError as err:
        raise _misaligned(err, where) from err
    finally:
        fs.rm_file(key)
    if not isinstance(ds, xr.Dataset):
        raise ValueError(f"the source gives a {type(ds).__name__}, not a Dataset")
    return ds


def _require_small_axes(args: Args, engine: str, where: str) -> None:
    import fsspec
    import xarray as xr

    keys = ("group", "consolidated") if engine == "zarr" else ("group",)
    given: dict[str, Any] = {key: args.xarray_kwargs[key] for key in keys if key in args.xarray_kwargs}
    places: Iterable[Any] = args.urls
    if engine != "zarr":
        # A remote file is passed opened: the NetCDF engines cannot open URLs.
        files = fsspec.open_files(list(args.urls), "rb", **client_options(args))
        places = (file.path if "file" in file.fs.protocol else file.open() for file in files)
    elif args.storage_options:
        given["storage_options"] = client_options(args)
    for place in places:
        with xr.open_dataset(
            place, engine=engine, chunks=None, decode_cf=False, create_default_indexes=False, **given
        ) as raw:
            check_axes(raw, where)


def _netcdf_engine(args: Args) -> str:
    """Choose the engine by the first bytes of the first file: downloads of ERA5 were classic NetCDF for years."""
    import fsspec

    files = fsspec.open_files(list(args.urls), "rb", **client_options(args))
    with files[0] as file:
        return "scipy" if file.read(3) == b"CDF" else "h5netcdf"


def at_midnight(ds: xr.Dataset) -> xr.Dataset:
    """Move each time stamp of ``ds`` to the beginning of its day."""
    axes = [axis for axis in ("time", "valid_time") if axis in ds.dims and ds[axis].dtype.kind == "M"]
    return ds.assign_coords({axis: ds[axis].dt.floor("D").assign_attrs(ds[axis].attrs) for axis in axes})


def _misaligned(err: Exception, where: str) -> SmcloudError:
    axis = next((axis for axis in ("valid_time", "time") if f"'{axis}'" in str(err)), None)
    return (CalendarError if axis else GridError)(
        "the files of an entry do not have the same axes",
        where=where,
        found=str(err).splitlines()[0][:160],
        expected=f"one and the same {axis or 'grid'} in all files that hold different variables",
        next="make one entry for each set of files with the same axes, and name both in inputs",
    )


def open_entry(catalog: Catalog, name: str) -> xr.Dataset:
    """Open one entry lazily with the reader that it names, and check that it holds what its metadata names.

    Nothing but metadata and coordinates is read. Raises :class:`UnreachableError`, :class:`VariableError`,
    :class:`UnitError`, :class:`ChunkError`, and what the reader raises.
    """
    entry = resolved(catalog, name)
    where = f"{catalog.path}: {name} ({', '.join(entry.args.urls[:2])}{', ...' if len(entry.args.urls) > 2 else ''})"
    read = open_with_intake if entry.metadata.reader == "default" else reader_of(entry.metadata.reader)
    with reaching(SOURCE, where, f"smcloud catalog check {catalog.path}"):
        require_hosts(entry.args)
        ds = read(entry, where)
    check_variables(ds, entry.metadata.variables.values(), where)
    return ds


def check_entries(catalog: Catalog, seconds: float = ANSWER_SECONDS) -> dict[str, str]:
    """Try to open every entry; return entry name -> ``"ok"`` or ``"unreachable: ..."``.

    All entries are tried side by side; one that has not answered after ``seconds`` counts as unreachable.
    A source that answers but breaks its schema raises; see :func:`open_entry`.
    """
    outcome: dict[str, str | Exception] = {}

    def attempt(name: str) -> None:
        try:
            open_entry(catalog, name).close()
            outcome[name] = "ok"
        except UnreachableError as err:
            outcome[name] = f"unreachable: {err.found}"
        except Exception as err:  # a thread has nobody to tell: it is raised below
            outcome[name] = err

    threads = {name: threading.Thread(target=attempt, args=(name,), daemon=True) for name in catalog.sources}
    for thread in threads.values():
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads.values():
        thread.join(max(0.0, deadline - time.monotonic()))
    result = {}
    for name in catalog.sources:
        answer = outcome.get(name, f"unreachable: no answer within {seconds:g} s")
        if isinstance(answer, Exception):
            raise answer
        result[name] = answer
    return result
