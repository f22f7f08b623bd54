"""Results in a Python session: the report's maps on any axes, its palettes, and how a Dataset shows itself."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smcloud.plot import palette
    from smcloud.plot.maps import map

__all__ = ["map", "palette"]


def __getattr__(name: str) -> Any:
    # Late: this package is imported together with smcloud, which has to be cheap.
    from importlib import import_module

    if name == "map":
        return import_module("smcloud.plot.maps").map
    if name == "palette":
        return import_module("smcloud.plot.palette")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
