"""The requests of a plan against those that an object store has served."""

import fsspec
import pytest

from smcloud import chunking, pipeline
from smcloud.config import load_config


@pytest.mark.parametrize("block", [180, 2])
def test_a_run_asks_the_bucket_as_often_as_its_plan_says(gcs, small_world, tmp_path, monkeypatch, block):
    monkeypatch.setattr(chunking, "CHUNK", block)
    monkeypatch.setattr(chunking, "TILES", {"time": -1, "year": -1, "lat": block, "lon": block})
    store = gcs[1]
    store.buckets["bucket"] = {}
    path = small_world(
        entry=lambda entry: entry["args"].update(urlpath="gs://bucket/world.zarr"), store="gs://bucket/store"
    )
    fsspec.filesystem("gs").put(f"{tmp_path}/world.zarr/", "bucket/world.zarr/", recursive=True)
    config = load_config(path)
    job = pipeline.check(config)
    made = {}
    steps = {
        "ingest": lambda: pipeline.ingest(config, job),
        "compute": lambda: pipeline.compute(config, job),
        "publish": lambda: pipeline.publish(config, job, made["ingest"], made["compute"]),
        "report": lambda: pipeline.report(made["publish"], job.store),
    }
    asked = 0
    planned = pipeline.plan(config, job)
    for stage in planned.stages[1:]:
        store.requests.clear()
        made[stage.name] = steps[stage.name]()
        counts = [sum(request.startswith(method) for request in store.requests) for method in ("GET", "POST")]
        share = 0.05 if stage.name in ("ingest", "compute") else 0.1  # the explorer's page is there or not
        assert [stage.get_requests, stage.put_requests] == pytest.approx(counts, rel=share), stage.name
        asked += sum(counts)
    assert planned.total("get_requests") + planned.total("put_requests") == pytest.approx(asked, rel=0.05)
