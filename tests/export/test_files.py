"""CSV and Parquet of every table, read back by others to the last bit."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import smcloud
from smcloud.export import export_release
from smcloud.export.frames import tables
from tests.export.small_release import HOSTILE, LABELS


@pytest.fixture(scope="module")
def written(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    return {form: export_release(store, form, folder / form) for form in ("csv", "parquet")}


def frame(store, product, dims):
    """The table as xarray makes it, for comparison: rows in the order of ``dims``."""
    ds = smcloud.open_product(store, product).load()
    names = [name for name in ds.data_vars if {*ds[name].dims} == {*dims}]
    return ds[names].to_dataframe(dim_order=list(dims)).reset_index()


SHAPES = [
    ("annual", "annual_cells", ("lat", "lon")), ("annual", "annual_cells_year", ("year", "lat", "lon")),
    ("trend", "trend_cells", ("lat", "lon")), ("trend", "trend_cells_break", ("break", "lat", "lon")),
    ("drivers", "drivers_cells_driver", ("driver", "lat", "lon")), ("drivers", "drivers_cells", ("lat", "lon")),
    ("ddww", "ddww_cells", ("lat", "lon")), ("ddww", "ddww_class", ("class",)),
    ("regional", "regional_region", ("region",)), ("regional", "regional_region_driver", ("region", "driver")),
    ("regional", "regional_region_year", ("region", "year")),
]  # fmt: skip


def test_these_are_all_tables(written):
    names = {name for _, name, _ in SHAPES}
    for form, done in written.items():
        assert {*done.files} == {f"{name}.{form}" for name in names}
        manifest = json.loads((done.out / "smcloud-export.json").read_text())
        assert manifest["files"] == dict(done.files) and manifest["release"] == 1


@pytest.mark.parametrize(("product", "name", "dims"), SHAPES)
def test_others_read_the_same_numbers_to_the_last_bit(store, written, product, name, dims):
    wanted = frame(store, product, dims)
    csv = pd.read_csv(written["csv"].out / f"{name}.csv", comment="#")
    parquet = pq.read_table(written["parquet"].out / f"{name}.parquet").to_pandas()
    for column in wanted:
        if column in ("label", "kind") or (column == "break"):
            continue
        values = wanted[column]
        if values.dtype.kind in "OU" or str(values.dtype).startswith("str"):
            assert list(csv[column]) == list(values) == list(parquet[column])
            continue
        np.testing.assert_array_equal(csv[column].to_numpy(values.dtype), values, err_msg=column)
        np.testing.assert_array_equal(parquet[column].to_numpy(values.dtype), values, err_msg=column)
        if values.dtype.kind == "f":  # read as doubles they are the stored values too
            np.testing.assert_array_equal(csv[column].to_numpy("f8"), values.to_numpy("f8"))
    assert len(csv) == len(parquet) == len(wanted)
    assert not any(csv[column].dtype == object for column in csv)


def test_parquet_keeps_types_units_and_citation(written):
    schema = pq.read_schema(written["parquet"].out / "trend_cells.parquet")
    assert str(schema.field("slope").type) == "float" and str(schema.field("n_years").type) == "uint16"
    assert schema.field("slope").metadata[b"units"] == b"m3 m-3 yr-1"
    assert b"A. Person (20" in schema.metadata[b"citation"] and schema.metadata[b"product_version"] == b"release 1"
    table = pq.read_table(written["parquet"].out / "trend_cells.parquet")
    assert table["slope"].null_count and not table["slope"].drop_null().to_pandas().isna().any()


def test_a_code_has_its_meaning_beside_it(written):
    csv = pd.read_csv(written["csv"].out / "trend_cells.csv", comment="#")
    known = dict(zip(csv["status"], csv["status_label"], strict=True))
    assert known[0] == "ok" and known[7] == "not_land" and known[8] == "ends_not_covered" and len(known) == 11
    cover = pd.read_csv(written["csv"].out / "annual_cells.csv", comment="#")
    assert (cover["land_cover_label"].isna() == cover["land_cover"].isna()).all()
    assert {"lat_bnds_0", "lat_bnds_1"} <= {*cover} and (cover["lat_bnds_1"] - cover["lat_bnds_0"] == 30).all()


def test_the_header_says_what_it_is(written):
    lines = (written["csv"].out / "trend_cells.csv").read_text("utf-8").splitlines()
    header = [line for line in lines if line.startswith("#")]
    assert lines[: len(header)] == header
    text = "\n".join(header)
    assert "# title: Trend of annual soil moisture" in text and "# product_version: release 1" in text
    assert (
        "# citation: A. Person (20" in text and "CC-BY-4.0" in text and 'Doe, J. (2024): =1+1, "Soil" and more' in text
    )
    for column in lines[len(header)].replace('"', "").split(","):
        is_text = column.endswith("_label")
        assert f"# column {column}{': meaning of' if is_text else ' ['}" in text, column
    assert "# column slope [m3 m-3 yr-1]: trend of annual" in text
    assert "8 is ends_not_covered" in text


def test_dates_are_written_as_dates(written):
    csv = pd.read_csv(written["csv"].out / "annual_cells_year.csv", comment="#")
    assert list(csv)[:4] == ["year", "time", "lat", "lon"] and csv["time"].iloc[-1] == "2003-01-01T00:00:00"
    table = pq.read_table(written["parquet"].out / "annual_cells_year.parquet")
    assert str(table["time"].type).startswith("timestamp") and table["time"][0].as_py().year == 2000


def test_no_text_becomes_a_formula_and_a_row_stays_a_row(written):
    path = written["csv"].out / "regional_region.csv"
    csv = pd.read_csv(path, comment="#")
    wanted = [f"'{text}" if text[0] in "=+-@" else text.replace("\n", "\\n") for text in LABELS]
    assert list(csv["label"]) == wanted and f"'{HOSTILE}" in wanted
    rows = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    assert len(rows) == 1 + len(LABELS)
    parquet = pq.read_table(written["parquet"].out / "regional_region.parquet")
    assert parquet["label"].to_pylist() == LABELS  # no program runs a column of Parquet


def test_a_variable_in_another_order_of_dims_is_put_in_order(made):
    ds = made["trend"][["slope", "p_value"]].assign(p_value=made["trend"]["p_value"].transpose("lon", "lat"))
    (table,) = tables("trend", ds)
    (batch,) = table.batches()
    wanted = ds.to_dataframe(dim_order=["lat", "lon"]).reset_index()
    for name in ("slope", "p_value"):
        np.testing.assert_array_equal(batch[name].to_numpy(zero_copy_only=False), wanted[name])


def test_it_is_written_block_by_block(store, made, monkeypatch):
    seen = []
    for years in (4, 9):
        ds = made["annual"].isel(year=np.arange(years) % 4).assign_coords(year=2000 + np.arange(years)).chunk(year=1)
        table = next(table for table in tables("annual", ds) if table.dims == ("year", "lat", "lon"))
        batches = list(table.batches(rows=50))
        assert sum(batch.num_rows for batch in batches) == table.rows == years * 72
        seen.append((max(batch.num_rows for batch in batches), len(batches)))
    (largest, few), (still, many) = seen
    assert largest == still <= 50 and many * 4 == few * 9
