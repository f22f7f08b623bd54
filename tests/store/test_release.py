"""Numbers without gaps, races, lost answers, and what a reader sees of a run that was killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dask
import pytest
import xarray as xr

from smcloud.errors import IntegrityError, NothingPublishedError, ReleaseConflictError, UnreachableError
from smcloud.store import (
    Attempts,
    Prefix,
    ProductEntry,
    Release,
    ReleaseContent,
    Store,
    create_only,
    find_release,
    latest_release,
    list_releases,
    newest_release,
    open_product,
    publish,
    read_release,
    release_path,
    require_store,
    verify,
)
from tests.sealed_part import sealed_part

Released = Callable[..., Release]
KEYS = (
    "schema", "number", "write_id", "created", "cube", "products", "report", "inputs", "config", "code", "supersedes",
)  # fmt: skip


def content_of(release: Release) -> ReleaseContent:
    """What was given to publish it."""
    return ReleaseContent(**{name: getattr(release, name) for name in ReleaseContent.model_fields})


def given(content: ReleaseContent, run_id: str) -> ReleaseContent:
    """The same sealed work, as the product of another run."""
    product = content.products["trend"].model_copy(update={"run_id": run_id})
    kept = {name: getattr(content, name) for name in ReleaseContent.model_fields}
    return ReleaseContent(**kept | {"products": {f"trend_{run_id}": product}})


def test_a_record_has_the_documented_keys(store: Store, released: Released) -> None:
    record = released(store)
    stored = json.loads(Path(store.join(release_path(1))).read_text())
    assert tuple(stored) == KEYS and stored == record.as_json()
    assert (record.schema_, record.number, record.supersedes) == (2, 1, None)
    assert record == read_release(store, 1)
    assert len(record.write_id) == 32 and record.created.endswith("Z")


@pytest.mark.slow
def test_the_same_work_is_published_once(store: Store, released: Released) -> None:
    first = released(store)
    again = publish(store, content_of(first))
    assert again == first and latest_release(store) == 1
    second = released(store, "run2")
    assert (second.number, second.supersedes) == (2, 1)
    assert [record.number for record in list_releases(store)] == [2, 1]
    assert newest_release(store) == second
    # Back to the first configuration: a new release of the old prefixes.
    third = publish(store, content_of(first))
    assert third.number == 3 and third.products == first.products
    assert find_release(store, "run1") == third
    assert find_release(store, "run2") == second
    assert find_release(store, "run3") is None


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7, 8, 9, 31])
def test_probing_finds_the_last_number(store: Store, count: int) -> None:
    for number in range(1, count + 1):
        create_only(store, release_path(number), json.dumps({"schema": 1, "number": number}).encode())
    assert latest_release(store) == count


@pytest.mark.slow
def test_racing_threads_get_contiguous_numbers(store: Store, released: Released) -> None:
    first = released(store)
    with ThreadPoolExecutor(12) as pool:
        records = list(pool.map(lambda i: publish(store, given(first, f"r{i}")), range(24)))
    assert sorted(record.number for record in records) == list(range(2, 26))
    there = list_releases(store)
    assert [record.number for record in there] == list(range(25, 0, -1))
    assert all(record.supersedes == record.number - 1 for record in there[:-1])
    assert {record.write_id for record in there[:-1]} == {record.write_id for record in records}


def test_racing_publishers_of_the_same_work_make_one_release(store: Store, released: Released) -> None:
    first = released(store)
    with ThreadPoolExecutor(12) as pool:
        records = list(pool.map(lambda i: publish(store, given(first, "same")), range(12)))
    assert {record.number for record in records} == {2}
    assert latest_release(store) == 2


@pytest.mark.slow
def test_whole_runs_of_the_same_work_at_once(
    store: Store, sealed_content: Callable[..., ReleaseContent], product: xr.Dataset
) -> None:
    fields = product[["area_km2"]].assign_attrs(share=0.5)

    def run(path: str) -> tuple[str, str]:
        with Attempts(store) as attempts:
            attempt = attempts.begin(path)
            if not attempt.is_sealed:
                dask.compute(attempt.prefix.stage(product.drop_vars("area_km2")))
                attempt.prefix.append(fields)
            digest = attempt.seal([str(name) for name in product.variables])
            return attempt.prefix.path, digest

    def job(turn: int) -> int:
        path, digest = run(f"products/trend/run{turn}.zarr")
        entry = ProductEntry(url=path, run_id=f"run{turn}", inventory_sha256=digest)
        return publish(store, first.model_copy(update={"products": {"trend": entry}})).number

    first = sealed_content(store)
    with ThreadPoolExecutor(4) as pool:
        for turn in range(1, 9):
            assert list(pool.map(job, [turn] * 4)) == [turn] * 4
            assert verify(store)["release"] == turn
    xr.testing.assert_identical(
        sealed_part(open_product(store.url, "trend").load()), product.compute().assign_attrs(share=0.5)
    )


PUBLISHER = """
import sys
from smcloud.store import ReleaseContent, Store, publish
store, worker = Store.open(sys.argv[1]), sys.argv[2]
content = ReleaseContent.model_validate_json(sys.stdin.read())
(product,) = content.products.values()
for turn in range(6):
    run_id = f"w{worker}t{turn}"
    products = {run_id: product.model_copy(update={"run_id": run_id})}
    print(publish(store, content.model_copy(update={"products": products})).number)
