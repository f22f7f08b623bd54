"""What ``import smcloud`` leaves in a session without importing more: the accessor ``ds.smcloud``, and short errors."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def prepare() -> None:
    """Register the accessor as soon as there is an xarray; where IPython runs, show our errors as one line."""
    if "xarray" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _Waiting("xarray", _register))
    if "IPython" in sys.modules:
        from smcloud.errors import SmcloudError

        setattr(SmcloudError, "_render_traceback_", _shown)  # noqa: B010  # IPython's name


class _Waiting(MetaPathFinder):
    """Does something once, as soon as a module was imported by whoever needs it."""

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        self.name, self.then, self.asked = name, then, False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the module as it is found without this one; whoever then only looks imports nothing."""
        if fullname != self.name or self.asked:
            return None
        self.asked = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self.asked = False
        loader = spec.loader if spec is not None else None
        if loader is not None:
            execute = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                if self in sys.meta_path:
                    sys.meta_path.remove(self)
                    self.then()

            loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _register() -> None:
    import xarray as xr

    from smcloud.plot.accessor import Results

    register: Any = xr.register_dataset_accessor
    if not hasattr(xr.Dataset, "smcloud"):
        register("smcloud")(Results)


def _shown(error: Exception) -> list[str]:
    """What IPython shows of an error of ours: one line, or with ``%xmode Verbose`` where it was raised as well."""
    shell: Any = sys.modules["IPython"].get_ipython()
    if shell is not None and shell.InteractiveTB.mode == "Verbose":
        return traceback.format_exception(error)
    return [in_one_line(error)]


def in_one_line(error: Exception) -> str:
    """Tell an error of ours with its five parts in one line."""
    what, where, found, expected, following = (
        str(getattr(error, part)) for part in ("what", "where", "found", "expected", "next")
    )
    parts = [f"{what} ({where})" if where else what, f"found {found}" if found else ""]
    parts += [f"expected {expected}" if expected else "", f"next: {following}" if following else ""]
    return f"{type(error).__name__}: {'; '.join(filter(None, parts))}"
