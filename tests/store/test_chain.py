"""What holds releases together: lost records are named, and no run steps back behind another unasked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smcloud.errors import IntegrityError, ReleaseConflictError, UnreachableError
from smcloud.store import (
    CubeEntry,
    InputEntry,
    Release,
    ReleaseContent,
    Store,
    create_only,
    latest_release,
    list_releases,
    newest_release,
    publish,
    read_release,
    release_path,
    require_chain,
)
from smcloud.store.chain import named_in_catalog, record_digest, release_numbers, require_newest, require_no_gap
from smcloud.store.older import steps_back
from tests.plain_doors import complete_catalog, write_catalog

Released = Callable[..., Release]


def record(store: Store, number: int) -> Path:
    return Path(store.join(release_path(number)))


@pytest.fixture
def three(store: Store, released: Released) -> Store:
    """A store with three releases of one product under three names, and the catalog of the third."""
    first = released(store)
    for name in ("two", "three"):
        products = {name: first.products["trend"]}
        publish(store, ReleaseContent(**{**content(first), "products": products}))
    write_catalog(store)
    return store


def content(release: Release) -> dict[str, Any]:
    return {name: getattr(release, name) for name in ReleaseContent.model_fields}


def test_each_record_holds_the_digest_of_the_one_before(three: Store) -> None:
    for number in (2, 3):
        digest = hashlib.sha256(record(three, number - 1).read_bytes()).hexdigest()
        assert read_release(three, number).supersedes_sha256 == digest
        assert json.loads(record(three, number).read_text())["supersedes_sha256"] == digest
    assert "supersedes_sha256" not in json.loads(record(three, 1).read_text())


def test_the_cube_is_released_with_the_digest_of_its_inventory(
    store: Store, sealed_content: Callable[..., ReleaseContent]
) -> None:
    given = sealed_content(store)
    wrong = given.model_copy(update={"cube": given.cube.model_copy(update={"inventory_sha256": "0" * 64})})
    with pytest.raises(IntegrityError, match="not sealed with the inventory"):
        publish(store, wrong)


@pytest.mark.parametrize(("lost", "named"), [([2], "2 of 3"), ([1, 2], "1, 2 of 3"), ([1], "1 of 3")])
def test_a_gap_is_named_and_nothing_is_published_over_it(three: Store, lost: list[int], named: str) -> None:
    newest = newest_release(three)
    for number in lost:
        record(three, number).unlink()
    assert newest_release(three) == newest  # no step back for readers
    again = ReleaseContent(**{**content(newest), "products": {"four": newest.products["three"]}})
    for refused in (lambda: publish(three, again), lambda: list_releases(three), lambda: require_chain(three)):
        with pytest.raises(IntegrityError, match=f"no record of {named} releases") as caught:
            refused()
        assert f"{lost[0]:08d}.json" in caught.value.where and "restore" in caught.value.next
    assert release_numbers(three) == sorted({1, 2, 3} - set(lost))


@pytest.mark.parametrize(
    ("last", "named"),
    [
        (2, "1 of 2"),
        (6, "1, 2, 3, 4, 5 of 6"),
        (7, "1, 2, 3, 4, 5 and 1 more of 7"),
        (9, "1, 2, 3, 4, 5 and 3 more of 9"),
    ],
)
def test_five_lost_releases_are_named(store: Store, last: int, named: str) -> None:
    with pytest.raises(IntegrityError, match=f"no record of {named} releases"):
        require_no_gap(store, [last])


def test_a_newest_release_that_is_lost_is_named(three: Store) -> None:
    newest = newest_release(three)
    record(three, 3).unlink()
    again = ReleaseContent(**{**content(newest), "products": {"four": newest.products["three"]}})
    with pytest.raises(IntegrityError, match="names 3") as caught:
        publish(three, again)
    assert "00000003" in caught.value.where


def test_a_lost_newest_release_is_not_forgotten_by_completing_the_catalog(three: Store) -> None:
    record(three, 3).unlink()
    before = Path(three.join("catalog.yaml")).read_bytes()
    for asked in (complete_catalog, require_chain, list_releases, lambda store: read_release(store, 3)):
        with pytest.raises(IntegrityError, match="names 3"):
            asked(three)
    assert Path(three.join("catalog.yaml")).read_bytes() == before


def test_a_release_that_came_after_the_listing_is_not_called_lost(three: Store) -> None:
    """Another run published it, and wrote the catalog, between our two looks."""
    require_newest(three, 2)
    record(three, 3).unlink()
    with pytest.raises(IntegrityError, match="names 3"):
        require_newest(three, 2)


def test_a_store_whose_only_release_is_lost_is_not_called_empty(store: Store, released: Released) -> None:
    released(store)
    write_catalog(store)
    record(store, 1).unlink()
    for asked in (list_releases, newest_release, require_chain):
        with pytest.raises(IntegrityError, match=r"catalog\.yaml names 1"):
            asked(store)


@pytest.mark.parametrize(("number", "who"), [(3, "catalog.yaml says"), (2, "release 3 says")])
def test_nothing_is_published_after_a_record_that_is_another(three: Store, number: int, who: str) -> None:
    newest, edited = newest_release(three), json.loads(record(three, number).read_text())
    record(three, number).write_text(json.dumps(edited | {"created": "2000-01-01T00:00:00Z"}, indent=2))
    again = ReleaseContent(**{**content(newest), "products": {"four": newest.products["three"]}})
    with pytest.raises(IntegrityError, match=who) as caught:
        publish(three, again)
    assert caught.value.where.endswith(f"{number:08d}.json") and latest_release(three) == 3


def test_a_twin_that_is_late_publishes_nothing_where_another_study_came_between(three: Store) -> None:
    """Ours was published as release 2 by a twin that began with us, at release 1."""
    second = read_release(three, 2)
    assert publish(three, ReleaseContent(**content(second)), parent=1) == second
    assert publish(three, ReleaseContent(**content(second)), parent=3).number == 4


def test_a_step_back_is_seen_behind_another_study(store: Store, released: Released) -> None:
    first = released(store)
    longer = first.cube.model_copy(update={"period": ("2000-01", "2002-03")})
    publish(store, ReleaseContent(**{**content(first), "cube": longer, "products": {"a": first.products["trend"]}}))
    other = {"config": {"preset": "rigorous"}, "products": {"b": first.products["trend"]}}
    publish(store, ReleaseContent(**{**content(first), **other}))
    with pytest.raises(ReleaseConflictError, match="behind release 2"):
        publish(store, ReleaseContent(**{**content(first), "products": {"c": first.products["trend"]}}))


@pytest.mark.parametrize(
    "text", ["", "{", "metadata: 3", "metadata: {release: x}", "\x00", "[]", "metadata: {release: .inf}"]
)
def test_a_catalog_that_says_nothing_stops_nobody(three: Store, text: str) -> None:
    Path(three.join("catalog.yaml")).write_text(text)
    assert named_in_catalog(three) is None
    newest = newest_release(three)
    publish(three, ReleaseContent(**{**content(newest), "products": {"four": newest.products["three"]}}))
    complete_catalog(three)
    digest = hashlib.sha256(record(three, 4).read_bytes()).hexdigest()
    assert named_in_catalog(three) == (4, digest)


def test_a_catalog_that_is_behind_is_completed(three: Store) -> None:
    newest = newest_release(three)
    publish(three, ReleaseContent(**{**content(newest), "products": {"four": newest.products["three"]}}))
    assert (named_in_catalog(three) or (0,))[0] == 3
    complete_catalog(three)
    assert (named_in_catalog(three) or (0,))[0] == 4


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7, 8, 9, 31])
def test_numbers_are_listed_and_where_listing_is_refused_probed(
    store: Store, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, count + 1):
        create_only(store, release_path(number), json.dumps({"schema": 1, "number": number}).encode())
    assert release_numbers(store) == list(range(1, count + 1))

    for said in (PermissionError("Access Denied"), OSError("Forbidden: s3:ListBucket")):

        def refused(*args: Any, said: OSError = said, **kwargs: Any) -> None:
            raise said

        monkeypatch.setattr(type(store.fs), "ls", refused)
        assert release_numbers(store) == list(range(1, count + 1))
        assert latest_release(store) == count


def test_a_listing_that_fails_is_an_error(three: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where it is not allowed are the numbers probed."""

    def reset(*args: Any, **options: Any) -> None:
        raise OSError("reset by peer")

    monkeypatch.setattr(type(three.fs), "ls", reset)
    with pytest.raises(UnreachableError):
        release_numbers(three)


