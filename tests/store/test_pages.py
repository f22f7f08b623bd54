"""Files of a page are replaced together; where two runs render it, one of them is there whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import pytest

from smcloud.errors import ReleaseConflictError
from smcloud.store import Store, put_page
from smcloud.store.objects import read
from smcloud.store.shown import write_shown

FOLDER = "reports/run1"
PAGE = {"index.html": b"<html>ours</html>", "map.png": b"ours"}


def disturb(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Another run's index comes after ours, ``times`` times."""
    pages: Any = import_module("smcloud.store.pages")
    left = [times]

    def write_and_be_overtaken(store: Store, objects: Mapping[str, bytes]) -> None:
        write_shown(store, objects)
        for path in objects:
            if path.endswith("index.html") and left[0]:
                left[0] -= 1
                write_shown(store, {path: b"<html>theirs</html>"})

    monkeypatch.setattr(pages, "write_shown", write_and_be_overtaken)


@pytest.mark.parametrize("times", [0, 1, 3])
def test_a_page_ends_as_that_of_one_run(store: Store, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    disturb(monkeypatch, times)
    put_page(store, FOLDER, PAGE)
    assert {name: read(store, f"{FOLDER}/{name}") for name in PAGE} == PAGE


def test_a_page_that_never_ends_is_an_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    disturb(monkeypatch, 10**6)
    with pytest.raises(ReleaseConflictError, match="again and again"):
        put_page(store, FOLDER, PAGE)


def test_the_index_is_gone_first_and_comes_last(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put_page(store, FOLDER, PAGE)
    order: list[str] = []

    def recorded(name: str) -> Callable[..., Any]:
        real = getattr(import_module("smcloud.store.pages"), name)
        return lambda *args: order.append(f"{name} {''.join(args[1]).rpartition('/')[2]}") or real(*args)

    for name in ("write_shown", "remove"):
        monkeypatch.setattr(import_module("smcloud.store.pages"), name, recorded(name))
    put_page(store, FOLDER, PAGE)
    assert order == [
        "remove index.html",
        *(f"write_shown {name}" for name in ("map.png", "inventory.json", "index.html")),
    ]
