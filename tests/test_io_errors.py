"""Which errors come from a store and its client, which from data; how long they last; whose they are."""

import errno
from asyncio import CancelledError

import pytest
from botocore.exceptions import ClientError
from s3fs.errors import translate_boto_error

from smcloud.errors import FileFormError, SourceReadError, UnitError, UnreachableError
from smcloud.io_errors import (
    CONTENT,
    GATEWAY,
    NETWORK,
    REFUSED,
    SOURCE,
    STORE,
    VALUES,
    brief,
    fault_of,
    is_network,
    reaching,
    time_limit,
)


def answer(code):
    return translate_boto_error(ClientError({"Error": {"Code": code, "Message": "x"}}, "PutObject"))


@pytest.mark.parametrize(
    ("code", "expected"), [("SlowDown", True), ("AccessDenied", True), ("500", True), ("404", False)]
)
def test_what_s3fs_makes_of_an_answer(code, expected):
    assert is_network(answer(code)) is expected


def test_what_gcsfs_makes_of_a_403_and_what_is_none_of_it():
    assert is_network(OSError("Forbidden: bucket/o"))
    assert not is_network(OSError("not a zstd frame")) and not is_network(ValueError("Forbidden"))


def caused(error, cause):
    error.__cause__ = cause
    return error


def lost():
    from distributed.comm import CommClosedError

    return CommClosedError("gone")


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (lambda: UnreachableError("x"), "transient"),
        (lambda: TimeoutError(), "transient"),
        (lambda: answer("SlowDown"), "transient"),
        (lambda: UnitError("x"), "lasting"),
        (lambda: ValueError(), "lasting"),
        (lambda: caused(UnreachableError("x"), PermissionError()), "lasting"),
        (lambda: caused(UnreachableError("x"), FileNotFoundError()), "lasting"),
        (lambda: caused(UnreachableError("x"), OSError(errno.ENOSPC, "full")), "lasting"),
        (lambda: SourceReadError("a chunk is broken"), "lasting"),
        (lambda: caused(SourceReadError("a source cannot be read"), lost()), "lost"),
        (lambda: caused(UnreachableError("x"), lost()), "lost"),
        (lost, "lost"),
        (lambda: caused(UnreachableError("x"), caused(TimeoutError(), CancelledError())), "transient"),
        (lambda: caused(UnreachableError("x"), caused(TimeoutError(), lost())), "lost"),
        (lambda: caused(SourceReadError("x"), CancelledError()), "lost"),
    ],
)
def test_how_long_a_fault_lasts(error, fault):
    assert fault_of(error()) == fault


def test_the_names_of_what_a_lost_cluster_raises_are_those_of_distributed():
    from distributed.client import FutureCancelledError
    from distributed.comm import CommClosedError
    from distributed.scheduler import NoValidWorkerError, NoWorkerError

    from smcloud.io_errors import LOST

    classes = (CancelledError, CommClosedError, FutureCancelledError, NoValidWorkerError, NoWorkerError)
    assert {each.__name__ for each in classes} == set(LOST)
    assert fault_of(NoWorkerError(task="x", timeout=1.0)) == "lost"


@pytest.mark.parametrize(
    ("contact", "error", "kind"),
    [
        (STORE, PermissionError("no"), UnreachableError),
        (STORE, ValueError("a defect"), ValueError),
        (SOURCE, ValueError("not a Zarr group"), UnreachableError),
        (CONTENT, ValueError("not a Zarr group"), FileFormError),
        (CONTENT, PermissionError("no"), PermissionError),
        (VALUES, ConnectionError("away"), ConnectionError),
        (VALUES, PermissionError("no"), PermissionError),
        (REFUSED, PermissionError("no"), UnreachableError),
        (VALUES, RuntimeError("zstd"), SourceReadError),
        (VALUES, ZeroDivisionError(), ZeroDivisionError),
        (NETWORK, ConnectionError("away"), UnreachableError),
        (NETWORK, OSError("not a zstd frame"), OSError),
        (GATEWAY, ValueError("no address"), UnreachableError),
        (STORE, UnitError("ours passes"), UnitError),
    ],
)
def test_each_contact_explains_its_own_errors_and_no_others(contact, error, kind):
    with pytest.raises(kind) as caught, reaching(contact, "gs://soil"):
        raise error
    if caught.value is not error:
        record = caught.value.record()
        assert record["where"] == "gs://soil" and all(record.values())
        assert caught.value.__cause__ is error


def test_a_disk_without_room_is_told_to_make_room():
    with pytest.raises(UnreachableError, match="No space left") as caught, reaching(STORE, "/soil"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert "make room" in caught.value.next


def test_an_error_is_one_line():
    assert brief(ValueError("a\n  b")) == "ValueError: a b" and brief(ValueError()) == "ValueError"
    assert brief(ConnectionError("the host does not answer")) == "the host does not answer"
    assert len(brief(ValueError("x" * 1000))) == 160


def test_only_clients_of_google_need_to_be_told_how_long_to_wait():
    assert time_limit("gs://soil/store") == time_limit("gcs") == {"requests_timeout": 300}
    assert time_limit("s3://soil") == time_limit("/soil/store") == time_limit("memory://x") == {}