def test_what_only_looks_like_a_record_is_none(three: Store) -> None:
    for name in ("00000009.json!", "9.json", "00000009.json.tmp"):
        Path(three.join(f"releases/{name}")).touch()
    assert release_numbers(three) == [1, 2, 3]


def test_a_lost_record_has_no_digest(three: Store) -> None:
    with pytest.raises(IntegrityError, match="a release is missing"):
        record_digest(three, 4)


def test_the_second_release_holds_the_first(store: Store, released: Released) -> None:
    first = released(store)
    publish(store, ReleaseContent(**{**content(first), "products": {"two": first.products["trend"]}}))
    path = record(store, 1)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(IntegrityError, match="release 2 says"):
        require_chain(store)


@pytest.mark.parametrize("number", [2, 3])
def test_a_run_begins_with_no_chain_that_is_another(three: Store, number: int) -> None:
    """It is seen before anything is computed."""
    require_chain(three)
    path = record(three, number)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(IntegrityError, match="not the record that was written"):
        require_chain(three)


def test_a_store_of_schema_one_is_read_and_gone_on_with(store: Store, released: Released) -> None:
    first = released(store)
    old = json.loads(record(store, 1).read_text()) | {"schema": 1}
    record(store, 1).write_text(json.dumps(old))
    assert read_release(store, 1).schema_ == 1 and list_releases(store)
    second = publish(store, ReleaseContent(**{**content(first), "products": {"two": first.products["trend"]}}))
    assert second.schema_ == 2
    assert second.supersedes_sha256 == hashlib.sha256(record(store, 1).read_bytes()).hexdigest()


