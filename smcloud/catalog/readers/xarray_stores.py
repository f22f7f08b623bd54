"""What our engines of ``xarray.open_dataset`` share: the arguments of decoding, and a store around another one."""

from __future__ import annotations

from typing import Any

from xarray.backends import AbstractDataStore

DECODING = (
    "mask_and_scale", "decode_times", "concat_characters", "decode_coords", "drop_variables", "use_cftime",
    "decode_timedelta",
)  # fmt: skip


class StoreAround(AbstractDataStore):
    """A store of xarray around another one; who derives from it says what its variables are."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def get_attrs(self) -> Any:
        """Return the attributes of the group."""
        return self.store.get_attrs()

    def get_dimensions(self) -> Any:
        """Return the dimensions of the group."""
        return self.store.get_dimensions()

    def get_encoding(self) -> Any:
        """Return how the group is stored."""
        return self.store.get_encoding()

    def close(self) -> None:
        """Close the other store."""
        self.store.close()
