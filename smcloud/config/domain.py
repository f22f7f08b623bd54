"""What a run is of: its months, the grid, and the part of the world."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from smcloud.config.strict_yaml import Model, invalid_value

LATEST = "latest-complete-year"


class Period(Model):
    """First and last month (``YYYY-MM``); the end may be ``latest-complete-year``."""

    start: str
    end: str = LATEST

    @field_validator("start", "end", mode="before")
    @classmethod
    def _month(cls, value: object) -> str:
        text = str(value)
        if text == LATEST or re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text):
            return text
        raise invalid_value("a month as YYYY-MM without a day, for example 2000-01", text)

    @model_validator(mode="after")
    def _ordered(self) -> Period:
        if self.start == LATEST:
            raise invalid_value("a month, for example 2000-01", LATEST, "start")
        if self.end != LATEST and self.end < self.start:
            raise invalid_value(f"a month from {self.start} (period.start) on", self.end, "end")
        return self


class Grid(Model):
    """A regular grid of ``resolution`` degrees, cell edges on -90 and -180; the globe's, or that of ``region``."""

    resolution: Annotated[float, Field(ge=0.001, le=30)]

    @field_validator("resolution")
    @classmethod
    def _whole_cells(cls, value: float) -> float:
        if abs(180 / value - round(180 / value)) > 1e-9:
            raise invalid_value("degrees that divide 180 into whole cells, for example 0.25, 0.5, 1, 5", f"{value:g}")
        return value


class Region(Model):
    """The part of the world that a run is of.

    ``bbox`` (west, south, east, north in degrees) holds the cells whose centres lie in it; one that runs over 180
    degrees has its east behind its west: ``[170, -50, -170, -30]`` or ``[170, -50, 190, -30]``. ``shape`` is a file
    with polygons, GeoJSON or a shapefile, zipped or not: each cell counts by the share of its area that lies in them.
    ``field`` is the property with the polygons' names, ``names`` are those that count (all), ``name`` is what the
    whole is called in words.
    """

    bbox: tuple[float, float, float, float] | None = None
    shape: str | None = None
    field: str | None = None
    names: tuple[str, ...] = ()
    name: str = ""

    @field_validator("bbox")
    @classmethod
    def _box(cls, value: tuple[float, float, float, float] | None) -> tuple[float, float, float, float] | None:
        if value is None:
            return None
        west, south, east, north = value
        if not (-90 <= south < north <= 90 and -180 <= west <= 360 and -180 <= east <= 360 and west != east):
            raise invalid_value("[west, south, east, north] in degrees, south below north", list(value))
        return value

    @field_validator("names", mode="before")
    @classmethod
    def _as_texts(cls, value: object) -> object:
        return [str(name) for name in value] if isinstance(value, list | tuple) else value

    @field_validator("shape")
    @classmethod
    def _local(cls, value: str | None) -> str | None:
        if value is not None and "://" in value:
            raise invalid_value("a file on this machine: nothing is downloaded", value)
        return value

    @model_validator(mode="after")
    def _one_form(self) -> Region:
        if (self.bbox is None) == (self.shape is None):
            raise invalid_value("bbox, or shape", ", ".join(sorted(self.model_fields_set)) or "neither")
        if self.shape is None and (self.field or self.names):
            raise invalid_value("shape beside it, which has names", self.field or ", ".join(self.names), "field")
        if self.names and not self.field:
            raise invalid_value("the property of the polygons that holds these names", "nothing", "field")
        return self
