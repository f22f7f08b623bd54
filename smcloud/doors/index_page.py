"""``index.html`` of a store: what it is, how fresh, under which licence, how to cite it, and a line for each door."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

from smcloud.conventions.invented import is_invented
from smcloud.doors.addresses import Address
from smcloud.doors.citation_file import TITLE
from smcloud.doors.extent import bounding_box
from smcloud.doors.groups import CUBE, Array, Group
from smcloud.doors.lines import lines_of
from smcloud.doors.stac import CATALOG as STAC
from smcloud.secrecy import told_lines
from smcloud.store import Release, release_path
from smcloud.store.attribution import acknowledgement, release_attributes
from smcloud.store.layout import CATALOG, CITATION

_DESCRIPTIONS = {CUBE: "The monthly fields that the products were computed from."}


def index_page(
    release: Release,
    groups: Mapping[str, Group],
    address: Address,
    digest: str,
    container: str | None,
    report: str | None,
    explorer: str | None = None,
) -> bytes:
    """Render the page; what is not there is not told.

    ``container`` is the prefix of the Icechunk references, ``report`` and ``explorer`` the paths of these pages,
    each None without one.
    The page holds no script and loads nothing. What is not known is left out, or said to be unknown.
    """
    from jinja2 import Environment, StrictUndefined

    template = resources.files("smcloud.doors").joinpath("index.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    publisher: Mapping[str, Any] = release.config.get("publisher", {})
    html = environment.from_string(template).render(
        title=TITLE,
        release=release,
        report=report,
        explorer=explorer,
        digest=digest,
        attributes=release_attributes(release, TITLE),
        acknowledgement=acknowledgement(release),
        publisher={key: publisher.get(key) or "" for key in ("name", "institution", "email")},
        publisher_url=_web(str(publisher.get("url") or "")),
        facts=_facts(release, groups),
        invented=is_invented(entry.version for entry in release.inputs.values()),
        products=[_product(group, release, address, container) for group in _ordered(groups)],
        inputs=_inputs(release),
        address=address,
        paths={"catalog": CATALOG, "citation": CITATION, "stac": STAC, "record": release_path(release.number)},
    )
    return html.encode("utf-8")


def _ordered(groups: Mapping[str, Group]) -> list[Group]:
    """The products, then the cube that they were made from."""
    return [group for name, group in groups.items() if name != CUBE] + [groups[CUBE]]


def _facts(release: Release, groups: Mapping[str, Group]) -> list[tuple[str, str]]:
    first, last = release.cube.period
    cube = groups[CUBE]
    sizes = cube.sizes
    facts = [("Released", release.created), ("Months", f"{first} to {last}"), ("Provisional months", _marked(release))]
    if {"lat", "lon"} <= sizes.keys():
        facts.append(("Grid", f"{sizes['lat']} × {sizes['lon']} cells (lat × lon)"))
    if box := bounding_box(cube):
        west, south, east, north = box
        facts.append(("Area", f"{_degrees(south, 'S', 'N')} to {_degrees(north, 'S', 'N')}, "
                      f"{_degrees(west, 'W', 'E')} to {_degrees(east, 'W', 'E')}"))  # fmt: skip
    if "preset" in release.config:
        facts.append(("Preset", str(release.config["preset"])))
    return [*facts, ("Run", release.run_id)]


def _degrees(value: float, negative: str, positive: str) -> str:
    return f"{abs(value):g}°\u00a0{negative if value < 0 else positive}" if value else "0°"


def _marked(release: Release) -> str:
    """The months on input that its makers may still change."""
    marked = release.cube.provisional
    return f"{len(marked)}: {', '.join(marked)}" if marked else "none"


def _product(group: Group, release: Release, address: Address, container: str | None) -> dict[str, Any]:
    own = [dim for dim in group.coordinates if not group.arrays[dim].is_of_overview]
    return {
        "name": group.name,
        "title": group.title,
        "summary": str(group.attrs.get("summary", "")) or _DESCRIPTIONS.get(group.name, ""),
        "path": group.entry.url,
        "address": f"{address.base}/{group.entry.url}",
        "dims": ", ".join(f"{dim} {size}" for dim, size in group.sizes.items() if dim in own),
        "lines": lines_of(group, release, address, container),
        "variables": [_described(array) for array in group.variables if not array.is_of_overview],
    }


def _described(array: Array) -> dict[str, str]:
    return {
        "name": array.name,
        "dims": ", ".join(array.dims) or "–",
        "units": str(array.attrs.get("units") or "–"),
        "meaning": str(array.attrs.get("long_name") or "–"),
    }


def _inputs(release: Release) -> list[dict[str, str]]:
    """What the products were made from: an entry of the catalog each, with the roles that it had."""
    rows: dict[str, dict[str, str]] = {}
    for role, entry in release.inputs.items():
        row = rows.setdefault(
            entry.entry,
            {
                "entry": entry.entry,
                "roles": "",
                "version": entry.version or "unknown",
                "ends": entry.source.get("valid_end") or "–",
                "licence": entry.licence or "unknown",
                "citation": entry.citation or "unknown",
            },
        )
        row["roles"] = ", ".join(filter(None, (row["roles"], role)))
    return list(rows.values())


def _web(url: str) -> str:
    return url if url.startswith(("https://", "http://")) else ""


def _shown(value: Any) -> Any:
    """What the page shows of a text: no secret, no control character."""
    return told_lines(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
