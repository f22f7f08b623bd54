"""The configuration of a run: frozen models, unknown keys refused, a preset below every key.

A configuration has two parts that are hashed apart: what shapes the cube (:meth:`RunConfig.harmonisation`)
and what shapes the products (:meth:`RunConfig.analysis`). Where it runs (cluster, store, paths) is in neither.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from smcloud.errors import ConfigurationError
from smcloud.strict_yaml import Model, first_problem, read_yaml, refusal

PRESETS = Path(__file__).parent / "presets"
ROLE_PATTERN = re.compile(r"[a-z_]+")
INPUT_PATTERN = re.compile(r"[^:\s]+(:[^:\s]+)?")
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
        raise refusal("a month as YYYY-MM without a day, for example 2000-01", text)

    @model_validator(mode="after")
    def _ordered(self) -> Period:
        if self.start == LATEST:
            raise refusal("a month, for example 2000-01", LATEST, "start")
        if self.end != LATEST and self.end < self.start:
            raise refusal(f"a month from {self.start} (period.start) on", self.end, "end")
        return self


class Grid(Model):
    """A regular global grid of ``resolution`` degrees, cell edges on -90 and -180."""

    resolution: Annotated[float, Field(gt=0, le=30)]

    @field_validator("resolution")
    @classmethod
    def _whole_cells(cls, value: float) -> float:
        if abs(180 / value - round(180 / value)) > 1e-9:
            raise refusal("degrees that divide 180 into whole cells, for example 0.25, 0.5, 1, 5", f"{value:g}")
        return value


class Flags(Model):
    """Which quality bits drop a day: all but 64 (barren ground, advisory) unless asked."""

    drop_barren: bool = False


class Monthly(Model):
    """A soil-moisture month needs ``min_days`` valid days; other means ``min_share`` of the month.

    ``error_tau_days``: time in which the correlation of the daily errors falls to 1/e, for one of the three bounds of
    the uncertainty of a monthly mean (the others: correlation 0 and 1). Its value is an assumption.
    """

    min_days: Annotated[int, Field(ge=1, le=28)]
    min_share: Annotated[float, Field(gt=0, le=1)]
    error_tau_days: Annotated[float, Field(gt=0, le=365)] = 5.0


class Annual(Model):
    """How months become years; ``min_months`` belongs to ``monthly_means``, what follows it to ``anomalies``.

    Monthly anomalies of drivers need ``min_climatology_years`` too, whatever the method.
    """

    method: Literal["monthly_means", "anomalies"]
    min_months: Annotated[int, Field(ge=1, le=12)]
    min_climatology_years: Annotated[int, Field(ge=1)] = 10
    fixed_months_share: Annotated[float, Field(gt=0, le=1)] = 0.8
    year_months_share: Annotated[float, Field(gt=0, le=1)] = 0.8


class Ends(Model):
    """At least ``min_years`` valid years in the first and in the last ``span`` years."""

    span: Annotated[int, Field(ge=1)] = 5
    min_years: Annotated[int, Field(ge=1)] = 3


class Years(Model):
    """How many valid years a cell needs."""

    min_years: Annotated[int, Field(ge=3)]
    ends: Ends | None = None


class Trend(Model):
    """Estimator, test and interval of the trend product's main columns; beside ``3pw`` stand the tests it is made for.

    ``interval: effective`` is that of the least-squares slope under autocorrelation.
    """

    estimator: Literal["ols", "sen"]
    test: Literal["ols", "mann_kendall", "3pw"]
    interval: Literal["t", "effective"]
    significance: Literal["p_value", "p_adjusted"]


class Drivers(Model):
    """Which roles explain soil moisture, and how their partial correlations are judged.

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
            raise refusal("each driver once", ", ".join(value))
        return value


