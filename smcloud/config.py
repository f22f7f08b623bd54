"""The configuration of a run: frozen models, unknown keys refused, a preset below every key.

A configuration has two parts that are hashed apart: what shapes the cube (:meth:`RunConfig.harmonisation`)
and what shapes the products (:meth:`RunConfig.analysis`). Where it runs (cluster, store, paths) is in neither.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from smcloud.errors import ConfigurationError

PRESETS = Path(__file__).parent / "presets"
ROLE_PATTERN = re.compile(r"^[a-z_]+$")
LATEST = "latest-complete-year"


class Model(BaseModel):
    """Frozen, strict about keys: a typo in a file is an error with the key's name."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
        raise ValueError("a month is written YYYY-MM, for example 2000-01")

    @model_validator(mode="after")
    def _ordered(self) -> Period:
        if self.start == LATEST:
            raise ValueError("start must be a month, for example 2000-01")
        if self.end != LATEST and self.end < self.start:
            raise ValueError(f"end {self.end} is before start {self.start}")
        return self


class Grid(Model):
    """A regular global grid of ``resolution`` degrees, cell edges on -90 and -180."""

    resolution: Annotated[float, Field(gt=0, le=30)]

    @field_validator("resolution")
    @classmethod
    def _whole_cells(cls, value: float) -> float:
        if abs(180 / value - round(180 / value)) > 1e-9:
            raise ValueError(f"180 degrees are not a whole number of {value}-degree cells")
        return value


class Flags(Model):
    """Which quality bits drop a day: all but 64 (barren ground, advisory) unless asked."""

    drop_barren: bool = False


class Monthly(Model):
    """A soil-moisture month needs ``min_days`` valid days; other means ``min_share`` of the month."""

    min_days: Annotated[int, Field(ge=1, le=28)]
    min_share: Annotated[float, Field(gt=0, le=1)]


class Annual(Model):
    """How months become years."""

    method: Literal["monthly_means", "anomalies"]
    min_months: Annotated[int, Field(ge=1, le=12)]
    fixed_months_share: Annotated[float, Field(gt=0, le=1)] = 0.8
    min_climatology_years: Annotated[int, Field(ge=1)] = 10


class Ends(Model):
    """At least ``min_years`` valid years in the first and in the last ``span`` years."""

    span: Annotated[int, Field(ge=1)] = 5
    min_years: Annotated[int, Field(ge=1)] = 3


class Years(Model):
    """How many valid years a cell needs."""

    min_years: Annotated[int, Field(ge=3)]
    ends: Ends | None = None


class Trend(Model):
    """Estimator, test and interval of the trend product's main columns."""

    estimator: Literal["ols", "sen"]
    test: Literal["ols", "mann_kendall", "3pw"]
    interval: Literal["t", "effective"]
    significance: Literal["p_value", "p_adjusted"]


class Drivers(Model):
    """Which roles explain soil moisture, and how their partial correlations are judged."""

    names: Annotated[tuple[str, ...], Field(min_length=1)]
    detrend: bool
    dof: Literal["n", "effective"]
    method: Literal["pearson", "spearman"]
    dominant: Literal["p_value", "p_adjusted"]
    floors: Mapping[str, float] = Field(default_factory=dict)

    @field_validator("names")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError(f"a driver is listed twice in {list(value)}")
        return value


