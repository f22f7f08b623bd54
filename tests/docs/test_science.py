"""docs/science.md says what the code does: the names, presets and plans that it mentions are those of the code."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from smcloud.config.choices import flattened, levels_of
from smcloud.config.run import load_preset
from smcloud.products.flags import STATUS
from smcloud.products.variables import VARIABLES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "science.md").read_text(encoding="utf-8")
SPANS = re.findall(r"`([^`\n]+)`", PAGE)
NAMES = sorted({span for span in SPANS if re.fullmatch(r"smcloud(\.\w+)+", span)})
FILES = sorted({span for span in SPANS if re.fullmatch(r"(smcloud|tests|catalogs)/[\w/.]+(::\w+)?", span)})
PRODUCT = "|".join(VARIABLES)
PUBLISHED = sorted({span for span in SPANS if re.fullmatch(rf"({PRODUCT})/\w+", span)})
PLANNED = sorted(
    {name for line in PAGE.splitlines() if line.startswith("Names kept:") for name in re.findall(r"`(\w+)`", line)}
)
PRESETS = ("peng2023", "rigorous")
TABLE = re.findall(r"^\| `([\w.]+)` \| (.+) \| (.+) \|$", PAGE.split("## Presets")[1].split("Meaning, step")[0], re.M)


def test_the_page_names_enough_to_be_checked() -> None:
    assert len(NAMES) >= 60 and len(FILES) >= 40 and len(PUBLISHED) >= 40
    numbers = re.findall(r"^### (\d+b?)\. ", PAGE, re.M)
    assert numbers == [*map(str, range(1, 8)), "7b", *map(str, range(8, 23))]


@cache
def defined(path: Path) -> frozenset[str]:
    """What a module defines or imports at its top, and ``Class.member``."""
    return frozenset(_names(ast.parse(path.read_text(encoding="utf-8")).body))


def _names(body: list[ast.stmt]) -> set[str]:
    found: set[str] = set()
    for node in body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {node.name} | {f"{node.name}.{name}" for name in _names(node.body)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_the_code_exists(name: str) -> None:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        module = ROOT.joinpath(*parts[:length])
        path = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
        if path.is_file():
            rest = ".".join(parts[length:])
            assert not rest or rest in defined(path), f"{path.relative_to(ROOT)} has no {rest}"
            return
    pytest.fail(f"no module for {name}")


@pytest.mark.parametrize("span", FILES)
def test_every_file_and_test_exists(span: str) -> None:
    path, _, test = span.partition("::")
    assert (ROOT / path).exists()
    assert not test or test in defined(ROOT / path)


@pytest.mark.parametrize("span", PUBLISHED)
def test_every_variable_is_published(span: str) -> None:
    product, name = span.split("/")
    assert name in VARIABLES[product]


def test_what_is_kept_for_later_is_not_there_yet() -> None:
    """Who adds one of these has to say so on the page."""
    there = {name for product in VARIABLES.values() for name in product} | set(STATUS.values())
    assert not there & set(PLANNED)


def test_the_codes_of_status_are_those_of_the_table() -> None:
    codes = re.findall(r"^\| (\d+) \| ", PAGE.split("## Notation")[1].split("## ")[0], re.M)
    assert [int(code) for code in codes] == list(STATUS)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_preset_table_is_that_of_the_file(preset: str) -> None:
    cells = {key: row[PRESETS.index(preset)] for key, *row in TABLE}
    assert {key: yaml.safe_load(cell) for key, cell in cells.items() if cell != "-"} == flattened(load_preset(preset))


def test_the_levels_of_the_page_are_those_of_the_file() -> None:
    rows = re.findall(r"^\| (stated|likely|method) \| (`.+) \|$", PAGE.split("## Presets")[1], re.M)
    told = {key: level for level, keys in rows for key in re.findall(r"`([\w.]+)`", keys)}
    found = levels_of(load_preset("peng2023"))
    assert {level for level, _ in rows} == {"stated", "likely", "method"}
    assert {key: told.get(key, told.get(key.partition(".")[0], "unknown")) for key in found} == found
    assert set(load_preset("peng2023")["levels"].values()) == {"stated", "likely", "method", "unknown"}
    assert set(levels_of(load_preset("rigorous")).values()) == {"method"}
