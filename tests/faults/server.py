"""The server of an object store fails in the middle of a run: late, cut, refused, lost answers, at any request."""

from __future__ import annotations

import random
from unittest import mock

from smcloud.errors import UnreachableError
from smcloud.store import Store, list_releases, verify_all
from tests.cloud.gcs import serving
from tests.cloud.objects import Fault
from tests.faults.crashes import process_gone
from tests.faults.stores import gcs_at
from tests.faults.work import Study

KINDS = ("429", "503", "401", "slow", "truncated", "reset", "lost")
REQUESTS = 120  # about what a run makes


def fail(rounds: int, seed: int = 0, lasting: float = 0.3) -> dict[str, int]:
    """One fault a round, of any kind and at any request, for a few or all that follow; then the same run again.

    ``lasting`` is the share of refusals that last.
    """
    counted = {"faults": 0, "runs that ended": 0, "unreadable": 0, "torn": 0, "twice": 0}
    soon = mock.patch("gcsfs.retry.random.random", lambda: -1.5)  # its pauses are of the order of seconds
    with serving() as (url, content), gcs_at(url, content) as new, soon:
        for number in range(rounds):
            rng = random.Random(f"{seed}-{number}")
            store = new()
            study = Study(store)
            study.run(1)
            kind = KINDS[number % len(KINDS)]
            method = rng.choice(("GET", "POST", ".*"))
            times = 10**6 if kind in ("503", "401") and rng.random() < lasting else rng.randint(1, 3)
            content.faults.append(Fault(kind, method, after=rng.randrange(REQUESTS), times=times, seconds=0.2))
            counted["faults"] += 1
            try:
                study.run(2)
            except UnreachableError:
                counted["runs that ended"] += 1
            finally:
                content.faults.clear()
            _look(store, study)
    return counted


def _look(store: Store, study: Study) -> None:
    assert study.read() in (1, 2)
    with process_gone():
        study.run(2)
    assert study.read() == 2
    assert [release.number for release in list_releases(store)] == [2, 1]
    assert verify_all(store)["releases"] == 2
