"""``CITATION.cff`` of a release: how to cite it, in the citation file format 1.2.0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smcloud.doors.licences import spdx
from smcloud.secrecy import told_lines
from smcloud.store import InputEntry, Release
from smcloud.store.attribution import acknowledgement, release_attributes

TITLE = "Soil-moisture change: monthly cube, trends and their drivers"
# The format asks for an author; of inputs only the citation is known.
UNKNOWN, SEE_NOTES = "Publisher not stated", "Authors as in the notes"


def citation_file(release: Release, digest: str) -> bytes:
    """Render the file; ``digest`` is the sha256 of the release's record. What is unknown is said to be, or left out."""
    import yaml

    attributes = release_attributes(release, TITLE)
    licence = spdx(attributes.get("license", ""))
    content: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": "If you use these data, please cite them as below, and the data that they were made from.",
        "type": "dataset",
        "title": TITLE,
        "version": f"release {release.number}",
        "date-released": release.created[:10],
        "authors": [_publisher(release)],
        "identifiers": [
            {"type": "other", "value": f"run {release.run_id}", "description": "Id of the run: a hash of its work"},
            {"type": "other", "value": f"sha256:{digest}", "description": "Digest of the record of the release"},
        ],
        "keywords": ["soil moisture", "trend analysis", "Zarr"],
        "abstract": told_lines(
            " ".join(filter(None, (attributes["citation"], acknowledgement(release), _licence(attributes, licence))))
        ),
    }
    if licence:
        content["license"] = licence
    references = [_reference(entry) for entry in {entry.entry: entry for entry in release.inputs.values()}.values()]
    if references:
        content["references"] = references
    return yaml.safe_dump(content, sort_keys=False, width=120, allow_unicode=True).encode()


def _publisher(release: Release) -> dict[str, str]:
    publisher: Mapping[str, Any] = release.config.get("publisher", {})
    name, institution = publisher.get("name") or "", publisher.get("institution") or ""
    author = {"name": told_lines(", ".join(filter(None, (name, institution)))) or UNKNOWN}
    if publisher.get("email"):
        author["email"] = told_lines(publisher["email"])
    if str(publisher.get("url") or "").startswith(("http://", "https://")):
        author["website"] = publisher["url"]
    return author


def _licence(attributes: Mapping[str, str], licence: str | None) -> str:
    return "" if licence else f"Licence: {attributes.get('license') or 'not known'}."


def _reference(entry: InputEntry) -> dict[str, Any]:
    reference: dict[str, Any] = {
        "type": "data",
        "title": told_lines(entry.entry) or "an input",
        "authors": [{"name": SEE_NOTES if entry.citation else "Not known"}],
    }
    if entry.version:
        reference["version"] = told_lines(entry.version)
    if known := spdx(entry.licence):
        reference["license"] = known
    if entry.citation:
        reference["notes"] = told_lines(entry.citation)
    return reference
