"""The bounds of a time axis, whether the axis names them or not, and what is no record: a climatology."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from smcloud.errors import CalendarError

if TYPE_CHECKING:
    import xarray as xr

USUAL = ("bnds", "bounds", "bound")  # of variables beside an axis that does not name them, as time_bnds


def bounds_name(ds: xr.Dataset, axis: str) -> str | None:
    """Name the bounds (axis, 2) of the time axis ``axis``: those that it names, else those that are called after it.

    Those of a scalar ``axis`` are two values.
    """
    named = ds[axis].attrs.get("bounds") or ds[axis].encoding.get("bounds")
    usual = [f"{name}_{word}" for name in dict.fromkeys((axis, "time")) for word in USUAL]
    found = [name for name in (named, *usual) if isinstance(name, str) and name in ds.variables]
    if not ds[axis].ndim:
        return next((name for name in found if ds[name].shape == (2,)), None)
    return next((name for name in found if ds[name].ndim == 2 and ds[name].dims[0] in (axis, *ds[axis].dims)), None)


def require_no_climatology(ds: xr.Dataset, axis: str, held: Iterable[str], where: str) -> None:
    """Raise :class:`CalendarError` where axis or variables say, in CF's words, that a step is a mean over years."""
    said = [f"{axis}: climatology = {ds[axis].attrs['climatology']}"] if "climatology" in ds[axis].attrs else []
    methods = {name: str(ds[name].attrs.get("cell_methods", "")) for name in held}
    said += [f"{name}: cell_methods = {text}" for name, text in methods.items() if "over years" in text]
    if said:
        raise CalendarError(
            "a source is a climatology: its steps are means over years",
            where=where,
            found=said[0],
            expected="a record, whose steps are of their own years",
            next="name files of the record itself; for a record that carries this attribute by mistake, remove it",
        )


def joinable(parts: Sequence[xr.Dataset], files: Sequence[str], where: str) -> list[xr.Dataset]:
    """``parts`` of one record, with their time bounds where all of them have some.

    Where only some have, those are left out if the stamps alone say the same; else raises :class:`CalendarError`.
    """
    names = [bounds_name(ds, "time") for ds in parts]
    if None not in names and len(set(names)) == 1:
        return list(parts)
    for ds, name, file in zip(parts, names, files, strict=True):
        if name is None:
            continue
        low, high = (np.sort(ds[name].values, axis=1)[:, i] for i in (0, 1))
        stamp = ds["time"].values
        if not ((low <= stamp) & (stamp < high)).all():
            raise CalendarError(
                "some files of an entry have other time bounds than the rest, or none",
                where=f"{where}: {file}",
                found=f"{name} of steps that are not those of their stamps; other files have {_others(names, name)}",
                expected="the same bounds in all files",
                next=f"leave them out, args.xarray_kwargs.drop_variables: [{name}], and name the key stamp",
            )
    return [ds.drop_vars(name) if name is not None else ds for ds, name in zip(parts, names, strict=True)]


def _others(names: Iterable[str | None], own: str) -> str:
    return " or ".join(sorted({name or "none" for name in names} - {own}))
