"""Several files or stores that together are one source, joined along time: each time is taken from one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from smcloud.catalog.packing import scale_on_top, stated_scale
from smcloud.catalog.plain_axes import on_one_grid
from smcloud.catalog.schema import FINAL, Entry, VariableSpec
from smcloud.catalog.stores.absent import marked_name
from smcloud.catalog.time_axis import with_time
from smcloud.catalog.time_bounds import bounds_name, joinable
from smcloud.catalog.units import same_units
from smcloud.catalog.versions import newest, require_one_version, version_in
from smcloud.errors import CalendarError, SmcloudError, UnitError, VariableError

if TYPE_CHECKING:
    import xarray as xr

AT_ONCE = 2**26  # bytes of a variable that are compared at a time
RESOLUTION = {"month": "M", "day": "D", "8day": "D", "static": "s"}  # of stamps that mean one step; else seconds


@dataclass(frozen=True)
class Part:
    """One file (or store) of an entry: its name, and what it holds of the entry's variables, lazily."""

    file: str
    ds: xr.Dataset

    def holds(self, variable: str) -> bool:
        """Return whether a variable of the entry is in it."""
        return variable in self.ds.data_vars


def names_of(specs: Iterable[VariableSpec]) -> list[str]:
    """All variables that roles need, those of one role after the other, then the marks of their absent chunks."""
    names = list(dict.fromkeys(name for spec in specs for name in spec.names))
    return names + [marked_name(name) for name in names]


def join(entry: Entry, files: Sequence[str], open_one: Callable[[str], xr.Dataset], where: str) -> xr.Dataset:
    """Join ``files``, each opened by ``open_one`` (lazily, times not decoded), to one Dataset in the order of time.

    A file holds any variables of the entry for any times; a variable without a time axis is that of the first file
    that holds it. Steps that are in two files are read and compared: equal ones are taken once. Raises
    :class:`CalendarError` where they differ and where the files' names state two versions (``versions: {prefer:
    newest}`` takes of each time the newest), :class:`UnitError` where units differ, xarray's AlignmentError for other
    grids, and what :func:`with_time` raises.
    """
    import xarray as xr

    specs = entry.metadata.variables.values()
    names = names_of(specs)
    moving = names_of(spec for spec in specs if spec.period != "static")
    opened = [with_own_time(open_one(file), moving, f"{where}: {file}") for file in files]
    on_grid = on_one_grid([_reduced(ds, names, entry) for ds in opened], files, where)
    parts = [Part(file, ds) for file, ds in zip(files, on_grid, strict=True)]
    names += [str(name) for part in parts for name in part.ds.data_vars if name not in names]
    together: dict[tuple[int, ...], list[str]] = {}
    for name in names:
        holders = tuple(i for i, part in enumerate(parts) if part.holds(name))
        if holders:
            together.setdefault(holders, []).append(name)
    finest = _resolution(entry)
    groups = [
        _along_time([parts[i] for i in holders], variables, finest, entry, where)
        for holders, variables in together.items()
    ]
    joined = xr.merge(groups, join="exact", compat="override", combine_attrs="override")
    # A name that all files share stays as it is.
    if "time" in joined.dims and not any("time" in ds.dims for ds in opened):
        joined = joined.rename(time="valid_time")
    return joined.assign_attrs(parts[0].ds.attrs)


def with_own_time(ds: xr.Dataset, moving: Sequence[str], where: str) -> xr.Dataset:
    """Return one file with its time axis; in one without any variable of the entry that of what it holds."""
    held = [name for name in moving if name in ds.variables]
    return with_time(ds, held or [str(name) for name in ds.data_vars], where)


def _reduced(ds: xr.Dataset, names: Sequence[str], entry: Entry) -> xr.Dataset:
    """What is needed of a file, with its stamps in order. Monthly stamps are those of their days: the Climate Data
    Store stamps accumulations of a month at 06:00 and its means at 00:00."""
    held = ds[[name for name in names if name in ds] or [*ds.data_vars]]  # of a file without any, all must fit
    ds, held = (da.rename(valid_time="time") if "valid_time" in da.dims else da for da in (ds, held))
    if "time" not in held.dims:
        return held.drop_vars([name for name in held.coords if name not in held.dims and name != "expver"])
    bounds = bounds_name(ds, "time")
    held = held.drop_vars([name for name in held.coords if name not in (*held.dims, "expver")])
    held = held.assign_coords({bounds: ds[bounds]}) if bounds is not None else held
    if held["time"].dtype.kind == "M":  # of a file without any variable of the entry it is not decoded
        stamps = held["time"].dt.round("s")  # day counts in floating point decode to a little before midnight
        if all(spec.period == "month" for spec in entry.metadata.variables.values()):
            stamps = stamps.dt.floor("D")
        held = held.assign_coords(time=stamps.assign_attrs(held["time"].attrs))
    return held if held.indexes["time"].is_monotonic_increasing else held.sortby("time")


def _resolution(entry: Entry) -> str:
    units = {RESOLUTION.get(spec.period, "s") for spec in entry.metadata.variables.values() if spec.period != "static"}
    return next((unit for unit in ("s", "D", "M") if unit in units), "s")


