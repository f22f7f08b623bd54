"""A workbook that openpyxl reads back: numbers as they are, text that runs nothing, and a limit that is told."""

import gc
import math

import numpy as np
import openpyxl
import pytest
import xarray as xr

import smcloud
from smcloud.errors import ExportError
from smcloud.export import export_release
from smcloud.export.frames import Table, tables
from smcloud.export.workbook import MOST_ROWS, require_rows, write_workbook
from tests.export.small_release import LABELS


@pytest.fixture(scope="module")
def book(store, tmp_path_factory):
    out = tmp_path_factory.mktemp("book") / "regions.xlsx"
    done = export_release(store, "xlsx", out, ["regional"])
    assert done.files == {"regions.xlsx": out.stat().st_size} and [*out.parent.iterdir()] == [out]
    return openpyxl.load_workbook(out)


def test_numbers_are_those_of_the_product(book, store):
    ds = smcloud.open_product(store, "regional").load()
    header, *rows = book["regional_region"].values
    assert len(rows) == len(LABELS)
    slopes = [row[header.index("slope")] for row in rows]
    assert slopes[0] is None and slopes[1:] == ds["slope"].values[1:].tolist()
    assert [row[header.index("n_cells")] for row in rows] == ds["n_cells"].values.tolist()
    assert [row[header.index("status_label")] for row in rows] == ["ok"] * len(LABELS)


def test_no_cell_is_a_formula(book):
    sheet = book["regional_region"]
    column = [cell.value for cell in sheet[1]].index("label") + 1
    texts = [sheet.cell(row, column) for row in range(2, sheet.max_row + 1)]
    assert [cell.value for cell in texts] == [text.replace("\n", "\\n") for text in LABELS]
    assert {cell.data_type for cell in texts} == {"s"} and all(cell.quotePrefix for cell in texts)
    for sheet in book:
        assert not [cell.coordinate for row in sheet for cell in row if cell.data_type in ("f", "e")]


def test_the_first_sheet_says_what_it_is(book):
    assert book.sheetnames == ["about", "regional_region", "regional_region_driver", "regional_region_year"]
    rows = [*book["about"].values]
    told = {row[0]: row[1] for row in rows if row[0]}
    assert told["citation"].startswith("A. Person (20") and "CC-BY-4.0" in told["license"]
    assert ("regional_region", "slope", "m3 m-3 yr-1") in [row[:3] for row in rows]


def test_infinity_and_long_names(tmp_path):
    ds = xr.Dataset({"x": (("d" * 40,), [math.inf, math.nan, -math.inf, 0.1])}, attrs={"citation": "=1+1"})
    write_workbook(tables("p", ds), tmp_path / "x.xlsx")
    book = openpyxl.load_workbook(tmp_path / "x.xlsx")
    assert all(len(name) <= 31 for name in book.sheetnames)
    assert [row[1] for row in book.worksheets[1].values] == ["x", "inf", None, "-inf", 0.1]
    assert book["about"]["B1"].value == "=1+1" and book["about"]["B1"].data_type == "s"


def test_what_a_sheet_cannot_hold_is_refused_before_anything_is_written():
    ds = xr.Dataset({"x": (("n",), np.zeros(MOST_ROWS, "u1"))})
    with pytest.raises(ExportError) as refused:
        require_rows(tables("annual", ds))
    assert "1,048,576" in refused.value.found and "csv" in refused.value.next and "parquet" in refused.value.next
    require_rows(tables("annual", ds.isel(n=slice(1, None))))  # one less fits below the names


def test_what_ends_early_ends_quietly(tmp_path, monkeypatch, capfd):
    def stop(table, rows=1):
        yield from real(table, 1)
        raise KeyboardInterrupt

    real = Table.batches
    monkeypatch.setattr(Table, "batches", stop)
    ds = xr.Dataset({"x": (("n",), [0.1, 0.2]), "y": (("m",), [0.1])})
    with pytest.raises(KeyboardInterrupt):
        write_workbook(tables("p", ds), tmp_path / "x.xlsx")
    gc.collect()
    assert capfd.readouterr().err == ""
