"""What the numbers of a report are of, the globe or a region, and the words for it."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from smcloud.products.regions import GLOBE, REGION
from smcloud.report.context import ReportContext
from smcloud.report.labels import label
from smcloud.report.language import paragraph, tell
from smcloud.report.rounding import Record, Table, figures, number, percent


def whole(table: Table) -> Record | None:
    """Find the record of the globe, or of the region that the run is of, in a table of regions; None without one."""
    return next((row for row in table if row["key"] in (GLOBE, REGION)), None)


def of_region(row: Record | None) -> bool:
    """Return whether the whole is a region: then nothing is called global, or set beside a number of the globe."""
    return row is not None and row["key"] == REGION


def region_name(products: Mapping[str, xr.Dataset]) -> str:
    """Return what the region is called; empty for the globe."""
    named = (str(ds.attrs["region_name"]) for ds in products.values() if ds.attrs.get("region_name"))
    return next(named, "")


def titled(products: Mapping[str, xr.Dataset], context: ReportContext) -> str:
    """Return the title of a page, with the name of its region."""
    name, title = region_name(products), label(context.title)
    return tell("{title}, {region}", title=title, region=name) if name else title


def region_words(products: Mapping[str, xr.Dataset]) -> str:
    """Name the region with its area, for the head of a page; empty for the globe."""
    areas = (float(ds.attrs["region_area_km2"]) for ds in products.values() if "region_area_km2" in ds.attrs)
    area = next(areas, None)
    name = region_name(products)
    if not name or area is None:
        return name
    return tell("{name}, {area}", name=name, area=area_text(area))


def region_sentence(products: Mapping[str, xr.Dataset], tables: Mapping[str, Table], context: ReportContext) -> str:
    """Write what the region is: name, area and the part of it that is land; empty for the globe."""
    row, name = whole(tables.get("regions", [])), region_words(products)
    if not of_region(row) or not name:
        return ""
    assert row is not None
    if row.get("land_share") is None:
        told = tell("This run is of one region: {name}.", name=name)
    else:
        template = (
            tell("This run is of one region: {name}, of which {share} is land.")
            if context.land_mask is not None
            else tell(
                "This run is of one region: {name}, of which {share} has soil moisture in any year, which counts as "
                "land."
            )
        )
        told = template.format(name=name, share=percent(row["land_share"]))
    return paragraph([told, tell("All of its numbers are of the region alone.")])


def area_text(km2: float) -> str:
    """Format an area: ``1.23 million km²``, ``12,300 km²`` where it is small."""
    if km2 >= 1e5:
        return tell("{number} million km²", number=figures(km2 / 1e6))
    return tell("{number} km²", number=number(km2, 0))
