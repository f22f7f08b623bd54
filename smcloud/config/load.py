"""Loading of a YAML file, on disk or in a bucket, as a checked configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from smcloud.config.choices import SECTIONS, changed_keys
from smcloud.config.run import RunConfig, load_preset
from smcloud.config.strict_yaml import MAX_BYTES, problems_of, read_yaml
from smcloud.errors import ConfigurationError, SmcloudError, noting
from smcloud.io_errors import NETWORK, reaching, time_limit

PLACES = re.compile("(file|local|gs|gcs|s3|https|http|memory)://(?!.*::)")  # where a configuration may lie


def load_config(path: str | Path, **overrides: Any) -> RunConfig:
    """Read a YAML configuration, on disk or in a bucket, lay it over its preset and check it.

    Relative paths in ``catalog`` and ``store`` are taken from the current directory, as a shell does.
    Raises :class:`ConfigurationError` that names the key.
    """
    try:
        with reaching(NETWORK, str(path)):
            text = _bytes_of(str(path))
    except OSError as err:
        raise ConfigurationError(
            "the configuration file cannot be read",
            where=str(path),
            found="no file" if isinstance(err, FileNotFoundError) else err.strerror or str(err),
            expected=f"a YAML file; a path without a scheme counts from {os.getcwd()}",
            next="smcloud run --help shows an example",
        ) from err
    return parse_config(read_yaml(text, str(path), ConfigurationError) | overrides, where=str(path))


def _bytes_of(path: str) -> bytes:
    """Read no more than makes the file too long for :func:`read_yaml`."""
    if "://" not in path:
        if Path(path).exists() and not (Path(path).is_file() or Path(path).is_dir()):
            raise OSError(None, "a device or a pipe")
        with open(path, "rb") as local:
            return local.read(MAX_BYTES + 1)
    if not PLACES.match(path):
        raise OSError(None, f"the scheme {path.partition('://')[0]}")
    import fsspec

    with fsspec.open(path, "rb", **time_limit(path)) as file:
        content: bytes = file.read(MAX_BYTES + 1)
    return content


def parse_config(data: Mapping[str, Any], where: str = "configuration") -> RunConfig:
    """Lay ``data`` over its preset and check it; raises :class:`ConfigurationError` that names all dotted keys.

    The preset's drivers are those of its list that ``inputs`` holds (see :func:`dropped_drivers`); a list
    in ``data`` is taken as it stands. Limits of zones are the preset's only under its scheme.
    """
    try:
        preset = _preset_of(data, where)
    except ConfigurationError as err:
        others: list[SmcloudError] = []
        with noting(others):  # what else is wrong does not depend on which preset was meant
            parse_config({**data, "preset": "peng2023"}, where)
        raise err.with_others(others) from None
    _refuse_made_keys(data, where)
    inputs, own = data.get("inputs"), data.get("drivers", {})
    untouched = preset
    if isinstance(inputs, Mapping) and isinstance(own, Mapping):
        present = [name for name in preset["drivers"]["names"] if name in inputs]
        names = own.get("names", present)
        if names == [] and "names" in own:
            raise ConfigurationError(
                "the list of drivers is empty",
                where=f"{where}: drivers.names",
                found="[]",
                expected=f"one role or more of inputs: {', '.join(map(str, inputs))}",
                next=f"add a role in {where}, or leave drivers.names out",
            )
        untouched = _with_drivers(preset, present)
        preset = _with_drivers(preset, names)
    zones = data.get("zones")
    if isinstance(zones, Mapping) and zones.get("scheme", preset["zones"]["scheme"]) != preset["zones"]["scheme"]:
        preset = {**preset, "zones": {key: value for key, value in preset["zones"].items() if key != "limits"}}
    try:
        config = RunConfig.model_validate(overlay(preset, data))
    except ValidationError as err:
        problems = [
            ConfigurationError(
                what, where=f"{where}: {key}", found=found, expected=expected, next=f"edit {key} in {where}"
            )
            for what, key, found, expected in problems_of(err, RunConfig)
        ]
        raise problems[0].with_others(problems[1:]) from err
    return config.model_copy(update={"changed": _changed(data, config, untouched)})


def _preset_of(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    if "preset" not in data:
        raise ConfigurationError(
            "a key is missing",
            where=f"{where}: preset",
            found="nothing",
            expected="peng2023 or rigorous",
            next="add the line preset: peng2023",
        )
    return load_preset(str(data["preset"]), where)


def _refuse_made_keys(data: Mapping[str, Any], where: str) -> None:
    for key in ("levels", "changed"):
        if key in data:
            raise ConfigurationError(
                "a key that nobody sets",
                where=f"{where}: {key}",
                found=key,
                expected="none: levels are the preset's, and what is changed is found by comparison",
                next=f"remove {key} from {where}",
            )


def _with_drivers(preset: Mapping[str, Any], names: Any) -> dict[str, Any]:
    """The preset with these drivers, and with its floors for them; any other form than a list is left to the check."""
    floors = preset["drivers"]["floors"]
    if isinstance(names, list | tuple):
        floors = {name: floor for name, floor in floors.items() if name in names}
    return {**preset, "drivers": preset["drivers"] | {"names": names, "floors": floors}}


def _changed(data: Mapping[str, Any], config: RunConfig, preset: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys of ``data`` whose checked values are not those that the preset alone would give."""
    given = {key: data[key] for key in SECTIONS if key in data}
    if not given:
        return ()
    plain = RunConfig.model_validate({**preset, **{key: data[key] for key in data if key not in SECTIONS}})
    return changed_keys(given, config.model_dump(mode="json"), plain.model_dump(mode="json"))


def dropped_drivers(config: RunConfig) -> list[str]:
    """List the drivers of the preset that the run leaves out because ``inputs`` does not hold them."""
    return [name for name in load_preset(config.preset)["drivers"]["names"] if name not in config.inputs]


def overlay(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with the values of ``top``, section by section: keys of a section that ``top`` lacks stay."""
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = overlay(below, value)
        merged[key] = value
    return merged
