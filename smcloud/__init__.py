"""smcloud: soil-moisture trends, their drivers and the DDWW question."""

from typing import TYPE_CHECKING, Any

from smcloud.plot.hook import prepare as _prepare

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

_prepare()
del _prepare


def __getattr__(name: str) -> Any:
    # Late, so that a command which finds its work done does not wait for the array libraries.
    from importlib import import_module

    if name == "__version__":
        from importlib.metadata import version

        return version(__name__)
    if name in _FROM:
        return getattr(import_module(f"{__name__}.{_FROM[name]}"), name)
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
