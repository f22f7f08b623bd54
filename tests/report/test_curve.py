"""The figure and the sentences of a specification curve, on made-up rows."""

import io
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smcloud.products.choice_grid import CHOICES, rows
from smcloud.products.variance import variance_by_choice
from smcloud.report import render
from smcloud.report.curve_figure import curve_figure, curve_png
from smcloud.report.curve_sentences import by_share, curve_sentences


def made(excess_of, void_of=lambda row: "") -> xr.Dataset:
    """A product of rows whose zones, or whatever ``excess_of`` looks at, decide."""
    listed = list(rows())
    excess = np.array([excess_of(row) for row in listed], float)
    expected = np.where(np.isnan(excess), np.nan, np.array([0.3 + 0.2 * (row.zones == "aridity_2") for row in listed]))
    columns = {
        "ddww_excess": excess,
        "ddww_expected_share": expected,
        "ddww_share_of_change": expected + excess,
        "ddww_null_lower": expected - 0.05,
        "ddww_null_upper": expected + 0.05,
        "void": np.array([void_of(row) for row in listed]),
    }
    coords = {choice.name: ("combination", [getattr(row, choice.name) for row in listed]) for choice in CHOICES}
    ds = xr.Dataset({name: ("combination", values) for name, values in columns.items()}, coords)
    variance = variance_by_choice(ds)
    attrs = {"alpha": 0.05, "null_fields": 199, "own_combination": 4}
    return ds.merge(variance).assign_attrs(variance.attrs | attrs)


def by_zones(row) -> float:
    return {"aridity_3": -0.1, "aridity_2": 0.1}.get(row.zones, 0.0) + 0.001 * (row.annual == "anomalies")


def test_the_sentences_name_what_decides_and_the_numbers_of_the_curve() -> None:
    first, second, third = curve_sentences(made(by_zones))
    assert "matters most is the zones" in first and "20.0 points apart" in first and "100 % of the variance" in first
    assert "from −10.0 points to 10.1 points" in second and "4480 of 4480" in second
    assert "20 % of the combinations lie above" in second and "20 % below it and 60 % within" in second
    assert "between 30 % and 50 %" in third and "more than chance in 80 %" in third


def test_choices_are_listed_by_their_share() -> None:
    found = by_share(made(lambda row: by_zones(row) + 0.3 * (row.test == "3pw")))
    assert [name for name, *_ in found[:3]] == ["test", "zones", "annual"]
    assert found[0][2] == pytest.approx(0.3)


@pytest.mark.parametrize(
    "excess", [by_zones, lambda row: np.nan if row.test == "3pw" else by_zones(row), lambda row: np.nan]
)
def test_the_figure_is_drawn_whatever_is_missing_and_with_the_same_bytes(excess) -> None:
    ds = made(excess)
    png = curve_png(ds)
    assert png.startswith(b"\x89PNG") and curve_png(ds) == png
    texts = [text.get_text() for axes in curve_figure(ds).axes for text in axes.texts]
    if np.isfinite(ds["ddww_excess"]).any():
        labels = [option.label for choice in CHOICES for option in choice.options]
        assert set(labels) <= set(texts) and "tests" not in texts
    else:
        assert any("nothing changes significantly" in text for text in texts)
        sentences = curve_sentences(ds)
        assert "cannot be told" in sentences[0] and "None of the" in sentences[1] and "cannot be told" in sentences[2]


def test_of_a_region_nothing_is_said_of_the_studys_share() -> None:
    ds = made(by_zones).assign_attrs(region_name="CNA, WNA")
    assert len(curve_sentences(ds)) == 2 and "41.06" not in " ".join(curve_sentences(ds))
    labels = [
        text.get_text() for axes in curve_figure(ds).axes if axes.get_legend() for text in axes.get_legend().texts
    ]
    assert labels and not any("study" in text for text in labels)


@pytest.mark.slow
def test_the_page_has_a_section_with_figure_sentences_and_both_tables(context) -> None:
    ds = made(by_zones, lambda row: "two zones" if row.zones == "water_balance" else "")
    regions = ["globe", "north", "south"]
    slope = np.random.default_rng(1).normal(size=(ds.sizes["combination"], 3))
    ds = ds.assign(mean_of_slopes=(("combination", "region"), slope, {"units": "m3 m-3 yr-1", "long_name": "mean"}))
    texts = {name: da.astype("T") for name, da in ds.variables.items() if da.dtype.kind == "U"}  # as a store gives them
    curve = ds.assign_coords(texts | {"region": regions}).reset_coords("void")
    files = render({"sensitivity": curve}, context)
    html = files["index.html"].decode()
    section = html[html.index('<h2 id="sensitivity">') :]
    section = section[: section.index("<h2", 5)]
    told = [re.sub(r"\s+", " ", text) for text in re.findall(r"<p>(.*?)</p>", section)]
    assert [text.replace("&#39;", "'") for text in told] == curve_sentences(curve)
    names = ("sensitivity.svg", "table-sensitivity.csv", "table-sensitivity.parquet")
    assert all(f'"{name}"' in section and name in files for name in names)
    assert files["sensitivity.svg"].startswith(b"<?xml")
    frame = pd.read_parquet(io.BytesIO(files["table-sensitivity.parquet"]))
    text = pd.read_csv(io.BytesIO(files["table-sensitivity.csv"]), comment="#")
    assert len(frame) == len(text) == ds.sizes["combination"] and list(frame) == list(text)
    for at, region in enumerate(regions):
        np.testing.assert_array_equal(frame[f"mean_of_slopes_{region}"], slope[:, at])
        np.testing.assert_array_equal(text[f"mean_of_slopes_{region}"], slope[:, at])
    assert b"# column mean_of_slopes_south [m3 m-3 yr-1]: mean" in files["table-sensitivity.csv"]
    assert (text["void"].fillna("") == frame["void"]).all() and (frame["void"] != "").any()