def _along_time(parts: Sequence[Part], names: list[str], finest: str, entry: Entry, where: str) -> xr.Dataset:
    """The variables ``names``, which all of ``parts`` hold, joined."""
    import xarray as xr

    _require_same_units(parts, names, where)
    _require_same_scales(parts, names, entry, where)
    moving = [name for name in names if "time" in parts[0].ds[name].dims]
    if not moving or len(parts) == 1:
        return _only(parts[0].ds, names)
    if entry.metadata.versions is None:
        require_one_version([part.file for part in parts], where)
    stamps = [part.ds["time"].values.astype(f"datetime64[{finest}]") for part in parts]
    keep = _one_of_each(parts, stamps, moving, entry, where)
    order = sorted((i for i in range(len(parts)) if keep[i].any()), key=lambda i: stamps[i][keep[i]][0])
    pieces = joinable([_only(parts[i].ds, moving) for i in order], [parts[i].file for i in order], where)
    pieces = [piece.isel(time=np.flatnonzero(keep[i])) for i, piece in zip(order, pieces, strict=True)]
    pieces = _with_expver(pieces)
    joined = xr.concat(
        pieces, "time", data_vars="all", coords="minimal", compat="override", join="exact", combine_attrs="override"
    )
    if not joined.indexes["time"].is_monotonic_increasing:
        joined = joined.sortby("time")
    static = parts[0].ds[[name for name in names if name not in moving]]
    return xr.merge([joined, static], join="exact", compat="override", combine_attrs="override")


def _only(ds: xr.Dataset, names: list[str]) -> xr.Dataset:
    """The variables ``names`` and, what a plain selection leaves out, the time bounds."""
    bounds = bounds_name(ds, "time") if "time" in ds.coords else None
    some = ds[names]
    return some if bounds is None or "time" not in some.dims else some.assign_coords({bounds: ds[bounds]})


def _require_same_units(parts: Sequence[Part], names: Sequence[str], where: str) -> None:
    for name in names:
        units = {str(part.ds[name].attrs.get("units", "")): part.file for part in parts}
        (one, first), *others = units.items()
        for other, second in others:
            if same_units(one, other):
                continue
            raise UnitError(
                "the files of an entry state different units",
                where=f"{where}: {name}",
                found=f"{one or 'none'} in {first}, {other or 'none'} in {second}",
                expected="one unit in all files",
                next="make one entry for each unit, or write the files anew in one",
            )


def _require_same_scales(parts: Sequence[Part], names: Sequence[str], entry: Entry, where: str) -> None:
    """Where the catalog gives a scale, either every file states one or none does."""
    for spec in entry.metadata.variables.values():
        for name in {spec.name, spec.uncertainty} & set(names):
            tops = {}
            for part in parts:
                stated = stated_scale(part.ds[name].encoding, f"{part.file}: {name}")
                tops[scale_on_top(stated, spec, f"{part.file}: {name}")] = part.file, stated
            if len(tops) > 1:
                (first, one), (second, other) = list(tops.values())[:2]
                raise VariableError(
                    "some files of an entry state a scale, and others do not",
                    where=f"{where}: {name}",
                    found=f"scale_factor {one} in {first}, {other} in {second}; scale {spec.scale:g} in the catalog",
                    expected="one form of file in an entry that gives scale",
                    next="make one entry for each form of file",
                )


def _with_expver(pieces: list[xr.Dataset]) -> list[xr.Dataset]:
    """Each piece with ``expver`` along time where any has it: a scalar is that of all its steps, none means final."""
    if not any("expver" in piece.coords and "expver" not in piece.dims for piece in pieces):
        return pieces
    made = []
    for piece in pieces:
        code = piece["expver"].values if "expver" in piece.coords else np.array(FINAL)
        codes = np.broadcast_to(np.asarray(code).astype(str).astype(int), piece.sizes["time"])
        made.append(piece.drop_vars("expver", errors="ignore").assign_coords(expver=("time", codes)))
    return made


def _one_of_each(
    parts: Sequence[Part], stamps: Sequence[npt.NDArray[Any]], names: Sequence[str], entry: Entry, where: str
) -> list[npt.NDArray[np.bool_]]:
    """Which steps of each part are taken: every time once."""
    keep = [np.ones(len(times), bool) for times in stamps]
    holders: dict[Any, dict[int, int]] = {}
    for i, times in enumerate(stamps):
        for position, time in enumerate(times):
            holders.setdefault(time, {})[i] = position
    shared: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for of in (of for of in holders.values() if len(of) > 1):
        chosen = newest({i: parts[i].file for i in of}) if entry.metadata.versions else min(of)
        for i in of.keys() - {chosen}:
            keep[i][of[i]] = False
            if version_in(parts[i].file) == version_in(parts[chosen].file) or not entry.metadata.versions:
                shared.setdefault((chosen, i), []).append((of[chosen], of[i]))
    for (one, other), steps in shared.items():
        _require_equal(parts[one], parts[other], names, np.array(steps), where)
    return keep


def _require_equal(one: Part, other: Part, names: Sequence[str], steps: npt.NDArray[Any], where: str) -> None:
    """Read the ``steps`` (position in one, position in the other) of two parts, and compare every bit of them."""
    for name in names:
        left, right = (part.ds[name] for part in (one, other))
        size = max(1, AT_ONCE // max(1, left.isel(time=0).nbytes))
        for begin in range(0, len(steps), size):
            some = steps[begin : begin + size]
            values = [da.isel(time=some[:, k]).transpose("time", ...).values for k, da in enumerate((left, right))]
            if values[0].shape == values[1].shape:
                same = (values[0] == values[1]) | ((values[0] != values[0]) & (values[1] != values[1]))
                different = np.flatnonzero(~same.reshape(len(some), -1).all(axis=1))
            else:
                different = np.array([0])
            if different.size:
                raise _different(one, other, f"{where}: {name}", left["time"].values[some[different[0], 0]])


def _different(one: Part, other: Part, where: str, time: np.datetime64) -> SmcloudError:
    first, second = sorted([one.file, other.file])
    return CalendarError(
        "two files hold different values for one time",
        where=where,
        found=f"{time.astype('datetime64[m]')} in {first} and in {second}",
        expected="equal values, or each time in one file",
        next="remove the one that is out of date, or name the files that count in urlpath",
    )