"""


@pytest.mark.e2e
def test_racing_processes_get_contiguous_numbers(store: Store, released: Released) -> None:
    record = given(released(store), "x").model_dump_json()
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", PUBLISHER, store.url, str(number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for number in range(3)
    ]  # fmt: skip
    outputs = []
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write(record)
        worker.stdin.close()
    for worker in workers:
        assert worker.stdout is not None
        with worker.stdout:
            outputs += [int(line) for line in worker.stdout.read().split()]
        assert worker.wait(60) == 0
    assert sorted(outputs) == list(range(2, 20))
    assert latest_release(store) == 19


def test_a_lost_answer_is_recognised_by_its_write_id(
    store: Store, released: Released, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = released(store)

    def created_but_unanswered(*args: Any) -> bool:
        assert create_only(*args)
        raise UnreachableError("the answer was lost")

    monkeypatch.setattr("smcloud.store.release.create_only", created_but_unanswered)
    assert publish(store, given(first, "b")).number == 2

    def created_but_refused(*args: Any) -> bool:
        assert create_only(*args)
        return False

    monkeypatch.setattr("smcloud.store.release.create_only", created_but_refused)
    assert publish(store, given(first, "c")).number == 3
    assert latest_release(store) == 3


def test_a_failure_that_created_nothing_is_passed_on(
    store: Store, released: Released, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = released(store)

    def down(*args: Any) -> bool:
        raise UnreachableError("down")

    monkeypatch.setattr("smcloud.store.release.create_only", down)
    with pytest.raises(UnreachableError, match="down"):
        publish(store, given(first, "b"))
    monkeypatch.setattr("smcloud.store.release.create_only", lambda *args: False)
    monkeypatch.setattr("smcloud.store.release.ATTEMPTS", 3)
    with pytest.raises(ReleaseConflictError):
        publish(store, given(first, "b"))
    assert latest_release(store) == 1


def test_who_loses_a_race_pauses_up_to_as_long_as_an_attempt_takes(
    store: Store, released: Released, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All who lost begin again at once: with a short pause the slowest of eight lost a hundred times in a row."""
    first, pauses, pause = released(store), list[float](), time.sleep

    def lost(*args: Any) -> bool:
        pause(0.2)
        return False

    monkeypatch.setattr("smcloud.store.release.create_only", lost)
    monkeypatch.setattr("smcloud.store.release.ATTEMPTS", 3)
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    monkeypatch.setattr("smcloud.store.release.time.sleep", pauses.append)
    with pytest.raises(ReleaseConflictError):
        publish(store, given(first, "b"))
    assert len(pauses) == 3 and all(0.2 <= seconds < 2 for seconds in pauses)


def test_only_sealed_work_can_be_published(store: Store, released: Released) -> None:
    good = given(released(store), "b")

    def changed(**update: str) -> ReleaseContent:
        return good.model_copy(update={"products": {"trend_b": good.products["trend_b"].model_copy(update=update)}})

    with pytest.raises(IntegrityError, match="not sealed with"):
        publish(store, changed(inventory_sha256="0" * 64))
    with pytest.raises(IntegrityError, match="not sealed"):
        publish(store, changed(url="products/trend/absent.zarr"))
    with pytest.raises(ValueError, match="not relative"):
        publish(store, changed(url=store.url_of("products/trend/run1.zarr")))
    with pytest.raises(ValueError, match="extra_forbidden"):
        ReleaseContent(**dict(good) | {"number": 7})
    assert latest_release(store) == 1


