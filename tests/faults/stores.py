"""Stores of three kinds for the rows of ``make faults``: a disk, and object stores that serve on loopback."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smcloud.store import Store

if TYPE_CHECKING:
    from tests.cloud.objects import ObjectStore

# Read when gcsfs is imported, which would else ask a service that is not there for the kind of bucket, for a minute.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"
KINDS = ("disk", "gcs", "s3")
NewStore = Callable[[], Store]


@contextmanager
def stores(kind: str) -> Iterator[NewStore]:
    """A function that gives a new, empty store of ``kind`` each time; the environment leads clients to its server."""
    with {"disk": _disk, "gcs": _gcs, "s3": _s3}[kind]() as root:
        yield lambda: Store.open(f"{root}/{uuid.uuid4().hex}")


@contextmanager
def _disk() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="smcloud-faults-") as folder:
        yield str(Path(folder))


@contextmanager
def _gcs() -> Iterator[str]:
    from tests.cloud.gcs import serving

    with serving() as (url, content), _bucket_at(url, content) as root:
        yield root


@contextmanager
def _bucket_at(url: str, content: ObjectStore) -> Iterator[str]:
    import gcsfs

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", url)
        content.buckets["bucket"] = {}
        gcsfs.GCSFileSystem.clear_instance_cache()
        yield "gs://bucket"
        gcsfs.GCSFileSystem.clear_instance_cache()


@contextmanager
def gcs_at(url: str, content: ObjectStore) -> Iterator[NewStore]:
    """As :func:`stores`, on a server that runs at ``url``."""
    with _bucket_at(url, content) as root:
        yield lambda: Store.open(f"{root}/{uuid.uuid4().hex}")


@contextmanager
def _s3() -> Iterator[str]:
    import s3fs

    from tests.cloud import s3

    with s3.serving() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        s3fs.S3FileSystem().mkdir("faults")
        yield "s3://faults"
