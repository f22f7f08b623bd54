"""The only module that uses intake: opens the sources of a catalog lazily and checks what they hold.

A catalog is intake's ``sources:`` form. ``catalog.loading`` reads it as plain YAML and checks it against the models of
``catalog.schema`` before intake sees anything, because an intake catalog can run code.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import yaml

from smcloud.catalog.file_form import HDF5, form_of, head_of
from smcloud.catalog.hosts import client_options, require_hosts
from smcloud.catalog.loading import resolved
from smcloud.catalog.places import files_of, is_remote
from smcloud.catalog.plain_axes import require_plain_axes
from smcloud.catalog.readers import reader_of
from smcloud.catalog.schema import Catalog, Entry
from smcloud.catalog.stated_axes import selected, with_stated_axes
from smcloud.catalog.stores.absent import Chunks, all_names, hide_marks, of_each_part, with_marks
from smcloud.catalog.time_axis import with_time
from smcloud.catalog.validation import check_axes, check_variables
from smcloud.errors import CalendarError, GridError, SmcloudError, UnreachableError, all_at_once
from smcloud.io_errors import reaching_source

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
    import xarray as xr
    import zarr

    from smcloud.catalog.joining import join

    places, given = _places_of(entry, where)
    known = dict(zip(places, of_each_part(_look_at(entry, places, given, where), entry), strict=True))
    closers: list[Callable[[], None]] = []

    def open_one(name: str) -> xr.Dataset:
        source = _intake_source(entry)
        data = source.reader.kwargs["args"][0]
        # What is no plain text of YAML: the path or store, and the client that is held to its host.
        remote = places[name] is name and "://" in name
        data.url, data.storage_options = (name, client_options(entry.args)) if remote else ([places[name]], None)
        source.reader.kwargs |= given
        ds = source.to_dask()
        if not isinstance(ds, xr.Dataset):
            raise ValueError(f"the source gives a {type(ds).__name__}, not a Dataset")
        closers.append(ds.close)
        at = where if len(places) == 1 else f"{where}: {name}"
        require_plain_axes(ds, at)
        return with_stated_axes(with_marks(ds, known[name], entry, where), entry.metadata.axes, at)

    # How an array treats a missing chunk is fixed when it is opened; the setting is global to the process.
    try:
        with _opening, zarr.config.set({"array.read_missing_chunks": not entry.metadata.complete}):
            alone = len(places) == 1 and "*" not in entry.args.urls[0]
            ds = open_one(*places) if alone else join(entry, list(places), open_one, where)
    except BaseException as err:
        _close_all(closers)
        if isinstance(err, xr.AlignmentError):
            raise _misaligned(err, where) from err
        raise
    ds = ds.copy()  # one that is opened alone would close itself without end
    ds.set_close(partial(_close_all, closers))
    return ds


def _close_all(closers: list[Callable[[], None]]) -> None:
    for close in closers:
        close()


def _intake_source(entry: Entry) -> Any:
    """A source of intake from a copy of ``entry`` without its address, which is data and never text of a catalog."""
    import fsspec
    import intake

    intake.conf.set(allow_import=False, allow_pickle=False, allow_templates=False, import_on_startup=False)
    args = {"urlpath": "places", "chunks": dict(entry.args.chunks)}
    checked = {"sources": {"source": {"driver": entry.driver, "description": entry.description, "args": args}}}
    url = f"memory://smcloud-catalogs/{uuid.uuid4().hex}.yaml"
    fs, key = fsspec.core.url_to_fs(url)
    fs.pipe_file(key, yaml.safe_dump(checked).encode())
    try:
        return intake.open_catalog(url)["source"]
    finally:
        fs.rm_file(key)


def _places_of(entry: Entry, where: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What xarray is to open, by its name, and the arguments: the entry's and what the form of the source asks for.

    Files by their paths or addresses; Zarr stores and references as stores of zarr.
    """
    specs = tuple(entry.metadata.variables.values())
    given = dict(entry.args.xarray_kwargs) | {"decode_times": False, "specs": specs}
    if entry.driver == "netcdf":
        from smcloud.catalog.readers.netcdf_files import NetcdfFiles

        _, files = files_of(entry.args, client_options(entry.args))
        return {file: file for file in files}, given | {"engine": NetcdfFiles, "library": given.get("engine")}
    from smcloud.catalog.readers.zarr_arrays import ZarrArrays
    from smcloud.catalog.stores.guarded import open_stores

    group = str(given.get("group") or "")
    stores, inside = open_stores(entry.args, all_names(entry), group)
    if inside != group:  # a folder in a ZIP archive: consolidated metadata lies at the top only
        given |= {"group": inside, "consolidated": False}
    return dict(stores), given | {"engine": ZarrArrays, "where": where}


