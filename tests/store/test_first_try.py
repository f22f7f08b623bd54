"""One try at a number is enough where nobody else publishes, also where the answer was lost, or came twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smcloud.errors import ReleaseConflictError, UnreachableError
from smcloud.store import Release, ReleaseContent, Store, create_only, latest_release, publish
from smcloud.store import release as releases

Sealed = Callable[..., ReleaseContent]


@pytest.fixture(autouse=True)
def one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "ATTEMPTS", 1)


def test_a_free_number_is_taken_at_once(store: Store, sealed_content: Sealed) -> None:
    assert publish(store, sealed_content(store)).number == 1


def test_an_answer_that_was_lost_is_no_second_try(
    store: Store, sealed_content: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*args: Any) -> bool:
        create_only(*args)
        raise UnreachableError("the answer was lost")

    content = sealed_content(store)
    monkeypatch.setattr(releases, "create_only", lost)
    assert publish(store, content).number == latest_release(store) == 1


def test_a_client_that_asked_twice_is_told_that_it_is_there(
    store: Store, sealed_content: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request made the object, its answer was lost, and the second was told that the object exists."""
    content = sealed_content(store)
    monkeypatch.setattr(releases, "create_only", lambda *args: create_only(*args) and False)
    assert publish(store, content).number == latest_release(store) == 1


def test_a_number_that_another_took_is_not_ours(
    store: Store, sealed_content: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(place: Store, path: str, body: bytes) -> bool:
        create_only(place, path, body.replace(b'"write_id": "', b'"write_id": "other'))
        return False

    content = sealed_content(store)
    monkeypatch.setattr(releases, "create_only", taken)
    with pytest.raises(ReleaseConflictError, match="every release number"):
        publish(store, content)


def test_all_releases_since_the_run_began_are_looked_at(store: Store, sealed_content: Sealed) -> None:
    content = sealed_content(store)
    first: Release = publish(store, content)
    publish(store, sealed_content(store, "run2"))
    assert publish(store, content, parent=0) == first and latest_release(store) == 2
