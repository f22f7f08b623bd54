"""The ingest flow on a real Prefect server: built, refreshed, already there."""

import json

from flows.ingest import ingest as flow
from smcloud import pipeline
from smcloud.errors import UnreachableError


def test_the_flow_builds_then_refreshes_then_has_nothing_to_do(small_world, monkeypatch):
    def until(end):
        period = {"start": "2000-01", "end": end}
        return str(small_world(lambda ds: ds.sel(time=slice(None, end)).chunk(time=12), period=period,
                               years={"min_years": 3}))  # fmt: skip

    first = flow(until("2002-12"))
    assert first["status"] == "built" and set(first["seconds"]) == {"check", "ingest"}
    tries = []

    def failing(config, job):
        tries.append(job)
        if len(tries) == 1:
            raise UnreachableError("the store is away")
        return pipeline.ingest(config, job)

    monkeypatch.setattr("flows.pipeline.RETRIES", {"retries": 3})
    monkeypatch.setattr("smcloud.pipeline.runner.ingest", failing)
    second = flow(until("2003-01"))
    assert (second["status"], second["new"], len(tries)) == ("refreshed", ["2003-01"], 2)
    assert json.loads(json.dumps(second)) == second
    monkeypatch.setattr("smcloud.pipeline.runner.open_cluster", None)  # not called
    assert flow(until("2003-01"))["status"] == "already there"
