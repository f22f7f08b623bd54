"""The pages of keys: of a configuration and of a catalog, from the schemas that editors read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from docs.generate.tables import cell, code, page, table
from smcloud.catalog.public import catalog_schema
from smcloud.config.choices import SECTIONS, flattened
from smcloud.config.editors import config_schema
from smcloud.config.run import load_preset

PRESETS = ("peng2023", "rigorous")
CUBE = ("period", "inputs", "grid", "region", "flags", "monthly")  # RunConfig.harmonisation, and the region


class Key:
    """One key: its dotted name, its schema, and that of the object that its value is, where it is one."""

    def __init__(self, name: str, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> None:
        self.name, self.schema, self.definitions = name, schema, definitions

    def forms(self) -> list[Mapping[str, Any]]:
        """The forms that a value may have, references followed; no null."""
        listed = self.schema.get("anyOf") or self.schema.get("allOf") or [self.schema]
        found = [self._followed(form) for form in listed]
        return [form for form in found if form.get("type") != "null"]

    def _followed(self, form: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = form.get("$ref", "")
        return self.definitions[reference.rpartition("/")[2]] if reference else form

    def below(self) -> Iterator[Key]:
        """The keys of the objects that the value may be, or that its values are."""
        for form in self.forms():
            inner, word = form, ""
            if isinstance(form.get("additionalProperties"), Mapping):
                inner, word = self._followed(form["additionalProperties"]), ".*"
            for key, schema in inner.get("properties", {}).items():
                yield Key(f"{self.name}{word}.{key}".lstrip("."), schema, self.definitions)

    def type(self) -> str:
        """What a value may be, in words."""
        return ", or ".join(dict.fromkeys(self._of(form) for form in self.forms()))

    def _of(self, form: Mapping[str, Any]) -> str:
        form = self._followed(form)
        if "enum" in form or "const" in form:
            return ", ".join(code(value) for value in form.get("enum", [form.get("const")]))
        if "anyOf" in form:
            return ", or ".join(self._of(one) for one in form["anyOf"] if one.get("type") != "null")
        match form.get("type"):
            case "array":
                items = form.get("items") or (form.get("prefixItems") or [{}])[0]
                length = f" of {form['minItems']}" if form.get("minItems") == form.get("maxItems") != None else ""  # noqa: E711
                return f"list{length}: {self._of(items)}"
            case "object":
                return "section" if "properties" in form else "mapping"
            case "integer" | "number" as kind:
                word = "whole number" if kind == "integer" else "number"
                return word + self._limits(form)
            case "boolean":
                return "`true`, `false`"
            case _:
                return "text"

    @staticmethod
    def _limits(form: Mapping[str, Any]) -> str:
        least, most = form.get("minimum"), form.get("maximum")
        parts = [
            f"from {least}" if least is not None else "",
            f"above {form['exclusiveMinimum']}" if "exclusiveMinimum" in form else "",
            f"to {most}" if most is not None else "",
            f"below {form['exclusiveMaximum']}" if "exclusiveMaximum" in form else "",
        ]
        return "".join(f" {part}" for part in parts if part)


def keys(schema: Mapping[str, Any], name: str = "") -> list[Key]:
    """All keys of ``schema`` by dotted name, each section before its keys; ``*`` stands for a name of your own."""
    found: list[Key] = []

    def walk(key: Key) -> None:
        for one in key.below():
            found.append(one)
            walk(one)

    walk(Key(name, schema, schema.get("$defs", {})))
    return found


def _shown(value: object) -> str:
    if value in (None, "", [], {}, ()):
        return "" if value in (None, "") else code(yaml.safe_dump(value, default_flow_style=True).strip())
    return code(yaml.safe_dump(value, default_flow_style=True, width=1000).strip().removesuffix("...").strip())


def _effect(name: str) -> str:
    section = name.partition(".")[0]
    if section in CUBE:
        return "cube and products"
    return "products" if section in (*SECTIONS, "preset", "sensitivity") else "no number"


def configuration_page() -> str:
    """The page of the keys of a configuration."""
    presets = {name: load_preset(name) for name in PRESETS}
    values = {name: flattened(held) for name, held in presets.items()}
    levels = presets["peng2023"]["levels"]
    every = keys(config_schema())
    parts = [
        "A configuration is a YAML file. The first table has the keys of a study; `preset` sets those with a value "
        "under a preset, and each that you write replaces one. *Changes* says what another value makes anew: cube and "
        "products, products alone, or no number at all. *Level* says how sure the value of `peng2023` is that of the "
        "study: stated, likely, unknown, or method (smcloud's own); those of `rigorous` are all method. "
        "`smcloud config schema` prints the same for editors.",
    ]
    tops = [key for key in every if "." not in key.name]
    parts.append(
        table(("key", "is", "type", "changes"), ((code(key.name), *_words(key), _effect(key.name)) for key in tops))
    )
    for top in tops:
        below = [key for key in every if key.name.startswith(f"{top.name}.")]
        if not below:
            continue
        of_preset = top.name in SECTIONS
        rows = []
        for key in below:
            last = (*_defaults(key, values), _level(key, levels)) if of_preset else (_shown(key.schema.get("default")),)
            rows.append((code(key.name), *_words(key), key.schema.get("unit", ""), *last))
        parts += [f"## {top.name}", cell(top.schema["description"])]
        parts.append(table(("key", "is", "type", "unit", *((*PRESETS, "level") if of_preset else ("default",))), rows))
    alone = [key for key in tops if key.name in values["peng2023"]]
    rows = [(code(key.name), *_defaults(key, values), _level(key, levels)) for key in alone]
    parts += ["## Without a section", table(("key", "peng2023", "rigorous", "level"), rows)]
    return page("Keys of a configuration", *parts)


def _words(key: Key) -> tuple[str, str]:
    return cell(key.schema.get("description", "")), cell(key.type())


def _defaults(key: Key, values: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    own = key.schema.get("default")
    return tuple(_shown(_held(values[name], key.name, own)) for name in PRESETS)


def _held(values: Mapping[str, Any], name: str, own: object) -> object:
    if name in values:
        return values[name]
    section, _, deeper = name.rpartition(".")
    held = values.get(section)
    return held.get(deeper, own) if isinstance(held, Mapping) else own


def _level(key: Key, levels: Mapping[str, str]) -> str:
    above = (key.name.rsplit(".", count)[0] for count in range(key.name.count(".") + 1))
    return next((levels[name] for name in above if name in levels), "method")


def catalog_page() -> str:
    """The page of the keys of a catalog."""
    every = [key for key in keys(catalog_schema()) if key.name != "metadata"]
    rows = [
        (
            code(key.name.removeprefix("sources.*.")),
            *_words(key),
            key.schema.get("unit", ""),
            _shown(key.schema.get("default")),
        )
        for key in every
    ]
    first = (
        "A catalog is a YAML file with entries under `sources`, each a source. `*` stands for a name of yours: of a "
        "role, under `metadata.variables`. Where each is used: [your own data](../../how-to/own-data.md). "
        "`smcloud config schema --catalog` prints the same for editors."
    )
    return page("Keys of a catalog", first, table(("key", "is", "type", "unit", "default"), rows))
