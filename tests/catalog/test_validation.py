"""What a source really holds: variables, units, chunks that fit in memory."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from smcloud.catalog import check_entries, open_entry
from smcloud.catalog.validation import same_units
from smcloud.errors import (
    ChunkError,
    UnitError,
    VariableError,
)
from tests.catalog.entries import ENTRY, catalog_of, changed, small, write_store


def test_a_missing_variable_or_companion_is_named(tmp_path: Path) -> None:
    write_store(tmp_path / "a.zarr", small())
    variables = "metadata__variables__soil_moisture__"
    for key in ("name", "flag", "sensor", "uncertainty"):
        catalog = catalog_of(tmp_path, changed(**{variables + key: "nowhere"}))
        with pytest.raises(VariableError) as caught:
            open_entry(catalog, "source0")
        assert (caught.value.found, caught.value.expected) == ("sm", "nowhere")
        with pytest.raises(VariableError):
            check_entries(catalog)


def test_a_unit_must_be_the_catalogs_unless_the_catalog_says_the_source_errs(tmp_path: Path) -> None:
    ds = small()
    ds["sm"].attrs["units"] = "m"
    write_store(tmp_path / "a.zarr", ds)
    wrong = catalog_of(tmp_path, changed(metadata__variables__soil_moisture__units="m day-1"))
    with pytest.raises(UnitError) as caught:
        open_entry(wrong, "source0")
    assert (caught.value.found, caught.value.expected) == ("m", "m day-1")
    known = changed(
        metadata__variables__soil_moisture__units="m day-1", metadata__variables__soil_moisture__attr_units="m"
    )
    assert "sm" in open_entry(catalog_of(tmp_path, known), "source0")


def test_a_number_in_the_unit_of_values_that_are_scaled_must_be_meant(tmp_path: Path) -> None:
    key = "metadata__variables__soil_moisture__"
    for scale, said, fine in ((0.1, {}, False), (None, {}, True), (0.1, {key + "attr_units": "0.1 %"}, True)):
        ds = small()
        ds["sm"].attrs["units"] = "0.1 %"
        shutil.rmtree(tmp_path / "a.zarr", ignore_errors=True)
        ds["sm"].encoding = {} if scale is None else {"scale_factor": scale, "dtype": "int16", "_FillValue": -1}
        write_store(tmp_path / "a.zarr", ds)
        catalog = catalog_of(tmp_path, changed(**{key + "units": "%" if said else "0.1 %"}, **said))
        if fine:
            assert "sm" in open_entry(catalog, "source0")
            continue
        with pytest.raises(UnitError, match="scaled too") as caught:
            open_entry(catalog, "source0")
        assert "0.1 %" in caught.value.found and "attr_units: 0.1 %" in caught.value.next


def test_codes_may_call_themselves_a_class(tmp_path: Path) -> None:
    key = "metadata__variables__soil_moisture__"
    codes = {key + "aggregate": "class", key + "legend": {0: "water"}, key + "units": "1"}
    for unit, fine in (("class number", True), ("concept", True), ("K", False)):
        ds = small()
        ds["sm"].attrs["units"] = unit
        shutil.rmtree(tmp_path / "a.zarr", ignore_errors=True)
        write_store(tmp_path / "a.zarr", ds)
        if fine:
            assert "sm" in open_entry(catalog_of(tmp_path, changed(**codes)), "source0")
        else:
            with pytest.raises(UnitError):
                open_entry(catalog_of(tmp_path, changed(**codes)), "source0")


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("m3 m-3", "m**3 m**-3", True),
        ("m3 m-3", "m^3 m^-3", True),
        ("m2 m-2", "m²/m²", True),
        ("K", "kelvin", True),
        ("(0 - 1)", "(0 - 1)", True),
        ("K", "degC", False),
        ("mm", "m", False),
        ("%", "1", False),
        ("m", "m day-1", False),
        ("(0 - 1)", "1", True),
        ("nonsense", "m", False),
    ],
)
def test_units_are_compared_by_meaning(left: str, right: str, same: bool) -> None:
    assert same_units(left, right) is same


def array_v2(path: Path, shape: list[int], chunks: list[int]) -> None:
    """A store of a few hundred bytes that declares whatever it is told."""
    path.mkdir(parents=True)
    meta = {"chunks": chunks, "compressor": None, "dtype": "<f4", "fill_value": "NaN", "filters": None, "order": "C"}
    (path / ".zarray").write_text(json.dumps(meta | {"shape": shape, "zarr_format": 2}))
    (path / ".zattrs").write_text(json.dumps({"_ARRAY_DIMENSIONS": ["t", "y", "x"][: len(shape)], "units": "m3 m-3"}))
    (path.parent / ".zgroup").write_text('{"zarr_format": 2}')


@pytest.mark.slow
def test_a_small_store_that_declares_terabytes_is_refused_before_any_read(tmp_path: Path) -> None:
    huge = [100_000, 20_000, 20_000]
    for shape, chunks, setting in ((huge, huge, {}), (huge, huge, {"t": 1}), ([10**9, 1, 1], [1, 1, 1], {"t": 10**8})):
        shutil.rmtree(tmp_path / "a.zarr", ignore_errors=True)
        array_v2(tmp_path / "a.zarr" / "sm", shape, chunks)
        with pytest.raises(ChunkError) as caught:
            open_entry(catalog_of(tmp_path, changed(args__chunks=setting)), "source0")
        assert "args.chunks" in caught.value.next


def test_an_axis_that_does_not_fit_in_memory_is_refused_before_it_is_read(tmp_path: Path) -> None:
    for shape, chunk in ((10**12, 10**12), (10**12, 10**5), (4, 10**12)):
        shutil.rmtree(tmp_path / "a.zarr", ignore_errors=True)
        array_v2(tmp_path / "a.zarr" / "sm", [shape], [10**8])
        array_v2(tmp_path / "a.zarr" / "t", [shape], [chunk])
        with pytest.raises(ChunkError) as caught:
            open_entry(catalog_of(tmp_path, ENTRY), "source0")
        assert caught.value.where.endswith(": t")


@pytest.mark.parametrize(
    "unit",
    ["9**9**9**9", "m^9^9^9^9", "m**999999999999", "((((9^9)m)^9 m)^9 m)^9", "(" * 5000, "m " * 5000, "a\x00", "(", "'",
     "1/0", "1e308**99", "\x1b[2J"],
)  # fmt: skip
def test_a_unit_that_a_parser_would_compute_without_end_is_another_unit(unit: str) -> None:
    assert not same_units(unit, "m3 m-3")


@pytest.mark.parametrize("unit", ["m^3/m^3", "m**3 m**-3", "(m3) (m-3)", "m^3 m^-3"])
def test_units_with_powers_and_brackets_are_parsed(unit: str) -> None:
    assert same_units(unit, "m3 m-3")
