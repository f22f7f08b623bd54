"""The schema of a catalog: the models of its entries.

Drivers, readers, URL schemes, templates, storage options and xarray arguments are lists of what is allowed;
everything else is refused when the file is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from smcloud.catalog.arguments import Args
from smcloud.catalog.security import Unit
from smcloud.catalog.time_keys import Accumulation, Versions
from smcloud.config.roles import require_role
from smcloud.config.strict_yaml import Model, invalid_value
from smcloud.errors import CatalogError

DRIVER_OF = {"esa_cci": "netcdf", "icechunk": "zarr", "hdf4": "netcdf", "geotiff": "netcdf"}
FINAL, PROVISIONAL = 1, 5  # codes of ``expver`` in the files of the Climate Data Store
# Both are the same twelve months in every year of ERA5 and ERA5-Land.
ERA5_LAI = ("lai_hv", "lai_lv", "leaf_area_index_high_vegetation", "leaf_area_index_low_vegetation")


class VariableSpec(Model):
    """Name of one role in the source, and how its steps become months.

    ``units`` is that of the values after ``scale``, in any spelling of :func:`smcloud.catalog.units.unit_of`;
    ``attr_units`` is what the source's own attribute says where that is something else (ERA5's monthly ``tp`` says m
    and means m per day). Amounts of steps (mm) have ``aggregate: sum``, rates (mm day-1) ``mean``. ``stamp`` says which
    end of a step its time coordinate marks: left out, time bounds do, else a stamp on its period's edge is a start (of
    a running total, ``accumulation``, an end); ``fill`` lists raw values that mean missing where the source has no
    attribute for it, and an empty list says that none does (a Zarr 2 store does not tell whether its default is a
    value); ``scale`` multiplies raw values where the source has no attribute for it: one that the source states as well
    is applied once, another one only beside ``attr_units``, where it converts what the source holds; ``flag``,
    ``sensor`` and ``uncertainty`` name companion variables; ``legend`` maps class codes to names. ``coverage_change``
    is the largest share by which the number of cells with a value may differ from the month before; 1 allows anything,
    months without a value too.
    """

    name: str
    units: Unit
    attr_units: Unit | None = None
    period: Literal["hour", "3hour", "6hour", "day", "8day", "month", "static"]
    stamp: Literal["start", "mid", "end"] | None = None
    aggregate: Literal["mean", "sum", "class"] = "mean"
    accumulation: Accumulation | None = None
    valid_range: tuple[float, float]
    fill: tuple[float, ...] | None = None
    scale: float | None = None
    flag: str | None = None
    sensor: str | None = None
    uncertainty: str | None = None
    legend: Mapping[int, str] = Field(default_factory=dict)
    coverage_change: Annotated[float, Field(ge=0, le=1)] = 0.5

    @property
    def names(self) -> tuple[str, ...]:
        """The variables of the source that are read for the role."""
        return tuple(filter(None, (self.name, self.flag, self.sensor, self.uncertainty)))

    @field_validator("name")
    @classmethod
    def _no_climatology(cls, value: str) -> str:
        if value.lower() in ERA5_LAI:
            raise invalid_value(
                "an observed leaf area index: ERA5's own is a fixed climatology and cannot be a driver", value
            )
        return value

    @field_validator("valid_range")
    @classmethod
    def _ascending(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not value[0] < value[1]:
            raise invalid_value("[smallest, largest]", list(value))
        return value

    @model_validator(mode="after")
    def _keys_fit_each_other(self) -> VariableSpec:
        if self.accumulation:
            self.accumulation.require(self.period, self.aggregate)
        if self.aggregate == "class" and not self.legend:
            raise invalid_value("class codes and their names, because aggregate is class", "nothing", "legend")
        return self


class ValidEnd(Model):
    """Up to which step a source is final: by its attributes (of a preallocated time axis), or by months before its end.

    ``attr`` names the end of the final record, ``provisional_attr`` that of the provisional part behind it. Steps
    after the last end that is named here are not read; without ``provisional_attr`` no provisional step is.
    ``months`` is for a source that marks nothing: the last so many calendar months of its record are provisional.
    """

    attr: str | None = None
    provisional_attr: str | None = None
    months: Annotated[int, Field(ge=1, le=120)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> ValidEnd:
        if (self.attr is None) == (self.months is None) or (self.months and self.provisional_attr):
            raise invalid_value("attr (and provisional_attr), or months", sorted(self.model_fields_set))
        return self


class Metadata(Model):
    """Metadata of an entry that intake itself does not know.

    ``complete`` vouches that a store holds every chunk: one that is missing is then an error. Without it a chunk that
    is not there means missing values, whatever the array's fill value. ``absent_chunks: fill`` says that the store
    leaves out on purpose what equals its fill value, which is then read. ``axes`` names the variables that are latitude
    and longitude where nothing in the source tells; ``select`` the one level, member or the like that is read.
    """

    reader: Literal["default", "esa_cci", "icechunk", "hdf4", "geotiff"] = "default"
    version: str | None = None
    licence: str
    citation: str
    valid_end: ValidEnd | None = None
    complete: bool = False
    versions: Versions | None = None
    absent_chunks: Literal["missing", "fill"] = "missing"
    axes: Mapping[Literal["lat", "lon"], Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)
    select: Mapping[str, float | str] = Field(default_factory=dict)
    variables: Annotated[Mapping[str, VariableSpec], Field(min_length=1)]

    @model_validator(mode="after")
    def _same_codes(self) -> Metadata:
        first: dict[str, tuple[str, set[float]]] = {}
        for role, spec in self.variables.items():
            for name in filter(None, (spec.name, spec.uncertainty)):
                other, codes = first.setdefault(name, (role, set(spec.fill or ())))
                if codes != set(spec.fill or ()):
                    expected = (
                        f"the fill of {other}, {sorted(codes)}, which reads {name} too: it is masked once, as the "
                        f"entry is opened. For another one give {role} an entry of its own with the same args"
                    )
                    raise invalid_value(expected, sorted(spec.fill or ()), f"variables.{role}.fill")
        return self

    @model_validator(mode="after")
    def _complete_or_filled(self) -> Metadata:
        if self.complete and self.absent_chunks == "fill":
            raise invalid_value("missing, because the entry says complete: true", "fill", "absent_chunks")
        return self

    @field_validator("select")
    @classmethod
    def _no_kept_axis(cls, value: Mapping[str, float | str]) -> Mapping[str, float | str]:
        for axis in sorted({"lat", "lon", "latitude", "longitude", "time", "valid_time"} & set(value)):
            raise invalid_value("a level, a member or the like: region and period of the configuration cut these", axis)
        return value

    @field_validator("variables")
    @classmethod
    def _roles(cls, value: Mapping[str, VariableSpec]) -> Mapping[str, VariableSpec]:
        for role in value:
            require_role(role)
        return value


class Entry(Model):
    """One source of the catalog."""

    driver: Literal["zarr", "netcdf"]
    description: str
    args: Args
    metadata: Metadata

    @model_validator(mode="after")
    def _of_one_form(self) -> Entry:
        reader = self.metadata.reader
        if reader in DRIVER_OF and self.driver != DRIVER_OF[reader]:
            raise invalid_value(f"{DRIVER_OF[reader]}, because the reader is {reader}", self.driver, "driver")
        given = self.args.xarray_kwargs
        if self.driver == "netcdf" and "consolidated" in given:
            raise invalid_value("driver: zarr, whose stores alone have it", "netcdf", "args.xarray_kwargs.consolidated")
        if (given.get("engine", "zarr") == "zarr") != (self.driver == "zarr") and "engine" in given:
            raise invalid_value(f"a library that reads {self.driver}", given["engine"], "args.xarray_kwargs.engine")
        for key in sorted({"branch", "snapshot"} & self.args.model_fields_set):
            if reader != "icechunk":
                raise invalid_value("reader: icechunk, which alone knows branches and snapshots", reader, f"args.{key}")
        return self


class Catalog(Model):
    """A checked catalog file; ``path`` is where it was read. Templates of the environment are not yet filled."""

    path: str
    sources: Annotated[Mapping[str, Entry], Field(min_length=1)]

    @field_validator("sources")
    @classmethod
    def _names(cls, value: Mapping[str, Entry]) -> Mapping[str, Entry]:
        for name in value:
            if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
                raise invalid_value("names of letters, digits, _ . and -", name)
        return value

    def entry(self, name: str, wanted_by: str = "") -> Entry:
        """Return the entry ``name``; raises :class:`CatalogError` with the names that exist."""
        if name not in self.sources:
            raise CatalogError(
                f"the catalog has no entry for {wanted_by or name}",
                where=f"{self.path}: sources.{name}",
                found=name,
                expected=" or ".join(self.sources),
                next=f"correct inputs.{wanted_by} in the configuration"
                if wanted_by
                else "name an entry of the catalog",
            )
        return self.sources[name]

    def spec(self, role: str, reference: str) -> tuple[str, VariableSpec]:
        """Return entry name and variable of ``entry`` or ``entry:variable`` for ``role``.

        Raises :class:`CatalogError` with the names that exist.
        """
        name, _, variable = reference.partition(":")
        variables = self.entry(name, role).metadata.variables
        if (variable or role) not in variables:
            raise CatalogError(
                f"the entry has no variable for {role}",
                where=f"{self.path}: sources.{name}.metadata.variables",
                found=variable or role,
                expected=" or ".join(variables),
                next=f"correct inputs.{role} in the configuration: entry:variable",
            )
        return name, variables[variable or role]
