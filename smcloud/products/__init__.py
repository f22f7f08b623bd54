"""From the monthly cube to the published products: annual, trend, drivers, ddww, regional, strata, sensitivity.

Every function takes and returns lazy Datasets with CF attributes and neither reads nor writes. What the products are
made of stands in :mod:`smcloud.products.definition`.
"""

from smcloud.products.annual import annual
from smcloud.products.attributes import scalars_to_attributes, split_scalars, to_storage_dtype
from smcloud.products.ddww import completed_ddww, ddww, ddww_attributes
from smcloud.products.definition import PRODUCTS, Finish, Writer, make_products
from smcloud.products.drivers import driver_fields, driver_maps
from smcloud.products.false_alarms import false_alarms
from smcloud.products.publication import Publication, RunFacts
from smcloud.products.regions import regions, strata
from smcloud.products.tables import table
from smcloud.products.trend import trend_fields, trend_maps

__all__ = [
    "PRODUCTS",
    "Finish",
    "Publication",
    "RunFacts",
    "Writer",
    "annual",
    "completed_ddww",
    "ddww",
    "ddww_attributes",
    "driver_fields",
    "driver_maps",
    "false_alarms",
    "make_products",
    "regions",
    "scalars_to_attributes",
    "split_scalars",
    "strata",
    "table",
    "to_storage_dtype",
    "trend_fields",
    "trend_maps",
]
