"""Reading of files that people write: plain YAML, read into frozen models that refuse unknown keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import UnionType
from typing import Any, ClassVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from smcloud.errors import SmcloudError, all_at_once


def invalid_value(expected: str, found: object, key: str = "") -> PydanticCustomError:
    """Make a validator's error: ``expected`` and ``found`` as the user sees them, ``key`` below the validated one."""
    return PydanticCustomError("refusal", "{expected}", {"expected": expected, "found": str(found), "key": key})


class Model(BaseModel):
    """A frozen model, strict about keys: a typo in a file is an error with the key's name."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


# A file that people write is far below these limits; one that is not is refused before it costs time or memory.
MAX_BYTES, MAX_NODES, MAX_DEPTH, MAX_TEXT = 2**20, 50_000, 20, 20_000
MAX_INTEGER = 2**63 - 1
# What steers a terminal, or shows a text in another order than it has.
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# The value of a line that smcloud init could not fill; what to choose among stands beside it.
CHOOSE, CHOICES = "CHOOSE", re.compile(r"#\s*CHOOSE:\s*(.*)")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _PlainLoader(_Loader):  # type: ignore[misc]
    """Safe YAML whose plain words mean what they look like.

    ``no`` and ``on`` are words, ``12:30`` and ``2000-01-01`` texts (YAML 1.1 makes a boolean, 750 and a date of them);
    only ``true`` and ``false`` are booleans, a leading zero is not octal. A repeated key is an error: one of the two
    would be lost. So are merge keys and integers beyond 64 bits.
    """

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen or key.value == "<<":
                problem = "a merge key (<<)" if key.value == "<<" else f"the key {key.value} twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        value = int(super().construct_yaml_int(node)) if len(node.value) < 40 else None
        if value is None or abs(value) > MAX_INTEGER:
            raise yaml.MarkedYAMLError(problem="an integer beyond 64 bits", problem_mark=node.start_mark)
        return value


_PlainLoader.add_constructor("tag:yaml.org,2002:int", _PlainLoader.construct_yaml_int)
_DIGITS = "-+.0123456789"
for _tag, _form, _first in (
    ("bool", "true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", "~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", "[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+", _DIGITS),
    (
        "float",
        r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
):
    _PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_form})\\Z"), list(_first))


def read_yaml(text: bytes | str, where: str, error: type[SmcloudError]) -> dict[str, Any]:
    """Read the mapping of a plain YAML document; raises ``error``.

    Refused are tags, aliases, merge keys, repeated keys, control characters, and more than a person would write: bytes,
    values, levels, the length of a text. So are values that are still to be filled (``CHOOSE``), all of them at once.
    """
    try:
        if len(text) > MAX_BYTES:
            raise yaml.MarkedYAMLError(problem=f"more than {MAX_BYTES} bytes")
        _require_plain(text)
        data = yaml.load(text, Loader=_PlainLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as err:
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
    _require_chosen(data, text, where, error)
    return data


def _require_chosen(data: dict[str, Any], text: bytes | str, where: str, error: type[SmcloudError]) -> None:
    keys = list(_unchosen(data))
    if not keys:
        return
    events: Any = yaml.parse(text, Loader=_PlainLoader)
    at = [event.start_mark.line for event in events if getattr(event, "value", None) == CHOOSE]
    lines = (text.decode(errors="replace") if isinstance(text, bytes) else text).splitlines()
    beside = [CHOICES.search(lines[line]) for line in at]
    all_at_once(
        error(
            "a line is still to be filled",
            where=f"{where}: line {line + 1}: {key}",
            found=CHOOSE,
            expected=found[1] if found else "a value",
            next=f"write a value in place of {CHOOSE} in line {line + 1} of {where}",
        )
        for key, line, found in zip(keys, at, beside, strict=True)
    )


def _unchosen(node: Any, above: str = "") -> Iterator[str]:
    """Dotted keys of the values that are still to be filled, in their order; a key may be one itself."""
    if isinstance(node, dict):
        for key, value in node.items():
            here = f"{above}.{key}".lstrip(".")
            yield from [here] * (key == CHOOSE)
            yield from _unchosen(value, here)
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _unchosen(value, f"{above}.{number}")
    elif node == CHOOSE:
        yield above


def _require_plain(text: bytes | str) -> None:
    """Look at the document's events, before anything is made of them."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=_PlainLoader)):
        value = getattr(event, "value", None) or ""
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        problems = {
            "an alias (*name)": isinstance(event, yaml.AliasEvent),  # a small file could expand without end
            f"the tag {getattr(event, 'tag', None)}": getattr(event, "tag", None) is not None,
            f"more than {MAX_NODES} values": number > MAX_NODES,
            f"more than {MAX_DEPTH} levels": depth > MAX_DEPTH,
            f"a text of more than {MAX_TEXT} characters": len(value) > MAX_TEXT,
            "a control character": STEERING.search(value[:MAX_TEXT]) is not None,
        }
        problem = next((name for name, here in problems.items() if here), None)
        if problem:
            mark: Any = event.start_mark
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def problems_of(err: ValidationError, model: type[BaseModel]) -> list[tuple[str, str, str, str]]:
    """Describe all errors of a model: what is wrong, the dotted key, the value found and the one expected.

    Unknown keys come first, as a typo is also a key that is missing; a key that fits none of several forms comes once.
    """
    errors = sorted(err.errors(), key=lambda error: error["type"] not in ("extra_forbidden", "invalid_key"))
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
    return [name for name, field in at.model_fields.items() if field.init is not False]  # what a file may hold
