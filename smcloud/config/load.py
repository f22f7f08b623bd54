"""Loading of a YAML file, on disk or in a bucket, as a checked configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

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
            expected="a YAML file",
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
    zones = data.get("zones")
    if isinstance(zones, Mapping) and zones.get("scheme", preset["zones"]["scheme"]) != preset["zones"]["scheme"]:
        del preset["zones"]["limits"]  # they are of the preset's scheme
    try:
        return RunConfig.model_validate(_overlay(preset, data))
    except ValidationError as err:
        problems = [
            ConfigurationError(
                what, where=f"{where}: {key}", found=found, expected=expected, next=f"edit {key} in {where}"
            )
            for what, key, found, expected in problems_of(err, RunConfig)
        ]
        raise problems[0].with_others(problems[1:]) from err


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


def dropped_drivers(config: RunConfig) -> list[str]:
    """List the drivers of the preset that the run leaves out because ``inputs`` does not hold them."""
    return [name for name in load_preset(config.preset)["drivers"]["names"] if name not in config.inputs]


def _overlay(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = _overlay(below, value)
        merged[key] = value
    return merged
