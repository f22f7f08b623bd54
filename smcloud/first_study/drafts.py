"""An entry of a catalog while it is drafted: lines with a value, what is said beside it, and what is still unknown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from smcloud.catalog import Catalog, Entry, VariableSpec
from smcloud.catalog.public import named_like, public_catalog
from smcloud.catalog.readers.daily_images import AXES, DATE
from smcloud.cube.calendar import Steps
from smcloud.first_study.places import Group
from smcloud.first_study.roles import STATIC
from smcloud.secrecy import told

MISSING = "missing"  # no key of an entry: what is said of codes and packing
UNKNOWN = ("axes", "select")  # keys of metadata that cannot be presumed
PRESUMED = "hour"  # until the stamps were looked at
WIDEST = (-1e38, 1e38)
LONGEST_CREDIT = 1500  # letters of a licence or a citation
COMPANIONS = {
    "flag": ("flag",), "sensor": ("sensor",), "uncertainty": ("sm_uncertainty", "soil_moisture_uncertainty"),
}  # fmt: skip
READERS = {"hdf4": "hdf4", "geotiff": "geotiff", "icechunk": "icechunk"}


@dataclass(frozen=True)
class Line:
    """One key of a file: its value and what is said beside it.

    With ``choose`` the value is for looking only and the line is still to be filled: it says what to choose among.
    """

    value: Any = None
    note: str = ""
    choose: str = ""


@dataclass
class Draft:
    """An entry: the ``lines`` of each role's variable, those of args and metadata, and ``notes`` above all of them.

    ``steps`` are the intervals of a role's record, None of a static layer; ``choices`` names several variables that
    one role could be.
    """

    name: str
    group: Group
    header: xr.Dataset
    args: dict[str, Line]
    metadata: dict[str, Line]
    roles: dict[str, dict[str, Line]]
    notes: list[str] = field(default_factory=list)
    steps: dict[str, Steps | None] = field(default_factory=dict)

    @property
    def driver(self) -> str:
        """Return the driver of the entry."""
        return "zarr" if self.group.form in ("zarr", "icechunk") else "netcdf"

    def spec(self, role: str) -> VariableSpec:
        """Return the variable of a role as far as it is known."""
        return spec_of(self.roles[role])

    def source(self, presumed: bool = False) -> Catalog:
        """Return a catalog of this entry alone, as far as it is known.

        Where the meaning of its variables is ``presumed``, roles have names that nothing is asked of, and units are
        those that the file states.
        """
        variables = {role: self.spec(role).model_dump() for role in self.roles}
        if presumed:
            for role, spec in variables.items():
                units = str(self.header[spec["name"]].attrs.get("units", "1"))
                spec |= {"units": units, "attr_units": units, "aggregate": "mean", "accumulation": None, "legend": {}}
                spec |= {"period": spec["period"] if role in STATIC else PRESUMED}
            variables = {f"looked_at_{role}": spec for role, spec in variables.items()}
        known = {key: line for key, line in self.metadata.items() if key not in UNKNOWN or not line.choose}
        record = {
            "driver": self.driver,
            "description": self.name,
            "args": {key: line.value for key, line in self.args.items()},
            "metadata": {key: line.value for key, line in known.items()} | {"variables": variables},
        }
        return Catalog(path="smcloud init", sources={self.name: Entry.model_validate(record)})

    def set(self, role: str, key: str, value: Any, note: str = "", choose: str = "") -> None:
        """Set one line of the variable of ``role``."""
        self.roles[role][key] = Line(value, note, choose)


def spec_of(lines: Mapping[str, Line]) -> VariableSpec:
    """Return the variable that ``lines`` describe."""
    return VariableSpec.model_validate({key: line.value for key, line in lines.items() if key != MISSING})


def draft_of(
    name: str, group: Group, header: xr.Dataset, found: Mapping[str, list[str]], urlpath: str | tuple[str, ...]
) -> Draft:
    """Begin an entry with what the metadata of its first file tell."""
    args = {"urlpath": Line(urlpath)}
    if group.options:
        args["storage_options"] = Line(dict(group.options))
    if group.form == "zarr" and not header.encoding["consolidated"] and not group.files[0].endswith(".zip"):
        args["xarray_kwargs"] = Line({"consolidated": False}, "the store has no consolidated metadata")
    metadata: dict[str, Line] = {}
    reader = READERS.get(group.form, "")
    if not reader and _is_image(group, header):
        reader = "esa_cci"
    if reader:
        why = (
            "one image in each file, dated by its name"
            if reader == "esa_cci"
            else f"as the form of the file is {group.form}"
        )
        metadata["reader"] = Line(reader, why)
    metadata["licence"] = _stated(
        header, ("license", "licence", "rights"), "the terms under which the data may be used"
    )
    metadata["citation"] = _stated(header, ("citation", "references", "doi", "source"), "how the data are to be cited")
    draft = Draft(name, group, header, args, metadata, {})
    _like_public(draft)
    for role, names in found.items():
        draft.roles[role] = _variable(role, names, header)
    return draft


def _like_public(draft: Draft) -> None:
    """Say which entry of the public catalog is for files of these names, and take its licence where files say none."""
    known = named_like(draft.group.files)
    if known is None:
        return
    draft.notes.append(f"named as the files of {known} are: smcloud catalog show {known} says more of them")
    public = public_catalog().sources[known].metadata
    for key in ("licence", "citation"):
        if draft.metadata[key].choose:
            draft.metadata[key] = Line(getattr(public, key), f"as {known} of the public catalog has it")


def _is_image(group: Group, header: xr.Dataset) -> bool:
    dated = all(re.search(DATE, file.rpartition("/")[2]) for file in group.files)
    one = all(header.sizes.get(axis, 0) for axis in AXES) and header.sizes.get("time") == 1
    return dated and one and group.form == "netcdf" and "://" not in group.files[0]


def _stated(header: xr.Dataset, keys: tuple[str, ...], what: str) -> Line:
    for key in keys:
        raw = str(header.attrs.get(key, "")).encode("utf-8", "surrogateescape")  # bytes that a reader did not decode
        text = " ".join(raw.decode("utf-8", "replace").split())
        line = told(text, LONGEST_CREDIT)
        if len(text) > LONGEST_CREDIT:  # whole references only
            return Line(line.rpartition("; ")[0] or line, f"the beginning of the file's attribute {key}")
        if line:
            return Line(line, f"the file's attribute {key}")
    return Line("not said", "", f"{what}, which the files do not say")


def _variable(role: str, names: list[str], header: xr.Dataset) -> dict[str, Line]:
    da = header[names[0]]
    said = ", ".join(
        filter(None, (str(da.attrs.get("long_name", "")), str(da.dtype), "({})".format(", ".join(map(str, da.dims)))))
    )
    several = [
        f"{name} ({header[name].attrs.get('long_name', '')}, {header[name].attrs.get('units', 'no unit')})"
        for name in names
    ]
    lines = {"name": Line(names[0], said if len(names) == 1 else "", " or ".join(several) if len(names) > 1 else "")}
    lines["units"] = Line(str(da.attrs.get("units", "1")))
    lines["period"] = Line("static" if role in STATIC else PRESUMED)
    lines["valid_range"] = Line(WIDEST)
    if role == "soil_moisture" and names[0] == "sm":
        for key, known in COMPANIONS.items():
            held = next((name for name in known if name in header), None)
            if held is not None:
                lines[key] = Line(held, str(header[held].attrs.get("long_name", "")))
    return lines
