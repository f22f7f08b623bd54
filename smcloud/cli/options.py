"""Options and arguments that several commands share, and the store that one of them names."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smcloud.cli.console import remember
from smcloud.plan import size

if TYPE_CHECKING:
    from smcloud.store import Store

DECODERS = ("numcodecs", "zarr")  # they say of a damaged chunk what they found, but not where


class Language(StrEnum):
    """A language of the page."""

    en = "en"
    zh = "zh"


def _output(*names: str, **more: Any) -> Any:
    """An option that changes what is shown; the command itself need not look at it."""
    return typer.Option(*names, callback=remember, is_eager=True, **more)


Json = Annotated[bool, _output("--json", help="Print one JSON object on stdout, for errors too.")]
Debug = Annotated[bool, _output("--debug", help="Show tracebacks.")]
Verbose = Annotated[bool, _output("-v", "--verbose", help="Show messages of libraries on stderr, too.")]
Quiet = Annotated[bool, _output("-q", "--quiet", help="Show nothing but errors on stderr.")]
ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML configuration of the run.")]
ReleaseNumber = Annotated[int | None, typer.Option("--release", help="Number of the release; the newest by default.")]
AllowOlder = Annotated[bool, typer.Option("--allow-older", help="Let the release step back behind the newest one.")]
Reason = Annotated[str, typer.Option("--reason", help="Why it may; kept in the release.")]
StoreUrl = Annotated[str, typer.Argument(metavar="STORE", help="Path, gs:// or s3:// of a store.")]
Everything = Annotated[
    bool, typer.Option("--all", help="All releases, how they follow each other, pages, and foreign objects.")
]


class App(typer.Typer):
    """A group of commands, each of which can also be told how much to say on the way."""

    def command(self, name: str | None = None, **more: Any) -> Callable[[Any], Any]:
        """Make a command of the function that is decorated."""
        register = super().command(name, **more)

        def decorate(function: Any) -> Any:
            register(_telling(function))
            return function

        return decorate


def _telling(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give the command the options ``-v`` and ``-q``, of which it need not know."""

    @functools.wraps(function)
    def call(*, verbose: bool, quiet: bool, **given: Any) -> Any:
        return function(**given)

    signature = inspect.signature(function, eval_str=True)
    more = {"verbose": Verbose, "quiet": Quiet}
    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=option)
        for name, option in more.items()
    ]
    call.__annotations__ = call.__annotations__ | more
    call.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), *parameters]
    )
    return call


def opened(store: str, to_write: bool = False) -> Store:
    """The store of the argument ``store``, when it is one of ours, absent or empty, and can be reached."""
    from smcloud.store import Store, require_store

    place = Store.open(store)
    require_store(place, to_write)
    return place


def tell_amounts(
    what: str,
    store: Store,
    release: int | None = None,
    everything: bool = False,
    products: Collection[str] | None = None,
) -> None:
    """With ``-v``, say how much a command is about to read: what the inventories of a release, or of all, list.

    ``products`` leaves the cube out, and all but those that it names where it names some. A damaged inventory is left
    to the command itself.
    """
    from smcloud.errors import IntegrityError
    from smcloud.store import list_releases, newest_release, read_release
    from smcloud.store.inventory import read_inventory
    from smcloud.store.objects import Place

    log = logging.getLogger("smcloud")
    if not log.isEnabledFor(logging.DEBUG):
        return
    found = newest_release(store) if release is None else read_release(store, release)
    urls: dict[str, None] = {}
    for record in list_releases(store) if everything else [found]:
        named = {name: entry.url for name, entry in record.products.items() if not products or name in products}
        urls |= dict.fromkeys([*([record.cube.url] if products is None else []), *named.values()])
    try:
        objects = [entry["size"] for url in urls for entry in read_inventory(Place(store, url))[0]["objects"]]
    except IntegrityError:
        return
    log.debug("%s %d objects, %s, as their inventories list them", what, len(objects), size(sum(objects)))


@contextmanager
def reading(store: Store) -> Iterator[None]:
    """Raise :class:`IntegrityError` instead of what a decoder raises for a published chunk that is damaged."""
    from smcloud.errors import IntegrityError
    from smcloud.io_errors import Contact, reaching

    chunk = Contact(
        "a published chunk cannot be decoded",
        "chunks as they were sealed",
        f"smcloud verify {store.url}",
        _of_a_decoder,
        IntegrityError,
    )
    with reaching(chunk, store.url):
        yield


def _of_a_decoder(error: BaseException) -> bool:
    at, modules = error.__traceback__, set()
    while at is not None:
        modules.add(str(at.tb_frame.f_globals.get("__name__", "")).partition(".")[0])
        at = at.tb_next
    return isinstance(error, RuntimeError | ValueError) and not modules.isdisjoint(DECODERS)
