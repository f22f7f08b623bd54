"""What a run that is late, fails, is stopped or never ends leaves on a real Prefect server."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from prefect import flow, get_client
from prefect.artifacts import Artifact
from prefect.flow_engine import run_flow
from prefect.states import Completed, Crashed, Running, Scheduled

from flows import hooks
from flows.hooks import HOOKS, LONGEST_HOURS, unfinished
from smcloud.errors import UnreachableError


@flow(name="smcloud-run", validate_parameters=False, **HOOKS)
def work(error=None, seconds=0):
    for _ in range(int(20 * seconds)):  # where a test has a timeout itself, Prefect's waits for the end of a sleep
        time.sleep(0.05)
    if error is not None:
        raise error


def left(key):
    artifact = Artifact.get(key)
    return None if artifact is None else str(artifact.data)


def hours_ago(hours):
    return datetime.now(UTC) - timedelta(hours=hours)


def given(state, due, flow=work):
    """A run that was due so many hours ago, as the server has it when ``state`` is its last word."""
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(client.create_flow(flow), name="of the tests")
        run = client.create_flow_run_from_deployment(deployment, state=Scheduled(scheduled_time=hours_ago(due)))
        if state is not None:
            client.set_flow_run_state(run.id, state, force=True)
        return run


def test_an_error_of_ours_is_left_whole():
    with pytest.raises(UnreachableError):
        work(UnreachableError("the store is away", where="gs://soil", next="check the network"))
    assert "## the store is away" in left("smcloud-failure") and "check the network" in left("smcloud-failure")


def test_any_other_error_is_left_with_what_to_do():
    with pytest.raises(ZeroDivisionError):
        work(ZeroDivisionError("by nothing"))
    assert "ZeroDivisionError: by nothing" in left("smcloud-failure") and "trigger" in left("smcloud-failure")


def test_a_run_that_takes_too_long_is_stopped_and_says_so():
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        work.with_options(timeout_seconds=1)(seconds=30)
    assert time.monotonic() - began < 20
    assert f"{LONGEST_HOURS} hours" in left("smcloud-failure") and "trigger" in left("smcloud-failure")


@pytest.mark.parametrize(("hours", "tells"), [(0.5, False), (5, True)])
def test_a_run_that_starts_late_says_so(hours, tells):
    before = Artifact.get("smcloud-late")
    run = given(None, due=hours)
    with get_client(sync_client=True) as client:
        run_flow(work, client.read_flow_run(run.id))
    after = Artifact.get("smcloud-late")
    assert (after != before) == tells
    if tells:
        assert "5.0 hours late" in str(after.data) and "prefect work-pool ls" in str(after.data)
        assert after.flow_run_id == run.id


def test_a_run_whose_process_is_gone_is_told_of_by_another():
    run = given(Running(), due=0.1)
    hooks.tell_why(work, run, Crashed(message="the process was killed"))
    assert "the process was killed" in left("smcloud-failure") and "trigger" in left("smcloud-failure")
    assert Artifact.get("smcloud-failure").flow_run_id == run.id


@flow(name="somebody-elses")
def other():
    pass


def found(days=8):
    return {line.split(",")[0].removeprefix("- "): line for line in unfinished(days)}


def test_what_runs_could_not_tell_is_found():
    waits, crashed = given(None, due=3), given(Crashed(message="killed"), due=2)
    quiet = [given(Completed(), due=2), given(Running(), due=3), given(None, due=0.1),
             given(Crashed(), due=24 * 9), given(None, due=3, flow=other)]  # fmt: skip
    lines = found()
    assert not {run.name for run in quiet} & set(lines)
    assert "has waited for 3.0 hours" in lines[waits.name] and "start a worker" in lines[waits.name]
    assert "crashed (killed)" in lines[crashed.name] and "trigger the deployment" in lines[crashed.name]


def test_a_run_without_an_end_is_marked_and_holds_no_slot(monkeypatch):
    endless = given(Running(), due=3)
    assert endless.name not in found()
    monkeypatch.setattr(hooks, "LONGEST_HOURS", 0)
    assert "is marked as crashed: no sign of its end after 0.0 hours" in found()[endless.name]
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(endless.id).state.is_crashed()
