"""What the clients of stores, sources and gateways raise: as one error of ours, and whether trying again may help."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Literal, NamedTuple

from smcloud.errors import FileFormError, SmcloudError, SourceReadError, UnreachableError
from smcloud.secrecy import told

# Client libraries of object stores and gateways; each raises errors of its own beside OSError.
CLIENTS = ("aiobotocore", "aiohttp", "botocore", "fsspec", "gcsfs", "google", "requests", "s3fs", "urllib3")
# What dask raises when scheduler, gateway or all workers went; by name, as distributed takes a second to import.
LOST = ("CancelledError", "CommClosedError", "FutureCancelledError", "NoValidWorkerError", "NoWorkerError")
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
LONGEST = 160
REQUEST_SECONDS = 300

Fault = Literal["transient", "lost", "lasting"]


class Contact(NamedTuple):
    """A kind of place that code of others reaches: which of its errors are ours to explain, and how."""

    what: str
    expected: str
    next: str
    covers: Callable[[BaseException], bool]
    error: type[SmcloudError] = UnreachableError


def is_network(error: BaseException) -> bool:
    """True where ``error`` comes from a connection or from the client of an object store, not from data."""
    if isinstance(error, FileNotFoundError):
        return False
    if isinstance(error, ConnectionError | TimeoutError) or _of(CLIENTS, error):
        return True
    # s3fs and gcsfs make an OSError of many an answer: the first of its cause, the second with this word.
    translated = _of(CLIENTS, error.__cause__) or str(error).startswith("Forbidden")
    return isinstance(error, OSError) and translated


def is_lost(error: BaseException) -> bool:
    """True where ``error`` says that scheduler, gateway or all workers went."""
    return type(error).__name__ in LOST


def is_content(error: BaseException, remote: bool) -> bool:
    """True where ``error`` is about what a source holds: neither a network nor a permission is to blame.

    A local file that is not there is what the source holds. Of a remote one that is not known: a host may answer so
    where it wants credentials.
    """
    if is_network(error) or isinstance(error, PermissionError):
        return False
    # Icechunk's errors do not tell a network from data, and system calls that fail have numbers.
    return not remote or not (
        isinstance(error, FileNotFoundError) or _of(("icechunk",), error) or getattr(error, "errno", None)
    )


def _of(packages: tuple[str, ...], error: BaseException | None) -> bool:
    return type(error).__module__.partition(".")[0] in packages


SOURCE = Contact(  # intake, xarray, zarr, fsspec and the clients share no base class
    "a source cannot be opened",
    "a source that answers and opens",
    "smcloud catalog check FILE",
    lambda error: True,
)
CONTENT = Contact(
    "a source is not what its entry says",
    "whole files of the form that driver and reader name",
    "fetch the source again, or correct driver, reader and args of the catalog entry",
    lambda error: is_content(error, remote=False),
    FileFormError,
)
REMOTE_CONTENT = CONTENT._replace(covers=lambda error: is_content(error, remote=True))
MISSING = Contact(
    "a file of a source is not there",
    "files at the address of the entry",
    "correct urlpath of the catalog entry, or put the files there",
    lambda error: type(error) is FileNotFoundError,  # zarr's say more, of what is there
    FileFormError,
)
VALUES = Contact(
    "a source cannot be read to its end",
    "chunks that are there and decode",
    "smcloud run CONFIG --debug names the chunk; fetch the source again, then run again",
    lambda error: (
        isinstance(error, OSError | RuntimeError | ValueError)
        and not (is_network(error) or is_lost(error) or isinstance(error, PermissionError))
    ),
    SourceReadError,
)
REFUSED = Contact(
    "a source may not be read",
    "files and folders that may be read",
    "correct the permissions, or name a copy of your own",
    lambda error: isinstance(error, PermissionError),
)
CLUSTER = Contact(
    "the cluster went away while it computed",
    "a scheduler and workers that stay to the end",
    "run the same command again: what is sealed is kept",
    lambda error: is_lost(error),
)
STORE = Contact(
    "the store cannot be reached or refuses",
    "a bucket or directory that can be listed, read and written",
    "check name, network and credentials (AWS_*, GOOGLE_*), then run the same command again: what is sealed is kept",
    lambda error: isinstance(error, OSError) or _of(CLIENTS, error),
)
NETWORK = Contact(  # connections only: what data and disks raise is explained elsewhere
    "an object store failed for longer than its client tries",
    "a store that can be read and written",
    "check the credentials where it refuses, then run the same command again: what is sealed is kept",
    is_network,
)
GATEWAY = Contact(
    "the Dask Gateway does not answer as it should",
    "a running gateway and valid credentials",
    "check DASK_GATEWAY__ADDRESS and DASK_GATEWAY__AUTH__*, or set cluster: {kind: local}",
    lambda error: isinstance(error, OSError | ValueError) or _of(("aiohttp", "dask_gateway"), error),
)


def time_limit(url: str) -> dict[str, int]:
    """Options of a client that end its request to a server which keeps silent: by itself gcsfs waits for ever."""
    return {"requests_timeout": REQUEST_SECONDS} if url.partition(":")[0] in ("gs", "gcs") else {}


@contextmanager
def reaching(contact: Contact, where: str, next: str = "") -> Iterator[None]:
    """Turn what ``contact`` covers into its error about ``where``; errors of ours and all others pass.

    Also a decorator. ``next`` replaces the remedy; where a disk is full or read-only, that is the remedy.
    """
    try:
        yield
    except SmcloudError:
        raise
    except Exception as err:
        ours = _own_error(err)
        if ours is not None:
            raise ours from err
        if not contact.covers(err):
            raise
        full = isinstance(err, OSError) and err.errno in NO_ROOM
        room = "make room or choose another store, then run the same command again"
        raise contact.error(
            contact.what,
            where=where,
            found=brief(err),
            expected=contact.expected,
            next=room if full else next or contact.next,
        ) from err


@contextmanager
def reaching_source(remote: bool, where: str, next: str = "") -> Iterator[None]:
    """Turn whatever ends the opening of a source into one error about ``where``, as :func:`reaching` does.

    :class:`FileFormError` for what the source holds, :class:`UnreachableError` for a network or a permission.
    """
    content = reaching(REMOTE_CONTENT if remote else CONTENT, where)
    missing = nullcontext() if remote else reaching(MISSING, where)
    with reaching(SOURCE, where, next), content, missing:
        yield


def _own_error(error: BaseException) -> SmcloudError | None:
    """The error of ours that a client wrapped into its own: stores and decoders of sources raise some."""
    cause = error.__cause__ or error.__context__
    while cause is not None and not isinstance(cause, SmcloudError):
        cause = cause.__cause__ or cause.__context__
    return cause


def brief(error: BaseException) -> str:
    """One line that may be shown to anybody: the kind of ``error`` and what it says."""
    text = " ".join(told(error).split())
    line = text if isinstance(error, ConnectionError) and text else f"{type(error).__name__}: {text}".removesuffix(": ")
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def fault_of(error: BaseException) -> Fault:
    """How long a fault lasts, told from the error that ended a stage.

    ``lost``: scheduler, gateway or all workers went, a fresh cluster may do. ``transient``: a network or a store that
    did not answer, the same call may do. ``lasting``: data, configuration, permissions, whatever stays as it is.
    """
    cause: BaseException | None = error
    while cause is not None:
        behind = cause.__cause__ or cause.__context__
        if is_lost(cause):
            return "lost"
        if isinstance(cause, TimeoutError) and type(behind).__name__ == "CancelledError":
            break  # so asyncio ends what takes too long: nobody has cancelled it
        cause = behind
    if isinstance(error, SmcloudError):
        stays = isinstance(error.__cause__, FileNotFoundError | PermissionError | NotADirectoryError)
        stays = stays or (isinstance(error.__cause__, OSError) and error.__cause__.errno in NO_ROOM)
        return "transient" if error.code == "unreachable" and not stays else "lasting"
    return "transient" if is_network(error) else "lasting"
