"""Folders in which more lies than the files of the entry, and stores of the NetCDF library."""

from __future__ import annotations

import json
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from smcloud.catalog import open_entry
from smcloud.catalog.fingerprints import source_parts, source_state
from smcloud.catalog.fingerprints.file_spans import file_spans
from smcloud.errors import FileFormError
from tests.catalog.entries import catalog_of, changed
from tests.strangers.file_forms import FORMS, LAT, LON, netcdf, read, values, written


def test_a_folder_that_a_pattern_matches_is_called_so_before_a_run_as_well(tmp_path: Path) -> None:
    netcdf(tmp_path / "a.nc", "NETCDF4")
    (tmp_path / "b.nc").mkdir()
    catalog = catalog_of(tmp_path, changed(**FORMS["NetCDF-4"][2] | {"args__urlpath": f"{tmp_path}/*.nc"}))
    for look in (open_entry, source_state):
        with pytest.raises(FileFormError, match=r"b\.nc is a folder"):
            look(catalog, "source0")


@pytest.mark.parametrize("kind", ["NETCDF3_CLASSIC", "NETCDF4"])
def test_a_file_without_a_step_has_no_first_and_last(tmp_path: Path, kind: str) -> None:
    netcdf(tmp_path / "a.nc", kind)
    with netCDF4.Dataset(tmp_path / "b.nc", "w", format=kind) as file:
        for name, size in (("time", None), ("lat", 3), ("lon", 4)):
            file.createDimension(name, size)
            file.createVariable(name, "f8", (name,))
        file["lat"][:], file["lon"][:] = LAT, LON
        file["time"].units = "days since 2000-01-01"
        lai = file.createVariable("lai", "i2", ("time", "lat", "lon"))
        lai.scale_factor, lai.units = 0.001, "m2 m-2"
    entry = FORMS["NetCDF-4"][2] | {"args__urlpath": f"{tmp_path}/*.nc"}
    catalog = catalog_of(tmp_path, changed(**entry))
    parts = source_parts(catalog, "source0")
    spans = file_spans(catalog, "source0", parts, {})
    assert {parts.files[digest][-4:]: len(span) for digest, span in spans.items()} == {"a.nc": 2, "b.nc": 0}
    with open_entry(catalog, "source0") as ds:
        np.testing.assert_allclose(ds["lai"].values, values())


def test_a_file_of_other_variables_beside_those_of_the_entry_has_its_own_times(tmp_path: Path) -> None:
    netcdf(tmp_path / "a.nc", "NETCDF4")
    with netCDF4.Dataset(netcdf(tmp_path / "b.nc", "NETCDF4"), "r+") as file:
        file.renameVariable("lai", "fapar")
    catalog = catalog_of(tmp_path, changed(**FORMS["NetCDF-4"][2] | {"args__urlpath": f"{tmp_path}/*.nc"}))
    spans = file_spans(catalog, "source0", source_parts(catalog, "source0"), {})
    assert [span[0][:10] for span in spans.values()] == ["2000-01-01", "2000-01-01"]
    with open_entry(catalog, "source0") as ds:
        np.testing.assert_allclose(ds["lai"].values, values())


def test_dimensions_of_nczarr_are_read(tmp_path: Path) -> None:
    """The C library of NetCDF keeps the names of dimensions in .zarray."""
    place, entry = written(tmp_path, "Zarr 2")
    for path in place.glob("*/.zarray"):
        attrs = json.loads((path.parent / ".zattrs").read_text())
        dims = attrs.pop("_ARRAY_DIMENSIONS")
        (path.parent / ".zattrs").write_text(json.dumps(attrs))
        array = json.loads(path.read_text()) | {"_NCZARR_ARRAY": {"dimrefs": [f"/{dim}" for dim in dims]}}
        path.write_text(json.dumps(array))
    (place / ".zmetadata").unlink(missing_ok=True)
    np.testing.assert_allclose(read(tmp_path, entry), values())
