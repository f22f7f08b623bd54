"""smcloud: soil-moisture trends, their drivers and the DDWW question."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smcloud import stats
    from smcloud.store.read import open_cube, open_product

__all__ = ["open_cube", "open_product", "stats"]


def __getattr__(name: str) -> Any:
    # Late, so that a command which finds its work done does not wait for the array libraries.
    if name == "stats":
        import smcloud.stats

        return smcloud.stats
    if name in __all__:
        import smcloud.store.read

        return getattr(smcloud.store.read, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