def test_work_that_lost_an_object_is_not_published(store: Store, released: Released) -> None:
    content = content_of(released(store))
    Path(store.join("products/trend/run1.zarr/slope/c/0/0")).unlink()
    with pytest.raises(IntegrityError, match=r"(?s)1 objects of a prefix were lost.*slope/c/0/0 missing"):
        publish(store, given(content, "run2"))
    assert latest_release(store) == 1


def test_a_record_of_another_number_or_schema_is_not_read(store: Store, released: Released) -> None:
    record = json.loads(Path(store.join(release_path(released(store).number))).read_text())
    for number, changes in ((2, {}), (3, {"number": 3, "schema": 99})):
        create_only(store, release_path(number), json.dumps(record | changes).encode())
    with pytest.raises(IntegrityError, match=r"found: +schema 2, number 1\n"):
        read_release(store, 2)
    with pytest.raises(IntegrityError, match=r"found: +schema 99, number 3\n"):
        read_release(store, 3)


def test_what_is_wrong_with_a_record_is_named(store: Store, released: Released) -> None:
    record = json.loads(Path(store.join(release_path(released(store).number))).read_text())
    create_only(store, release_path(2), json.dumps({**record, "number": "two"}).encode())
    create_only(store, release_path(3), b"{")
    with pytest.raises(IntegrityError, match=r"found: +number: Input should be"):
        read_release(store, 2)
    with pytest.raises(IntegrityError, match=r"found: +the record: Invalid JSON"):
        read_release(store, 3)


def test_a_store_that_keeps_no_precondition_is_named(
    store: Store, released: Released, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says that the record was created, and another one is there."""
    content = content_of(released(store))

    def taken(at: Store, path: str, body: bytes) -> bool:
        create_only(at, path, body.replace(b"run2", b"run3"))
        return True

    monkeypatch.setattr("smcloud.store.release.create_only", taken)
    with pytest.raises(ReleaseConflictError, match=r"(?s)not the one that is there.*releases/00000002.json"):
        publish(store, given(content, "run2"))


def test_absent_and_unreadable_releases(store: Store, released: Released) -> None:
    with pytest.raises(NothingPublishedError, match="nothing has been published"):
        newest_release(store)
    assert list_releases(store) == []
    released(store)
    for number in (0, -1, 2):
        with pytest.raises(NothingPublishedError) as caught:
            read_release(store, number)
        assert caught.value.found == "releases 1 to 1"
    Path(store.join(release_path(2))).write_text('{"schema": 2, "number": 2}')
    with pytest.raises(IntegrityError) as broken:
        newest_release(store)
    assert "00000002" in broken.value.where


KILLED = """
import os, signal, sys
import dask, dask.array, numpy as np, xarray as xr
from smcloud.store import Prefix, Store

calls = []

def block(values):
    calls.append(values)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return values + 1

source = dask.array.zeros((540, 180), chunks=(180, 180), dtype="f4")
ds = xr.Dataset({"slope": (("lat", "lon"), source.map_blocks(block, dtype="f4", meta=np.empty((0, 0), "f4")))})
dask.compute(Prefix(Store.open(sys.argv[1]), sys.argv[2]).stage(ds), scheduler="synchronous")
"""


@pytest.mark.e2e
def test_a_killed_writer_is_never_visible(store: Store, released: Released, product: xr.Dataset) -> None:
    released(store)
    path = "products/trend/run2.zarr"
    killed = subprocess.run([sys.executable, "-c", KILLED, store.url, path], timeout=600)
    assert killed.returncode == -signal.SIGKILL
    left = [file for file in Path(store.join(path, "slope", "c")).rglob("*") if file.is_file()]
    assert 0 < len(left) < 3
    # A publisher that died between its temporary file and the link.
    Path(store.join("releases", ".smcloud-0.tmp")).write_text("{")
    require_store(store)
    assert not Prefix(store, path).is_sealed
    assert latest_release(store) == 1 and find_release(store, "run2") is None
    xr.testing.assert_identical(sealed_part(open_product(store.url, "trend").load()), product.compute())
    assert released(store, "run2").number == 2
    xr.testing.assert_identical(sealed_part(open_product(store.url, "trend", "run2").load()), product.compute())
