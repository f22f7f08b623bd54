"""The object store of the tests, and the environment that leads Google's clients to it."""

import os

import pytest

# Read when gcsfs is imported, which would else ask a service that is not there for the kind of bucket, for a minute.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"

import gcsfs

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
