"""Reading of files that people write: plain YAML, read into frozen models that refuse unknown keys."""

from __future__ import annotations

from types import UnionType
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from smcloud.errors import SmcloudError


def invalid_value(expected: str, found: object, key: str = "") -> PydanticCustomError:
    """Make a validator's error: ``expected`` and ``found`` as the user sees them, ``key`` below the validated one."""
    return PydanticCustomError("refusal", "{expected}", {"expected": expected, "found": str(found), "key": key})


class Model(BaseModel):
    """A frozen model, strict about keys: a typo in a file is an error with the key's name."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _PlainLoader(yaml.SafeLoader):
    """Safe YAML in which a repeated key is an error: one of the two would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value} twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def read_yaml(text: bytes | str, where: str, error: type[SmcloudError]) -> dict[str, Any]:
    """Read the mapping of a plain YAML document: safe tags, no aliases, no repeated keys; raises ``error``."""
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_PlainLoader)):
            raise yaml.MarkedYAMLError(problem="an alias (*name)")  # a small file could expand without end
        data = yaml.load(text, Loader=_PlainLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as err:  # ValueError: a date such as 2000-13-45
        problem = getattr(err, "problem", None) or str(err).splitlines()[0]
        mark = getattr(err, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        raise error(
            "the file is not plain YAML",
            where=where,
            found=f"{line}{problem}",
            expected="YAML without tags and aliases",
            next=f"edit {where}",
        ) from err
    if not isinstance(data, dict):
        raise error(
            "the file is not a mapping",
            where=where,
            found=type(data).__name__,
            expected="key: value",
            next=f"edit {where}",
        )
    return data


def problems_of(err: ValidationError, model: type[BaseModel]) -> list[tuple[str, str, str, str]]:
    """Describe all errors of a model: what is wrong, the dotted key, the value found and the one expected.

    Unknown keys come first, as a typo is also a key that is missing; a key that fits none of several forms comes once.
    """
    errors = sorted(err.errors(), key=lambda error: error["type"] != "extra_forbidden")
    by_key: dict[str, tuple[str, str, str, str]] = {}
    for error in errors:
        described = _describe(error, model)
        by_key.setdefault(described[1], described)
    return list(by_key.values())


def _describe(first: Any, model: type[BaseModel]) -> tuple[str, str, str, str]:
    parts = [str(part) for part in first["loc"] if part != "Grid" and not str(part).startswith("literal[")]
    key, found = ".".join(parts), str(first["input"]) or "an empty text"
    if first["type"] == "refusal":
        below = first["ctx"]["key"]
        key = ".".join(filter(None, (key, below)))
        return "a key has an impossible value", key, first["ctx"]["found"] or "nothing", first["ctx"]["expected"]
    if first["type"] == "missing":
        return "a key is missing", key, "nothing", f"the key {key}"
    if first["type"] == "extra_forbidden":
        return "unknown key", key, parts[-1], f"one of {', '.join(_fields(model, parts[:-1]))}"
    if first["type"] in ("model_type", "model_attributes_type"):
        return "a key has an impossible value", key, found, f"keys {', '.join(_fields(model, parts))}"
    return "a key has an impossible value", key, found, first["msg"].removeprefix("Input should be ")


def _fields(model: type[BaseModel], parts: list[str]) -> list[str]:
    """Names of the fields of the model that lies at ``parts`` below ``model``."""
    at: Any = model
    for part in parts:
        at = at.model_fields[part].annotation if hasattr(at, "model_fields") else get_args(at)[-1]
        if get_origin(at) in (Union, UnionType):
            at = next(arg for arg in get_args(at) if hasattr(arg, "model_fields"))
    return list(at.model_fields)
