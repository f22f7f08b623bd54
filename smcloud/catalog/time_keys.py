"""Keys of a catalog about time: running totals, and several versions of a data set in one folder."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from smcloud.config.strict_yaml import Model, invalid_value

SUBDAILY = ("hour", "3hour", "6hour")
FINER = {"day": SUBDAILY, "month": (*SUBDAILY, "day"), "year": (*SUBDAILY, "day", "8day", "month")}
LENGTHS = {"hour": 1, "3hour": 3, "6hour": 6}
Hour = Annotated[int, Field(ge=0, le=23, strict=True)]


class Accumulation(Model):
    """Values that are totals since the last ``reset``: the begin of a day (ERA5-Land, in UTC), a month or a year.

    ``hour`` (UTC) is where a day begins: 0, or another one (rain of 06 to 06), or several: totals of forecasts that
    start at 06 and 18 begin anew at each. Each value is the total at the end of its step; ``valid_range`` is that of
    the amounts. Totals since the start of a forecast (dims time and step) must become amounts on one time axis first.
    """

    reset: Literal["day", "month", "year"]
    hour: Hour | Annotated[tuple[Hour, ...], Field(min_length=1)] = 0

    @property
    def hours(self) -> tuple[int, ...]:
        """The hours of the day at which totals begin anew, in their order."""
        return (self.hour,) if isinstance(self.hour, int) else tuple(sorted(set(self.hour)))

    @model_validator(mode="after")
    def _hour_of_a_day(self) -> Accumulation:
        if self.reset != "day" and self.hours != (0,):
            raise invalid_value("reset: day, which alone begins at an hour", self.reset, "reset")
        return self

    @field_validator("reset", mode="before")
    @classmethod
    def _no_forecast(cls, value: object) -> object:
        if value == "forecast":
            raise invalid_value(
                "day, month or year; of forecasts make amounts first: da.diff('step') along time + step", value
            )
        return value

    def require(self, period: str, aggregate: str) -> None:
        """Raise :class:`PydanticCustomError` where the steps cannot be parts of such a total, or are not added up."""
        if aggregate != "sum":
            raise invalid_value("sum, because accumulation makes amounts of totals", aggregate, "aggregate")
        if period not in FINER[self.reset]:
            finer = " or ".join(FINER[self.reset])
            raise invalid_value(f"{finer}, because totals begin anew each {self.reset}", period, "period")
        if self.reset == "day" and len(self.hours) * LENGTHS[period] >= 24:
            raise invalid_value(
                f"fewer hours: totals of one step of {LENGTHS[period]} hours are amounts, without accumulation",
                list(self.hours),
                "accumulation.hour",
            )


class Versions(Model):
    """Which of several versions of a data set counts where files of more than one are there.

    ``prefer: newest`` takes of each date the highest version that a file's name states (v4.07, fv07.1, V60, ``.061.``).
    """

    prefer: Literal["newest"]