class Zones(Model):
    """Dry, transition and wet: aridity index below, between and above two limits."""

    scheme: Literal["aridity"]
    limits: tuple[float, float]

    @field_validator("limits")
    @classmethod
    def _ascending(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 < value[0] <= value[1]:
            raise refusal("two positive ascending aridity indices, for example [0.5, 0.65]", list(value))
        return value


class Bootstrap(Model):
    """How the interval of the DDWW shares is found: replicates of blocks of whole years, none where 0.

    One sequence of years, from ``seed``, serves all cells.
    """

    replicates: Annotated[int, Field(ge=0)]
    block: Annotated[int, Field(ge=1)] = 2
    seed: Annotated[int, Field(ge=0)] = 1


class Cluster(Model):
    """Where dask runs. ``local`` is this machine; ``gateway`` a Dask Gateway from DASK_GATEWAY__*.

    ``idle_timeout`` seconds without work end a cluster whose client is gone; a worker that is silent for ``lost_after``
    seconds is started again, and its work given to others. ``forward`` names the variables of this
    process' environment that the cluster gets, a ``*`` at the end for any that begin so: the endpoints and credentials
    of sources and store. Their values are never written down.
    """

    kind: Literal["local", "gateway"] = "local"
    workers: Annotated[int, Field(ge=1)] | None = None
    worker_cores: Annotated[int, Field(ge=1)] = 1
    worker_memory: str | None = None
    image: str | None = None
    adaptive: bool = False
    wait_seconds: Annotated[int, Field(ge=1)] = 300
    idle_timeout: Annotated[int, Field(ge=60)] = 600
    lost_after: Annotated[int, Field(ge=10)] = 120
    forward: tuple[str, ...] = ("STORAGE_EMULATOR_HOST", "GCSFS_*", "AWS_*", "SMCLOUD_*")


class RunConfig(Model):
    """Everything that a run needs; the README has an annotated example."""

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
    bootstrap: Bootstrap
    alpha: Annotated[float, Field(gt=0, lt=1)]
    assumed: tuple[str, ...] = ()
    store: str
    cluster: Cluster = Cluster()

    @field_validator("inputs")
    @classmethod
    def _roles(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for role, reference in value.items():
            if not ROLE_PATTERN.fullmatch(role):
                raise refusal("roles of a-z and _ only", role)
            if not INPUT_PATTERN.fullmatch(reference):
                raise refusal("entry or entry:variable of the catalog", repr(reference), role)
        if "soil_moisture" not in value:
            raise refusal("the role soil_moisture", ", ".join(value) or "no role")
        return value

    @field_validator("grid", mode="before")
    @classmethod
    def _grid_form(cls, value: object) -> object:
        if value == "native" or isinstance(value, Mapping | Grid):
            return value
        raise refusal("native, or {resolution: degrees}", value)

    @field_validator("drivers")
    @classmethod
    def _drivers_have_inputs(cls, value: Drivers, info: ValidationInfo) -> Drivers:
        inputs = info.data.get("inputs")
        if inputs is None:  # already refused
            return value
        for name in value.names:
            if name not in inputs:
                raise refusal(f"roles that inputs holds: {', '.join(inputs)}", name, "names")
        if "soil_moisture" in value.names:
            raise refusal("roles that drive soil moisture", "soil_moisture", "names")
        for key, given in (("floors", value.floors), ("lags", value.lags)):
            for name in given:
                if name not in value.names:
                    raise refusal(f"one of drivers.names: {', '.join(value.names)}", name, key)
        if value.lags and not value.monthly:
            raise refusal("drivers.monthly: true beside it, as lags are of months", dict(value.lags), "lags")
        return value

    @model_validator(mode="after")
    def _enough_replicates(self) -> RunConfig:
        least = 2 / self.alpha
        if 0 < self.bootstrap.replicates < least:
            raise refusal(f"0, or at least {least:g} (2/alpha)", self.bootstrap.replicates, "bootstrap.replicates")
        return self

    def trend_of_preset(self, name: str) -> RunConfig:
        """This configuration with the annual values, years and trend of the preset ``name``."""
        own = load_preset(name)
        chosen = {key: own[key] for key in ("annual", "years", "trend")}
        return RunConfig.model_validate(self.model_dump(mode="json") | chosen | {"preset": name})

    def harmonisation(self) -> dict[str, Any]:
        """What shapes the cube: hashed into the cube id."""
        data = self.model_dump(mode="json")
        return {key: data[key] for key in ("period", "inputs", "grid", "flags", "monthly")}

    def analysis(self) -> dict[str, Any]:
        """What shapes the products: hashed into the run id."""
        data = self.model_dump(mode="json")
        keys = ("annual", "years", "trend", "drivers", "zones", "bootstrap", "alpha", "preset", "assumed")
        return {key: data[key] for key in keys}


def load_preset(name: str, where: str = "configuration") -> dict[str, Any]:
    """The preset's keys; raises :class:`ConfigurationError` for an unknown name."""
    known = sorted(p.stem for p in PRESETS.glob("*.yaml"))
    if name not in known:
        raise ConfigurationError(
            "unknown preset",
            where=f"{where}: preset",
            found=name,
            expected=" or ".join(known),
            next=f"set preset: {known[0]} in {where}",
        )
    return read_yaml((PRESETS / f"{name}.yaml").read_bytes(), name, ConfigurationError)


def load_config(path: str | Path, **overrides: Any) -> RunConfig:
    """Read a YAML configuration, on disk or in a bucket, lay it over its preset and check it.

    Relative paths in ``catalog`` and ``store`` are taken from the current directory, as a shell does.
    Raises :class:`ConfigurationError` that names the key.
    """
    try:
        text = _bytes_of(str(path))
    except OSError as err:
        raise ConfigurationError(
            "the configuration file cannot be read",
            where=str(path),
            found="no file" if isinstance(err, FileNotFoundError) else err.strerror or str(err),
            expected="a YAML file",
            next="smcloud run --help shows an example",
        ) from err
    return parse_config(read_yaml(text, str(path), ConfigurationError) | overrides, where=str(path))


def _bytes_of(path: str) -> bytes:
    if "://" not in path:
        return Path(path).read_bytes()
    import fsspec

    with fsspec.open(path, "rb") as file:
        content: bytes = file.read()
    return content


def parse_config(data: Mapping[str, Any], where: str = "configuration") -> RunConfig:
    """Lay ``data`` over its preset and check it; raises :class:`ConfigurationError` that names the dotted key.

    The preset's drivers are those of its list that ``inputs`` holds (see :func:`dropped_drivers`); a list
    in ``data`` is taken as it stands.
    """
    if "preset" not in data:
        raise ConfigurationError(
            "a key is missing",
            where=f"{where}: preset",
            found="nothing",
            expected="peng2023 or rigorous",
            next="add the line preset: peng2023",
        )
    preset = load_preset(str(data["preset"]), where)
    inputs, own = data.get("inputs"), data.get("drivers", {})
    if isinstance(inputs, Mapping) and isinstance(own, Mapping):
        names = own.get("names", [name for name in preset["drivers"]["names"] if name in inputs])
        if names == [] and "names" in own:
            raise ConfigurationError(
                "the list of drivers is empty",
                where=f"{where}: drivers.names",
                found="[]",
                expected=f"one role or more of inputs: {', '.join(map(str, inputs))}",
                next=f"add a role in {where}, or leave drivers.names out",
            )
        floors = preset["drivers"]["floors"]
        if isinstance(names, list | tuple):
            floors = {name: floor for name, floor in floors.items() if name in names}
        preset["drivers"] |= {"names": names, "floors": floors}
    try:
        return RunConfig.model_validate(_overlay(preset, data))
    except ValidationError as err:
        what, key, found, expected = first_problem(err, RunConfig)
        raise ConfigurationError(
            what, where=f"{where}: {key}", found=found, expected=expected, next=f"edit {key} in {where}"
        ) from err


def dropped_drivers(config: RunConfig) -> list[str]:
    """The drivers of the preset's list that the run goes without because ``inputs`` does not hold them."""
    return [name for name in load_preset(config.preset)["drivers"]["names"] if name not in config.inputs]


def _overlay(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = _overlay(below, value)
        merged[key] = value
    return merged
