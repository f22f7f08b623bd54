"""What a drafted entry holds, as the catalog's own readers open it: steps, grid, meaning, values."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from smcloud.catalog import open_entry
from smcloud.catalog.meaning import check_meaning
from smcloud.catalog.versions import require_one_version, version_in
from smcloud.cube.axis_names import name_axes
from smcloud.cube.decoded import decode
from smcloud.cube.stamps import dated_steps, time_bounds
from smcloud.errors import CalendarError, CatalogError, SmcloudError, UnitError, VariableError
from smcloud.first_study.drafts import MISSING, Draft, Line
from smcloud.first_study.grids import grid_lines, grid_of
from smcloud.first_study.roles import STATIC
from smcloud.first_study.stamps import stamp_line
from smcloud.first_study.times import period_of, record_of, sayings
from smcloud.first_study.totals import total_lines
from smcloud.first_study.understanding import range_line, unit_lines
from smcloud.first_study.values import packing_line, value_lines


def examine(draft: Draft) -> None:
    """Complete ``draft`` by what its files hold; raises what the catalog's readers raise of a source they refuse."""
    _files(draft)
    for role, lines in draft.roles.items():
        period = "static" if role in STATIC else "day"
        presumed = lines | unit_lines(role, draft.header[lines["name"].value].attrs, period)
        lines["valid_range"] = range_line(role, presumed)
    ds = _opened(draft)
    try:
        for role in list(draft.roles):
            try:
                _examine_role(draft, role, ds)
            except (SmcloudError, ValueError) as err:
                if len(draft.roles) == 1:
                    raise
                draft.notes.append(f"not used: {draft.roles.pop(role)['name'].value}: {_said(err)}")
    finally:
        ds.close()
    _totals_beside(draft)
    used = {line.value for lines in draft.roles.values() for line in lines.values() if isinstance(line.value, str)}
    rest = [str(name) for name, da in draft.header.data_vars.items() if da.ndim > 1 and name not in used]
    if rest:
        draft.notes.append(f"not used: {', '.join(rest[:30])}{' ...' if len(rest) > 30 else ''}")


def _totals_beside(draft: Draft) -> None:
    """Amounts beside running totals may be totals too, that dew hides."""
    total = next((role for role, lines in draft.roles.items() if "accumulation" in lines), None)
    for lines in draft.roles.values():
        if total and lines["aggregate"].value == "sum" and "accumulation" not in lines:
            choose = f"as {total} beside it if it is a running total too (dew may hide that), else remove the line"
            lines["accumulation"] = Line(None, "", choose)
            lines["stamp"] = Line(
                lines["stamp"].value, "", "end for a running total, else what part of a step a stamp marks"
            )


def _said(err: Exception) -> str:
    return f"{err.what}: {err.found}; {err.next}" if isinstance(err, SmcloudError) else str(err)


def _files(draft: Draft) -> None:
    files = draft.group.files
    names = [file.rstrip("/").rpartition("/")[2] for file in files]
    draft.notes.append(names[0] if len(names) == 1 else f"{len(names)} files: {names[0]} to {names[-1]}")
    stated = sorted({version for file in files if (version := version_in(file)) is not None})
    texts = [".".join(map(str, version)) for version in stated]
    if texts:
        draft.notes.append(f"versions in the names: {', '.join(texts)}")
    try:
        require_one_version(files, draft.name)
    except CalendarError as err:
        draft.metadata["versions"] = Line(
            {"prefer": "newest"}, "",
            f"{{prefer: newest}} takes of each date the file of the highest version; or remove this line and name the "
            f"files of one version in urlpath: {err.found}",
        )  # fmt: skip


def _opened(draft: Draft) -> xr.Dataset:
    """Open the entry as far as its meaning is presumed; what it asks for becomes a line to be filled."""
    for _ in range(4 * len(draft.roles)):
        try:
            return open_entry(draft.source(presumed=True), draft.name)
        except CatalogError as err:  # whether a default is a value
            role = _named(draft, err)
            if role is None or "fill:" not in err.expected or "fill" in draft.roles[role]:
                raise
            draft.set(role, "fill", (), "", f"{err.expected}; found: {err.found}")
        except VariableError as err:  # other flags
            role = _named(draft, err, "flag")
            if role is None or "flag" not in err.next:
                raise
            draft.notes.append(f"flag is left out: {_said(err)}")
            del draft.roles[role]["flag"]
    raise AssertionError("each pass answers a question")


