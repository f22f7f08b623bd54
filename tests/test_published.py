"""Work that is done is found from the states of its sources, without the array libraries."""

import json
import subprocess
import sys

import yaml

from smcloud import pipeline, published
from smcloud.config import load_config

HEAVY = ["dask", "distributed", "numba", "pandas", "prefect", "scipy", "xarray", "zarr"]
FIND = f"""
import json, sys
from smcloud import cli, published
from smcloud.config import load_config
release = published.find(load_config(sys.argv[1]))
print(json.dumps([release and release["number"], sorted(set({HEAVY}) & set(sys.modules))]))
"""


def publish(config):
    job = pipeline.check(config)
    pipeline.publish(config, job, pipeline.ingest(config, job), pipeline.compute(config, job))


def found(path):
    done = subprocess.run([sys.executable, "-c", FIND, str(path)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_work_is_found_once_it_is_published_and_only_this_work(small_world):
    path = small_world()
    assert found(path) == [None, []]
    publish(load_config(path))
    assert found(path) == [1, []]
    assert published.find(load_config(path))["number"] == 1
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"alpha": 0.1}))
    assert published.find(load_config(path)) is None


def test_a_changed_source_is_other_work(small_world):
    path = small_world()
    publish(load_config(path))

    def warmer(ds):
        ds["soil_temperature"] = (ds["soil_temperature"] + 1).assign_attrs(ds["soil_temperature"].attrs)
        return ds

    assert published.find(load_config(small_world())) is not None
    assert published.find(load_config(small_world(change=warmer))) is None