class Zones(Model):
    """Dry, transition and wet: aridity index below, between and above two limits."""

    scheme: Literal["aridity"]
    limits: tuple[float, float]

    @field_validator("limits")
    @classmethod
    def _ascending(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 < value[0] <= value[1]:
            raise ValueError("limits must be positive and ascending")
        return value


class Cluster(Model):
    """Where dask runs. ``local`` is this machine; ``gateway`` a Dask Gateway from DASK_GATEWAY__*."""

    kind: Literal["local", "gateway"] = "local"
    workers: Annotated[int, Field(ge=1)] | None = None
    worker_cores: Annotated[int, Field(ge=1)] = 1
    worker_memory: str | None = None
    image: str | None = None
    adaptive: bool = False
    wait_seconds: Annotated[int, Field(ge=1)] = 300


class RunConfig(Model):
    """Everything that a run needs; see DESIGN of the README for an annotated example."""

    preset: Literal["peng2023", "rigorous"]
    period: Period
    catalog: str
    inputs: Mapping[str, str]
    grid: Grid | Literal["native"] = "native"
    flags: Flags = Flags()
    monthly: Monthly
    annual: Annual
    years: Years
    trend: Trend
    drivers: Drivers
    zones: Zones
    alpha: Annotated[float, Field(gt=0, lt=1)]
    assumed: tuple[str, ...] = ()
    store: str
    cluster: Cluster = Cluster()

    @field_validator("inputs")
    @classmethod
    def _roles(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        bad = [role for role in value if not ROLE_PATTERN.match(role)]
        if bad:
            raise ValueError(f"role {bad[0]!r} may hold only a-z and _")
        if "soil_moisture" not in value:
            raise ValueError("the role soil_moisture is required")
        return value

    @model_validator(mode="after")
    def _drivers_have_inputs(self) -> RunConfig:
        missing = [name for name in self.drivers.names if name not in self.inputs]
        if missing:
            raise ValueError(f"drivers.names lists {missing[0]!r}, which inputs does not hold")
        if "soil_moisture" in self.drivers.names:
            raise ValueError("soil_moisture cannot drive itself")
        return self

    def harmonisation(self) -> dict[str, Any]:
        """What shapes the cube: hashed into the cube id."""
        data = self.model_dump(mode="json")
        return {key: data[key] for key in ("period", "inputs", "grid", "flags", "monthly")}

    def analysis(self) -> dict[str, Any]:
        """What shapes the products: hashed into the run id."""
        data = self.model_dump(mode="json")
        keys = ("annual", "years", "trend", "drivers", "zones", "alpha", "preset", "assumed")
        return {key: data[key] for key in keys}


def load_preset(name: str) -> dict[str, Any]:
    """The preset's keys; raises :class:`ConfigurationError` for an unknown name."""
    path = PRESETS / f"{name}.yaml"
    known = sorted(p.stem for p in PRESETS.glob("*.yaml"))
    if name not in known:
        raise ConfigurationError(
            "unknown preset", where="preset", found=name, expected=" or ".join(known), next=f"set preset: {known[0]}"
        )
    data: dict[str, Any] = yaml.safe_load(path.read_text())
    return data


def load_config(path: str | Path, **overrides: Any) -> RunConfig:
    """Read a YAML configuration, lay it over its preset and check it.

    Relative paths in ``catalog`` and ``store`` are taken from the current directory, as a shell does.
    Raises :class:`ConfigurationError` that names the key.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigurationError(
            "the configuration file does not exist",
            where=str(path),
            found="no file",
            expected="a YAML file",
            next="smcloud run --help shows an example",
        )
    try:
        data = yaml.safe_load(path.read_text())
    except yaml.YAMLError as err:
        raise ConfigurationError(
            "the configuration is not YAML", where=str(path), found=str(err).replace("\n", " "), expected="YAML"
        ) from err
    if not isinstance(data, dict):
        raise ConfigurationError(
            "the configuration is not a mapping", where=str(path), found=type(data).__name__, expected="key: value"
        )
    return parse_config(data | overrides, where=str(path))


def parse_config(data: Mapping[str, Any], where: str = "configuration") -> RunConfig:
    """Lay ``data`` over its preset and check it; raises :class:`ConfigurationError`."""
    if "preset" not in data:
        raise ConfigurationError(
            "a key is missing", where=f"{where}: preset", found="nothing", expected="peng2023 or rigorous",
            next="add the line preset: peng2023",
        )
    try:
        return RunConfig.model_validate(_overlay(load_preset(str(data["preset"])), data))
    except ValidationError as err:
        raise _explain(err, where) from err


def _overlay(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = _overlay(below, value) if both else value  # type: ignore[arg-type]
    return merged


def _explain(err: ValidationError, where: str) -> ConfigurationError:
    first = err.errors()[0]
    key = ".".join(str(part) for part in first["loc"] if not str(part).startswith(("Grid", "literal")))
    remedy = f"edit {key or 'the configuration'} in {where}"
    if first["type"] == "missing":
        return ConfigurationError(
            "a key is missing", where=f"{where}: {key}", found="nothing", expected=f"the key {key}", next=remedy
        )
    if first["type"] == "extra_forbidden":
        parent: Any = RunConfig
        for part in first["loc"][:-1]:
            field = getattr(parent, "model_fields", {}).get(str(part))
            parent = field.annotation if field else None
        known = ", ".join(getattr(parent, "model_fields", {})) or "no such key"
        return ConfigurationError(
            "unknown key", where=f"{where}: {key}", found=first["loc"][-1], expected=f"one of {known}", next=remedy
        )
    expected = first["msg"].removeprefix("Value error, ")
    found = first["input"] if not isinstance(first["input"], Mapping) or key else "the whole file"
    return ConfigurationError(
        "a key has an impossible value", where=f"{where}: {key}", found=found, expected=expected, next=remedy
    )
