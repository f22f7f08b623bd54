"""The whole configuration: its parts together, and the presets that supply defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from smcloud.config import domain, machines, sections
from smcloud.config.choices import SECTIONS, Level
from smcloud.config.roles import require_role
from smcloud.config.strict_yaml import Model, invalid_value, read_yaml
from smcloud.errors import ConfigurationError
from smcloud.secrecy import holds_secret

PRESETS = Path(__file__).with_name("presets")
INPUT_PATTERN = re.compile(r"[^:\s]+(:[^:\s]+)?")


class RunConfig(Model):
    """Everything that a run needs; the README has an annotated example.

    ``levels`` are those of the preset and ``changed`` lists the keys that the user set to something else: nobody writes
    these two into a file (:mod:`smcloud.config.choices`).
    """

    preset: Literal["peng2023", "rigorous"]
    period: domain.Period
    catalog: str
    inputs: Mapping[str, str]
    grid: domain.Grid | Literal["native"] = "native"
    region: domain.Region | None = None
    flags: sections.Flags = sections.Flags()
    monthly: sections.Monthly
    annual: sections.Annual
    years: sections.Years
    trend: sections.Trend
    drivers: sections.Drivers
    attribution: sections.Attribution = sections.Attribution()
    zones: sections.Zones
    bootstrap: sections.Bootstrap
    sensitivity: sections.Sensitivity = sections.Sensitivity()
    alpha: Annotated[float, Field(gt=0, lt=1)]
    levels: Mapping[str, Level] = Field(default_factory=dict, init=False)
    changed: tuple[str, ...] = Field(default=(), init=False)
    publisher: sections.Publisher = sections.Publisher()
    store: str
    cluster: machines.Cluster = machines.Cluster()
    budget: machines.Budget = machines.Budget()

    @field_validator("catalog", "store")
    @classmethod
    def _no_secret(cls, value: str) -> str:
        if holds_secret(value):
            raise invalid_value("an address without a secret, which comes from the environment", value)
        return value

    @field_validator("inputs")
    @classmethod
    def _roles(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for role, reference in value.items():
            require_role(role)
            if not INPUT_PATTERN.fullmatch(reference):
                raise invalid_value("entry or entry:variable of the catalog", repr(reference), role)
        if "soil_moisture" not in value:
            raise invalid_value("the role soil_moisture", ", ".join(value) or "no role")
        return value

    @field_validator("grid", mode="before")
    @classmethod
    def _grid_form(cls, value: object) -> object:
        if value == "native" or isinstance(value, Mapping | domain.Grid):
            return value
        raise invalid_value("native, or {resolution: degrees}", value)

    @field_validator("drivers")
    @classmethod
    def _drivers_have_inputs(cls, value: sections.Drivers, info: ValidationInfo) -> sections.Drivers:
        inputs = info.data.get("inputs")
        if inputs is None:  # already refused
            return value
        for name in value.names:
            if name not in inputs:
                raise invalid_value(f"roles that inputs holds: {', '.join(inputs)}", name, "names")
        if "soil_moisture" in value.names:
            raise invalid_value("roles that drive soil moisture", "soil_moisture", "names")
        for key, given in (("floors", value.floors), ("lags", value.lags)):
            for name in given:
                if name not in value.names:
                    raise invalid_value(f"one of drivers.names: {', '.join(value.names)}", name, key)
        if value.lags and not value.monthly:
            raise invalid_value("drivers.monthly: true beside it, as lags are of months", dict(value.lags), "lags")
        return value

    @field_validator("annual")
    @classmethod
    def _warmth_is_known(cls, value: sections.Annual, info: ValidationInfo) -> sections.Annual:
        inputs = info.data.get("inputs")
        if "growing" in value.seasons and inputs is not None and "soil_temperature" not in inputs:
            raise invalid_value("no growing season, or an input for the role soil_temperature", "growing", "seasons")
        return value

    @model_validator(mode="after")
    def _enough_replicates(self) -> RunConfig:
        least = 2 / self.alpha
        if 0 < self.bootstrap.replicates < least:
            raise invalid_value(
                f"0, or at least {least:g} (2/alpha)", self.bootstrap.replicates, "bootstrap.replicates"
            )
        return self

    def trend_of_preset(self, name: str) -> RunConfig:
        """Return this configuration with the annual values, years and trend of the preset ``name``."""
        own = load_preset(name)
        chosen: dict[str, Any] = {key: own[key] for key in ("annual", "years", "trend")}
        kept = [key for key in self.changed if key.partition(".")[0] not in chosen]
        made = {"preset": name, "levels": own["levels"], "changed": kept}
        return RunConfig.model_validate(self.model_dump(mode="json") | chosen | made)

    @classmethod
    def of_release(cls, record: Mapping[str, Any]) -> RunConfig:
        """Read what a release recorded; keys of an earlier version that are no more are left out."""
        kept = {key: value for key, value in record.items() if key in cls.model_fields}
        for key, value in kept.items():
            section = cls.model_fields[key].annotation
            if isinstance(value, Mapping) and isinstance(section, type) and issubclass(section, Model):
                kept[key] = {name: part for name, part in value.items() if name in section.model_fields}
        return cls.model_validate(kept)

    def harmonisation(self) -> dict[str, Any]:
        """Return the keys that the cube depends on, but for the region: they are hashed into the cube id."""
        data = self.model_dump(mode="json")
        return {key: data[key] for key in ("period", "inputs", "grid", "flags", "monthly")}

    def analysis(self) -> dict[str, Any]:
        """Return the keys that the products depend on: they are hashed into the run id."""
        data = self.model_dump(mode="json")
        keys = (*SECTIONS[2:], "preset", "levels", "changed", "sensitivity")
        return {key: data[key] for key in keys}


def load_preset(name: str, where: str = "configuration") -> dict[str, Any]:
    """Load the preset's keys; raises :class:`ConfigurationError` for an unknown name."""
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