def entry(**source: str) -> InputEntry:
    return InputEntry(entry="era5", version="", state="s", licence="l", citation="c", source=source)


BASE: dict[str, Any] = {
    "cube": {"period": ("2000-01", "2021-12"), "provisional": ("2021-11", "2021-12")},
    "inputs": {"precipitation": {"valid_end": "2021-10-31", "provisional_end": "2021-12-31"}},
    "config": {"preset": "peng2023", "period": {"end": "latest-complete-year"}},
}


def study(**changes: Any) -> ReleaseContent:
    values = BASE | changes
    cube = CubeEntry(id="c", url="cube/c.zarr", **values["cube"])
    inputs = {role: entry(**source) for role, source in values["inputs"].items()}
    return ReleaseContent(
        cube=cube, products={}, report="reports/r/index.html", inputs=inputs, config=values["config"], code={}
    )


def as_release(given: ReleaseContent) -> Release:
    return Release(schema=2, number=1, write_id="w", created="t", supersedes=None, **dict(given))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"cube": {"period": ("2000-01", "2022-01"), "provisional": ("2021-12", "2022-01")}}, ""),
        ({"cube": {"period": ("2000-01", "2021-11"), "provisional": ("2021-11",)}}, "to 2021-11 for 2000-01 to"),
        ({"cube": {"period": ("2000-02", "2021-12"), "provisional": ()}}, "2000-02 to"),
        ({"cube": {"period": ("2000-01", "2021-12"), "provisional": ("2021-10",)}}, "2021-10 provisional for final"),
        ({"inputs": {"precipitation": {"valid_end": "2021-09-30"}}}, "precipitation to 2021-09-30 for 2021-10-31"),
        ({"inputs": {"precipitation": {"provisional_end": "2021-12-30T18"}}}, "2021-12-30T18"),
        ({"inputs": {"precipitation": {"valid_end": "2021-10-31", "snapshot": "ZZZ"}}}, ""),
        ({"inputs": {}}, ""),
        ({"config": {"preset": "rigorous"}, "cube": {"period": ("2000-01", "2010-12")}}, ""),
        ({"config": {"preset": "peng2023", "period": {}}, "cube": {"period": ("2000-01", "2010-12")}}, "2010-12"),
    ],
)
def test_what_is_a_step_back(changes: dict[str, Any], said: str) -> None:
    steps = steps_back(study(**changes), as_release(study()))
    assert bool(steps) == bool(said) and said in "; ".join(steps)


def test_a_step_back_is_refused_unless_there_is_a_reason(store: Store, released: Released) -> None:
    first = released(store)
    longer = first.cube.model_copy(update={"period": ("2000-01", "2002-03")})
    publish(store, ReleaseContent(**{**content(first), "cube": longer, "products": {"a": first.products["trend"]}}))
    late = ReleaseContent(**{**content(first), "products": {"b": first.products["trend"]}})
    with pytest.raises(ReleaseConflictError, match="behind release 2") as caught:
        publish(store, late)
    assert caught.value.exit_code == 5 and "--allow-older --reason" in caught.value.next
    assert latest_release(store) == 2
    third = publish(store, late, "the sensors of March were withdrawn")
    assert third.number == 3 and third.allowed_older == "the sensors of March were withdrawn"
    assert json.loads(record(store, 3).read_text())["allowed_older"] == third.allowed_older
