"""The arrays of a Zarr group as xarray opens them, with the codes for missing values that file and entry state."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import xarray as xr
from xarray.backends import BackendEntrypoint, StoreBackendEntrypoint, ZarrStore

from smcloud.catalog.missing_values import expect_several_codes, state_missing
from smcloud.catalog.readers.xarray_stores import DECODING, StoreAround
from smcloud.catalog.schema import VariableSpec


class ZarrArrays(BackendEntrypoint):
    """An engine for ``xarray.open_dataset``: stores of zarr, paths and addresses.

    ``specs`` are the variables of the catalog entry. Raises :class:`CatalogError` where an array does not tell whether
    the value of its chunks that are not written is missing.
    """

    open_dataset_parameters = (
        "filename_or_obj", *DECODING, "group", "consolidated", "storage_options", "specs", "where",
    )  # fmt: skip

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        group: str | None = None,
        consolidated: bool | None = None,
        storage_options: Any = None,
        specs: Sequence[VariableSpec] = (),
        where: str = "",
        **decoding: Any,
    ) -> xr.Dataset:
        """Open one group; the arguments are those of xarray, ``where`` names the entry in errors."""
        store = ZarrStore.open_group(
            filename_or_obj, mode="r", group=group, consolidated=consolidated, storage_options=storage_options
        )
        expect_several_codes()
        ds: xr.Dataset = StoreBackendEntrypoint().open_dataset(_StatedStore(store, specs, where), **decoding)
        return ds


class _StatedStore(StoreAround):
    """A Zarr store whose arrays state all codes that mean missing."""

    def __init__(self, store: Any, specs: Sequence[VariableSpec], where: str) -> None:
        super().__init__(store)
        self.specs, self.where = specs, where

    def get_variables(self) -> dict[Hashable, xr.Variable]:
        variables = dict(self.store.get_variables())
        defaults: dict[str, Any] = {}
        for name in {name for spec in self.specs for name in spec.names if name in variables}:
            array = self.store.zarr_group[name]
            if array.metadata.zarr_format == 2:
                attrs = variables[name].attrs
                attrs.pop("_FillValue", None)  # the array's default, which xarray takes for what the file states
                if "_FillValue" in array.attrs:
                    attrs["_FillValue"] = float(array.attrs["_FillValue"])
                defaults[name] = array.fill_value
        return state_missing(variables, self.specs, defaults, self.where)