def _named(draft: Draft, err: SmcloudError, key: str = "name") -> str | None:
    """The role whose variable an error is about."""
    name = err.where.rpartition(": ")[2]
    return next((role for role, lines in draft.roles.items() if key in lines and lines[key].value == name), None)


def _examine_role(draft: Draft, role: str, ds: xr.Dataset) -> None:
    lines, name = draft.roles[role], draft.roles[role]["name"].value
    where = f"{draft.name}: {name}"
    steps = None
    if role not in STATIC:
        steps = _steps(draft, role, ds, where)
    draft.steps[role] = steps
    lines |= unit_lines(role, draft.header[name].attrs, lines["period"].value)
    lines["valid_range"] = range_line(role, lines)
    _meaning(draft, role, ds, where)
    lines[MISSING] = packing_line(draft.header[name])
    if unclear := grid_lines(ds, name, where):
        draft.metadata |= unclear
        lines["valid_range"] = Line(lines["valid_range"].value, f"{lines['valid_range'].note}; no value was looked at")
        return
    decoded = decode(ds, draft.spec(role).model_copy(update={"scale": None}), where, False)
    note = f"grid: {grid_of(name_axes(ds, name), decoded.values)}"
    if note not in draft.notes:
        draft.notes.append(note)
    lines |= value_lines(role, lines, draft.header[name], decoded.values)
    if steps is not None:
        lines |= total_lines(decoded.values, steps, draft.spec(role))


def _steps(draft: Draft, role: str, ds: xr.Dataset, where: str) -> Any:
    lines, name = draft.roles[role], draft.roles[role]["name"].value
    axis = next((axis for axis in ("time", "valid_time") if axis in ds[name].dims), None)
    if axis is None:
        raise CalendarError(
            "a variable has no time axis",
            where=where,
            found=", ".join(map(str, ds[name].dims)),
            expected="steps of a record",
            next=f"write its dates into the files; a layer that does not change is one of {', '.join(STATIC)}",
        )
    stamps = np.sort(ds[axis].values)
    said = sayings(draft.group.files, ds.attrs, draft.header.attrs, draft.header[name].attrs)
    period, note, choose = period_of(stamps, said)
    lines["period"] = Line(period, note, choose)
    spec = draft.spec(role).model_copy(update={"stamp": None})
    ordered, bounds = ds.sortby(axis), time_bounds(ds)
    reader = draft.metadata["reader"].value if "reader" in draft.metadata else ""
    line = lines["stamp"] = stamp_line(ordered, axis, draft.header[name].attrs, spec, reader, where)
    if line.choose and bounds:  # they are no steps
        ordered = ordered.drop_vars(bounds[0])
    given = spec.model_copy(update={"stamp": line.value}) if line.choose or not bounds else spec
    steps, _ = dated_steps(ordered, ordered[axis], given, where)
    note = f"time: {record_of(steps.start, period)}"
    if note not in draft.notes:
        draft.notes.append(note)
    return steps


def _meaning(draft: Draft, role: str, ds: xr.Dataset, where: str) -> None:
    """Where the attributes contradict what the unit says, it is the user who knows."""
    lines = draft.roles[role]
    try:
        check_meaning(role, ds, draft.spec(role), where)
    except UnitError as err:
        units = str(lines["units"].value)
        lines["attr_units"] = Line(units, "as the file has it")
        if "saturation" in err.what:
            lines["units"] = Line("m3 m-3")
            lines["scale"] = Line(0.01, "", f"the factor that makes m3 m-3 of it: {err.next}; {err.found}")
            lines["valid_range"] = range_line(role, lines)
        else:
            lines["units"] = Line(
                f"{units} day-1", "", f"{units} day-1 or {units} {lines['period'].value}-1: {err.next}"
            )
            lines["aggregate"] = Line("mean", f"the file calls the amounts means: {err.found}")
