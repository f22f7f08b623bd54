"""What an entry takes from the attributes of a file."""

from __future__ import annotations

import xarray as xr

from smcloud.first_study.drafts import LONGEST_CREDIT, _stated

KEYS = ("citation", "references")


def test_a_citation_is_taken_whole() -> None:
    line = _stated(xr.Dataset(attrs={"references": "Author (2020):\n  A record; doi:10.1000/1"}), KEYS, "citation")
    assert (line.value, line.note) == ("Author (2020): A record; doi:10.1000/1", "the file's attribute references")


def test_a_long_one_ends_behind_a_whole_reference_and_says_so() -> None:
    one = "Author (2020): A record of some kind, its journal, 1-10"
    line = _stated(xr.Dataset(attrs={"references": "; ".join([one] * 60)}), KEYS, "citation")
    assert set(line.value.split("; ")) == {one} and len(line.value) > LONGEST_CREDIT - 2 * len(one)
    assert line.note == "the beginning of the file's attribute references"


def test_letters_that_a_reader_did_not_decode_are_read_as_utf8() -> None:
    raw = "25 August – 1 September".encode().decode("ascii", "surrogateescape")
    assert _stated(xr.Dataset(attrs={"citation": raw}), KEYS, "citation").value == "25 August – 1 September"


def test_what_no_file_says_is_to_be_chosen() -> None:
    assert "do not say" in _stated(xr.Dataset(), KEYS, "how to cite").choose
