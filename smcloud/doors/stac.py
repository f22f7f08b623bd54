"""A release as STAC 1.1: a catalog with a collection for the cube and for each product, all links relative."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from smcloud.doors import datacube
from smcloud.doors.extent import bounding_box, interval
from smcloud.doors.groups import CUBE, Group
from smcloud.doors.licences import spdx
from smcloud.secrecy import told_lines
from smcloud.store import InputEntry, Release, release_path
from smcloud.store.attribution import acknowledgement

if TYPE_CHECKING:
    import pystac

FOLDER = "stac"
CATALOG = f"{FOLDER}/catalog.json"
ZARR_TYPE = "application/vnd.zarr"
ZARR_3 = f"{ZARR_TYPE}; version=3"
ENTRY, DIGEST = "smcloud:entry", "smcloud:record_sha256"
ZARR = "https://stac-extensions.github.io/zarr/v1.1.0/schema.json"
VERSION = "https://stac-extensions.github.io/version/v1.2.0/schema.json"
SCIENTIFIC = "https://stac-extensions.github.io/scientific/v1.0.0/schema.json"
WORLD = [-180.0, -90.0, 180.0, 90.0]  # a collection must have an extent
_ROOT = "https://store.invalid"  # only for the time in which links are made relative
_LINK = re.compile(r"https?://[^\s<>\"'{}|\\^`]+|\b10\.\d{4,9}/[^\s<>\"'{}|\\^`]+")


def stac_catalog(
    release: Release, groups: Mapping[str, Group], digest: str, report: str | None = None
) -> pystac.Catalog:
    """Make the catalog of ``release``, whose record has the sha256 ``digest``; what is not known is left out.

    ``report`` is the path of its report in the store, where that is there.
    """
    import pystac

    catalog = pystac.Catalog(
        id="smcloud",
        title=f"Release {release.number} of a soil-moisture study",
        description=_prose(f"Cube and products of release {release.number} (run {release.run_id}), {release.created}."),
        catalog_type=pystac.CatalogType.SELF_CONTAINED,
        extra_fields={"created": release.created, "updated": release.created, DIGEST: digest},
    )
    for group in groups.values():
        catalog.add_child(_collection(release, group, groups[CUBE], report))
    catalog.normalize_hrefs(f"{_ROOT}/{FOLDER}")
    return catalog


def stac_files(catalog: pystac.Catalog) -> dict[str, bytes]:
    """Return the objects of ``catalog``, by their paths in the store."""
    found = {thing.self_href.removeprefix(f"{_ROOT}/"): thing for thing in (catalog, *catalog.get_children())}
    return {path: _json(thing.to_dict(include_self_link=False)) for path, thing in found.items()}


def _json(content: dict[str, Any]) -> bytes:
    """As JSON, without a letter that would end or begin markup where a page holds it."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").encode()


def _collection(release: Release, group: Group, cube: Group, report: str | None) -> pystac.Collection:
    import pystac

    text = str(group.attrs.get("license", ""))
    known = spdx(text)
    box, (first, last) = bounding_box(cube), interval(release.cube)
    beside = f"../../{group.entry.url}"
    collection = pystac.Collection(
        id=group.name,
        title=_text(group.title),
        description=_description(release, group, text),
        extent=pystac.Extent(
            pystac.SpatialExtent([box or WORLD]),
            pystac.TemporalExtent([[datetime.fromisoformat(first), datetime.fromisoformat(last)]]),
        ),
        license=known or "other",
        providers=_providers(release) or None,
        stac_extensions=[datacube.DATACUBE, datacube.CF, ZARR, VERSION, SCIENTIFIC],
        extra_fields={
            "created": release.created,
            "updated": release.created,
            "version": str(release.number),
            "sci:citation": _text(str(group.attrs["citation"])),
            "cube:dimensions": datacube.dimensions(group),
            "cube:variables": datacube.variables(group),
            ENTRY: {key: value for key, value in group.entry.as_json().items() if key != "url"},
        },
    )
    for name, kind in (("zarr", ZARR_3), ("xarray", ZARR_TYPE)):
        collection.add_asset(name, _asset(group, beside, kind))
    collection.add_link(pystac.Link("store", beside, ZARR_3, title="The Zarr group"))
    if report is not None:
        collection.add_link(pystac.Link("about", f"../../{report}", "text/html", title="Report of the release"))
    record = f"../../{release_path(release.number)}"
    collection.add_link(pystac.Link("describedby", record, "application/json", title="Record of the release"))
    for address in _sources(release):
        collection.add_link(pystac.Link("via", address, title="Source of an input"))
    return collection


def _asset(group: Group, href: str, kind: str) -> pystac.Asset:
    import pystac

    titles = {ZARR_3: "Zarr group, version 3", ZARR_TYPE: "The same group, for readers that know no other media type"}
    fields = {"zarr:consolidated": True, "zarr:node_type": "group", "zarr:zarr_format": 3}
    media_type = f"{kind}; profile=multiscales" if kind == ZARR_3 and "multiscales" in group.attrs else kind
    return pystac.Asset(href, titles[kind], media_type=media_type, roles=["data"], extra_fields=fields)


def _description(release: Release, group: Group, licence: str) -> str:
    parts = [
        str(group.attrs.get("summary", "")) or group.title,
        f"Release {release.number}, run {release.run_id}.",
        f"How to cite: {group.attrs['citation']}",
        acknowledgement(release),
        f"Licence: {licence}" if licence else "The licence is not known.",
    ]
    return _prose("\n\n".join(filter(None, parts)))


def _providers(release: Release) -> list[pystac.Provider]:
    """Who published, where that is known, and a provider for each entry of the catalog that was an input."""
    import pystac

    publisher: Mapping[str, Any] = release.config.get("publisher", {})
    name, institution = publisher.get("name") or "", publisher.get("institution") or ""
    url = publisher.get("url") or ""
    providers = []
    if name or institution:
        roles = [pystac.ProviderRole.PRODUCER, pystac.ProviderRole.PROCESSOR]
        who = _prose(institution) if name and institution else None
        told = url if url.startswith(("http://", "https://")) else None
        providers.append(pystac.Provider(_text(name or institution), who, roles, told))
    for entry, (roles_of, source) in _by_entry(release).items():
        about = " ".join(
            filter(
                None,
                (
                    f"Input for {', '.join(roles_of)}.",
                    f"Version {source.version}." if source.version else "",
                    source.citation,
                    f"Licence: {source.licence}." if source.licence else "",
                ),
            )
        )
        roles = [pystac.ProviderRole.LICENSOR] if source.licence else []
        providers.append(pystac.Provider(_text(entry), _prose(about), [pystac.ProviderRole.PRODUCER, *roles]))
    return providers


def _by_entry(release: Release) -> dict[str, tuple[list[str], InputEntry]]:
    """The roles of each entry, and what the release says of it."""
    found: dict[str, tuple[list[str], InputEntry]] = {}
    for role, source in release.inputs.items():
        found.setdefault(source.entry, ([], source))[0].append(role)
    return found


def _sources(release: Release) -> list[str]:
    """Addresses that the citations of the inputs name, each once."""
    texts = dict.fromkeys(source.citation for source in release.inputs.values())
    found = [match.rstrip(".,;)") for text in texts for match in _LINK.findall(text)]
    return list(dict.fromkeys(link if link.startswith("http") else f"https://doi.org/{link}" for link in found))


def _text(text: str) -> str:
    """``text`` as it may be shown to anybody."""
    return told_lines(text)


def _prose(text: str) -> str:
    """``text`` for a field that readers show as CommonMark, where it must not become markup."""
    return told_lines(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
