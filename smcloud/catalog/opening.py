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
from smcloud.catalog.places import files_of, is_remote
from smcloud.catalog.readers import reader_of
from smcloud.catalog.schema import Args, Catalog, Entry
from smcloud.catalog.validation import check_axes, check_variables
from smcloud.catalog.zarr_places import local_store
from smcloud.errors import CalendarError, GridError, SmcloudError, UnreachableError, all_at_once
from smcloud.io_errors import reaching_source

if TYPE_CHECKING:
    import xarray as xr

ANSWER_SECONDS = 15.0
JOINING = ("combine", "concat_dim", "join", "compat", "coords", "data_vars", "combine_attrs")
_opening = threading.Lock()


def open_with_intake(entry: Entry, where: str) -> xr.Dataset:
    """Open Zarr stores, NetCDF files (classic or NetCDF-4), and kerchunk references.

    Intake gets a copy that holds only what was checked, with imports and start-up hooks off. Where every variable is
    monthly the stamps of NetCDF files are those of their days: the Climate Data Store stamps accumulations of a month
    at 06:00 and its means at 00:00. Raises :class:`ChunkError` for an axis too large to read, :class:`CalendarError`
    and :class:`GridError` for files whose axes do not fit together.
    """
    import xarray as xr
    import zarr

    places, given = _places_of(entry, where)
    several = isinstance(places, list) and len(places) > 1
    _require_small_axes(entry.args, places, given, where)
    if several and entry.driver == "netcdf":
        given = {"combine": "by_coords", "join": "exact", "compat": "no_conflicts"} | given
    elif entry.driver == "netcdf":
        given = {key: value for key, value in given.items() if key not in JOINING}
    monthly = all(spec.period == "month" for spec in entry.metadata.variables.values())
    floored = monthly and entry.driver == "netcdf" and (several or "*" in entry.args.urls[0])
    # How an array treats a missing chunk is fixed when it is opened; the setting is global to the process.
    try:
        with _opening, zarr.config.set({"array.read_missing_chunks": not entry.metadata.complete}):
            source = _intake_source(entry)
            source.reader.kwargs["args"][0].url = places
            source.reader.kwargs |= given | ({"preprocess": at_midnight} if several and floored else {})
            ds = source.to_dask()
    except xr.AlignmentError as err:
        raise _misaligned(err, where) from err
    if not isinstance(ds, xr.Dataset):
        raise ValueError(f"the source gives a {type(ds).__name__}, not a Dataset")
    return at_midnight(ds) if floored and not several else ds


def _intake_source(entry: Entry) -> Any:
    """A source of intake from a copy of ``entry`` without its address, which is data and never text of a catalog."""
    import fsspec
    import intake

    intake.conf.set(allow_import=False, allow_pickle=False, allow_templates=False, import_on_startup=False)
    args = {"urlpath": "places", "chunks": dict(entry.args.chunks), "storage_options": client_options(entry.args)}
    checked = {"sources": {"source": {"driver": entry.driver, "description": entry.description, "args": args}}}
    url = f"memory://smcloud-catalogs/{uuid.uuid4().hex}.yaml"
    fs, key = fsspec.core.url_to_fs(url)
    fs.pipe_file(key, yaml.safe_dump(checked).encode())
    try:
        return intake.open_catalog(url)["source"]
    finally:
        fs.rm_file(key)


def _places_of(entry: Entry, where: str) -> tuple[Any, dict[str, Any]]:
    """What xarray is to open, and its arguments: the entry's and what the form of the source asks for.

    Local files by their paths, in a list; a local Zarr store as a store of zarr; what is remote by its address.
    """
    options, given = client_options(entry.args), dict(entry.args.xarray_kwargs)
    specs = tuple(entry.metadata.variables.values())
    if entry.driver == "netcdf":
        from smcloud.catalog.readers.netcdf_files import NetcdfFiles

        on_disk, files = files_of(entry.args, options)
        given |= {"engine": NetcdfFiles, "library": given.get("engine"), "specs": specs}
        return files if on_disk or len(files) > 1 else files[0], given
    from smcloud.catalog.readers.zarr_arrays import ZarrArrays

    given |= {"engine": ZarrArrays, "specs": specs, "where": where}
    if "fo" in options or any("://" in url and not url.startswith("file:") for url in entry.args.urls):
        given["storage_options"] = options or None
        return entry.args.urlpath if isinstance(entry.args.urlpath, str) else list(entry.args.urls), given
    _, folders = files_of(entry.args, {})
    stores = [local_store(folder, str(given.get("group") or "")) for folder in folders]
    if stores[0][1] != given.get("group", ""):  # a folder in a ZIP archive: consolidated metadata lies at the top only
        given |= {"group": stores[0][1], "consolidated": False}
    return [store for store, _ in stores], given


def _require_small_axes(args: Args, places: Any, given: dict[str, Any], where: str) -> None:
    import fsspec
    import xarray as xr

    keys = ("engine", "library", "group", "consolidated", "storage_options")
    given = {key: given[key] for key in keys if key in given}
    opened: Iterable[Any] = places if isinstance(places, list) else [places]
    if "library" in given and (isinstance(places, str) or "://" in str(places[0])):
        # A remote file is passed opened: the NetCDF engines cannot open URLs.
        opened = (file.open() for file in fsspec.open_files(list(opened), "rb", **client_options(args)))
    for place in opened:
        with xr.open_dataset(place, chunks=None, decode_cf=False, create_default_indexes=False, **given) as raw:
            check_axes(raw, where)


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

    Nothing but metadata and coordinates is read. Raises :class:`UnreachableError`, :class:`FileFormError`,
    :class:`VariableError`, :class:`UnitError`, :class:`ChunkError`, and what the reader raises.
    """
    entry = resolved(catalog, name)
    where = f"{catalog.path}: {name} ({', '.join(entry.args.urls[:2])}{', ...' if len(entry.args.urls) > 2 else ''})"
    read = open_with_intake if entry.metadata.reader == "default" else reader_of(entry.metadata.reader)
    with reaching_source(is_remote(entry.args), where, f"smcloud catalog check {catalog.path}"):
        require_hosts(entry.args)
        ds = read(entry, where)
    check_variables(ds, entry.metadata.variables.values(), where)
    return ds


def check_entries(catalog: Catalog, seconds: float = ANSWER_SECONDS) -> dict[str, str]:
    """Try to open every entry; return entry name -> ``"ok"`` or ``"unreachable: ..."``.

    All entries are tried side by side; one that has not answered after ``seconds`` counts as unreachable.
    Where sources answer but break their schema, or local files are not there or damaged, the first such error is
    raised and names the others; see :func:`open_entry`.
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
    late = f"unreachable: no answer within {seconds:g} s"
    answers = {name: outcome.get(name, late) for name in catalog.sources}
    all_at_once(answer for answer in answers.values() if isinstance(answer, SmcloudError))
    return {name: str(answer) for name, answer in answers.items()}
