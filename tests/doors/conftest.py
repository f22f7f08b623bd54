"""A store with the doors to its release, further releases of it, and a server that lists nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smcloud.config import load_config
from smcloud.doors import render
from smcloud.store import Release, ReleaseContent, Store, newest_release, publish, write_doors

HOSTILE = "<script>alert(1)</script> {{ 7 * 7 }} {% raw %} \"' & <b>bold</b>\n- a: [b"


@pytest.fixture
def store(published: Path) -> Store:
    """The store of a small world with release 1 and its doors."""
    place = Store.open(load_config(published).store)
    write_doors(place, render)
    return place


@pytest.fixture
def release(store: Store) -> Release:
    return newest_release(store)


@pytest.fixture
def another(store: Store) -> Callable[..., Release]:
    """A function that publishes what release 1 names, but for what is given: another release, without its doors."""

    def make(**changes: Any) -> Release:
        newest = newest_release(store)
        kept = {name: getattr(newest, name) for name in ReleaseContent.model_fields}
        products = dict(newest.products)
        products.pop(next(reversed(products)))
        return publish(store, ReleaseContent(**kept | {"products": products} | changes))

    return make


@pytest.fixture
def hostile(another: Callable[..., Release], release: Release) -> Release:
    """A release whose publisher and inputs are called what a page must not take for its own."""
    inputs = {
        role: entry.model_copy(update={"licence": HOSTILE, "citation": f"https://x.test/{HOSTILE}", "version": HOSTILE})
        for role, entry in release.inputs.items()
    }
    publisher = dict.fromkeys(("name", "institution", "email"), HOSTILE) | {"url": f"javascript:{HOSTILE}"}
    return another(inputs=inputs, config={**release.config, "publisher": publisher})


@pytest.fixture
def served(store: Store) -> Iterator[str]:
    """The address of the store on a server that lists nothing."""
    command = [sys.executable, str(Path(__file__).parent / "unlisted_server.py"), store.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()
