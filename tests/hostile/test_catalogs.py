"""Catalogs that attack: each is refused when it is read, by one error that names the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from smcloud.catalog import load_catalog
from smcloud.errors import CatalogError
from tests.hostile.attacks import (
    ALL,
    Command,
    raw,
    url,
)


@pytest.mark.slow
@pytest.mark.parametrize(("text", "key"), [row[1:] for row in ALL], ids=[row[0][:40] for row in ALL])
def test_a_hostile_catalog_is_refused_by_one_error(place: Path, command: Command, text: str | bytes, key: str) -> None:
    path = place / "catalog.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    code, error = command("catalog", "check", str(path))
    assert code == 2 and error["code"] == "catalog"
    assert key in " ".join(error.values()), error
    assert str(path) in error["where"]


@pytest.mark.parametrize(
    "value",
    [
        "{func(os:system)}",
        "ssh://h.example/a",
        "simplecache::s3://b/a",
        "{{ env(HOME) }}",
        "https://me:CANARY@h.example/a",
    ],
)
def test_a_variable_brings_in_nothing_that_a_catalog_may_not_say(
    place: Path, command: Command, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SMCLOUD_PLACE", value)
    path = place / "catalog.yaml"
    path.write_text(url("{{ env(SMCLOUD_PLACE) }}"))
    code, error = command("catalog", "check", str(path))
    assert code == 2 and "sources.a" in error["where"] + error["found"]


@pytest.mark.parametrize(
    "path",
    ["ftp://h.example/c.yaml", "github://o:r@main/c.yaml", "simplecache::https://h.example/c.yaml", "zip://c.yaml::a.zip",
     "https://me:CANARY@h.example/c.yaml", "smb://h.example/c.yaml", "/dev/zero"],
)  # fmt: skip
def test_a_catalog_is_read_from_where_catalogs_lie(place: Path, seen: list[str], path: str) -> None:
    with pytest.raises(CatalogError) as caught:
        load_catalog(path)
    assert all(caught.value.record().values()) and "CANARY" not in str(caught.value)
    assert seen == []


def test_plain_words_of_a_catalog_mean_what_they_look_like(place: Path) -> None:
    """``no`` is Norway, a date a text, ``010`` no octal number: where a text is due it stays as it is written."""
    path = place / "catalog.yaml"
    text = "{name: no, units: on, period: day, valid_range: [0, 1.5], flag: off, sensor: yes, attr_units: 12:30}"
    metadata = f"{{version: 2024-01-31, licence: 010, citation: 1_0, variables: {{a_b: {text}}}}}"
    path.write_text(raw("metadata", metadata))
    read = load_catalog(path).sources["a"].metadata
    spec = read.variables["a_b"]
    assert (read.version, read.licence, read.citation) == ("2024-01-31", "010", "1_0")
    assert (spec.name, spec.units, spec.flag, spec.sensor, spec.attr_units) == ("no", "on", "off", "yes", "12:30")
    assert spec.valid_range == (0, 1.5)
