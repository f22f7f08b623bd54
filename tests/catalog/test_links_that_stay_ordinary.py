"""What is like a file that points elsewhere, and is not: links of a user to her own data, soft links, overviews."""

from __future__ import annotations

import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio

from smcloud.catalog import open_entry
from smcloud.errors import SmcloudError
from tests.catalog.entries import catalog_of, changed
from tests.catalog.hostile_files.cases import SHAPE, honest, make_folder
from tests.catalog.hostile_files.rasters import STATIC, tiff
from tests.catalog.hostile_files.stores import STORE, chunk_of, store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for the source, with private files beside it that the libraries could read."""
    return make_folder(tmp_path)


def test_links_that_a_user_made_to_her_own_data_are_followed(folder: Path) -> None:
    data = folder.parent / "data"
    data.mkdir()
    honest(data / "a.nc").close()
    (folder / "a.nc").symlink_to(data / "a.nc")
    files = {"driver": "netcdf", "args__xarray_kwargs": {}}
    for address in ("a.nc", "*.nc"):
        ds = open_entry(catalog_of(folder, changed(args__urlpath=f"{folder}/{address}", **files)), "source0")
        np.testing.assert_array_equal(ds["sm"], np.full(SHAPE, 0.25))
    (folder / "b.zarr").symlink_to(store(data))
    chunk = chunk_of(data / "a.zarr")
    chunk.rename(chunk.with_name("kept"))
    chunk.symlink_to("kept")  # inside the store
    ds = open_entry(catalog_of(folder, changed(args__urlpath=f"{folder}/b.zarr", **STORE)), "source0")
    np.testing.assert_array_equal(ds["sm"], np.full(SHAPE, 0.25))


def test_soft_links_and_cycles_inside_a_file_are_ordinary(folder: Path) -> None:
    with honest(folder / "a.nc") as file:
        file["deep/again"] = file["/"]
        file["deep/sm"] = h5py.SoftLink("/sm")
        file["dangling"] = h5py.SoftLink("/nowhere")
        del file["dangling"]
    ds = open_entry(
        catalog_of(folder, changed(args__urlpath=f"{folder}/a.nc", driver="netcdf", args__xarray_kwargs={})), "source0"
    )
    np.testing.assert_array_equal(ds["sm"], np.full(SHAPE, 0.25))


def test_overviews_metadata_and_statistics_of_an_image_are_ordinary(folder: Path) -> None:
    path = tiff(folder / "a.tif")
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2], rasterio.enums.Resampling.average)
        file.update_tags(1, source="somebody")
    (folder / "a.tif.aux.xml").write_text(
        "<PAMDataset><PAMRasterBand band='1'><Metadata><MDI key='STATISTICS_MEAN'>9</MDI></Metadata></PAMRasterBand>"
        "</PAMDataset>"
    )
    entry = changed(args__urlpath=str(path), driver="netcdf", args__xarray_kwargs={}, **STATIC)
    ds = open_entry(catalog_of(folder, entry), "source0")
    np.testing.assert_array_equal(ds["band_1"], np.full((3, 4), 0.25))


def test_what_is_outside_a_zip_is_not_reached_by_its_names(folder: Path) -> None:
    with zipfile.ZipFile(folder / "a.zarr.zip", "w") as archive:
        for path in (folder.parent / "private" / "a.zarr").rglob("*"):
            if path.is_file():
                archive.write(path, f"../private/a.zarr/{path.relative_to(folder.parent / 'private' / 'a.zarr')}")
    with pytest.raises(SmcloudError, match="ZIP"):
        open_entry(catalog_of(folder, changed(args__urlpath=f"{folder}/a.zarr.zip", **STORE)), "source0")
