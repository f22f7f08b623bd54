"""The files of habits: valid, and of one version."""

import configparser
import re
import tomllib
from datetime import date
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))


def test_the_changelog_has_the_form_and_knows_the_version():
    text = (ROOT / "CHANGELOG.md").read_text()
    assert re.match(r"# Changelog\n", text)
    versions = re.findall(r"^## (.*)$", text, flags=re.M)
    assert versions[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", name) for name in versions[1:])
    kinds = re.findall(r"^### (.*)$", text, flags=re.M)
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert VERSION in text


def test_the_citation_is_that_of_the_version():
    held = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(held)
    assert held["cff-version"] == "1.2.0"
    assert str(held["version"]) == VERSION
    assert held["license"] == "Apache-2.0"
    assert isinstance(held.get("date-released", date.today()), date)
    assert all({"name"} <= set(author) or {"family-names"} <= set(author) for author in held["authors"])


def test_hooks_of_a_commit_are_pinned_and_name_no_registry():
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    for repo in yaml.safe_load(text)["repos"]:
        assert repo["repo"] == "local" or (repo["repo"].startswith("https://github.com/") and repo["rev"][0] == "v")
        assert all("additional_dependencies" not in hook for hook in repo["hooks"])


@pytest.mark.parametrize("form", [form for form in FORMS if form.stem != "config"], ids=lambda form: form.stem)
def test_forms_of_issues_are_what_github_reads(form):
    held = yaml.safe_load(form.read_text())
    assert held["name"] and held["description"]
    assert all(field["type"] in ("markdown", "textarea", "input", "dropdown", "checkboxes") for field in held["body"])
    assert all(field["attributes"]["label"] for field in held["body"] if field["type"] != "markdown")
    names = [field["id"] for field in held["body"] if "id" in field]
    assert len(set(names)) == len(names)
    assert {form.stem for form in FORMS} == {"bug", "data", "feature", "config"}


def test_editors_indent_as_ruff_and_make_do():
    parser = configparser.ConfigParser()
    parser.read_string("[top]\n" + (ROOT / ".editorconfig").read_text())
    line = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["line-length"]
    assert int(parser["*.py"]["max_line_length"]) == line
    assert parser["Makefile"]["indent_style"] == "tab"


def test_the_picture_of_the_readme_is_small():
    picture = ROOT / "docs/images/trend.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 200_000
