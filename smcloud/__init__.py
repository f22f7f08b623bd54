"""smcloud: soil-moisture trends, their drivers and the DDWW question."""

from importlib import import_module as _import
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smcloud import catalog, cluster, config, pipeline, plot, stats
    from smcloud.errors import SmcloudError
    from smcloud.store.read import open_cube, open_product

    __version__: str

__all__ = [
    "SmcloudError",
    "__version__",
    "catalog",
    "cluster",
    "config",
    "open_cube",
    "open_product",
    "pipeline",
    "plot",
    "stats",
]
_FROM = {"SmcloudError": "errors", "open_cube": "plot.opening", "open_product": "plot.opening"}

_import("smcloud.plot.hook").prepare()


def __getattr__(name: str) -> Any:
    # Late, so that a command which finds its work done does not wait for the array libraries.
    if name == "__version__":
        from importlib.metadata import version

        return version(__name__)
    if name in _FROM:
        return getattr(_import(f"{__name__}.{_FROM[name]}"), name)
    if name in __all__:
        return _import(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
