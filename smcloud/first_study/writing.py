"""Both files as text, with what is known beside each line, and how they appear: whole, and never over another."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from smcloud.catalog.public import catalog_schema
from smcloud.catalog.security import forbidden_template
from smcloud.config.editors import config_schema, keep_schema, schema_line
from smcloud.config.strict_yaml import CHOOSE
from smcloud.errors import CatalogError, ConfigurationError
from smcloud.first_study.drafts import MISSING, Draft, Line
from smcloud.first_study.places import LeftOut
from smcloud.io_errors import STORE, reaching
from smcloud.secrecy import printable, told

CATALOG, STUDY = "catalog.yaml", "study.yaml"
LONGEST = 600
VARIABLE_KEYS = (
    "name", "units", "attr_units", "scale", "period", "stamp", "aggregate", "accumulation", "legend",
    "valid_range", "fill", MISSING, "flag", "sensor", "uncertainty",
)  # fmt: skip


def relative(urlpath: str | Sequence[str], out: Path) -> Any:
    """Write paths below the catalog's folder as from there, others as they are."""
    if not isinstance(urlpath, str):
        return [relative(one, out) for one in urlpath]
    root = os.path.join(os.path.abspath(out), "")
    return f"{{{{ CATALOG_DIR }}}}/{urlpath.removeprefix(root)}" if urlpath.startswith(root) else urlpath


def require_plain(urlpath: str | Sequence[str], out: Path) -> None:
    """Raise :class:`CatalogError` for a path that a catalog would take for a template."""
    text = forbidden_template(relative(urlpath, out))
    if text is not None:
        raise CatalogError(
            "a path holds braces, which are those of templates in a catalog", where=text, found=text,
            expected="a path without { and }", next="rename it, or reach it by a link",
        )  # fmt: skip


def catalog_text(drafts: Sequence[Draft], left: Sequence[LeftOut], out: Path) -> str:
    """Render the catalog."""
    lines = [
        schema_line("catalog").rstrip(),
        "# A first catalog, written by smcloud init from what the files say. Lines with CHOOSE are still to be filled:",
        f"# smcloud catalog check {CATALOG} refuses the file until then. A guess is called a guess.",
    ]
    lines += [
        f"# left out: {_beside(f'{one.name}: {one.why}' + (f'; {one.next}' if one.next else ''))}" for one in left
    ]
    lines += ["sources:"]
    for draft in drafts:
        lines += ["", f"  {draft.name}:", *(f"    # {_beside(note)}" for note in draft.notes)]
        lines += [f"    driver: {draft.driver}", f"    description: {_value(_description(draft))}", "    args:"]
        args = {**draft.args, "urlpath": Line(relative(draft.args["urlpath"].value, out))}
        lines += [_line(key, line, 6) for key, line in args.items()]
        lines += ["    metadata:", *(_line(key, line, 6) for key, line in draft.metadata.items()), "      variables:"]
        for role, held in draft.roles.items():
            lines += [f"        {role}:", *_variable(held)]
    return "\n".join(lines) + "\n"


def _description(draft: Draft) -> str:
    title = " ".join(str(draft.header.attrs.get("title", "")).split())
    return told(title or f"{draft.name}, as found by smcloud init", 300)


def _variable(held: Mapping[str, Line]) -> Iterator[str]:
    for key in VARIABLE_KEYS:
        if key in held:
            yield f"          # {_beside(held[key].note)}" if key == MISSING else _line(key, held[key], 10)


def study_text(study: Mapping[str, Any]) -> str:
    """Render the configuration."""
    lines = [schema_line("study").rstrip()]
    lines += ["# A first configuration, written by smcloud init; all keys: the example in the README."]
    for key, part in study.items():
        if isinstance(part, Line):
            lines.append(_line(key, part, 0))
        else:
            lines += [f"{key}:", *(_line(below, line, 2) for below, line in part.items())]
    return "\n".join(lines) + "\n"


def _line(key: str, line: Line, indent: int) -> str:
    said = f"  # CHOOSE: {_beside(line.choose)}" if line.choose else f"  # {_beside(line.note)}" if line.note else ""
    if line.value is None and not line.choose:
        return f"{' ' * indent}# {key}: {_beside(line.note)}"
    return f"{' ' * indent}{key}: {CHOOSE if line.choose else printable(_value(line.value))}{said}"


def _beside(text: str) -> str:
    return told(text, LONGEST)


def _value(value: Any) -> str:
    """A value as YAML on one line."""
    plain = _plain(value)
    text = yaml.safe_dump(plain, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value


def choices(text: str) -> int:
    """Count the lines of a text that are still to be filled."""
    return sum(f": {CHOOSE}  # CHOOSE:" in line for line in text.splitlines())


def require_free(out: Path) -> None:
    """Raise :class:`ConfigurationError` where a file would be written over, or stands in the folder's place."""
    if out.exists() and not out.is_dir():
        raise ConfigurationError(
            "the folder for catalog and study is a file", where=str(out), found="a file",
            expected="a folder, or nothing yet", next="smcloud init ... --out FOLDER",
        )  # fmt: skip
    there = [name for name in (CATALOG, STUDY) if os.path.lexists(out / name)]
    if there:
        raise ConfigurationError(
            "smcloud init writes over nothing", where=str(out), found=" and ".join(there),
            expected=f"a folder without {CATALOG} and {STUDY}",
            next="move them away, or name another folder: smcloud init ... --out FOLDER",
        )  # fmt: skip


def write_both(out: Path, catalog: str, study: str) -> tuple[Path, Path]:
    """Write both texts into the folder ``out``, made where it is missing: each appears whole, or neither.

    A file that is there stays as it is. Beside them are kept the schemas that their first lines lead editors to.
    """
    require_free(out)
    targets = {out / CATALOG: catalog, out / STUDY: study}
    made: list[Path] = []
    with reaching(STORE, str(out), "choose a folder that can be written: --out FOLDER"):
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".smcloud-init-", dir=out) as folder:
            try:
                for target, text in targets.items():
                    whole = Path(folder) / target.name
                    whole.write_text(text, "utf-8")
                    os.link(whole, target)  # fails where the target exists, unlike a rename
                    made.append(target)
            except BaseException as err:
                for path in made:
                    path.unlink()
                if isinstance(err, FileExistsError):
                    require_free(out)
                raise
        for name, schema in (("catalog", catalog_schema()), ("study", config_schema())):
            keep_schema(name, schema, out)
    return out / CATALOG, out / STUDY
