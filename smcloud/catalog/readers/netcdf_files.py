"""One NetCDF file of whatever form, classic or NetCDF-4, opened lazily by xarray with its name in every error.

A folder may hold several forms: the Climate Data Store changed its own in 2024. Each file is looked at for itself,
whenever it is opened and on whichever worker: what it is, whether it is whole, and whether it points elsewhere.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import xarray as xr
from xarray.backends import (
    BackendArray,
    BackendEntrypoint,
    CachingFileManager,
    H5NetCDFStore,
    NetCDF4DataStore,
    ScipyDataStore,
    StoreBackendEntrypoint,
)
from xarray.backends.file_manager import PickleableFileManager
from xarray.backends.h5netcdf_ import H5NetCDFArrayWrapper
from xarray.core.indexing import IndexingSupport, LazilyIndexedArray, OuterIndexer, explicit_indexing_adapter

from smcloud.catalog.classic_netcdf import promised_bytes
from smcloud.catalog.elsewhere import require_hdf5_alone
from smcloud.catalog.file_form import CDF5, HDF5, NETCDF, damaged, form_of, head_of, local_form, require_form
from smcloud.catalog.missing_values import expect_several_codes, state_missing
from smcloud.catalog.readers.xarray_stores import DECODING, StoreAround
from smcloud.catalog.schema import VariableSpec
from smcloud.catalog.stores.hdf5_chunks import layout_of, read
from smcloud.catalog.unwritten import Doubt, require_without, unwritten_in_doubt
from smcloud.errors import FileFormError
from smcloud.io_errors import brief, is_content


class NetcdfFiles(BackendEntrypoint):
    """An engine for ``xarray.open_dataset``: local paths and opened remote files.

    ``library`` (``netcdf4``, ``h5netcdf`` or ``scipy``) is the wish of a catalog entry for classic files; without it,
    and of NetCDF-4, the form of the file decides. Raises :class:`FileFormError` where the file is no NetCDF, is cut off
    or damaged, or points elsewhere; values that cannot be read raise it with the file's name.
    """

    open_dataset_parameters = ("filename_or_obj", *DECODING, "group", "library", "specs")

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        group: str | None = None,
        library: str | None = None,
        specs: Sequence[VariableSpec] = (),
        **decoding: Any,
    ) -> xr.Dataset:
        """Open one file; the arguments are those of xarray, ``specs`` the variables of the catalog entry."""
        place = filename_or_obj
        name = place if isinstance(place, str) else str(getattr(place, "path", "") or getattr(place, "url", place))
        with _naming(name):
            form = _require_whole(place, name)
            store = _NamedStore(_group_of(place, name, form, group, library), name, specs)
        expect_several_codes()
        ds: xr.Dataset = StoreBackendEntrypoint().open_dataset(store, **decoding)
        return ds


FAILURES = (OSError, RuntimeError, ValueError)


@contextmanager
def _naming(name: str, failures: tuple[type[Exception], ...] = FAILURES) -> Iterator[None]:
    """Turn what a library says of a file's content into an error with the file's name."""
    try:
        yield
    except failures as err:
        if isinstance(err, FileNotFoundError) or not is_content(err, remote=True):
            raise
        raise damaged(name, brief(err)) from err


def _require_whole(place: Any, name: str) -> str:
    """The form of a file; raises where it is no NetCDF, or shorter than its header says."""
    if isinstance(place, str):
        require_form(local_form(place), NETCDF, name)
        with open(place, "rb") as file:
            return _require_length(file, name)
    return _require_length(place, name)


def _require_length(file: Any, name: str) -> str:
    form = form_of(head_of(file))
    require_form(form, NETCDF, name)
    if form != HDF5:  # the HDF5 library compares sizes itself
        size = file.seek(0, 2)
        promised = promised_bytes(file)
        file.seek(0)
        if size < promised:
            raise damaged(name, f"{size} bytes, where its header speaks of {promised}")
    return form


def _group_of(place: Any, name: str, form: str, group: str | None, library: str | None) -> Any:
    try:
        return _store_of(place, name, form, group, library)
    except (OSError, ValueError) as err:
        if not group or "group" not in str(err):
            raise
        raise FileFormError(
            f"{name.rpartition('/')[2]} has no group {group}",
            where=name,
            found=f"{form}: {brief(err)}",
            expected=f"the group {group}",
            next="correct xarray_kwargs.group of the catalog entry, or leave it out",
        ) from err


def _store_of(place: Any, name: str, form: str, group: str | None, library: str | None) -> Any:
    """The file as a store of xarray, of the library that the entry wishes or that reads its form."""
    netcdf4: Any = NetCDF4DataStore
    local = isinstance(place, str)
    if form == HDF5:  # by one library whatever the wish: its chunks are decoded here
        manager = CachingFileManager if local else PickleableFileManager
        return H5NetCDFStore(manager(_opened_alone, place, mode="r", kwargs={"name": name}), group=group)
    if local and (library == "netcdf4" or form == CDF5):
        return netcdf4.open(place, group=group)
    if form == CDF5:
        raise FileFormError(
            f"{name.rpartition('/')[2]} is {form}, which is read on this machine only",
            where=name,
            found=form,
            expected="a local file, or one of another form",
            next="download the files and name their folder in urlpath, or nccopy -k nc4",
        )
    return ScipyDataStore(place, group=group)


def _opened_alone(place: Any, name: str, mode: str = "r") -> Any:
    """Open an HDF5 file that points nowhere else; the check and all that is read have one handle."""
    import h5netcdf
    import h5py

    file = h5py.File(place, mode)
    try:
        require_hdf5_alone(file, name)
        opened = h5netcdf.File(file, mode, phony_dims="access", decode_vlen_strings=True)
        opened._close_h5file = True  # the handle is nobody else's
    except BaseException:
        file.close()
        raise
    return opened


@contextmanager
def opened_hdf5(path: str) -> Iterator[Any]:
    """Open a local NetCDF-4 file with h5py; raises :class:`FileFormError` as the engine does, also of its values.

    The ValueErrors of who reads it pass.
    """
    import h5py

    require_form(local_form(path), (HDF5,), path)
    with _naming(path, (OSError, RuntimeError)), h5py.File(path, "r") as file:
        require_hdf5_alone(file, path)
        yield file


class _NamedStore(StoreAround):
    """A file whose arrays say which one they are from where they cannot be read, and which codes mean missing."""

    def __init__(self, store: Any, name: str, specs: Sequence[VariableSpec]) -> None:
        super().__init__(store)
        self.name, self.specs = name, specs

    def get_variables(self) -> dict[Hashable, xr.Variable]:
        with _naming(self.name):
            variables = dict(self.store.get_variables())
        for name, variable in variables.items():
            array = variable._data
            if isinstance(array, LazilyIndexedArray):
                doubt = self._doubt(str(name), variable)
                held = array.array
                held = _BoundedArray(held, self.name) if isinstance(held, H5NetCDFArrayWrapper) else held
                variable._data = LazilyIndexedArray(_NamedArray(held, self.name, doubt), array.key)
        return state_missing(variables, self.specs, {}, self.name)

    def _doubt(self, name: str, variable: xr.Variable) -> Doubt | None:
        """The default of what was never written, where the catalog allows it as a value and nothing says what it is."""
        specs = [spec for spec in self.specs if spec.name == name]
        found = (unwritten_in_doubt(variable.dtype, variable.attrs, spec, f"{self.name}: {name}") for spec in specs)
        return next((doubt for doubt in found if doubt is not None), None)


class _BoundedArray(BackendArray):
    """An array of HDF5 whose compressed chunks are decoded here, to their size at most."""

    def __init__(self, array: H5NetCDFArrayWrapper, name: str) -> None:
        self.array: Any = array
        self.where = f"{name}: {array.variable_name}"
        self.shape, self.dtype = array.shape, array.dtype

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """The dataset of h5py; xarray closes files that it has not used for a while, and opens them again."""
        with self.array.datastore.lock:
            yield self.array.get_array(needs_lock=False)._h5ds

    def __getitem__(self, key: Any) -> Any:
        with self._opened() as dataset:
            layout = layout_of(dataset)
        if layout is None:
            return self.array[key]

        def bounded(part: tuple[Any, ...]) -> Any:
            made = read(self._opened, layout, part, self.shape, self.where)
            return self.array[OuterIndexer(part)] if made is None else made

        return explicit_indexing_adapter(key, self.shape, IndexingSupport.OUTER, bounded)


class _NamedArray(BackendArray):
    def __init__(self, array: Any, name: str, doubt: Doubt | None) -> None:
        self.array, self.name, self.doubt = array, name, doubt
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, key: Any) -> Any:
        with _naming(self.name):
            values = self.array[key]
        if self.doubt is not None:
            require_without(values, *self.doubt)
        return values
