"""What only a release knows of its products: number, date, publisher, licence and how to cite it.

What is sealed holds none of these, so that the same work gives the same bytes; readers are given them in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smcloud.store.records import Release

PROJECT = "smcloud"


def release_attributes(release: Release, title: str) -> dict[str, str]:
    """Return global attributes (ACDD-1.3) of what ``release`` names under ``title``, without those not known.

    ``license`` is that of the publisher, or without one those of the inputs.
    """
    publisher: Mapping[str, Any] = release.config.get("publisher", {})
    name, institution = publisher.get("name", ""), publisher.get("institution", "")
    attributes = {
        "product_version": f"release {release.number}",
        "date_issued": release.created,
        "date_modified": release.created,
        "creator_name": name,
        "creator_institution": institution,
        "creator_email": publisher.get("email", ""),
        "creator_url": publisher.get("url", ""),
        "publisher_name": name,
        "publisher_institution": institution,
        "publisher_email": publisher.get("email", ""),
        "publisher_url": publisher.get("url", ""),
        "institution": institution,
        "project": PROJECT,
        "license": publisher.get("licence", "") or licences(release),
        "citation": citation(release, title),
        "acknowledgement": acknowledgement(release),
    }
    return {key: value for key, value in attributes.items() if value}


def citation(release: Release, title: str) -> str:
    """Say how to cite ``title`` of ``release``: who, when, what, which release and run, and how it was made."""
    publisher: Mapping[str, Any] = release.config.get("publisher", {})
    who = ", ".join(filter(None, (publisher.get("name"), publisher.get("institution"))))
    what = f"({release.created[:4]}): {title}, release {release.number} (run {release.run_id}), made with {PROJECT}"
    code = release.code.get(PROJECT)
    return " ".join(filter(None, (who, what, code))) + "."


def acknowledgement(release: Release) -> str:
    """Name the inputs of ``release`` as their makers wish to be cited, each once."""
    found = dict.fromkeys(entry.citation for entry in release.inputs.values() if entry.citation)
    return "Made from " + "; ".join(text.rstrip(".") for text in found) + "." if found else ""


def licences(release: Release) -> str:
    """List the licences of the inputs of ``release``, each once; empty where none is known."""
    found = dict.fromkeys(entry.licence for entry in release.inputs.values() if entry.licence)
    return "not stated by the publisher; inputs: " + "; ".join(found) if found else ""
