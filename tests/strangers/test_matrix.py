"""Every trait in every form that can hold it: the value that plain numpy gives, or the error and its words."""

import importlib

import pytest

from tests.strangers.forms import FORMS
from tests.strangers.matrix import all_switches, all_traits
from tests.strangers.table import PAGE, page

TRAITS, SWITCHES = all_traits(), all_switches()
# The inner loop tries one trait of each line, in one form.
FIRST = {trait.line: trait for trait in reversed(TRAITS)}
CELLS = [
    pytest.param(
        trait,
        form,
        id=f"{trait.line}: {trait.name} [{form}]",
        marks=[] if trait is FIRST[trait.line] and form == trait.forms[-1] else pytest.mark.slow,
    )
    for trait in TRAITS
    for form in trait.forms
]


@pytest.mark.parametrize(("trait", "form"), CELLS)
def test_cell(trait, form, tmp_path):
    trait.hold(form, tmp_path)


def test_forms_that_cannot_hold_a_trait_are_explained():
    silent = [trait.name for trait in TRAITS if set(trait.forms) != set(FORMS) and not trait.cannot]
    assert not silent


@pytest.mark.slow
@pytest.mark.parametrize("switch", SWITCHES, ids=[f"{switch.line}: {switch.target}" for switch in SWITCHES])
def test_a_line_without_its_check_turns_red(switch, tmp_path, monkeypatch):
    for target, replacement in {switch.target: switch.replacement, **switch.also}.items():
        monkeypatch.setattr(*_place_of(target), replacement)
    red = 0
    cells = [trait for trait in TRAITS if trait.line == switch.line and switch.form in trait.forms]
    for number, trait in enumerate(cells):
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            trait.hold(switch.form, folder)
        except Exception:  # whatever goes wrong without the check is red
            red += 1
            break  # one is enough, and each costs a cube
    assert red, f"{len(cells)} cells of {switch.line} stay green without {switch.target}"


def _place_of(target):
    """The module or class of a dotted name, and the last part; a package may hold a function of a module's name."""
    owner, _, name = target.rpartition(".")
    try:
        return importlib.import_module(owner), name
    except ModuleNotFoundError:
        module, _, holder = owner.rpartition(".")
        return getattr(importlib.import_module(module), holder), name


def test_every_line_has_a_switch():
    assert {switch.line for switch in SWITCHES} == {trait.line for trait in TRAITS} - {"plain"}


def test_the_page_shows_the_matrix():
    assert PAGE.read_text() == page(), "python -m tests.strangers.table --write"
