"""The report of a release: tables, figures and one HTML page. It reads no store and writes none."""

from smcloud.report.context import ReportContext
from smcloud.report.page import render
from smcloud.report.tables import markdown, summary_tables

__all__ = ["ReportContext", "markdown", "render", "summary_tables"]
