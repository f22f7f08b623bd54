"""Compiled kernels on disk, so that a machine compiles each of them once and not once a process.

They lie in a folder that is named after everything that shapes machine code: the text of all kernel sources, the
versions of numba, llvmlite and Python, and the processor. So nothing in it can be stale, and processes that write side
by side write the same. Where the folder cannot be used kernels are compiled as they would be without it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import sys
import uuid
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core import serialize
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult

from smcloud.config.cache_folder import cache_folder, is_ours

ROOT = Path(__file__).parents[1]
# Kernels, and what they take constants from; tests/jit/test_cache.py fails where a kernel imports another module.
SOURCES = ("jit/*.py", "stats/engine/*.py", "stats/status.py", "cube/*_kernels.py")
DIGEST_BYTES = 32
log = logging.getLogger("smcloud")


class KernelFile(NullCache):  # type: ignore[misc]
    """The file of one kernel, in the form in which numba asks for a compiled function and hands one over."""

    def __init__(self, function: Callable[..., Any], folder: Path) -> None:
        self.path = folder / f"{function.__module__}.{function.__qualname__}.kernel"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled kernel, None where there is none that is whole."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as err:
            return unusable(f"{self.path}: {err}")
        digest, body = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        if hashlib.sha256(body).digest() != digest:
            return unusable(f"{self.path} is damaged")
        stored, payload = pickle.loads(body)
        if stored != sig:
            return None
        target_context.refresh()
        return CompileResult._rebuild(target_context, *payload)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write the compiled kernel whole, then give it its name."""
        if data.library.has_dynamic_globals:  # holds an address of this process
            return
        body = serialize.dumps((sig, data._reduce()))
        temporary = self.path.with_name(f"{uuid.uuid4().hex}.tmp")
        try:
            temporary.write_bytes(hashlib.sha256(body).digest() + body)
            os.replace(temporary, self.path)
        except OSError as err:
            unusable(f"{self.path}: {err}")
            temporary.unlink(missing_ok=True)


@cache
def unusable(why: str) -> None:
    """Say once why kernels are compiled here."""
    log.debug("compiled kernels are not kept: %s", why)


@cache
def folder(named: str, root: Path = ROOT) -> Path | None:
    """The folder inside ``named`` for the kernels of this code on this machine; None where it cannot be used."""
    place = Path(named) / "kernels" / digest(root)
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        return place if is_ours(place) else unusable(f"{place} can be written by others")
    except OSError as err:
        return unusable(f"{place}: {err}")


def digest(root: Path = ROOT) -> str:
    """What stands for everything that shapes the machine code of the kernels below ``root``."""
    from numba.core.registry import cpu_target

    machine = cpu_target.target_context.codegen().magic_tuple()
    versions = (numba.__version__, llvmlite.__version__, sys.version_info[:2], numba.config.OPT)
    found = hashlib.sha256(repr((machine, versions)).encode())
    for pattern in SOURCES:
        for file in sorted(root.glob(pattern)):
            found.update(f"\0{file.relative_to(root)}\0".encode() + file.read_bytes())
    return found.hexdigest()[:24]


def keep(dispatcher: Any) -> Any:
    """``dispatcher``, a numba function that is not compiled yet, with its file."""
    place = folder(str(cache_folder()))
    if place is not None:
        dispatcher._cache = KernelFile(dispatcher.py_func, place)
    return dispatcher
