"""The page of errors: each exit code and each error code, with cause and cure."""

from __future__ import annotations

from docs.generate.tables import cell, code, page, table
from smcloud import errors
from smcloud.cli.console import exit_code

EXITS = {
    0: "done, or done already",
    1: "a defect of smcloud, or of what it runs on",
    2: "usage: the command line, the configuration, the catalog, or something asked for that is not there",
    3: "bad data: a source is not what its entry says, or holds too little; or published bytes are damaged",
    4: "storage, source or cluster not reachable",
    5: "conflict: with another publisher, or with what lies in the store's place",
    6: "interrupted, or a source changed under the run: the same command goes on",
}
CURES = {
    "error": "Read what the message says under `next`.",
    "configuration": "Correct the key that is named. `smcloud config check FILE` names all problems at once.",
    "budget": "Raise the key of `budget` that is named, give workers more memory, or ask for less: a coarser grid, a "
    "region, fewer years.",
    "catalog": "Correct the entry that is named. `smcloud catalog check FILE` checks the whole file.",
    "unit": "Say in the entry what the file means: `units`, beside it `attr_units` (what the file says) and `scale`.",
    "variable": "Correct `name`, `flag` or another companion in the entry: the message lists what the source holds.",
    "grid": "Name the axes (`axes`) or the level (`select`) in the entry, or regrid the source first.",
    "calendar": "Give `period` and `stamp` as the source has them, or put the missing step back.",
    "period": "Shorten `period` to what all sources hold: the message says which months.",
    "too-few-years": "Lengthen `period`, or lower `years.min_years`.",
    "valid-range": "Look at the value: a fill value belongs under `fill`, a wrong unit under `units`. Widen "
    "`valid_range` only where the value is true.",
    "no-data": "Look whether flags, `fill` or the region leave anything over.",
    "coverage": "Look at the month: a file may be missing. If the source is so, raise `coverage_change`.",
    "climatology": "Use an observed record of leaf area as a driver.",
    "accumulation": "Say `accumulation: {reset: day}` for running totals, or remove it for plain amounts.",
    "chunks": "Rewrite the source with smaller chunks, or cut it with `region`.",
    "unreachable": "Try again; if it stays, look at address, credentials and network. No part of a result is lost.",
    "file-form": "Fetch or unpack the file again: the message says what it is.",
    "source-read": "Fetch the file or chunk that is named again, then the same command.",
    "integrity": "`smcloud verify STORE --all` lists what is damaged, `smcloud repair STORE` makes it once more.",
    "not-a-store": "Name another place, or an empty one.",
    "release-conflict": "The same command again. A step back behind a newer release needs `--allow-older --reason`.",
    "nothing-published": "`smcloud products STORE` lists what is there; `smcloud run CONFIG` publishes.",
    "export": "Choose another form or another place (`--out`); `--force` replaces an earlier export.",
    "outside-grid": "Give a point or region on the grid: latitudes north, longitudes east.",
    "source-changed": "The same command again, when nobody writes to the source.",
    "unexpected": "The same command with `--debug`; report what it prints.",
    "interrupted": "The same command goes on from what is done.",
}


def classes() -> list[type[errors.SmcloudError]]:
    """The classes of errors, by exit code, then in the order of the module."""
    found = errors.SmcloudError.__subclasses__()
    return sorted((one for one in found if one.__module__ == errors.__name__), key=exit_code)


def errors_page() -> str:
    """The page of errors."""
    parts = [
        "Every error says what is wrong, where, the value found, the value expected, and what to type next; with "
        "`--json` as one object with these five keys and `code`. Several that were found together are listed at once. "
        "A command ends with the exit code of the first.",
        table(("exit code", "means"), ((str(number), text) for number, text in EXITS.items())),
    ]
    for number, text in EXITS.items():
        rows = [
            (code(one.code), cell(one.__doc__ or ""), CURES[one.code]) for one in classes() if exit_code(one) == number
        ]
        if rows:
            parts += [f"## Exit code {number}: {text.partition(':')[0]}", table(("code", "cause", "cure"), rows)]
    return page("Errors and exit codes", *parts)
