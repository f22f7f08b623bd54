"""The matrix as a page: ``python -m tests.strangers.table`` prints it, ``--write`` puts it into docs/strangers.md."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from tests.strangers.forms import FORMS
from tests.strangers.matrix import Refused, Trait, all_traits

PAGE = Path(__file__).parents[2] / "docs" / "strangers.md"
NAMES = {
    "zarr2": "Zarr 2", "zarr3": "Zarr 3", "kerchunk": "kerchunk", "icechunk": "Icechunk", "netcdf3": "NetCDF 3",
    "cdf5": "CDF-5", "netcdf4": "NetCDF 4", "hdf4": "HDF4", "geotiff": "GeoTIFF",
}  # fmt: skip
HEAD = """# What files are like, and what becomes of them

Every line is a trait of files that are met in practice, tried in every form of source that can hold it.

- `value`: the monthly cube holds the right values, those that plain numpy gives.
- A word such as `grid` is the code of the error that ends the command before anything is published; its text names the
  variable or the file, what was found, and what to do.
- `-`: the form cannot hold the trait, for the reason below the table.

Kinds of faults that do not depend on the form are tried elsewhere: drivers with gaps in
`tests/stats/test_idle_drivers.py`, several problems at once in `tests/catalog/test_problems_at_once.py`, names of files
in `tests/strangers/test_file_forms.py`; what hostile files try is in [security.md](security.md).

`make test` tries every cell, and shows that without the check of a kind at least one of its cells fails. This page is
printed by `python -m tests.strangers.table`.
"""


def page() -> str:
    """Return the page: a table for each kind of trait."""
    parts = [HEAD]
    ordered = sorted((trait for trait in all_traits() if trait.line != "plain"), key=lambda trait: trait.line)
    for line, group in groupby(ordered, key=lambda trait: trait.line):
        rows = list(group)
        parts.append(f"## {line[0].upper()}{line[1:]}\n")
        parts.append("\n".join([*_header(), *map(_row, rows)]) + "\n")
        parts.extend(f"Not in {forms}: {reason}.\n" for forms, reason in _reasons(rows).items())
    return "\n".join(parts)


def _header() -> list[str]:
    return ["| trait | " + " | ".join(NAMES[form] for form in FORMS) + " |", "|---" * (len(FORMS) + 1) + "|"]


def _row(trait: Trait) -> str:
    return f"| {trait.name} | " + " | ".join(_cell(trait, form) for form in FORMS) + " |"


def _cell(trait: Trait, form: str) -> str:
    if form not in trait.forms:
        return "-"
    outcome = trait.outcome(form)
    return f"`{outcome.code}`" if isinstance(outcome, Refused) else "value"


def _reasons(rows: list[Trait]) -> dict[str, str]:
    """Reasons by the forms that cannot hold a trait; several reasons for the same forms are joined."""
    reasons: dict[str, list[str]] = {}
    for trait in rows:
        missing = ", ".join(NAMES[form] for form in FORMS if form not in trait.forms)
        if missing and trait.cannot not in reasons.setdefault(missing, []):
            reasons[missing].append(trait.cannot)
    return {forms: "; ".join(given) for forms, given in reasons.items()}


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page())
    else:
        print(page())
