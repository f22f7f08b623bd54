"""A citation file has what its format asks for, and says what is not known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from smcloud.doors import render
from smcloud.doors.citation_file import UNKNOWN
from smcloud.store import Release, Store, write_doors
from smcloud.store.chain import record_digest

pytestmark = pytest.mark.slow


def read(store: Store) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(Path(store.url, "CITATION.cff").read_text())
    return content


def test_it_has_the_fields_of_the_format(store: Store, release: Release) -> None:
    content = read(store)
    assert {"cff-version", "message", "title", "authors"} <= content.keys()  # which the format demands
    assert (content["cff-version"], content["type"], content["version"]) == ("1.2.0", "dataset", "release 1")
    assert content["date-released"] == release.created[:10] and isinstance(content["date-released"], str)
    assert content["authors"] == [{"name": UNKNOWN}] and "license" not in content
    assert "CC0-1.0" in content["abstract"]
    assert f"sha256:{record_digest(store, 1)}" in [entry["value"] for entry in content["identifiers"]]
    (reference,) = content["references"]
    assert {"type", "title", "authors"} <= reference.keys()
    assert (reference["title"], reference["license"], reference["notes"]) == ("world", "CC0-1.0", "invented")


def test_a_publisher_is_the_author(store: Store, another: Any, release: Release) -> None:
    publisher = {"name": "Ada", "email": "a@b.test", "url": "https://a.test", "licence": "CC-BY-4.0"}
    another(config={**release.config, "publisher": publisher})
    write_doors(store, render)
    content = read(store)
    assert content["authors"] == [{"name": "Ada", "email": "a@b.test", "website": "https://a.test"}]
    assert content["license"] == "CC-BY-4.0" and content["version"] == "release 2"


def test_what_others_wrote_stays_text(store: Store, hostile: Release) -> None:
    write_doors(store, render)
    content = read(store)
    assert content["authors"][0]["name"].startswith("<script>") and "website" not in content["authors"][0]
    assert content["type"] == "dataset" and "a" not in content
