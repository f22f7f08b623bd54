"""Compiled kernels on disk, so that a machine compiles each of them once and not once a process.

They lie in a folder that is named after everything that shapes machine code: the text of all kernel sources, the
versions of numba, llvmlite and Python, and the processor. Where the folder cannot be used, or a file is damaged,
kernels are compiled as they would be without it.
"""

from __future__ import annotations

import hashlib
import pickle
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core import serialize
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult

from smcloud.config.cache_folder import cache_folder, folder_for, keep, read_kept

ROOT = Path(__file__).parents[1]
# Kernels, and what they take constants from; tests/jit/test_cache.py fails where a kernel imports another module.
SOURCES = ("jit/*.py", "stats/engine/*.py", "stats/status.py", "cube/*_kernels.py")


class KernelFile(NullCache):  # type: ignore[misc]
    """The files of one kernel, in the form in which numba asks for a compiled function and hands one over.

    A function that is compiled for several types has a file for each.
    """

    def __init__(self, function: Callable[..., Any], folder: Path) -> None:
        self.folder, self.name = folder, f"{function.__module__}.{function.__qualname__}"

    def path(self, sig: Any) -> Path:
        """The file of the kernel for these types."""
        types = hashlib.sha256(str(sig).encode()).hexdigest()[:8]
        return self.folder / f"{self.name}.{types}.kernel"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled kernel, None where there is none that is whole."""
        body = read_kept(self.path(sig))
        if body is None:
            return None
        compiled_for, payload = pickle.loads(body)
        if compiled_for != sig:
            return None
        target_context.refresh()
        return CompileResult._rebuild(target_context, *payload)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the compiled kernel, unless it holds an address of this process."""
        if not data.library.has_dynamic_globals:
            keep(self.path(sig), serialize.dumps((sig, data._reduce())))


@cache
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


def kept(dispatcher: Any) -> Any:
    """``dispatcher``, a numba function that is not compiled yet, with its file."""
    folder = folder_for(cache_folder() / "kernels" / digest())
    if folder is not None:
        dispatcher._cache = KernelFile(dispatcher.py_func, folder)
    return dispatcher
