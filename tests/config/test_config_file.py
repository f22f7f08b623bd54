"""Files of a configuration: plain YAML, months, a bucket."""

from __future__ import annotations

from pathlib import Path

import pytest

from smcloud.config import load_config
from smcloud.errors import ConfigurationError


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


FILE = """
preset: peng2023
period: {start: %s, end: 2021-12}
catalog: c.yaml
inputs: {soil_moisture: a, lai: "b:LAI"}
alpha: 5e-2
store: out
"""


def test_a_file_with_the_writing_of_the_readme(tmp_path: Path) -> None:
    config = load_config(write(tmp_path / "run.yaml", FILE % "2000-01"), store="elsewhere")
    assert (config.period.start, config.period.end) == ("2000-01", "2021-12")
    assert config.inputs["lai"] == "b:LAI"
    assert config.store == "elsewhere"
    assert config.alpha == 0.05


def test_yaml_makes_a_date_of_a_day_and_the_message_says_month(tmp_path: Path) -> None:
    path = write(tmp_path / "run.yaml", FILE % "2000-01-01")
    with pytest.raises(ConfigurationError) as caught:
        load_config(path)
    assert caught.value.where == f"{path}: period.start"
    assert caught.value.found == "2000-01-01"
    assert "YYYY-MM" in caught.value.expected


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("- a\n- b", "list"),
        ("", "NoneType"),
        ("preset: [", "line 2"),
        ("alpha: 1\nalpha: 2", "line 2: the key alpha twice"),
        ("years: {ends: {span: 1, span: 2}}", "the key span twice"),
        ("a: &x {b: 1}\nc: *x", "alias"),
        ("a: !!python/object/apply:os.getcwd []", "python/object"),
        ("[" * 600 + "]" * 600, "more than 20 levels"),
    ],
)
def test_what_is_not_plain_yaml_is_refused(tmp_path: Path, text: str, found: str) -> None:
    path = write(tmp_path / "run.yaml", text)
    with pytest.raises(ConfigurationError) as caught:
        load_config(path)
    assert found in caught.value.found
    assert caught.value.where == str(path)
    assert all(caught.value.record().values())


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigurationError) as caught:
            load_config(path)
        assert caught.value.where == str(path)
    (tmp_path / "latin.yaml").write_bytes(b"store: \xe9t\xe9")
    with pytest.raises(ConfigurationError):
        load_config(tmp_path / "latin.yaml")


def test_a_configuration_in_a_bucket():
    import fsspec

    text = "preset: peng2023\nperiod: {start: 2000-01, end: 2021-12}\ncatalog: c\n"
    text += "inputs: {soil_moisture: a}\nstore: s\n"
    fsspec.filesystem("memory").pipe_file("/bucket/run.yaml", text.encode())
    assert load_config("memory://bucket/run.yaml").store == "s"
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        load_config("memory://bucket/other.yaml")
    assert caught.value.where == "memory://bucket/other.yaml"


def test_lines_that_are_still_to_be_filled_are_all_named_with_their_choices(tmp_path: Path) -> None:
    text = FILE % "CHOOSE" + "monthly:\n  min_days: CHOOSE  # CHOOSE: 1 to 3\npublisher: {name: CHOOSE}\n"
    path = write(tmp_path / "run.yaml", text)
    with pytest.raises(ConfigurationError) as caught:
        load_config(path)
    problems = [caught.value, *caught.value.others]
    assert [err.where.removeprefix(f"{path}: ") for err in problems] == [
        "line 3: period.start", "line 9: monthly.min_days", "line 10: publisher.name",
    ]  # fmt: skip
    assert [err.expected for err in problems] == ["a value", "1 to 3", "a value"]
    assert {err.found for err in problems} == {"CHOOSE"}


def test_a_comment_or_a_longer_text_may_hold_the_word(tmp_path: Path) -> None:
    text = (FILE % "2000-01").replace("store: out", "store: CHOOSEN  # CHOOSE: a place")
    assert load_config(write(tmp_path / "run.yaml", text)).store == "CHOOSEN"
