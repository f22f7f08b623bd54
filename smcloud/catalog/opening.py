"""The only module that uses intake: opens the sources of a catalog lazily and checks what they hold.

A catalog is intake's ``sources:`` form. ``catalog_file`` reads it as plain YAML and checks it against the models of
``catalog_schema`` before intake sees anything, because an intake catalog can run code.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import yaml

from smcloud.catalog.hosts import client_options, require_hosts
from smcloud.catalog.joining import COMBINATION, join, names_of
from smcloud.catalog.loading import resolved
from smcloud.catalog.readers import reader_of
from smcloud.catalog.schema import Args, Catalog, Entry
from smcloud.catalog.time_axis import with_time
from smcloud.catalog.validation import check_axes, check_variables
from smcloud.errors import CalendarError, GridError, SmcloudError, UnreachableError
from smcloud.io_errors import SOURCE, reaching

if TYPE_CHECKING:
    import xarray as xr

ANSWER_SECONDS = 15.0
_opening = threading.Lock()


def open_with_intake(entry: Entry, where: str) -> xr.Dataset:
    """Open Zarr stores, NetCDF files (classic or NetCDF-4), and kerchunk references.

    Intake gets a copy that holds only what was checked, with imports and start-up hooks off; several files or stores
    are joined along time. Times are left as they are stored. Raises :class:`ChunkError` for an axis too large to read,
    :class:`CalendarError` and :class:`GridError` for files whose axes do not fit together.
    """
    import fsspec
    import intake
    import xarray as xr
    import zarr

    intake.conf.set(allow_import=False, allow_pickle=False, allow_templates=False, import_on_startup=False)
    args = entry.args.model_dump(mode="json", exclude={"branch", "snapshot"})
    args["storage_options"] = client_options(entry.args)
    given = args.pop("xarray_kwargs")
    kwargs = {key: value for key, value in given.items() if key not in COMBINATION} | {"decode_times": False}
    engine = "zarr" if entry.driver == "zarr" else str(kwargs.get("engine") or _netcdf_engine(entry.args))
    _require_small_axes(entry.args, engine, where)
    if len(entry.args.urls) > 1 or "*" in entry.args.urls[0]:
        return _joined(entry, engine, kwargs, where)
    if entry.driver == "zarr":
        args |= kwargs
    else:
        args["xarray_kwargs"] = kwargs | {"engine": engine}
    checked = {"sources": {"source": {"driver": entry.driver, "description": entry.description, "args": args}}}
    url = f"memory://smcloud-catalogs/{uuid.uuid4().hex}.yaml"
    fs, key = fsspec.core.url_to_fs(url)
    fs.pipe_file(key, yaml.safe_dump(checked).encode())
    # How an array treats a missing chunk is fixed when it is opened; the setting is global to the process.
    try:
        with _opening, zarr.config.set({"array.read_missing_chunks": not entry.metadata.complete}):
            ds = intake.open_catalog(url)["source"].to_dask()
    finally:
        fs.rm_file(key)
    if not isinstance(ds, xr.Dataset):
        raise ValueError(f"the source gives a {type(ds).__name__}, not a Dataset")
    return ds


def _joined(entry: Entry, engine: str, kwargs: dict[str, Any], where: str) -> xr.Dataset:
    """Open each file or store of an entry by itself, and join them."""
    import fsspec
    import xarray as xr
    import zarr

    options = client_options(entry.args)
    files: dict[str, Any] = {}
    for url in entry.args.urls:
        fs, key = fsspec.core.url_to_fs(url, **options)
        files |= dict.fromkeys(sorted(fs.glob(key)) if "*" in key else [key], fs)

    opened = ExitStack()

    def open_one(path: str) -> xr.Dataset:
        fs, given = files[path], {"engine": engine, "chunks": dict(entry.args.chunks)} | kwargs
        if "file" not in fs.protocol and engine == "zarr":
            given["storage_options"] = options
        place = path if "file" in fs.protocol else fs.unstrip_protocol(path) if engine == "zarr" else fs.open(path)
        return opened.enter_context(xr.open_dataset(place, **given))

    try:
        with _opening, zarr.config.set({"array.read_missing_chunks": not entry.metadata.complete}):
            ds = join(entry, list(files), open_one, where)
    except BaseException as err:
        opened.close()
        if isinstance(err, xr.AlignmentError):
            raise _misaligned(err, where) from err
        raise
    ds.set_close(opened.close)
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
    moving = [spec for spec in entry.metadata.variables.values() if spec.period != "static"]
    close, ds = ds.close, with_time(ds, names_of(moving), where)
    ds.set_close(close)
    check_variables(ds, entry.metadata.variables.values(), where)
    return ds


def check_entries(catalog: Catalog, seconds: float = ANSWER_SECONDS) -> dict[str, str]:
    """Try to open every entry; return entry name -> ``"ok"`` or ``"unreachable: ..."``.

    All entries are tried side by side; one that has not answered after ``seconds`` counts as unreachable.
    A source that answers but breaks its schema raises; see :func:`open_entry`.
    """
    outcome: dict[str, str | SmcloudError] = {}

    def attempt(name: str) -> None:
        try:
            open_entry(catalog, name).close()
            outcome[name] = "ok"
        except UnreachableError as err:
            outcome[name] = f"unreachable: {err.found}"
        except SmcloudError as err:
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
        if isinstance(answer, SmcloudError):
            raise answer
        result[name] = answer
    return result
