"""Every sentence of the report is in the catalog of each language, and nothing else is."""

import re
import string
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po

import smcloud.report
from smcloud.report import render
from smcloud.report.drawing import wide_as_dashes
from smcloud.report.labels import label
from smcloud.report.language import ENGLISH, LANGUAGES, join, language, paragraph, spoken, tell, tell_count

ROOT = Path(smcloud.report.__file__).parent
OTHERS = [name for name in LANGUAGES if name != ENGLISH]
KEYWORDS = {"tell": None, "message": None, "tell_count": (1, 2)}
METHODS = {".py": "python", ".j2": "jinja2.ext:babel_extract"}
# What is the same in Chinese: names, symbols, keys, units, file names.
LATIN = re.compile(r"[A-Za-z]{4,}")
SAME = {
    "DDWW", "smcloud", "Theil", "Mann", "Kendall", "Benjamini", "Hochberg", "Hamed", "VCTFPW", "USDA", "UNEP",
    "Equal", "Earth", "alpha", "mean",
}  # fmt: skip


def messages() -> set[str | tuple[str, ...]]:
    found: set[str | tuple[str, ...]] = set()
    for path in sorted(ROOT.iterdir()):
        if path.suffix in METHODS:
            with path.open("rb") as file:
                for _, told, *_ in extract(METHODS[path.suffix], file, KEYWORDS, (), {"silent": "false"}):
                    found.add(told)
    return found


def catalog(name: str):
    raw = (ROOT / "locale" / name / "LC_MESSAGES" / "messages.po").open("rb")
    with raw as file:
        return read_po(file, locale=name)


def slots(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}


@pytest.mark.parametrize("name", OTHERS)
def test_no_message_is_missing_and_none_is_unused(name):
    known = {entry.id if isinstance(entry.id, str) else tuple(entry.id) for entry in catalog(name) if entry.id}
    wanted = messages()
    assert len(wanted) > 500
    assert {"missing": wanted - known, "unused": known - wanted} == {"missing": set(), "unused": set()}


@pytest.mark.parametrize("name", OTHERS)
def test_each_message_has_the_slots_of_its_template(name):
    number = catalog(name).num_plurals
    for entry in catalog(name):
        if entry.id:
            forms = (entry.string,) if isinstance(entry.string, str) else tuple(entry.string)
            assert all(forms) and not entry.fuzzy, entry.id
            assert isinstance(entry.id, str) or len(forms) == number, entry.id
            template = entry.id if isinstance(entry.id, str) else entry.id[1]
            assert all(slots(form) == slots(template) for form in forms), (template, forms)


def test_no_sentence_is_put_together_in_the_code():
    """A template comes as a literal: what is put together at run time would be in no catalog."""
    made = re.compile(r"\b(?:tell|tell_count|message)\(\s*f[\"']")
    assert [path.name for path in ROOT.glob("*.py") if made.search(path.read_text())] == []


def test_plurals_and_lists_follow_the_language():
    forms = "above 0 in decile {deciles}", "above 0 in deciles {deciles}"
    assert [tell_count(*forms, n, deciles="2") for n in (1, 2)] == [form.format(deciles="2") for form in forms]
    assert join(["a", "b", "c"]) == "a, b and c" and join(["a"]) == "a" and join([]) == ""
    with spoken("zh"):
        assert {tell_count(*forms, n, deciles="2") for n in (1, 2)} == {"第 2 十分位大于 0"}
        assert join(["甲", "乙", "丙"]) == "甲、乙和丙" and paragraph(["甲。", "", "乙。"]) == "甲。乙。"
        assert (
            label("decile 1 (driest)") == "第 1 十分位（最干）" and label("DD (dry gets drier)") == "DD（干的地区变干）"
        )
        assert label("no trend: too short") == "无趋势：年份过少" and label("Amazon") == "Amazon"
    assert language() == ENGLISH and paragraph(["A.", "", "B."]) == "A. B." and tell("") == ""


def test_a_chinese_sign_is_as_wide_as_high():
    assert wide_as_dashes("5° 格网，p") == "5° ———p"


@pytest.fixture(scope="module")
def files(products, context):
    chosen = {name: products[name] for name in ("annual", "drivers", "ddww", "regional")}
    return render(chosen, context, ["zh"])


@pytest.mark.slow
def test_a_chinese_page_is_chinese_and_says_the_same_numbers(files, context):
    english, chinese = files["index.html"].decode(), files["index.zh.html"].decode()
    assert '<html lang="zh">' in chinese and 'href="index.html"' in chinese and 'href="index.zh.html"' in english
    numbers = re.compile(r"[−\d.,]*\d")
    cells = [[sorted(numbers.findall(it)) for it in re.findall(r"<td.*?</td>", page)] for page in (english, chinese)]
    assert cells[0] == cells[1] and len(cells[0]) > 500
    text = re.sub(r"<style>.*?</style>|<code>.*?</code>|<a [^>]*>|<[^>]*>", " ", chinese, flags=re.S)
    text = text[text.index("问题与结果") : text.index("预设为")]
    words = {word for word in LATIN.findall(text) if word not in SAME}
    cited = {"Peng", "Zeng", "Chen", "Remote", "Sensing", "Environment", "Greve", "Feng", "Zhang", "Xiong", "Dorigo"}
    chosen = {"peng", "zones", "limits"}
    assert words - cited - chosen == set()


@pytest.mark.slow
def test_figures_of_both_languages_have_text_and_credit(files, context):
    english, chinese = files["ddww.svg"].decode(), files["zh-ddww.svg"].decode()
    assert "Dry gets drier, wet gets wetter?" in english and "干的地方越干，湿的地方越湿？" in chinese
    for svg in (english, chinese):
        assert svg.count("<text") > 10 and context.run_id in svg and "esa_cci_sm v08.1" in svg
        assert "<dc:date>" not in svg and "Noto Sans CJK SC" in svg and "data:image/png;base64" in svg
