"""Tables as a spreadsheet: one sheet for each, and one that says what they are. No text becomes a formula."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smcloud.errors import ExportError
from smcloud.export.frames import Table, attributes
from smcloud.secrecy import printable

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

MOST_ROWS = 1_048_576  # of a sheet, that of the names with them
LONGEST_TITLE = 31
LONGEST_TEXT = 32_767
ABOUT = "about"


def require_rows(tables: Sequence[Table]) -> None:
    """Raise :class:`ExportError` where a table is longer than a sheet can be."""
    for table in tables:
        if table.rows >= MOST_ROWS:
            raise ExportError(
                "a table is longer than a sheet of a spreadsheet can be",
                where=table.name,
                found=f"{table.rows:,} rows",
                expected=f"{MOST_ROWS - 1:,} rows at most, below the names of the columns",
                next="smcloud export STORE --to csv (or parquet), or xlsx of --product regional or a small --region",
            )


def write_workbook(tables: Sequence[Table], path: Path) -> None:
    """Write ``tables`` of one product into a workbook; the first sheet holds citation, licence and units.

    Numbers are the doubles that they were; NaN is an empty cell, infinity a text, as a sheet has no such number.
    """
    import openpyxl

    require_rows(tables)
    book = openpyxl.Workbook(write_only=True)
    book.properties.creator = "smcloud"
    titles = {table.name: _title(table.name, at) for at, table in enumerate(tables)}
    with _quiet_end(book):
        _add_about(book.create_sheet(ABOUT), tables, titles)
        for table in tables:
            sheet = book.create_sheet(titles[table.name])
            sheet.freeze_panes = "A2"
            _add(sheet, [column.name for column in table.columns])
            for batch in table.batches():
                for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    _add(sheet, row)
        book.save(path)


@contextmanager
def _quiet_end(book: Workbook) -> Iterator[None]:
    """Close the sheets of ``book`` where writing ends early: collected open, they print tracebacks of openpyxl."""
    try:
        yield
    except BaseException:
        for sheet in book.worksheets:
            if not sheet.closed:
                sheet.close()
        raise


def _add_about(sheet: WriteOnlyWorksheet, tables: Sequence[Table], titles: Mapping[str, str]) -> None:
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 28, 24
    for name, text in attributes(tables[0].ds).items():
        _add(sheet, [name, text])
    _add(sheet, [])
    _add(sheet, ["sheet", "column", "unit", "meaning", "codes"])
    for table in tables:
        for column in table.columns:
            said = column.said
            codes = zip(said.get("flag_values", "").split(), said.get("flag_meanings", "").split(), strict=False)
            meaning = ". ".join(filter(None, (said.get("long_name", ""), said.get("comment", ""))))
            listed = "; ".join(f"{code} {name}" for code, name in codes)
            _add(sheet, [titles[table.name], column.name, said.get("units", ""), meaning, listed])


def _title(name: str, at: int) -> str:
    """A title that a spreadsheet takes: no letter of its own, not too long; the number keeps two apart."""
    plain = "".join("_" if letter in "[]:*?/\\'" else letter for letter in printable(name))
    return plain if len(plain) <= LONGEST_TITLE else f"{plain[: LONGEST_TITLE - 3]}_{at + 1:02d}"


def _add(sheet: WriteOnlyWorksheet, values: Sequence[Any]) -> None:
    sheet.append([_cell(sheet, value) for value in values])


def _cell(sheet: WriteOnlyWorksheet, value: Any) -> Any:
    from openpyxl.cell import WriteOnlyCell

    if isinstance(value, float) and not math.isfinite(value):
        value = None if math.isnan(value) else f"{value}"
    if isinstance(value, float) and float(f"{value:.16g}") != value:
        cell = WriteOnlyCell(sheet, value=repr(value))
        cell.data_type = "n"  # openpyxl itself writes 16 digits, which are not always enough
        return cell
    if not isinstance(value, str):
        return value.replace(tzinfo=None) if isinstance(value, datetime) else value
    cell = WriteOnlyCell(sheet, value=printable(value)[:LONGEST_TEXT])
    cell.data_type = "s"  # what begins with an equals sign is a text here
    cell.quotePrefix = True
    return cell
