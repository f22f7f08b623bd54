"""The files of the page for one release: what was built, and ``store.json``, which says what to read and show."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from smcloud.explorer.bundle import BUILT, COAST
from smcloud.products import palette
from smcloud.secrecy import told_lines
from smcloud.store import ProductEntry, Release

FOLDER = "explorer"
DATA, PAGE = "store.json", f"{FOLDER}/index.html"
NEEDED = ("index.html", "explorer.js", "explorer.css", COAST)
STATUS = "status"
DRAWN = ("annual", "trend", "drivers", "ddww")
READ = (*DRAWN, "regional")
log = logging.getLogger("smcloud")


class Variable(Protocol):
    """An array of a product: its name, its attributes, and whether it can be drawn."""

    @property
    def name(self) -> str:
        """Its name in the product."""
        ...

    @property
    def attrs(self) -> Mapping[str, Any]:
        """Its attributes."""
        ...

    @property
    def is_map(self) -> bool:
        """Whether it has cells."""
        ...


class Group(Protocol):
    """Cube or product, as the doors read it: its title, its arrays, and the values of its coordinates."""

    @property
    def title(self) -> str:
        """What it is, in a line."""
        ...

    @property
    def variables(self) -> Sequence[Variable]:
        """Its arrays that are content."""
        ...

    @property
    def coordinates(self) -> Mapping[str, Any]:
        """Values by name."""
        ...


def explorer_files(
    release: Release, groups: Mapping[str, Group], built: Path = BUILT, invented: bool = False
) -> dict[str, bytes]:
    """Return the page's files by path in the store; none, and a line in the log, where it was not built.

    ``groups`` are cube and products as :func:`smcloud.doors.groups.read_groups` gives them; of an ``invented`` world
    the page says so. The same release gives the same bytes.
    """
    if not {"trend", "annual"} <= release.products.keys():
        return {}
    if not all((built / name).is_file() for name in NEEDED):
        _say_once()
        return {}
    files = {f"{FOLDER}/{name}": (built / name).read_bytes() for name in NEEDED}
    shown = json.dumps(described(release, groups, invented), ensure_ascii=False, indent=1, allow_nan=False)
    return files | {f"{FOLDER}/{DATA}": shown.encode()}


@cache
def _say_once() -> None:
    log.warning("the store gets no explorer: its page was not built (python -m smcloud.explorer.bundle)")


def described(release: Release, groups: Mapping[str, Group], invented: bool) -> dict[str, Any]:
    """Describe ``release`` for the page: paths and digests of its products, rules of its tests, colours of its maps."""
    config = release.config
    trend, years, drivers = (dict(config.get(key) or {}) for key in ("trend", "years", "drivers"))
    return {
        "schema": 1,
        "release": release.number,
        "created": release.created,
        "period": list(release.cube.period),
        "invented": invented,
        "report": release.report,
        "products": {name: _product(groups[name], entry) for name, entry in release.products.items() if name in READ},
        "rules": {
            "alpha": config.get("alpha", 0.05),
            "min_years": years.get("min_years"),
            "ends": years.get("ends"),
            "estimator": trend.get("estimator"),
            "significance": trend.get("significance", "p_value"),
            "dominant": drivers.get("dominant", "p_value"),
        },
        "palette": _palette(groups),
    }


def _product(group: Group, entry: ProductEntry) -> dict[str, str]:
    return {"path": entry.url, "inventory_sha256": entry.inventory_sha256, "title": told_lines(group.title)}


def _palette(groups: Mapping[str, Group]) -> dict[str, Any]:
    """The colours of the report's maps, those of flags by code for each array that has some."""
    names: list[str] = []
    if "drivers" in groups and "driver" in groups["drivers"].coordinates:
        names = [str(name) for name in groups["drivers"].coordinates["driver"]]
    flags = {}
    for product in DRAWN:
        for array in groups[product].variables if product in groups else ():
            meanings = _meanings(array.attrs) if array.is_map else {}
            colours = _of_reasons(meanings) if array.name == STATUS else palette.flag_colours(array.name, meanings)
            if colours:
                flags[f"{product}/{array.name}"] = colours
    return {
        "trend": palette.TREND_STEPS,
        "sequential": palette.DETECTABLE_STEPS,
        "drivers": dict(zip(names, palette.driver_colours(names), strict=True)),
        "flags": flags,
        "not_significant": palette.NOT_SIGNIFICANT,
        "no_data": palette.NO_DATA,
        "stripe": palette.NO_DATA_STRIPE,
    }


def _of_reasons(meanings: Mapping[int, str]) -> dict[int, str]:
    """Colours of the reasons why a cell has no value; one that has a value is grey."""
    apart = [*palette.CLASS_COLOURS.values(), *(pair[0] for pair in palette.driver_colours(["a", "b", "c", "d", "e"]))]
    colours = dict(zip((code for code, meaning in meanings.items() if meaning != "ok"), apart, strict=False))
    return dict.fromkeys(meanings, palette.NOT_SIGNIFICANT) | colours


def _meanings(attrs: Mapping[str, Any]) -> dict[int, str]:
    codes, meanings = attrs.get("flag_values", ()), str(attrs.get("flag_meanings", "")).split()
    return {int(code): meaning for code, meaning in zip(codes, meanings, strict=False)}
