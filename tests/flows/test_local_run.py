"""``smcloud run``: the flow of the schedule in this process, on what was opened before Prefect was there."""

import json
from collections import Counter

import pytest

from smcloud import cli
from smcloud.catalog import fingerprints
from smcloud.cube import sources
from smcloud.pipeline import identity


@pytest.fixture
def looks(monkeypatch):
    """How often a source is opened and fingerprinted."""
    counted = Counter()

    def counting(what, function):
        def call(*arguments):
            counted[what] += 1
            return function(*arguments)

        return call

    monkeypatch.setattr(sources, "open_entry", counting("opened", sources.open_entry))
    monkeypatch.setattr(identity, "source_parts", counting("fingerprinted", fingerprints.source_parts))
    return counted


def run(capsys, config):
    with pytest.raises(SystemExit) as done:
        cli.main(["run", str(config), "--json"])
    assert not done.value.code
    return json.loads(capsys.readouterr().out)


def test_a_source_is_opened_once_and_fingerprinted_at_the_beginning_and_before_the_seal(small_world, capsys, looks):
    config = small_world(budget={"tasks": 10**6}, cluster={"worker_memory": "4 GiB"})  # so that it is planned too
    first = run(capsys, config)
    assert looks == {"opened": 1, "fingerprinted": 2}
    assert list(first) == [
        "status", "release", "run_id", "cube_id", "products", "report", "seconds", "tasks",
    ]  # fmt: skip
    assert first["status"] == "published" and set(first["tasks"]) == {"ingest", "compute"}
    assert set(first["seconds"]) == {"check", "ingest", "compute", "publish", "report", "prefect and cluster"}
    looks.clear()
    again = run(capsys, config)
    assert (again["status"], again["release"]) == ("already published", 1)
    assert looks == {"fingerprinted": 1}
    looks.clear()
    changed = run(capsys, small_world(alpha=0.1))
    assert (changed["status"], changed["release"]) == ("published", 2)
    assert looks == {"opened": 1, "fingerprinted": 1}  # the cube is there: nothing is read of the source
