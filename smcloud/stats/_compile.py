"""Compilation of the kernels with numba: on first use, once per process, without files.

Importing this module imports numba; the wrappers import the kernels inside the functions that run in a block.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, cast

import numba as nb

_LOCK = threading.Lock()


def jit[F: Callable[..., Any]](function: F) -> F:
    """Mark a helper to be compiled together with the kernel that calls it; only compiled code may call it.

    A wrapper for Python would cost as much time to compile as the helper itself, so there is none.
    """
    return cast(F, nb.njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function))


def kernel[F: Callable[..., None]](*arguments: Any) -> Callable[[F], F]:
    """Compile a function for these numba types at its first call, whichever thread makes it.

    No fastmath: nothing is contracted or reordered, so exact ties stay exact.
    """

    def decorate(function: F) -> F:
        @functools.cache
        def build() -> Callable[..., None]:
            return cast(Callable[..., None], nb.njit(nb.void(*arguments), nogil=True, no_cfunc_wrapper=True)(function))

        @functools.wraps(function)
        def call(*values: Any) -> None:
            with _LOCK:
                compiled = build()
            compiled(*values)

        return cast(F, call)

    return decorate


def read_only(dtype: Any, ndim: int) -> Any:
    """Numba's type of a contiguous argument that is only read: blocks may come from read-only buffers."""
    return nb.types.Array(dtype, ndim, "C", readonly=True)
