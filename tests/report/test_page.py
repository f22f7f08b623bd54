"""The page: its numbers, its links, its honesty, and the same bytes for the same input."""

import re
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser

import numpy as np
import pytest
import xarray as xr

from smcloud.report import page as page_module
from smcloud.report import render, used
from smcloud.report.caveats import detectable, mixed_pools
from smcloud.report.ddww_sentences import ddww
from smcloud.report.method import pieces
from smcloud.report.page import unbroken
from smcloud.report.page_tables import grey
from smcloud.report.rounding import shown
from smcloud.report.sentences import changed_area, global_trend
from smcloud.report.tables import class_records, summary_tables

PICTURES = (
    "trend.svg", "detectable.svg", "drivers.svg", "ddww.svg", "zonal.svg", "series.svg", "latitude.svg", "deciles.svg",
    "shares.svg", "classes.svg", "strata.svg",
)  # fmt: skip


class Page(HTMLParser):
    """Tables as rows of cell texts by id, attributes that load or link, and the text."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.links: list[tuple[str, str, str]] = []
        self.images: dict[str, str] = {}
        self.tags: list[str] = []
        self.text = ""
        self._table = self._cell = None
        self.feed(html.decode())
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        self.links += [(tag, key, values[key]) for key in ("src", "href", "srcset", "data", "action") if key in values]
        if tag == "img":
            self.images[values["src"]] = values["alt"]
        if tag == "table":
            self._table = self.tables.setdefault(values.get("id") or values.get("class", ""), [])
        if tag == "tr" and self._table is not None:
            self._table.append([])
        if tag in ("td", "th") and self._table:
            self._table[-1].append("")
            self._cell = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._cell = None
        if tag == "table":
            self._table = None

    def handle_data(self, data):
        self.text += data
        if self._cell and self._table:
            self._table[-1][-1] += data


def value(cell: str) -> float:
    return float(cell.replace("−", "-").replace(",", "").replace("<", ""))


@pytest.fixture(scope="module")
def files(products, context):
    return render(products, context)


@pytest.fixture
def undrawn(monkeypatch):
    """A page of tables and sentences alone: for what is said, no figure needs to be drawn."""
    monkeypatch.setattr("smcloud.report.page.draw_all", lambda *_: ([], []))


@pytest.fixture(scope="module")
def page(files):
    return Page(files["index.html"])


@pytest.mark.slow
def test_files(files, page):
    tables = {name for name in files if name.endswith(".csv")}
    assert set(files) == {"index.html", *PICTURES} | tables
    assert set(page.images) == set(PICTURES)
    assert all(len(alt) > 40 for alt in page.images.values())
    assert all(files[name].startswith(b"<?xml") for name in page.images)


@pytest.mark.slow
def test_regional_numbers_equal_the_product(page, products):
    header, *rows = page.tables["table-regions"]
    regional = products["regional"].set_index(region="label")
    assert len(rows) == 4
    for row in rows:
        here = regional.sel(region=row[0])
        cells = dict(zip(header, row, strict=True))
        assert value(cells["Trend (10⁻³/yr)"]) == pytest.approx(1e3 * float(here["slope"]), abs=5.01e-4)
        lower, upper = (value(end) for end in row[header.index("interval")].split(" to "))
        assert lower == pytest.approx(1e3 * float(here["slope_lower"]), abs=5.01e-4)
        assert upper == pytest.approx(1e3 * float(here["slope_upper"]), abs=5.01e-4)
        assert value(cells["Drying (%)"]) == pytest.approx(100 * float(here["drying_share"]), abs=0.0501)
        assert value(cells["Cells"]) == int(here["n_cells"])
        r = float(here["partial_correlation"].sel(driver="soil_temperature"))
        assert value(cells["r, soil temperature"]) == pytest.approx(r, abs=0.00501)


def test_bands_without_data_are_dashes(page, products):
    header, *rows = page.tables["table-bands"]
    assert len(rows) == 18
    dark = [row for row in rows if row[header.index("Cells")] == "0"]
    assert dark and all(row[1] == row[2] == "–" for row in dark)
    assert not re.search(r"\bnan\b", page.text, re.IGNORECASE)
    assert page.text.count("A dash (–) means") == 1


def test_class_table_equals_the_product(page, products):
    _, *rows = page.tables["table-ddww"]
    got = np.array([value(row[3]) for row in rows])
    np.testing.assert_allclose(got, 100 * products["ddww"]["share_of_change"].values, atol=0.0501)
    assert [row[0] for row in rows] == ["DD", "DW", "WD", "WW", "TD", "TW"]


def test_summary_states_shares_with_their_denominators(page, products):
    attrs, globe = products["ddww"].attrs, products["regional"].sel(region="globe")
    of_change = f"{100 * attrs['ddww_share_of_change']:.1f} % of the area with a significant change"
    assert of_change in page.text
    assert f"{100 * attrs['ddww_share_of_land']:.1f} % of the land with a valid trend" in page.text
    chance = float(products["ddww"]["expected_share"].sel({"class": ["DD", "WW"]}).sum())
    assert f"would hold on {100 * chance:.1f} % of the changed area" in page.text
    assert f"{100 * float(globe['drying_share']):.1f} % dries" in page.text
    covered = 100 * float(globe["covered_area_km2"] / globe["area_km2"])
    million = float(globe["covered_area_km2"]) / 1e6
    assert f"{million:.0f} million km² with a valid trend ({covered:.1f} % of all land)" in page.text
    assert f"changes by {1e3 * float(globe['slope']):.3f} × 10⁻³ m³ m⁻³ yr⁻¹ (95 % interval" in page.text


def test_nothing_is_loaded_from_the_network(page, files):
    html = files["index.html"].decode()
    for tag, key, url in page.links:
        if tag == "a":
            inside = url.startswith("#") and f'id="{url[1:]}"' in html
            assert url.startswith("https://") or inside or (url in files and url.endswith((".csv", ".svg"))), url
        else:
            assert url in files or url.startswith("data:"), (tag, key, url)
    assert "script" not in page.tags and "iframe" not in page.tags
    assert "@import" not in html and "url(" not in html


def test_provenance(page, context):
    rows = {row[0]: row for row in page.tables["table-inputs"][1:]}
    assert rows["soil_moisture"][1:5] == ["esa_cci_sm", "v08.1", "3f2a9c", "CC-BY-4.0"]
    assert rows["precipitation"][2] == "–"
    assert ("a", "href", "https://doi.org/10.1016/j.rse.2017.07.001") in page.links
    assert ("a", "href", "https://doi.org/10.1002/qj.3803") in page.links
    assert context.run_id in page.text and context.cube_id in page.text
    assert [row[:2] for row in page.tables["table-seconds"][1:]] == [["cube", "12.3"], ["products", "40.0"]]
    assert f"Roles without an input, and so without what is made from them: {context.missing[0]}." in page.text


def test_each_choice_has_its_level_and_nobodys_own_is_called_assumed(page, products, new_context, context):
    rows = {row[0]: row[1:] for row in page.tables["table-choices"][1:]}
    assert rows["years.min_years"] == ["15", "unknown: the study does not say"]
    assert rows["trend.test"][1].startswith("likely") and rows["trend.significance"][1] == "stated by the study"
    assert rows["zones.limits"] == ["0.5, 0.65", "chosen by you"] and len(rows) == 13
    assert "Presetpeng2023, changed: zones.limits" in page.text.replace("\n", "")
    assert "assumed" not in page.text and "exact replication" not in page.text and "is a guess at it" in page.text
    own = {"preset": "rigorous", "levels": {"trend": "method", "zones": "method"}, "changed": ["trend.test"]}
    rigorous = new_context(config=dict(context.config) | own)
    other = Page(render({"regional": products["regional"]}, rigorous)["index.html"])
    levels = {row[0]: row[2] for row in other.tables["table-choices"][1:]}
    assert levels["trend.test"] == "chosen by you" and levels["zones.limits"] == "smcloud’s own method"
    assert "is a guess at it" not in other.text and "assumed" not in other.text
    earlier = {key: value for key, value in context.config.items() if key not in ("levels", "changed")}
    old = Page(render({"regional": products["regional"]}, new_context(config=earlier))["index.html"])
    assert "table-choices" not in old.tables and "does not record" in old.text


@pytest.mark.slow
def test_the_sample_world_is_called_invented(products, scorecard, new_context, page):
    assert "invented" not in page.text and "scorecard" not in page.tables
    raw = render({"regional": products["regional"]}, new_context(scorecard=scorecard))["index.html"]
    html, sample = raw.decode(), Page(raw)
    assert "This is an invented world." in sample.text
    rows = {row[0]: row for row in sample.tables["scorecard"][1:]}
    assert rows["Right driver named"][4] == "fail" and rows["Power, strong trends"][4] == "pass"
    order = [
        html.index(f'<h2 id="{name}">')
        for name in ("found", "series", "published", "tables", "choices", "provenance", "scorecard")
    ]
    assert order == sorted(order)


@pytest.mark.slow
def test_same_input_same_bytes_also_in_threads_and_of_maps_that_stay_lazy(products, context, files, monkeypatch):
    monkeypatch.setattr(page_module, "KEPT_MAPS", 0)
    lazy = {name: ds.chunk({dim: 7 for dim in ("lat", "lon") if dim in ds.dims}) for name, ds in products.items()}
    with ThreadPoolExecutor(2) as pool:
        for again in pool.map(lambda each: render(each, context), (products, lazy)):
            assert again == files


def test_large_maps_are_not_kept_in_memory(products, monkeypatch):
    lazy = {name: ds.chunk() for name, ds in products.items()}
    assert not any(ds.chunks for ds in used(lazy).values())
    monkeypatch.setattr(page_module, "KEPT_MAPS", 0)
    kept = used(lazy)
    assert [*kept["drivers"].variables] == [*used(products)["drivers"].variables]
    for ds in kept.values():
        for name, variable in ds.variables.items():
            assert bool(variable.chunks) == ({"lat", "lon"} <= {*variable.dims}), name


@pytest.mark.slow
def test_the_settings_of_matplotlib_are_left_alone(products, context):
    import matplotlib

    before = dict(matplotlib.rcParams)
    render({"trend": products["trend"]}, context)
    assert dict(matplotlib.rcParams) == before


@pytest.mark.slow
@pytest.mark.parametrize("names", [("precipitation",), ("precipitation", "temperature")])
def test_one_and_two_drivers(names, make_products, context, undrawn):
    got = Page(render(make_products(names), context)["index.html"])
    assert [row[0] for row in got.tables["table-drivers"][1:]] == [*names, "none", "tie"]
    headers = got.tables["table-regions"][0]
    assert [cell for cell in headers if cell.startswith("r, ")] == [f"r, {name}" for name in names]


@pytest.mark.slow
def test_a_run_without_any_value_says_so(empty, context):
    got = render(empty, context)
    text = Page(got["index.html"]).text
    assert len([name for name in got if not name.endswith(".csv")]) == 1 + len(PICTURES)
    assert "No global trend could be computed" in text
    assert "No cell has a valid trend" in text and "No cell has enough valid years" in text
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)


@pytest.mark.slow
def test_absent_products_are_named(products, context):
    got = render({name: products[name] for name in ("annual", "trend", "drivers")}, context)
    shown = {name for name in got if not name.endswith(".csv")}
    assert shown == {"index.html", "trend.svg", "detectable.svg", "drivers.svg"}
    assert "table-regions.csv" not in got
    text = Page(got["index.html"]).text
    assert "the release holds no ddww product" in text and "holds no regional product" in text
    assert "no zones of dryness" in text


def test_text_from_outside_is_escaped(products, new_context, context):
    inputs = {"soil_moisture": {"entry": "<script>alert(1)</script>", "citation": 'x" onload="y <b>'}}
    html = render({}, new_context(title="<i>title</i>", inputs=inputs))["index.html"].decode()
    assert "<script>" not in html and "<i>" not in html and "<b>" not in html
    assert "&lt;script&gt;" in html


def test_citations_become_links():
    got = pieces("Dorigo (2017), https://doi.org/10.1/x.1. And 10.1002/qj.3803; end")
    assert got == [
        ("Dorigo (2017), ", None), ("https://doi.org/10.1/x.1", "https://doi.org/10.1/x.1"), (". And ", None),
        ("10.1002/qj.3803", "https://doi.org/10.1002/qj.3803"), ("; end", None),
    ]  # fmt: skip
    assert pieces("") == [] and pieces("plain") == [("plain", None)]
    assert pieces("javascript:alert(1)") == [("javascript:alert(1)", None)]


def test_numbers_keep_to_their_units():
    assert unbroken("41 % at p < 0.05") == "41\u00a0% at p\u00a0<\u00a00.05"


@pytest.mark.slow
def test_lazy_products_are_read_once_and_only_as_far_as_needed(products, context, files):
    import dask.array

    reads: dict[str, int] = {}

    def lazy(key: str, da):
        def read() -> np.ndarray:
            reads[key] = reads.get(key, 0) + 1
            return da.values

        return da.copy(data=dask.array.from_delayed(dask.delayed(read, pure=False)(), da.shape, da.dtype))

    products = products | {"trend": products["trend"].assign(n_years=products["trend"]["slope"] * 0)}
    counted = {
        name: ds.assign({key: lazy(f"{name}.{key}", da) for key, da in ds.data_vars.items()})
        for name, ds in products.items()
    }
    assert render(counted, context) == files
    unused = {"annual.soil_moisture", "drivers.partial_correlation", "trend.n_years"}
    assert set(reads.values()) == {1}
    assert "trend.slope" in reads and not unused & set(reads)


@pytest.mark.slow
def test_an_even_native_grid_is_named_by_its_step(products, new_context):
    native = new_context(resolution=None)
    even = Page(render({"trend": products["trend"]}, native)["index.html"])
    assert "Grid5° grid" in even.text
    uneven = products["trend"].isel(lat=[0, 1, 3, 7])
    got = Page(render({"trend": uneven}, new_context(resolution=None, land_mask=None))["index.html"])
    assert "native grid" in got.text


@pytest.mark.slow
def test_the_interval_of_the_ddww_share_stands_beside_it(products, context, undrawn):
    limits = {"ddww_share_of_change_lower": 0.3111, "ddww_share_of_change_upper": 0.5222}
    changed = products | {"ddww": products["ddww"].assign_attrs(products["ddww"].attrs | limits)}
    text = render(changed, context)["index.html"].decode().replace("\u00a0", " ")
    assert (
        "(95 % interval 31.1 to 52.2 %, by a bootstrap of 20-degree tiles) of the area with a significant change"
        in text
    )
    assert "by a bootstrap" not in render(products, context)["index.html"].decode()


@pytest.mark.slow
def test_classes_that_were_chosen_by_their_trend_have_dashes(products, context, undrawn):
    chosen = products["strata"]["kind"] == "ddww"
    without = ("p_value", "slope_lower", "slope_upper", "drying_share", "wetting_share")
    strata = products["strata"].assign({name: products["strata"][name].where(~chosen) for name in without})
    strata["status"] = xr.where(chosen, 9, 0).astype("uint8")
    page = Page(render(products | {"strata": strata}, context)["index.html"])
    header, *rows = page.tables["table-strata_ddww"]
    assert len(rows) == 6 and "status" not in header
    for name in ("p", "interval", "Drying (%)", "Wetting (%)"):
        assert {row[header.index(name)] for row in rows} == {"–"}, name
    assert "–" not in {row[header.index("Area (10³ km²)")] for row in rows}


@pytest.mark.slow
def test_both_presets_are_shown_beside_the_scorecard(products, new_context, scorecard, undrawn):
    row = {"preset": "rigorous", "phi": 0.4, "rejected_share": 0.0321, "significant_share": 0.0}
    text = render(products, new_context(scorecard=scorecard, presets=[row | {"detected_share": 0.456}]))["index.html"]
    cells = [cell for cell in ("rigorous", "0.4", "3.2", "0.0", "45.6") if f">{cell}<" in text.decode()]
    assert cells == ["rigorous", "0.4", "3.2", "0.0", "45.6"]
    assert "False alarms" in text.decode()


@pytest.mark.slow
def test_the_page_escapes_and_masks_what_a_catalog_says(products, new_context):
    steering = "\x1b[2J\u202e\x00 https://me:CANARY-1@h.example/a?sig=CANARY-2"
    bad = f"<script>alert(1)</script><img src=x onerror=y>{steering}"
    names = ("entry", "version", "state", "licence", "citation")
    context = new_context(
        inputs={bad: dict.fromkeys(names, bad)}, missing=[bad], run_id=bad, cube_id=bad, created=bad,
        config={"preset": bad, "store": bad, "levels": {"trend": bad}, "changed": [bad], "trend": {bad: bad},
                bad: {"x": bad}},
    )  # fmt: skip
    regional = products["regional"].assign_coords(
        label=products["regional"]["label"].astype(object).where(False, f"$\\frac{{{bad}")
    )
    page = render(products | {"regional": regional}, context)["index.html"].decode()
    assert not any(text in page for text in ("\x1b", "\u202e", "\x00", "CANARY"))
    assert "<script" not in page and "<img src=x" not in page
    assert "&lt;script&gt;" in page and "https://***@h.example" in page and "\\x1b[2J" in page


def test_citations_of_a_catalog_are_links_to_the_web_alone(products, new_context, undrawn):
    names = ("entry", "version", "state", "licence", "citation")
    links = 'javascript:alert(1) data:text/html,x 10.1234/"onclick=x'
    citation = new_context(inputs={"a": dict.fromkeys(names, links)})
    page = render(products, citation)["index.html"].decode()
    assert "javascript:alert(1) data:text/html,x" in page and "&#34;onclick=x" in page  # it is shown, as text
    assert 'href="javascript' not in page and 'href="data:text' not in page and '"onclick' not in page


def test_the_summary_leads_with_the_fixed_cells_and_explains_each_number(page, products):
    globe = products["regional"].sel(region="globe")
    text = page.text.replace("\u00a0", " ").replace("−", "-")
    fixed, raw = (
        f"{shown('slope', float(globe[name]))} × 10⁻³".replace("−", "-") for name in ("slope_fixed_cells", "slope")
    )
    assert text.index(f"changes by {fixed}") < text.index(f"changes by {raw}")
    assert "with a value in at least 80 % of the years" in text and "enter or leave the record" in text


def test_one_trend_is_told_once(products, context):
    regional = products["regional"].assign(slope=products["regional"]["slope_fixed_cells"])
    regional["mean_of_slopes"] = regional["slope"]
    told = global_trend(summary_tables({"regional": regional})["regions"][0], context)
    assert told.count("changes by") == 1 and told.endswith("and so has the mean of the cells’ own slopes.")


def test_an_odds_ratio_and_a_range_by_chance_are_told_where_they_are_known(products):
    attributes = {"odds_ratio": 2.5, "odds_ratio_lower": 1.2, "odds_ratio_upper": 5.0, "ddww_null_lower": 0.31,
                  "ddww_null_upper": 0.5}  # fmt: skip
    table = class_records(products["ddww"])
    told = " ".join(ddww(products["ddww"].assign_attrs(attributes), table))
    assert "DD × WW / (DW × WD), by area, is 2.50 (95 % interval 1.20 to 5.00); 1 is no association" in told
    assert "between 31.0 % and 50.0 %" in told
    unknown = " ".join(ddww(products["ddww"].assign_attrs(dict.fromkeys(attributes, np.nan)), table))
    assert "odds" not in unknown and "simulations" not in unknown and "nan" not in unknown


def test_what_half_of_the_area_could_show_is_the_weighted_median(products, context, new_context):
    trend = products["trend"]
    slopes = xr.where(trend["slope"].notnull(), abs(trend["slope"]) + 1e-3, np.nan)
    weight = np.cos(np.deg2rad(trend["lat"])) * xr.ones_like(slopes).where(slopes.notnull(), 0.0)
    levels = np.unique(slopes.values[np.isfinite(slopes.values)])
    half = float(weight.sum()) / 2
    middle = next(level for level in levels if float(weight.where(slopes <= level, 0.0).sum()) >= half)
    text = detectable(trend.assign(minimum_detectable_slope=slopes), context)
    assert f"a trend of {1e3 * middle:.2f} × 10⁻³" in text and "correction" not in text
    adjusted = new_context(config={"trend": {"significance": "p_adjusted"}})
    assert "before the correction for many cells" in detectable(trend, adjusted)
    assert detectable(trend.drop_vars("minimum_detectable_slope"), context) == detectable(None, context) == ""


def test_pools_that_are_not_of_one_kind_are_warned_of(products, context, new_context):
    trend = products["trend"].assign_attrs(mixed_pools_share=0.123)
    assert "on 12.3 % of the tested area" in mixed_pools(trend, context) and "detectable" in mixed_pools(trend, context)
    pooled = new_context(config={"trend": {"test": "effective_pooled"}})
    assert "the size of the test is not promised there" in mixed_pools(trend, pooled)
    nothing = (products["trend"], trend.assign_attrs(mixed_pools_share=0.0), None)
    assert [mixed_pools(each, pooled) for each in nothing] == ["", "", ""]


def test_constant_cells_are_one_thing_named(products, context):
    """Status and valid trend agree: a cell that never changes has a trend, which is 0."""
    trend = products["trend"].copy(deep=True)
    trend["status"].attrs = {"flag_values": [0, 1, 2, 3, 7], "flag_meanings": "ok empty too_short constant not_land"}
    trend["status"].values[20:22][trend["status"].values[20:22] == 0] = 3
    tables = summary_tables({"trend": trend})["coverage"]
    rows = {row["reason"]: row["share"] for row in tables}
    parts = ("of it, values that change", "of it, constant values: slope 0")
    assert rows["valid trend"] == pytest.approx(sum(rows[part] for part in parts)) and rows[parts[1]] > 0.01
    assert rows["valid trend"] + rows["no trend: too short"] == pytest.approx(1)
    globe = {"drying_share": 0.1, "wetting_share": 0.2, "area_km2": 1e8, "covered_area_km2": 9e7}
    told = changed_area(globe, context, tables)
    changing, constant = (f"{100 * rows[part]:.1f} %" for part in parts)
    assert f"(90.0 % of all land: {changing} with values that change, {constant} constant, a slope of 0)" in told
    assert "constant" not in changed_area(globe, context, [])


# What may have more than three significant digits, and why.
AS_THEY_ARE = {
    "table-inputs": "versions and citations", "table-choices": "values as configured", "prose": "values as configured",
    "table-literature": "figures as others published them",
}  # fmt: skip
COLUMNS_AS_THEY_ARE = {
    "Cells": "a count", "Fixed cells": "a count", "Area (10³ km²)": "areas add up",
    "With data (10³ km²)": "areas add up", "Published": "the study's own figures",
}  # fmt: skip


def long_numbers(text: str) -> list[str]:
    """Numbers with more than three significant digits, but for years, and negative zeros."""
    long = []
    for number in re.findall(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?", text):
        plain = number.replace(",", "")
        digits = plain.replace(".", "").lstrip("0")
        digits = digits if "." in plain else digits.rstrip("0")
        if len(digits) > 3 and not ("." not in number and "," not in number and 1900 <= int(plain) <= 2100):
            long.append(number)
    return long + re.findall(r"[−-]0(?:\.0+)?(?![\d.])", text)


def test_long_numbers_are_found():
    assert long_numbers("1.234 in 2021, 0.0123; 12,300 and −0.00, 1234 or 41.06 to 10.0") == [
        "1.234", "1234", "41.06", "−0.00"
    ]  # fmt: skip


def test_no_number_of_the_page_has_more_than_three_significant_digits(products, new_context, scorecard, undrawn):
    odd = {"odds_ratio": 123.456, "odds_ratio_lower": 1e-9, "odds_ratio_upper": 9.87654321e12,
           "ddww_null_lower": 0.31234, "ddww_null_upper": 1.0}  # fmt: skip
    regional = products["regional"].copy(deep=True)
    for name, value in (("slope_lower", -123.0), ("slope_upper", 4567.8), ("slope", 0.0123456), ("p_value", 1.0)):
        regional[name][1] = value
    regional["mean_of_slopes"][2], regional["drying_share"][2] = -1e-12, 1e-5
    strata = products["strata"].assign(trend_contribution=products["strata"]["partial_correlation"] * 2e-2)
    made = products | {"regional": regional, "strata": strata, "ddww": products["ddww"].assign_attrs(
        products["ddww"].attrs | odd)}  # fmt: skip
    context = new_context(scorecard=scorecard, seconds={"cube": 1234.5678}, presets=[
        {"preset": "rigorous", "phi": 0.4, "rejected_share": 0.032123, "power_3_share": 1.0}])  # fmt: skip
    html = render(made, context)["index.html"].decode()
    html = re.sub(
        r"<style>.*?</style>|<code>.*?</code>|291, 113569|41\.06", "", html.replace("</cite> 291", "291"), flags=re.S
    )
    page = Page(html.encode())
    outside = Page(re.sub(r"<table.*?</table>", "", html, flags=re.S).encode()).text
    found = {"text": long_numbers(outside)}
    for name, rows in page.tables.items():
        if name in AS_THEY_ARE:
            continue
        header = rows[0]
        for row in rows[1:]:
            for column, cell in zip(header, row, strict=True):
                text = re.sub(r"(cells|area km²) [\d,]+", "", cell)  # counts and areas of the scorecard
                if column not in COLUMNS_AS_THEY_ARE:
                    found.setdefault(f"{name}: {column}", []).extend(long_numbers(text))
    assert {name: numbers for name, numbers in found.items() if numbers} == {}
    assert len(found) > 40 and "not bounded" in page.text and "odds ratio" in outside


@pytest.mark.parametrize(("change", "is_grey"), [({}, False), ({"n_cells": 9}, True), ({"covered_share": 0.4}, True),
                                              ({"n_fixed_cells": 3}, True), ({"n_cells": None}, False)])  # fmt: skip
def test_rows_of_few_cells_or_little_land_are_grey(change, is_grey):
    assert grey([{"n_cells": 12, "covered_share": 0.8, "n_fixed_cells": 11} | change]) == [is_grey]
