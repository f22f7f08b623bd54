"""Whose folder is whose: runs side by side, runs that were ended, and ids that lost what was sealed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import dask
import pytest
import xarray as xr

from smcloud.errors import IntegrityError, ReleaseConflictError, UnreachableError
from smcloud.store import Attempt, Attempts, Prefix, Store, create_only, leases, sealed_prefix
from smcloud.store import attempts as module
from smcloud.store.pointers import is_named, point_to, pointer_path, read_pointer

PATH = "products/trend/run1.zarr"


@pytest.fixture
def attempts(store: Store) -> Iterator[Attempts]:
    with Attempts(store) as opened:
        yield opened


def write(attempt: Attempt, ds: xr.Dataset) -> Attempt:
    dask.compute(attempt.prefix.stage(ds))
    return attempt


def beside(store: Store) -> set[str]:
    """What lies in the folder of the product, its prefixes too."""
    return {path.name for path in Path(store.join("products/trend")).iterdir()}


def end_lease(store: Store, claim: str, **changes: Any) -> None:
    """Make a lease as another process, or another time, would have left it."""
    path = Path(store.join(f"products/trend/run1.{claim}.alive"))
    path.write_text(json.dumps({"host": leases._here(), "process": os.getpid(), "time": time.time()} | changes))


def test_an_attempt_leaves_a_sealed_prefix_and_its_name(store: Store, attempts: Attempts, product: xr.Dataset) -> None:
    attempt = write(attempts.begin(PATH), product)
    assert attempt.prefix.path == PATH and not attempt.is_sealed
    assert beside(store) == {"run1.zarr", "run1.attempt-1-1.json"}
    digest = attempt.seal()
    assert beside(store) == {"run1.zarr", "run1.1.sealed"}
    assert json.loads(Path(store.join(pointer_path(PATH, 1))).read_text()) == {
        "of": PATH,
        "url": PATH,
        "inventory_sha256": digest,
    }
    assert sealed_prefix(store, PATH) == Prefix(store, PATH)
    again = attempts.begin(PATH)
    assert again.is_sealed and again.seal() == digest
    xr.testing.assert_identical(again.prefix.open({}).load(), product.compute())


def test_a_twin_that_fails_removes_nothing_of_the_other(store: Store, product: xr.Dataset) -> None:
    with Attempts(store) as ours, Attempts(store) as theirs:
        first, second = write(ours.begin(PATH), product), write(theirs.begin(PATH), product)
        assert {first.prefix.path, second.prefix.path} == {PATH, "products/trend/run1-2.zarr"}
        first.discard()
        second.seal()
    assert beside(store) == {"run1-2.zarr", "run1.1.sealed"}
    named = sealed_prefix(store, PATH)
    assert named is not None and named.path == "products/trend/run1-2.zarr"
    xr.testing.assert_identical(named.open({}).load(), product.compute())


def test_the_faster_twin_seals_for_both(store: Store, product: xr.Dataset) -> None:
    with Attempts(store) as ours, Attempts(store) as theirs:
        first, second = write(ours.begin(PATH), product), write(theirs.begin(PATH), product)
        digest = second.seal()
        assert first.seal() == digest and first.prefix == second.prefix
    assert beside(store) == {"run1-2.zarr", "run1.1.sealed"}


@pytest.mark.slow
def test_twins_that_fail_and_seal_at_random_leave_one_prefix(store: Store, product: xr.Dataset) -> None:
    def run(turn: int) -> str:
        with Attempts(store) as opened:
            attempt = opened.begin(PATH)
            if not attempt.is_sealed:
                write(attempt, product)
                if turn % 3 == 0:
                    attempt.discard()
                    return ""
            return attempt.seal()

    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(run, range(40))) - {""}
    assert len(digests) == 1
    assert len(beside(store)) == 2 and "run1.1.sealed" in beside(store)
    named = sealed_prefix(store, PATH)
    assert named is not None
    xr.testing.assert_identical(named.open({}).load(), product.compute())


@pytest.mark.parametrize(
    ("lease", "taken_over"),
    [
        ({}, False),
        ({"process": 2**22 + 1}, True),  # no such process on this machine
        ({"process": 2**22 + 1, "host": "elsewhere"}, False),
        ({"host": "elsewhere", "time": 0}, True),
        ({"time": "?"}, True),
    ],
)
def test_a_folder_is_taken_over_when_its_lease_has_ended(
    store: Store, product: xr.Dataset, lease: dict[str, Any], taken_over: bool
) -> None:
    left = write(Attempts(store).begin(PATH), product)
    left.prefix.mark_tile("a", {})
    end_lease(store, "attempt-1-1", **lease)
    with Attempts(store) as opened:
        attempt = opened.begin(PATH)
        assert (attempt.prefix.path == PATH) == taken_over
        assert (attempt.prefix.tile_record("a") == {}) == taken_over
        if taken_over:
            attempt.seal()
            assert beside(store) == {"run1.zarr", "run1.1.sealed"}


def test_a_run_that_ends_frees_its_folder(store: Store, product: xr.Dataset) -> None:
    with pytest.raises(RuntimeError), Attempts(store) as opened:
        write(opened.begin(PATH), product)
        raise RuntimeError("a stage failed")
    with Attempts(store) as opened:
        assert opened.begin(PATH).prefix.path == PATH
    with Attempts(store) as opened:
        opened.begin("products/trend/run2.zarr")  # nothing is written, nothing is left
    assert not [name for name in beside(store) if name.startswith("run2")]


def test_a_run_that_was_not_heard_of_removes_nothing(store: Store, attempts: Attempts, product: xr.Dataset) -> None:
    attempt = write(attempts.begin(PATH), product)
    attempt.beaten -= module.LEASE_SECONDS
    attempt.discard()
    assert attempt.prefix.sizes()
    attempt.beat()
    attempt.discard()
    assert beside(store) == set()


def test_leases_are_renewed_while_a_run_lasts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.01)
    with Attempts(store) as opened:
        opened.begin(PATH)
        lease = Path(store.join("products/trend/run1.attempt-1-1.alive"))
        while not lease.exists():
            time.sleep(0.01)
        first = lease.read_bytes()
        while lease.read_bytes() == first:
            time.sleep(0.01)


def test_a_dead_id_heals(store: Store, attempts: Attempts, product: xr.Dataset) -> None:
    digest = write(attempts.begin(PATH), product).seal()
    chunk = Path(store.join(PATH, "slope/c/0/0"))
    chunk.unlink()
    assert sealed_prefix(store, PATH) is None
    attempt = attempts.begin(PATH)
    assert attempt.prefix.path == "products/trend/run1-2.zarr" and not attempt.is_sealed
    assert write(attempt, product).seal() == digest
    assert beside(store) == {"run1.zarr", "run1-2.zarr", "run1.1.sealed", "run1.2.sealed"}
    named = sealed_prefix(store, PATH)
    assert named is not None and named.path == attempt.prefix.path


@pytest.mark.parametrize("claimed", [False, True])
def test_what_lost_its_inventory_is_never_written_over(
    store: Store, attempts: Attempts, product: xr.Dataset, claimed: bool
) -> None:
    """A release may name it: what is left there can be repaired."""
    write(attempts.begin(PATH), product).seal()
    Path(store.join(PATH, "inventory.json")).unlink()
    left = Prefix(store, PATH).sizes()
    if claimed:  # a run was killed when it had named the prefix, and had not removed its claim
        Path(store.join("products/trend/run1.attempt-1-1.json")).write_text("{}")
    for begin in (attempts.begin, lambda path: attempts.begin_anew(path, PATH)):
        attempt = begin(PATH)
        assert attempt.prefix.path != PATH and not attempt.is_sealed
        write(attempt, product)
        attempts.remove_all()
    assert Prefix(store, PATH).sizes() == left


def test_a_seal_without_its_name_is_found(store: Store, attempts: Attempts, product: xr.Dataset) -> None:
    """A run was killed between seal and pointer, in the folder of the id or in another one."""
    digest = write(attempts.begin(PATH), product).prefix.seal().inventory_sha256
    end_lease(store, "attempt-1-1", time=0)
    attempt = attempts.begin(PATH)
    assert attempt.is_sealed and attempt.seal() == digest and attempt.prefix.path == PATH
    assert json.loads(Path(store.join(pointer_path(PATH, 1))).read_text())["inventory_sha256"] == digest


def test_a_store_without_pointers_is_read(store: Store, product: xr.Dataset) -> None:
    dask.compute(Prefix(store, PATH).stage(product))
    assert sealed_prefix(store, PATH) is None
    Prefix(store, PATH).seal()
    assert sealed_prefix(store, PATH) == Prefix(store, PATH)


def test_equal_content_is_stored_once(store: Store, attempts: Attempts, product: xr.Dataset) -> None:
    digest = write(attempts.begin(PATH), product).seal()
    attempt = write(attempts.begin("products/trend/run2.zarr"), product)
    assert attempt.seal(stored={digest: PATH}) == digest and attempt.prefix.path == PATH
    assert beside(store) == {"run1.zarr", "run1.1.sealed", "run2.1.sealed"}
    assert sealed_prefix(store, "products/trend/run2.zarr") == Prefix(store, PATH)
    Path(store.join(PATH, "slope/c/0/0")).unlink()  # what is stored there is not whole: ours is kept
    attempt = write(attempts.begin("products/trend/run3.zarr"), product)
    assert attempt.seal(stored={digest: PATH}) == digest and attempt.prefix.path == "products/trend/run3.zarr"


def test_other_content_under_an_id_is_refused(store: Store, attempts: Attempts, product: xr.Dataset) -> None:
    write(attempts.begin(PATH), product).seal()
    other = Prefix(store, "products/trend/other.zarr")
    dask.compute(other.stage(product + 1))
    with pytest.raises(ReleaseConflictError, match="other content"):
        point_to(other, PATH, other.seal().inventory_sha256)


def test_a_damaged_pointer_names_nothing_and_the_next_one_counts(
    store: Store, attempts: Attempts, product: xr.Dataset
) -> None:
    digest = write(attempts.begin(PATH), product).seal()
    Path(store.join(pointer_path(PATH, 1))).write_text('{"url": "../elsewhere", "inventory_sha256": "ab"}')
    with pytest.raises(IntegrityError, match=r"1\.sealed") as caught:
        read_pointer(store, PATH, 1)
    assert "repair" in caught.value.next
    assert sealed_prefix(store, PATH) == Prefix(store, PATH)
    assert attempts.begin(PATH).seal() == digest
    assert beside(store) == {"run1.zarr", "run1.1.sealed", "run1.2.sealed"}
    assert is_named(Prefix(store, "products/trend/run1-2.zarr"), PATH)  # the damaged one may have named it


def test_a_run_whose_folder_was_taken_removes_and_renews_nothing(store: Store, product: xr.Dataset) -> None:
    """It was stopped for longer than its lease; asleep, its clock may not even have gone on."""
    with Attempts(store) as ours, Attempts(store) as theirs:
        first = write(ours.begin(PATH), product)
        end_lease(store, "attempt-1-1", host="elsewhere", time=0)
        second = theirs.begin(PATH)
        assert second.prefix == first.prefix and second.claim.endswith("1-2")
        lease = Path(store.join("products/trend/run1.attempt-1-1.alive")).read_bytes()
        first.beat()
        first.discard()
        first.remove()
        assert Path(store.join("products/trend/run1.attempt-1-1.alive")).read_bytes() == lease
        write(second, product).seal()
    xr.testing.assert_identical(Prefix(store, PATH).open({}).load(), product.compute())


def test_a_run_that_was_overtaken_while_it_checked_leaves_the_seal(
    store: Store, attempts: Attempts, product: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = write(attempts.begin(PATH), product)
    integrity = import_module("smcloud.store.integrity")
    real = integrity._checked

    def overtaken(*args: Any) -> Any:
        findings = real(*args)
        monkeypatch.setattr(integrity, "_checked", real)
        Prefix(store, PATH).seal(beside={"made-from.json": b"theirs"})
        return findings

    monkeypatch.setattr(integrity, "_checked", overtaken)
    attempt.prefix.seal(beside={"made-from.json": b"ours"})
    assert Path(store.join(PATH, "made-from.json")).read_bytes() == b"theirs"


def test_a_named_folder_that_lost_everything_is_not_taken(
    store: Store, attempts: Attempts, product: xr.Dataset
) -> None:
    write(attempts.begin(PATH), product).seal()
    Prefix(store, PATH).remove()
    assert attempts.begin(PATH).prefix.path == "products/trend/run1-2.zarr"


def test_a_claim_that_went_after_it_was_listed_opens_no_folder(
    store: Store, attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = module._claims
    old = iter([{1: 1}])
    monkeypatch.setattr(module, "_claims", lambda *args: next(old, None) or real(*args))
    assert attempts.begin(PATH).prefix.path != PATH


@pytest.mark.parametrize("generation", [1, 2])
def test_a_run_that_began_between_a_look_and_its_claim_keeps_its_folder(
    store: Store, monkeypatch: pytest.MonkeyPatch, generation: int
) -> None:
    """The folder that looked free was taken over, ended and begun anew, before the claim that follows the look."""
    with Attempts(store) as first:
        if generation == 2:
            first.begin(PATH).prefix.write("lat/zarr.json", b"{}")  # a folder to be taken over
    begun: list[str] = []

    def late(at: Store, path: str, content: bytes) -> bool:
        if not begun:
            begun.append(path)
            for name in beside(at) - {"run1.zarr"} if generation == 2 else ():
                Path(at.join(f"products/trend/{name}")).unlink()
            other = "run1.attempt-1-2" if generation == 1 else "run1.attempt-1-1"
            create_only(at, f"products/trend/{other}.json", leases.lease())
        return create_only(at, path, content)

    monkeypatch.setattr(module, "create_only", late)
    with Attempts(store) as opened:
        attempt = opened.begin(PATH)
        assert attempt.prefix.path != PATH
        attempt.discard()
    assert len([name for name in beside(store) if name.endswith(".json")]) == 1


def test_where_every_folder_is_at_work_the_run_ends(
    store: Store, attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TRIES", 3)
    for _ in range(3):
        attempts.begin(PATH)
    with pytest.raises(ReleaseConflictError, match="in 3 folders"):
        attempts.begin(PATH)


def test_a_claim_whose_answer_was_lost_is_ours(
    store: Store, attempts: Attempts, monkeypatch: pytest.MonkeyPatch, product: xr.Dataset
) -> None:
    def asked_again(*args: Any) -> bool:
        create_only(*args)
        return False

    for room in ("attempts", "pointers"):
        monkeypatch.setattr(import_module(f"smcloud.store.{room}"), "create_only", asked_again)
    attempt = write(attempts.begin(PATH), product)
    assert attempt.prefix.path == PATH
    attempt.seal()
    assert beside(store) == {"run1.zarr", "run1.1.sealed"}


def test_a_store_that_fails_ends_no_run_for_its_lease(
    store: Store, monkeypatch: pytest.MonkeyPatch, product: xr.Dataset
) -> None:
    def down(*args: Any) -> None:
        asked.append(args)
        raise UnreachableError("down")

    asked: list[Any] = []
    with Attempts(store) as opened:
        attempt = write(opened.begin(PATH), product)
        monkeypatch.setattr(module, "write_whole", down)
    assert asked and attempt.prefix.sizes()


KILLED = """
import os, sys
from smcloud.store import Attempts, Store
attempts = Attempts(Store.open(sys.argv[1])).__enter__()
attempts.begin(sys.argv[2]).prefix.write("lat/zarr.json", b"{}")
os.kill(os.getpid(), 9)
"""


@pytest.mark.e2e
def test_what_a_killed_process_left_is_taken_over_at_once(store: Store, attempts: Attempts) -> None:
    assert subprocess.run([sys.executable, "-c", KILLED, store.url, PATH], check=False).returncode == -9
    assert beside(store) == {"run1.zarr", "run1.attempt-1-1.json"}
    attempt = attempts.begin(PATH)
    assert attempt.prefix.path == PATH and attempt.claim.endswith("attempt-1-2")
    attempt.discard()
    assert beside(store) == set()
