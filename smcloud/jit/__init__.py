"""Compilation of the kernels with numba: on first use, and once a machine (:mod:`smcloud.jit.cache`).

Importing this module imports numba; the wrappers import the kernels inside the functions that run in a block.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numba as nb

from smcloud.jit.cache import kept

_LOCK = threading.Lock()
KERNELS: list[Callable[..., None]] = []  # all that modules imported so far have marked


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
            compiled = kept(nb.njit(nogil=True, no_cfunc_wrapper=True)(function))
            compiled.compile(nb.void(*arguments))
            compiled.disable_compile()
            return cast(Callable[..., None], compiled)

        def compiled() -> Callable[..., None]:
            with _LOCK:
                return build()

        @functools.wraps(function)
        def call(*values: Any) -> None:
            compiled()(*values)

        call.compile = compiled  # type: ignore[attr-defined]
        KERNELS.append(call)
        return cast(F, call)

    return decorate


@contextmanager
def compiling(kernels: Sequence[Callable[..., None]]) -> Iterator[None]:
    """Compile ``kernels``, in this order, while other work goes on; what is not begun when the context ends is left."""
    over = threading.Event()

    def work() -> None:
        for each in kernels:
            if over.is_set():
                return
            each.compile()  # type: ignore[attr-defined]

    thread = threading.Thread(target=work, name="smcloud-compile", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def read_only(dtype: Any, ndim: int) -> Any:
    """Numba's type of a contiguous argument that is only read: blocks may come from read-only buffers."""
    return nb.types.Array(dtype, ndim, "C", readonly=True)
