"""A machine of states over what may happen to a store, in any order: runs, kills, twins, damage, repair, readers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import dask
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from smcloud.errors import IntegrityError
from smcloud.store import Attempts, Prefix, Store, latest_release, newest_release, product_path, verify, verify_all
from smcloud.store.records import INVENTORY
from smcloud.store.restore import restore
from smcloud.store.verify import release_findings
from tests.faults.crashes import Killer, killing, process_gone
from tests.faults.races import _run
from tests.faults.work import Study, more, product

RUNS = st.integers(1, 4)


class StoreMachine(RuleBasedStateMachine):
    """One study in a store on a disk; ``damaged`` are objects that were changed and not repaired."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="smcloud-states-")
        self.store = Store.open(Path(self.folder.name) / "store")
        self.study, self.published = Study(self.store), 0
        self.damaged: set[Path] = set()
        self.unrendered: set[int] = set()

    def teardown(self) -> None:
        """Remove the store."""
        self.folder.cleanup()

    @initialize()
    def first(self) -> None:
        """Publish a first release."""
        self._publish(1)

    def _publish(self, run: int) -> None:
        with process_gone():
            self.published = max(self.published, self.study.run(run).number)

    @precondition(lambda self: not self.damaged)
    @rule(run=RUNS)
    def publish(self, run: int) -> None:
        """A run goes to its end, from whatever is there."""
        self._publish(run)

    @precondition(lambda self: not self.damaged)
    @rule(run=RUNS, at=st.integers(1, 60), when=st.sampled_from(["before", "after", "half"]))
    def crash(self, run: int, at: int, when: str) -> None:
        """A run is killed at some operation."""
        killer = Killer(at, when)
        try:
            with process_gone(), killing("disk", killer):
                self.study.run(run)
        except Exception:  # the kill, or what the code made of it; an error of its own comes before its time
            assert killer.count >= at
            self.unrendered.add(run)
        self.published = latest_release(self.store)

    @precondition(lambda self: not self.damaged)
    @rule(run=RUNS)
    def fail(self, run: int) -> None:
        """A run of another work fails and removes what it wrote."""
        with process_gone():
            _run(self.study, product_path("trend", f"other{run}"), run, fails=True)

    @rule(run=RUNS)
    def twin(self, run: int) -> None:
        """A run at work beside another one of the same work, which is killed."""
        path = product_path("trend", f"twin{run}")
        with Attempts(self.store) as left:
            attempt = left.begin(path)
            if not attempt.is_sealed:
                dask.compute(attempt.prefix.stage(product(run)), scheduler="synchronous")
                assert _run(self.study, path, run, fails=False)

    @precondition(lambda self: not self.damaged)
    @rule(data=st.data())
    def damage(self, data: Any) -> None:
        """An object of the newest release is changed or lost."""
        release = newest_release(self.store)
        (entry,) = release.products.values()
        sealed = Prefix(self.store, entry.url).inventory()[0][
            "objects"
        ]  # a killed run leaves files that are none of it
        names = sorted([INVENTORY, *(each["path"] for each in sealed)])
        file = Path(self.store.join(entry.url, data.draw(st.sampled_from(names))))
        if data.draw(st.booleans()):
            file.unlink()
        else:
            content = bytearray(file.read_bytes())
            content[data.draw(st.integers(0, len(content) - 1))] ^= 1
            file.unlink()
            file.write_bytes(content)
        self.damaged.add(file)

    @precondition(lambda self: self.damaged)
    @rule()
    def repair(self) -> None:
        """The same work done once more gives back what is damaged."""
        release = newest_release(self.store)
        (entry,) = release.products.values()
        run = int(entry.run_id.removeprefix("run"))
        bad = [f.path.removeprefix(f"{entry.url}/") for f in release_findings(self.store, release) if f.problem]
        with process_gone(), Attempts(self.store) as attempts:
            attempt = attempts.begin_anew(product_path("trend", entry.run_id), entry.url)
            dask.compute(attempt.prefix.stage(product(run)), scheduler="synchronous")
            attempt.prefix.append(more(run))
            attempt.prefix.seal(["slope", "share", "lat", "lon"])
            good, left = restore(Prefix(self.store, entry.url), attempt.prefix, bad, entry.inventory_sha256)
            attempts.remove_all()
        assert not left and good
        self.damaged.clear()

    @invariant()
    def readers_see_a_whole_release_or_an_error(self) -> None:
        """Never another value than that of the release, never a step back."""
        if self.published:
            assert latest_release(self.store) >= self.published
            if self.damaged:
                try:
                    verify(self.store)
                except IntegrityError:
                    return
                raise AssertionError("damage was not found")
            assert self.study.read() == latest_release(self.store)

    @precondition(lambda self: not self.damaged)
    @rule()
    def verify_whole(self) -> None:
        """After a run to its end, and the pages that killed ones left to do, all records agree."""
        self._publish(1)
        for run in self.unrendered:
            self.study.render(run)
        self.unrendered.clear()
        verify_all(self.store)


def machine(examples: int, steps: int, shard: int | None = None) -> Any:
    """The test case of the machine, of ``examples`` stores with ``steps`` events, always the same for a ``shard``."""

    class Machine(StoreMachine):
        """A test case of its own, as settings and seed are the class's."""

    case: Any = (Machine if shard is None else seed(shard)(Machine)).TestCase
    case.settings = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    return case
