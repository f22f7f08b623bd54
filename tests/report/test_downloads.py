"""Below every table of the page is a link to a CSV file with its numbers as they are."""

import io
import re

import numpy as np
import pandas as pd
import pytest

from smcloud.report import render, summary_tables
from smcloud.report.downloads import downloads


@pytest.fixture(scope="module")
def files(products, context):
    return render(
        {name: ds.assign_attrs(citation="me, 2026", license="CC0-1.0") for name, ds in products.items()}, context
    )


def read(content):
    return pd.read_csv(io.BytesIO(content), comment="#", keep_default_na=False, na_values=[""])


@pytest.mark.slow
def test_every_table_has_its_link_and_its_file(files):
    html = files["index.html"].decode()
    ids = re.findall(r'<table id="table-([\w-]+)"', html)
    links = re.findall(r'href="(table-[\w-]+\.csv)"', html)
    assert {f"table-{name}.csv" for name in ids} <= set(links)
    assert len(links) == len(set(links)) and set(links) == {name for name in files if name.endswith(".csv")}
    # A link stands below its table, before the next one begins.
    for name in ids:
        begins = html.index(f'<table id="table-{name}"')
        assert "<table" not in html[begins + 1 : html.index(f'href="table-{name}.csv"')]


@pytest.mark.slow
def test_the_numbers_are_those_of_the_tables_to_the_last_bit(files, products):
    for name, table in summary_tables(products).items():
        got = read(files[f"table-{name}.csv"])
        if name.startswith("strata_"):
            table = [row for row in table if row["area_km2"]] or table
        assert len(got) == len(table), name
        for key in table[0]:
            column = got[key.replace(": ", "_")]
            for value, row in zip(column, table, strict=True):
                wanted = row[key]
                assert (pd.isna(value) and wanted in (None, "")) or value == wanted, (name, key)


@pytest.mark.slow
def test_units_and_citation_stand_in_the_header(files):
    text = files["table-regions.csv"].decode()
    assert "# citation: me, 2026\n" in text and "# license: CC0-1.0\n" in text
    assert "# column slope [m3 m-3 yr-1]: trend of the area-weighted mean series" in text
    assert "# column area_km2 [km2]" in text and "# column drying_share [1]" in text
    assert "# column share [1]" in files["table-coverage.csv"].decode()


def test_what_strangers_wrote_is_no_formula_and_no_secret(context):
    rows = [{"role": '=HYPERLINK("http://x")', "entry": "a,b\n# c", "url": "s3://user:pw12345@host/x", "n": -1.5}]
    content = downloads({"inputs": rows}, {}, context)["table-inputs.csv"]
    got = read(content).iloc[0]
    assert got["role"] == '\'=HYPERLINK("http://x")' and got["entry"] == "a,b # c"
    assert "pw12345" not in content.decode() and got["n"] == -1.5
    assert len([line for line in content.decode().splitlines() if not line.startswith("#")]) == 2


def test_limits_that_bound_nothing_are_infinite_and_explained(context):
    rows = [
        {
            "region": "south",
            "slope": 9e-4,
            "slope_lower": -32018.8,
            "slope_upper": 32018.8,
            "n_lower": 1.0,
            "n_upper": 9.0,
        },
        {"region": "north", "slope": 9e-4, "slope_lower": -1e-3, "slope_upper": 3e-3, "n_lower": 1.0, "n_upper": 9.0},
        {"region": "none", "slope": None, "slope_lower": None, "slope_upper": None, "n_lower": None, "n_upper": None},
    ]
    content = downloads({"regions": rows}, {}, context)["table-regions.csv"]
    got = read(content)
    np.testing.assert_array_equal(got["slope_lower"], [-np.inf, -1e-3, np.nan])
    np.testing.assert_array_equal(got["slope_upper"], [np.inf, 3e-3, np.nan])
    assert list(got["n_upper"][:2]) == [9, 9]
    assert "# limits of -inf and inf: the interval is not bounded" in content.decode()
    assert rows[0]["slope_lower"] == -32018.8  # what the product says stays


def test_an_empty_table_has_no_file_and_nothing_is_rounded(context):
    exact = float(np.nextafter(0.1, 1))
    made = downloads({"none": [], "one": [{"p_value": exact, "slope": None}]}, {}, context)
    assert list(made) == ["table-one.csv"]
    assert read(made["table-one.csv"])["p_value"][0] == exact
