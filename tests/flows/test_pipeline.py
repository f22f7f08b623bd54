"""The flow on a real Prefect server: what it returns, retries and refuses."""

import json
import subprocess
import sys

import pytest

from flows import pipeline as flow_module
from smcloud import pipeline
from smcloud.errors import RangeError, UnreachableError


def test_the_flow_publishes_then_finds_its_work_done(small_world):
    config = str(small_world())
    first = flow_module.run(config)
    assert first["status"] == "published" and first["release"] == 1
    assert set(first["seconds"]) == {"check", "ingest", "compute", "publish", "report"}
    assert json.loads(json.dumps(first)) == first
    again = flow_module.run(config)
    assert (again["status"], again["release"]) == ("already published", 1)

    from prefect.artifacts import Artifact

    tables = Artifact.get("smcloud-tables")
    assert tables is not None and "Globe" in str(tables.data)


def test_to_find_its_work_done_a_deployment_imports_no_array_library():
    code = "import sys, flows.ingest, flows.pipeline, smcloud.pipeline.publish; print(sorted(sys.modules))"
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "'smcloud.pipeline.identity'" in names
    assert not [name for name in ("xarray", "pandas", "dask", "zarr", "matplotlib") if f"'{name}'" in names]


@pytest.mark.parametrize(("error", "tries"), [(UnreachableError("the store is away"), 3), (RangeError("bad"), 1)])
def test_only_what_passes_by_itself_is_tried_again(small_world, monkeypatch, error, tries):
    calls = []

    def failing(config, job):
        calls.append(job)
        if len(calls) < 3:
            raise error
        return pipeline.ingest(config, job)

    monkeypatch.setattr(flow_module, "RETRIES", {"retries": 3})
    monkeypatch.setattr("smcloud.pipeline.runner.ingest", failing)
    config = str(small_world())
    if tries == 1:
        with pytest.raises(RangeError):
            flow_module.run(config)
    else:
        assert flow_module.run(config)["status"] == "published"
    assert len(calls) == tries
