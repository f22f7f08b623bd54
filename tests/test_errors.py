from __future__ import annotations

import inspect
import json
import pickle

import pytest

from smcloud import errors
from smcloud.errors import SmcloudError

CLASSES = [item for _, item in inspect.getmembers(errors, inspect.isclass) if issubclass(item, SmcloudError)]
PARTS = {"where": "store/x", "found": "K", "expected": "m", "next": "smcloud run"}
# The exit codes that the commands promise.
EXIT_CODES = {
    "error": 1,
    "unexpected": 1,
    "configuration": 2,
    "catalog": 2,
    "budget": 2,
    "nothing-published": 2,
    "export": 2,
    "outside-grid": 3,
    "unit": 3,
    "accumulation": 3,
    "variable": 3,
    "grid": 3,
    "calendar": 3,
    "period": 3,
    "too-few-years": 3,
    "valid-range": 3,
    "no-data": 3,
    "chunks": 3,
    "climatology": 3,
    "coverage": 3,
    "unreachable": 4,
    "file-form": 3,
    "source-read": 3,
    "integrity": 4,
    "not-a-store": 5,
    "release-conflict": 5,
    "interrupted": 6,
    "source-changed": 6,
}


@pytest.mark.parametrize("cls", CLASSES)
def test_an_error_survives_the_way_back_from_a_worker(cls: type[SmcloudError]) -> None:
    error = cls("a unit is wrong", **PARTS)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(error, protocol))
        assert type(again) is cls
        assert again.record() == error.record()
        assert str(again) == str(error)
        assert again.args == error.args


def test_codes_are_stable_and_have_the_promised_exit_codes() -> None:
    assert {cls.code: cls.exit_code for cls in CLASSES} == EXIT_CODES
    assert len({cls.code for cls in CLASSES}) == len(CLASSES)


def test_record_is_the_flat_json_that_the_command_line_prints() -> None:
    error = errors.RangeError("values are wrong", where="x", found=3.5, expected=(0, 1), next="edit")
    expected = {
        "code": "valid-range",
        "what": "values are wrong",
        "where": "x",
        "found": "3.5",
        "expected": "(0, 1)",
        "next": "edit",
    }
    assert json.loads(json.dumps(error.record())) == expected
    assert list(error.record()) == ["code", "what", "where", "found", "expected", "next"]


def test_str_shows_the_parts_in_order_and_leaves_out_empty_ones() -> None:
    assert str(errors.UnitError("a unit is wrong", **PARTS)).splitlines() == [
        "a unit is wrong",
        "  where:    store/x",
        "  found:    K",
        "  expected: m",
        "  next:     smcloud run",
    ]
    assert str(errors.UnitError("a unit is wrong", found=0)).splitlines() == ["a unit is wrong", "  found:    0"]
