"""``open_cube`` and ``open_product`` as users have them: those of the store, with the main variables first."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from smcloud.plot.main_variables import in_order
from smcloud.store import read

if TYPE_CHECKING:
    import xarray as xr


@wraps(read.open_cube)
def open_cube(*arguments: Any, **more: Any) -> xr.Dataset:  # noqa: D103  # that of the store
    return _ordered(read.open_cube(*arguments, **more), "cube")


@wraps(read.open_product)
def open_product(*arguments: Any, **more: Any) -> xr.Dataset:  # noqa: D103  # that of the store
    name = more.get("name") or arguments[1]
    return _ordered(read.open_product(*arguments, **more), str(name))


def _ordered(ds: xr.Dataset, product: str) -> xr.Dataset:
    names = list(ds.data_vars)
    return ds.drop_vars(names).assign({name: ds[name] for name in in_order(product, names)})
