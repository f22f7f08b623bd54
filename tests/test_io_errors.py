"""Which errors come from a store and its client, and which from data."""

import errno

import pytest
from botocore.exceptions import ClientError
from s3fs.errors import translate_boto_error

from smcloud.errors import SourceReadError, UnreachableError
from smcloud.io_errors import is_network
from smcloud.pipeline.ingest import _reading
from smcloud.store import Store


@pytest.mark.parametrize(
    ("code", "expected"), [("SlowDown", True), ("AccessDenied", True), ("500", True), ("404", False)]
)
def test_what_s3fs_makes_of_an_answer(code, expected):
    assert (
        is_network(translate_boto_error(ClientError({"Error": {"Code": code, "Message": "x"}}, "PutObject")))
        is expected
    )


def test_what_gcsfs_makes_of_a_403_and_what_is_none_of_it():
    assert is_network(OSError("Forbidden: bucket/o"))
    assert not is_network(OSError("not a zstd frame")) and not is_network(ValueError("Forbidden"))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), UnreachableError),
        (PermissionError(errno.EACCES, "Permission denied", "/soil/store/cube/x"), UnreachableError),
        (PermissionError(errno.EACCES, "Permission denied", "/soil/source/x"), SourceReadError),
    ],
)
def test_a_store_without_room_is_not_blamed_on_the_source(error, kind):
    with pytest.raises(kind), _reading({}, Store.open("/soil/store")):
        raise error
