"""The report of a release: tables, figures and one HTML page. It neither reads nor writes a store."""

from smcloud.products.palette import flag_colours
from smcloud.report.context import ReportContext
from smcloud.report.page import render, used
from smcloud.report.point import point_table, point_words
from smcloud.report.rounding import markdown
from smcloud.report.scope import region_name
from smcloud.report.scorecard import scorecard_table
from smcloud.report.tables import summary_tables

__all__ = [
    "ReportContext",
    "flag_colours",
    "markdown",
    "point_table",
    "point_words",
    "region_name",
    "render",
    "scorecard_table",
    "summary_tables",
    "used",
]
