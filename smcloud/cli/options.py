"""Options and arguments that several commands share, and the store that one of them names."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smcloud.cli.console import remember

if TYPE_CHECKING:
    from smcloud.store import Store


class Language(StrEnum):
    """A language of the page."""

    en = "en"
    zh = "zh"


Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object on stdout, for errors too.", callback=remember, is_eager=True),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.", callback=remember, is_eager=True)]
ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML configuration of the run.")]
ReleaseNumber = Annotated[int | None, typer.Option("--release", help="Number of the release; the newest by default.")]
AllowOlder = Annotated[bool, typer.Option("--allow-older", help="Let the release step back behind the newest one.")]
Reason = Annotated[str, typer.Option("--reason", help="Why it may; kept in the release.")]
StoreUrl = Annotated[str, typer.Argument(metavar="STORE", help="Path, gs:// or s3:// of a store.")]
Everything = Annotated[
    bool, typer.Option("--all", help="All releases, how they follow each other, pages, and foreign objects.")
]


def opened(store: str, to_write: bool = False) -> Store:
    """The store of the argument ``store``, when it is one of ours, absent or empty, and can be reached."""
    from smcloud.store import Store, require_store

    place = Store.open(store)
    require_store(place, to_write)
    return place
