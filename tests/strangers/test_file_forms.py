"""Files as strangers have them, in every form of source: names, patterns, folders of several forms."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from smcloud.catalog import open_entry
from smcloud.catalog.fingerprints import source_state
from tests.catalog.entries import catalog_of, changed
from tests.strangers.file_forms import (
    FILES,
    FORMS,
    STEPS,
    netcdf,
    read,
    refused,
    values,
    written,
)


@pytest.mark.parametrize("form", FORMS)
def test_whole_files_have_their_values(tmp_path: Path, form: str) -> None:
    _, entry = written(tmp_path, form)
    np.testing.assert_allclose(read(tmp_path, entry), FORMS[form][3], rtol=1e-6)


ODD_NAMES = ["rain [1981-82] #2", "50% of it?", "wörld {x} 'q' & co", "a*b", "c++ ;,=~$", "[mode=bytes]"]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("odd", ODD_NAMES)
@pytest.mark.parametrize("by_template", [False, True])
def test_names_are_taken_as_they_are(tmp_path: Path, form: str, odd: str, by_template: bool) -> None:
    _, entry = written(tmp_path / odd, form)
    if by_template:
        entry["args__urlpath"] = f"{{{{ CATALOG_DIR }}}}/{FORMS[form][1]}"
    elif "{" in odd:
        pytest.skip("braces in the text of a catalog are templates, which are refused")
    catalog = catalog_of(tmp_path / odd, changed(**entry))
    name = next(iter(entry["metadata__variables"].values()))["name"]
    np.testing.assert_allclose(open_entry(catalog, "source0")[name].values, FORMS[form][3], rtol=1e-6)
    assert source_state(catalog, "source0")


@pytest.mark.slow
def test_a_pattern_is_one_where_no_file_is_called_so(tmp_path: Path) -> None:
    for step, name in enumerate(("rain [1] 0.nc", "rain [1] 1.nc", "rain [1] ?.nc", "other.nc")):
        netcdf(tmp_path / name, "NETCDF4", step)

    def steps(pattern: str) -> list[int]:
        found = read(tmp_path, FILES | {"args__urlpath": f"{tmp_path}/{pattern}"})[::STEPS, 0, 0]
        return [round(1000 * float(value) - 1000) // 100 for value in found]

    assert steps("rain [1] ?.nc") == [2]
    assert steps("rain*[01].nc") == [0, 1]
    assert steps("rain*?.nc") == [0, 1, 2]
    assert steps("*.nc") == [0, 1, 2, 3]


@pytest.mark.parametrize("form", ["CDF-1", "NetCDF-4", "daily images", "HDF4"])
def test_what_macos_leaves_beside_files_matches_no_pattern(tmp_path: Path, form: str) -> None:
    file, entry = written(tmp_path, form)
    (tmp_path / f"._{file.name}").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X")
    (tmp_path / ".DS_Store").write_bytes(b"\0\0\0\x01Bud1")
    shutil.copytree(tmp_path, tmp_path / "below")
    entry = entry | {"args__urlpath": f"{tmp_path}/below/*"}
    np.testing.assert_allclose(read(tmp_path, entry), FORMS[form][3], rtol=1e-6)
    catalog = catalog_of(tmp_path, changed(**entry))
    before = source_state(catalog, "source0")
    (tmp_path / "below" / ".DS_Store").write_bytes(b"other")
    assert source_state(catalog, "source0") == before
    refused(
        tmp_path, entry | {"args__urlpath": f"{tmp_path}/below/._{file.name}"}, tmp_path / "below" / f"._{file.name}"
    )


def test_a_folder_may_hold_every_form_of_netcdf(tmp_path: Path) -> None:
    kinds = ["NETCDF4", "NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA", "NETCDF4_CLASSIC"]
    for step, kind in enumerate(kinds):
        netcdf(tmp_path / f"{step}.nc", kind, step)
    found = read(tmp_path, FILES | {"args__urlpath": f"{tmp_path}/*.nc"})
    np.testing.assert_allclose(found, np.concatenate([values(step) for step in range(5)]), rtol=1e-6)


@pytest.mark.parametrize("library", ["netcdf4", "h5netcdf", "scipy"])
@pytest.mark.parametrize("form", ["CDF-1", "CDF-2", "CDF-5", "NetCDF-4"])
def test_a_library_that_an_entry_wishes_reads_what_it_can(tmp_path: Path, form: str, library: str) -> None:
    _, entry = written(tmp_path, form)
    np.testing.assert_allclose(
        read(tmp_path, entry | {"args__xarray_kwargs": {"engine": library}}), values(), rtol=1e-6
    )
