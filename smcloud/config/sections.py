"""The parts of a run's configuration: frozen models, unknown keys refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from smcloud.config.strict_yaml import Model, invalid_value


class Publisher(Model):
    """Who publishes, and under which licence: it stands in releases and beside products, and shapes no number."""

    name: str = ""
    institution: str = ""
    email: str = ""
    url: str = ""
    licence: str = ""


class Flags(Model):
    """The quality bits that drop a day: by default all but 64 (barren ground, advisory)."""

    drop_barren: bool = False


class Monthly(Model):
    """Valid data that a month needs: ``min_days`` days for soil moisture, ``min_share`` of the month for other means.

    A sum, and whatever is an amount per month in the cube (precipitation, also from a rate), needs all of the month.

    ``error_tau_days``: time in which the correlation of the daily errors falls to 1/e, for one of the three bounds of
    the uncertainty of a monthly mean (the others: correlation 0 and 1). Its value is an assumption.
    """

    min_days: Annotated[int, Field(ge=1, le=28)]
    min_share: Annotated[float, Field(gt=0, le=1)]
    error_tau_days: Annotated[float, Field(gt=0, le=365)] = 5.0


Season = Literal["DJF", "MAM", "JJA", "SON", "growing"]


class Annual(Model):
    """How months become years; ``min_months`` belongs to ``monthly_means``, what follows it to ``anomalies``.

    Monthly anomalies of drivers need ``min_climatology_years`` too, whatever the method. A year begins with
    ``first_month`` (7: July to June, which keeps a southern summer in one year) and is named by the calendar year in
    which it ends. ``seasons`` adds their means and trends; ``growing`` is the months above 5 degrees C on average.
    """

    method: Literal["monthly_means", "anomalies"]
    min_months: Annotated[int, Field(ge=1, le=12)]
    seasons: tuple[Season, ...] = ()
    first_month: Annotated[int, Field(ge=1, le=12, strict=True)] = 1
    min_climatology_years: Annotated[int, Field(ge=1)] = 10
    fixed_months_share: Annotated[float, Field(gt=0, le=1)] = 0.8
    year_months_share: Annotated[float, Field(gt=0, le=1)] = 0.8

    @field_validator("seasons")
    @classmethod
    def _each_once(cls, value: tuple[Season, ...]) -> tuple[Season, ...]:
        if len(set(value)) < len(value):
            raise invalid_value("each season once", ", ".join(value))
        return value


class Ends(Model):
    """At least ``min_years`` valid years in the first and in the last ``span`` years."""

    span: Annotated[int, Field(ge=1)] = 5
    min_years: Annotated[int, Field(ge=1)] = 3

    @model_validator(mode="after")
    def _fits(self) -> Ends:
        if self.min_years > self.span:
            raise invalid_value(f"at most {self.span}, the years of an end (span)", self.min_years, "min_years")
        return self


class Years(Model):
    """How many valid years a cell needs."""

    min_years: Annotated[int, Field(ge=3)]
    ends: Ends | None = None


class Trend(Model):
    """Estimator, test and interval of the trend product's main columns.

    ``effective`` allows for the autocorrelation of the cell's own residuals, ``effective_pooled`` for one that the
    cells within ``radius_km`` share; both are of the least-squares slope.
    """

    estimator: Literal["ols", "sen"]
    test: Literal["ols", "effective", "effective_pooled", "mann_kendall", "prewhitening", "3pw", "hamed_rao"]
    interval: Literal["t", "effective", "effective_pooled"]
    significance: Literal["p_value", "p_adjusted"]
    radius_km: Annotated[float, Field(gt=0, le=20_040)] = 1500.0

    @model_validator(mode="after")
    def _interval_of_estimator(self) -> Trend:
        if self.estimator == "sen" and self.interval != "t":
            raise invalid_value("t, as Sen's slope has an interval of its own", self.interval, "interval")
        return self


class Drivers(Model):
    """The roles that explain soil moisture, and how their partial correlations are tested.

    ``monthly`` adds those of deseasonalised months; there a driver leads soil moisture by its ``lags`` months (default
    0), which are to be set before the result is seen.
    """

    names: tuple[str, ...]  # empty where no role of the preset's list has an input
    detrend: bool
    dof: Literal["n", "effective"]
    method: Literal["pearson", "spearman"]
    dominant: Literal["p_value", "p_adjusted"]
    monthly: bool = False
    lags: Mapping[str, Annotated[int, Field(ge=0, le=24, strict=True)]] = Field(default_factory=dict)
    floors: Mapping[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)

    @field_validator("names")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise invalid_value("each driver once", ", ".join(value))
        return value


class Attribution(Model):
    """What is told of the drivers beside their correlations.

    ``lmg``: their shares of R2 over all orders of entry. ``lags``: months by which all of them lead soil moisture, set
    in advance, for correlations of deseasonalised months; below 0 soil moisture leads (a feedback, which no driver
    explains). 0 alone adds nothing.
    """

    lmg: bool = False
    lags: tuple[Annotated[int, Field(ge=-12, le=12, strict=True)], ...] = (0,)

    @field_validator("lags")
    @classmethod
    def _distinct_lags(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or len(set(value)) < len(value):
            raise invalid_value("whole months, each once, for example [-1, 0, 1]", list(value))
        return value


# Roles that each scheme of zones needs.
ZONE_ROLES: Mapping[str, tuple[str, ...]] = {
    "aridity": ("aridity_index",),
    "aridity_terciles": ("aridity_index",),
    "climatology_terciles": (),
    "water_balance": ("precipitation", "potential_evaporation"),
}


class Zones(Model):
    """Dry, transition and wet, by ``scheme``; ``aridity`` takes ``limits`` of the aridity index.

    ``aridity_terciles`` and ``climatology_terciles`` (of mean soil moisture) divide the area of the land in three,
    ``water_balance`` goes by the sign of precipitation less potential evaporation. Where ``transition_in_share`` is
    false, shares of the changed land leave its transition zone out.
    """

    scheme: Literal["aridity", "aridity_terciles", "climatology_terciles", "water_balance"]
    limits: tuple[float, float] | None = None
    transition_in_share: bool = True

    @field_validator("limits")
    @classmethod
    def _ascending(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not 0 < value[0] <= value[1]:
            raise invalid_value("two positive ascending aridity indices, for example [0.5, 0.65]", list(value))
        return value

    @model_validator(mode="after")
    def _limits_of_aridity(self) -> Zones:
        if self.scheme == "aridity" and self.limits is None:
            raise invalid_value("two aridity indices, for example [0.5, 0.65]", "nothing", "limits")
        if self.scheme != "aridity" and self.limits is not None:
            raise invalid_value(f"no limits: {self.scheme} has its own", list(self.limits), "limits")
        return self

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that the scheme needs."""
        return ZONE_ROLES[self.scheme]


class Bootstrap(Model):
    """How far the DDWW shares can be trusted: ``replicates`` draws of tiles of the map, and as many fields of chance.

    Neither an interval nor a range of chance where it is 0. ``seed`` is that of the random numbers.
    """

    replicates: Annotated[int, Field(ge=0)]
    seed: Annotated[int, Field(ge=0)] = 1


class Sensitivity(Model):
    """Whether a release holds the product ``sensitivity``, which costs more than all others together."""

    publish: bool = False
