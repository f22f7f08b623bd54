"""smcloud: soil-moisture trends, their drivers and the DDWW question."""

from smcloud import stats
from smcloud.store.read import open_cube, open_product

__all__ = ["open_cube", "open_product", "stats"]
