"""The schema of a catalog: the models of its entries.

Drivers, readers, URL schemes, templates, storage options and xarray arguments are lists of what is allowed;
everything else is refused when the file is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from smcloud.catalog.security import (
    REFERENCE_OPTIONS,
    SCHEMES,
    Unit,
    require_arguments,
    require_options,
    require_scheme,
)
from smcloud.config.roles import require_role
from smcloud.config.strict_yaml import Model, invalid_value
from smcloud.errors import CatalogError

DRIVER_OF = {"esa_cci": "netcdf", "icechunk": "zarr", "hdf4": "netcdf", "geotiff": "netcdf"}
FINAL, PROVISIONAL = 1, 5  # codes of ``expver`` in the files of the Climate Data Store
# Both are the same twelve months in every year of ERA5 and ERA5-Land.
ERA5_LAI = ("lai_hv", "lai_lv", "leaf_area_index_high_vegetation", "leaf_area_index_low_vegetation")


class VariableSpec(Model):
    """Name of one role in the source, and how its steps become months.

    ``units`` is that of the values after ``scale``; ``attr_units`` is what the source's own attribute says
    where that is something else (ERA5's monthly ``tp`` says m and means m per day). ``stamp`` says which end
    of a step its time coordinate marks; ``fill`` lists raw values that mean missing where the source has no
    attribute for it; ``scale`` multiplies raw values where the source has no attribute for it (or converts what it
    holds; one that the source states as well is applied once); ``flag``, ``sensor`` and ``uncertainty`` name companion
    variables; ``legend`` maps class codes to names. ``coverage_change`` is the largest share by which the number of
    cells with a value may differ from the month before; 1 allows anything, months without a value too.
    """

    name: str
    units: Unit
    attr_units: Unit | None = None
    period: Literal["hour", "3hour", "6hour", "day", "8day", "month", "static"]
    stamp: Literal["start", "mid", "end"] = "start"
    aggregate: Literal["mean", "sum", "class"] = "mean"
    valid_range: tuple[float, float]
    fill: tuple[float, ...] = ()
    scale: float | None = None
    flag: str | None = None
    sensor: str | None = None
    uncertainty: str | None = None
    legend: Mapping[int, str] = Field(default_factory=dict)
    coverage_change: Annotated[float, Field(ge=0, le=1)] = 0.5

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
    def _classes_are_named(self) -> VariableSpec:
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

    ``complete`` vouches that a Zarr store holds every chunk: one that is missing is then an error. Without it a
    missing chunk means missing values, which is how many stores keep blocks without data.
    """

    reader: Literal["default", "esa_cci", "icechunk", "hdf4", "geotiff"] = "default"
    version: str | None = None
    licence: str
    citation: str
    valid_end: ValidEnd | None = None
    complete: bool = False
    variables: Annotated[Mapping[str, VariableSpec], Field(min_length=1)]

    @field_validator("variables")
    @classmethod
    def _roles(cls, value: Mapping[str, VariableSpec]) -> Mapping[str, VariableSpec]:
        for role in value:
            require_role(role)
        return value


class Args(Model):
    """Arguments of intake's zarr and netcdf drivers that a catalog may set; ``branch`` and ``snapshot`` of Icechunk.

    A snapshot pins an Icechunk repository: it is read as it was then, whatever the branch has become.
    """

    urlpath: str | tuple[str, ...]
    chunks: Mapping[str, Annotated[int, Field(ge=-1, le=2**31)]] = Field(default_factory=dict)
    storage_options: Mapping[str, Any] = Field(default_factory=dict)
    xarray_kwargs: Mapping[str, Any] = Field(default_factory=dict)
    branch: str = "main"
    snapshot: str | None = None

    @property
    def urls(self) -> tuple[str, ...]:
        """The address or addresses."""
        return (self.urlpath,) if isinstance(self.urlpath, str) else self.urlpath

    @field_validator("urlpath", mode="before")
    @classmethod
    def _addresses(cls, value: object) -> object:
        urls = [value] if isinstance(value, str) else value
        if not isinstance(urls, list | tuple) or not urls or not all(isinstance(url, str) and url for url in urls):
            raise invalid_value("an address or a list of addresses", value)
        for url in urls:
            require_scheme(url, SCHEMES)
        return value

    @field_validator("storage_options")
    @classmethod
    def _open_options(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        require_options(value)
        return value

    @field_validator("xarray_kwargs")
    @classmethod
    def _open_arguments(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        require_arguments(value)
        return value

    @model_validator(mode="after")
    def _reference_target(self) -> Args:
        if any(url.startswith("reference:") for url in self.urls):
            if self.urls != ("reference://",) or "fo" not in self.storage_options:
                raise invalid_value(
                    "urlpath reference:// and storage_options.fo, the address of the references", self.urlpath
                )
        elif set(REFERENCE_OPTIONS) & set(self.storage_options):
            raise invalid_value(
                "urlpath reference://, as storage_options are those of references", self.urlpath, "urlpath"
            )
        return self


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
