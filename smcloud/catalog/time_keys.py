"""Keys of a catalog about time: running totals, and several versions of a data set in one folder."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from smcloud.config.strict_yaml import Model, invalid_value

SUBDAILY = ("hour", "3hour", "6hour")
FINER = {"day": SUBDAILY, "month": (*SUBDAILY, "day"), "year": (*SUBDAILY, "day", "8day", "month")}


class Accumulation(Model):
    """Values that are totals since the last ``reset``: the begin of a day (ERA5-Land, in UTC), a month or a year.

    Each is the total at the end of its step; ``valid_range`` is that of the amounts. Totals since the start of a
    forecast (dims time and step) must become amounts on one time axis first.
    """

    reset: Literal["day", "month", "year"]

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


class Versions(Model):
    """Which of several versions of a data set counts where files of more than one are there.

    ``prefer: newest`` takes of each date the highest version that a file's name states (v4.07, fv07.1, V60, ``.061.``).
    """

    prefer: Literal["newest"]