def _look_at(entry: Entry, places: dict[str, Any], given: dict[str, Any], where: str) -> list[Mapping[str, Chunks]]:
    """Refuse axes that do not fit in memory; return of each store or file what knows the absent chunks."""
    import fsspec
    import xarray as xr

    from smcloud.catalog.stores.hdf5 import file_chunks
    from smcloud.catalog.stores.zarr_chunks import zarr_chunks

    kept = {key: given[key] for key in ("engine", "library", "group", "consolidated") if key in given}
    names, group = all_names(entry), str(given.get("group") or "")
    known: list[Mapping[str, Chunks]] = []
    for name, place in places.items():
        if place is name and "://" in name:  # a remote file is passed opened: the NetCDF engines cannot open URLs
            place = fsspec.open_files([name], "rb", **client_options(entry.args))[0].open()
        with xr.open_dataset(place, chunks=None, decode_cf=False, create_default_indexes=False, **kept) as raw:
            check_axes(raw, where)
            if entry.driver == "zarr":
                known.append(zarr_chunks(place, group, raw, names))
            else:
                shapes = {str(variable): da.shape for variable, da in raw.variables.items()}
                known.append(file_chunks(place, group, names, shapes, where) if _is_hdf5(place) else {})
    return known


def _is_hdf5(place: Any) -> bool:
    if isinstance(place, str):
        with open(place, "rb") as file:
            return form_of(head_of(file)) == HDF5
    place.seek(0)
    return form_of(head_of(place)) == HDF5


def _misaligned(err: Exception, where: str) -> SmcloudError:
    axis = next((axis for axis in ("valid_time", "time") if f"'{axis}'" in str(err)), None)
    return (CalendarError if axis else GridError)(
        "the files of an entry do not have the same axes",
        where=where,
        found=str(err).splitlines()[0][:160],
        expected=f"one and the same {axis or 'grid'} in all files",
        next=("" if axis else "name the files of one grid in urlpath, or regrid the others (cdo remapcon); ")
        + "where files hold different variables, make an entry for each set with the same axes, named in inputs",
    )


def open_entry(catalog: Catalog, name: str) -> xr.Dataset:
    """Open one entry lazily with the reader that it names, and check that it holds what its metadata names.

    Nothing but metadata and coordinates is read. Raises :class:`UnreachableError`, :class:`FileFormError`,
    :class:`VariableError`, :class:`UnitError`, :class:`ChunkError`, and what the reader raises.
    """
    from smcloud.catalog.joining import names_of

    entry = resolved(catalog, name)
    where = f"{catalog.path}: {name} ({', '.join(entry.args.urls[:2])}{', ...' if len(entry.args.urls) > 2 else ''})"
    read = open_with_intake if entry.metadata.reader == "default" else reader_of(entry.metadata.reader)
    with reaching_source(is_remote(entry.args), where, f"smcloud catalog check {catalog.path}"):
        require_hosts(entry.args)
        ds = read(entry, where)
    moving = [spec for spec in entry.metadata.variables.values() if spec.period != "static"]
    ds = selected(ds, entry.metadata.select, where)
    close, ds = ds.close, hide_marks(with_time(ds, names_of(moving), where))
    ds.set_close(close)
    check_variables(ds, entry.metadata.variables, where)
    return ds


def check_entries(catalog: Catalog, seconds: float = ANSWER_SECONDS) -> dict[str, str]:
    """Try to open every entry; return entry name -> ``"ok"`` or ``"unreachable: ..."``.

    All entries are tried side by side; one that has not answered after ``seconds`` counts as unreachable.
    Where sources answer but break their schema, or local files are not there or damaged, the first such error is
    raised and names the others; see :func:`open_entry`.
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
    late = f"unreachable: no answer within {seconds:g} s"
    answers = {name: outcome.get(name, late) for name in catalog.sources}
    unexpected = (answer for answer in answers.values() if isinstance(answer, Exception))
    broken = next((answer for answer in unexpected if not isinstance(answer, SmcloudError)), None)
    if broken is not None:
        raise broken
    all_at_once(answer for answer in answers.values() if isinstance(answer, SmcloudError))
    return {name: str(answer) for name, answer in answers.items()}
