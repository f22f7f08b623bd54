"""Releases for those who do not read Zarr: CSV, Parquet, NetCDF, GeoTIFF and spreadsheets, and one cell in full."""

from smcloud.export.point import Point, point
from smcloud.export.release import FORMS, Exported, export_release
from smcloud.export.selection import Region

__all__ = ["FORMS", "Exported", "Point", "Region", "export_release", "point"]
