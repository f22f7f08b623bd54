"""The object store of the tests, and the environment that leads Google's clients to it."""

import os

import fsspec
import pytest
import yaml

# Read when gcsfs is imported, which would else ask a service that is not there for the kind of bucket, for a minute.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"

import gcsfs

from infra.local.cloud_demo import deploy, put_world
from infra.local.servers import cloud, environment, worker
from tests.cloud.gcs import serving


@pytest.fixture
def gcs(monkeypatch):
    """Address and content of a running object store; gcsfs and google-cloud-storage find it."""
    with serving() as (url, store):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        gcsfs.GCSFileSystem.clear_instance_cache()
        yield url, store
        gcsfs.GCSFileSystem.clear_instance_cache()


@pytest.fixture
def fs(gcs):
    """gcsfs on a store with a bucket."""
    gcs[1].buckets["bucket"] = {}
    return gcsfs.GCSFileSystem(token="anon", skip_instance_cache=True)


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """The bucket of a cloud that runs, with the world and a configuration in it."""
    folder = tmp_path_factory.mktemp("cloud")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PREFECT_API_URL", raising=False)
        with cloud(folder) as bucket, environment(put_world(bucket, folder, 5.0)), worker(folder), prefect_here():
            deploy()
            yield bucket


def prefect_here():
    """A context in which Prefect, imported long ago, has the settings that the environment names now."""
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, PREFECT_LOCAL_STORAGE_PATH, temporary_settings

    home = os.environ["PREFECT_HOME"]
    named = {PREFECT_API_URL: os.environ["PREFECT_API_URL"], PREFECT_HOME: home}
    return temporary_settings(named | {PREFECT_LOCAL_STORAGE_PATH: f"{home}/storage"})


@pytest.fixture
def settings(place):
    """A function that puts the configuration of the bucket, changed, beside it: its URL."""

    def put(store, inputs=None, **cluster):
        fs, root = fsspec.core.url_to_fs(place)
        data = yaml.safe_load(fs.cat_file(f"{root}/demo.yaml"))
        data |= {"store": f"{place}/{store}", "cluster": data["cluster"] | cluster}
        if inputs:
            data |= {"inputs": {role: data["inputs"][role] for role in inputs}}
            del data["drivers"]
        fs.pipe_file(f"{root}/{store}.yaml", yaml.safe_dump(data).encode())
        return f"{place}/{store}.yaml"

    return put
