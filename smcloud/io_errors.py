"""Reaching what lies elsewhere: whether a host answers, and one short error for whatever its libraries raise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import fsspec

from smcloud.errors import SmcloudError, UnreachableError

# Client libraries of object stores; each raises errors of its own beside OSError.
CLIENTS = ("aiobotocore", "aiohttp", "botocore", "fsspec", "gcsfs", "google", "requests", "s3fs", "urllib3")
# Seconds that one request may take: by default gcsfs waits for ever for a server that keeps silent.
fsspec.config.conf.setdefault("gcs", {}).setdefault("requests_timeout", 300)


def is_network(error: BaseException) -> bool:
    """True where ``error`` comes from a connection or from the client of an object store, not from data."""
    if isinstance(error, FileNotFoundError):
        return False
    if isinstance(error, ConnectionError | TimeoutError) or _of_a_client(error):
        return True
    # s3fs and gcsfs make an OSError of many an answer: the first of its cause, the second with this word.
    translated = _of_a_client(error.__cause__) or str(error).startswith("Forbidden")
    return isinstance(error, OSError) and translated


def _of_a_client(error: BaseException | None) -> bool:
    return type(error).__module__.partition(".")[0] in CLIENTS


@contextmanager
def network(where: str) -> Iterator[None]:
    """What object stores raise while arrays are read and written becomes an :class:`UnreachableError`.

    Their clients have tried again for half a minute by then. All other errors pass; also a decorator.
    """
    try:
        yield
    except Exception as err:
        if not is_network(err):
            raise
        raise UnreachableError(
            "an object store failed for longer than its client tries",
            where=where,
            found=_short(err),
            expected="stores that can be read and written",
            next="check the credentials where it refuses, then run the same command again: what is sealed is kept",
        ) from err


@contextmanager
def reaching(where: str, remedy: str) -> Iterator[None]:
    """Whatever a source's libraries raise becomes an :class:`UnreachableError` with one short line."""
    try:
        yield
    except SmcloudError:
        raise
    except Exception as err:  # intake, xarray, zarr, fsspec, botocore and aiohttp share no base class
        raise UnreachableError(
            "a source cannot be opened",
            where=where,
            found=_short(err),
            expected="a source that answers and opens",
            next=remedy,
        ) from err


def _short(err: Exception) -> str:
    lines = str(err).strip().splitlines()
    text = f"{type(err).__name__}: {lines[0]}" if lines else type(err).__name__
    if isinstance(err, ConnectionError) and lines:
        text = lines[0]
    return text if len(text) <= 160 else f"{text[:157]}..."
