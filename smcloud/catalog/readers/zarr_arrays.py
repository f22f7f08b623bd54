"""The arrays of a Zarr group as xarray opens them, with the codes for missing values that file and entry state."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendEntrypoint, StoreBackendEntrypoint, ZarrStore
from xarray.backends.zarr import FillValueCoder

from smcloud.catalog.missing_values import Default, expect_several_codes, state_missing
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
            filename_or_obj, mode="r", group=group, consolidated=consolidated, storage_options=storage_options,
            use_zarr_fill_value_as_mask=True,  # so that a stated one is not decoded: xarray takes its own form only
        )  # fmt: skip
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
        defaults: dict[str, Default] = {}
        wanted = {name for spec in self.specs for name in spec.names}
        for name, variable in variables.items():
            array = self.store.members[name]
            asks = array.metadata.zarr_format == 2
            if asks and name not in wanted and variable.ndim != 1:
                continue
            variable.attrs.pop("_FillValue", None)  # the array's default, which xarray takes for what the file states
            if "_FillValue" in array.attrs:
                variable.attrs["_FillValue"] = _number(array.attrs["_FillValue"], array.dtype)
            if name in wanted:
                defaults[str(name)] = Default(array.fill_value, asks)
        return state_missing(variables, self.specs, defaults, self.where)


def _number(stated: Any, dtype: np.dtype[Any]) -> Any:
    """A ``_FillValue`` in JSON: a number, or as xarray writes it to Zarr 3."""
    try:
        return FillValueCoder.decode(stated, dtype)
    except (TypeError, ValueError):
        return stated
