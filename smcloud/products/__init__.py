"""From the monthly cube to the published products: annual, trend, drivers, ddww, regional and strata.

Every function takes and returns lazy Datasets with CF attributes and neither reads nor writes.
"""

from smcloud.products.annual import annual
from smcloud.products.attributes import to_storage_dtype
from smcloud.products.ddww import ddww, ddww_attributes, ddww_interval, interval_attributes
from smcloud.products.drivers import driver_fields, driver_maps
from smcloud.products.false_alarms import false_alarms
from smcloud.products.regions import regions, strata
from smcloud.products.tables import table
from smcloud.products.trend import trend_fields, trend_maps

__all__ = [
    "annual",
    "ddww",
    "ddww_attributes",
    "ddww_interval",
    "driver_fields",
    "driver_maps",
    "false_alarms",
    "interval_attributes",
    "regions",
    "strata",
    "table",
    "to_storage_dtype",
    "trend_fields",
    "trend_maps",
]
