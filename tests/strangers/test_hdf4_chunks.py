"""Chunks of HDF4 that were never written are missing values, or an error that asks what they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyhdf.SD import SD, SDC

from smcloud.catalog import load_catalog, open_entry
from smcloud.errors import SmcloudError
from smcloud.io_errors import VALUES, reaching
from tests.strangers.hdf4_chunks import write, written

SHAPE, CHUNK = (4, 6), (2, 3)
ABSENT = [(0, 1), (1, 0)]
STRUCTURE = (
    "GROUP=GRID_1\nXDim=6\nYDim=4\nUpperLeftPointMtrs=(-180.0,80.0)\nLowerRightMtrs=(180.0,-80.0)\n"
    'Projection=GCTP_GEO\nDataFieldName="lai"\nEND_GROUP=GRID_1\n'
)
HOLES = np.zeros(SHAPE, bool)
HOLES[:2, 3:] = HOLES[2:, :3] = True


def values(kind: str) -> np.ndarray:
    return np.random.default_rng(1).integers(1, 90, SHAPE).astype(kind)


def read(folder: Path, limits: tuple[float, float], **spec: Any) -> np.ndarray:
    variable = {"name": "lai", "units": "m2 m-2", "period": "8day", "valid_range": limits} | spec
    source = {
        "driver": "netcdf", "description": "x", "args": {"urlpath": str(folder / "*.hdf")},
        "metadata": {"reader": "hdf4", "licence": "x", "citation": "x", "variables": {"lai": variable}},
    }  # fmt: skip
    (folder / "c.yaml").write_text(json.dumps({"sources": {"a": source}}))
    with reaching(VALUES, "a"):
        return np.asarray(open_entry(load_catalog(folder / "c.yaml"), "a")["lai"].values[0])


@pytest.mark.parametrize(("kind", "fill"), [("u1", 255), ("i2", 0), ("f4", -1.0), ("i1", -1)])
def test_what_was_never_written_is_the_fill_value_that_the_file_states(tmp_path: Path, kind: str, fill: Any) -> None:
    path = tmp_path / "X.A2000001.hdf"
    write(path, "lai", values(kind), CHUNK, ABSENT, STRUCTURE, fill)
    assert not written(path, (2, 2))[tuple(zip(*ABSENT, strict=True))].any() and written(path, (2, 2)).sum() == 2
    np.testing.assert_array_equal(read(tmp_path, (0, 100)), np.where(HOLES, np.nan, values(kind)))


@pytest.mark.parametrize(("kind", "default"), [("u1", 129), ("i1", -127), ("u2", 32769), ("i2", -32767)])
def test_of_a_file_that_states_none_it_is_asked_what_that_is(tmp_path: Path, kind: str, default: int) -> None:
    write(tmp_path / "X.A2000001.hdf", "lai", values(kind), CHUNK, ABSENT, STRUCTURE)
    with pytest.raises(SmcloudError) as caught:
        read(tmp_path, (-40000, 40000))
    assert caught.value.code == "catalog" and f"fill: [{default}]" in caught.value.expected
    as_missing = read(tmp_path, (-40000, 40000), fill=[default])
    np.testing.assert_array_equal(as_missing, np.where(HOLES, np.nan, values(kind)))
    np.testing.assert_array_equal(read(tmp_path, (-40000, 40000), fill=[]), np.where(HOLES, default, values(kind)))


def test_of_numbers_without_a_default_in_any_range_it_is_out_of_range(tmp_path: Path) -> None:
    write(tmp_path / "X.A2000001.hdf", "lai", values("f4"), CHUNK, ABSENT, STRUCTURE)
    with pytest.raises(SmcloudError) as caught:
        read(tmp_path, (0, 100))
    assert caught.value.code == "valid-range"


@pytest.mark.parametrize(("kind", "default"), [("u1", 129), ("i1", -127), ("u2", 32769), ("i2", -32767)])
def test_rows_that_were_never_written_are_the_same_default(tmp_path: Path, kind: str, default: int) -> None:
    """Without chunks, by pyhdf: what the library leaves there."""
    of = {"u1": SDC.UINT8, "i1": SDC.INT8, "u2": SDC.UINT16, "i2": SDC.INT16}
    file = SD(str(tmp_path / "X.A2000001.hdf"), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    file.attr("StructMetadata.0").set(SDC.CHAR, STRUCTURE)
    array = file.create("lai", of[kind], SHAPE)
    array[1:2] = values(kind)[1:2]
    array.endaccess()
    file.end()
    with pytest.raises(SmcloudError) as caught:
        read(tmp_path, (-40000, 40000))
    assert f"fill: [{default}]" in caught.value.expected
