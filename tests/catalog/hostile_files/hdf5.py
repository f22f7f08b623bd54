"""HDF5 (NetCDF-4): external storage, links, virtual datasets, and daily images of them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from tests.catalog.hostile_files.cases import AXES, SHAPE, attach, case, honest, stored_outside


@case("external storage of /sm")
def external_storage(folder: Path) -> str:
    with honest(folder / "a.nc", without="sm") as file:
        stored_outside(file, "sm", folder.parent / "private" / "little")
    return "a.nc"


@case("external storage of /sm", args__xarray_kwargs={"engine": "netcdf4"})
def external_storage_for_the_netcdf_library(folder: Path) -> str:
    return external_storage(folder)


@case("external storage of /sm", args__xarray_kwargs={"engine": "h5netcdf"})
def external_storage_for_h5netcdf(folder: Path) -> str:
    return external_storage(folder)


@case("external storage of /sm")
def external_storage_by_a_relative_path(folder: Path) -> str:
    with honest(folder / "a.nc", without="sm") as file:
        stored_outside(file, "sm", "../private/little")
    return "a.nc"


@case("external storage of /other")
def external_storage_of_what_nobody_reads(folder: Path) -> str:
    with honest(folder / "a.nc") as file:
        stored_outside(file, "other", folder.parent / "private" / "key")
    return "a.nc"


@case("external storage of /lat")
def external_storage_of_an_axis(folder: Path) -> str:
    with honest(folder / "a.nc", without="lat") as file:
        size = 3 * 4
        file.create_dataset("lat", (3,), "<f4", external=[(str(folder.parent / "private" / "little"), 0, size)])
        file["lat"].make_scale("lat")
        file["sm"].dims[1].attach_scale(file["lat"])
    return "a.nc"


@case("external storage of /deep/deeper/x")
def external_storage_in_a_nested_group(folder: Path) -> str:
    with honest(folder / "a.nc") as file:
        group = file.create_group("deep/deeper")
        group.create_dataset("x", (4,), "u1", external=[(str(folder.parent / "private" / "key"), 0, 4)])
    return "a.nc"


@case("external storage of /sm")
def external_storage_behind_a_user_block(folder: Path) -> str:
    with honest(folder / "a.nc", without="sm", userblock=512) as file:
        stored_outside(file, "sm", folder.parent / "private" / "little")
    return "a.nc"


@case("external storage of /sm")
def external_storage_in_the_second_of_two_files(folder: Path) -> str:
    external_storage(folder)
    (folder / "a.nc").rename(folder / "b.nc")
    honest(folder / "a.nc").close()
    return "*.nc"


@case("external storage of /g/sm", args__xarray_kwargs={"group": "g"})
def external_storage_in_the_group_of_the_entry(folder: Path) -> str:
    with h5py.File(folder / "a.nc", "w") as file:
        for name, values in AXES.items():
            file[f"g/{name}"] = values
        place = [(str(folder.parent / "private" / "little"), 0, 96)]
        file["g"].create_dataset("sm", SHAPE, "<f4", external=place)
    return "a.nc"


@case("external link /sm")
def external_link(folder: Path) -> str:
    with honest(folder / "a.nc", without="sm") as file:
        file["sm"] = h5py.ExternalLink(str(folder.parent / "private" / "file.nc"), "/sm")
    return "a.nc"


@case("external link /sm", args__xarray_kwargs={"engine": "netcdf4"})
def external_link_for_the_netcdf_library(folder: Path) -> str:
    return external_link(folder)


@case("external link /deep/x")
def external_link_in_a_nested_group(folder: Path) -> str:
    with honest(folder / "a.nc") as file:
        file["deep/x"] = h5py.ExternalLink("../private/file.nc", "/sm")
    return "a.nc"


@case("external link /deep/x")
def soft_link_to_an_external_one(folder: Path) -> str:
    with honest(folder / "a.nc", without="sm") as file:
        file["deep/x"] = h5py.ExternalLink("../private/file.nc", "/sm")
        file["between"] = h5py.SoftLink("/deep/x")
        file["sm"] = h5py.SoftLink("/between")
    return "a.nc"


@case("external link /elsewhere")
def external_link_to_a_group(folder: Path) -> str:
    with honest(folder / "a.nc") as file:
        file["elsewhere"] = h5py.ExternalLink("../private/file.nc", "/")
    return "a.nc"


@case("user-defined link /sm")
def user_defined_link(folder: Path) -> str:
    external_link(folder)
    raw = (folder / "a.nc").read_bytes()
    external = b"\x01\x08\x40\x02sm"  # version, flags, type 64, length of the name
    assert raw.count(external) == 1
    (folder / "a.nc").write_bytes(raw.replace(external, b"\x01\x08\x47\x02sm"))
    return "a.nc"


def _virtual(folder: Path) -> h5py.VirtualLayout:
    layout = h5py.VirtualLayout(SHAPE, "f4")
    layout[:] = h5py.VirtualSource(str(folder.parent / "private" / "file.nc"), "sm", SHAPE)
    return layout


@case("virtual dataset /sm")
def virtual_dataset(folder: Path) -> str:
    with honest(folder / "a.nc", without="sm") as file:
        attach(file.create_virtual_dataset("sm", _virtual(folder)))
    return "a.nc"


@case("virtual dataset /deep/x")
def virtual_dataset_in_a_group(folder: Path) -> str:
    with honest(folder / "a.nc") as file:
        file.create_group("deep").create_virtual_dataset("x", _virtual(folder))
    return "a.nc"


# -------------------------------------------------------------------------------------------------- daily images


IMAGE = "ESACCI-SOILMOISTURE-L3S-SSMV-COMBINED-2000010{}000000-fv09.1.nc"
CCI = {"metadata__reader": "esa_cci"}


def images(folder: Path, hostile: int) -> str:
    for day in (1, 2):
        with h5py.File(folder / IMAGE.format(day), "w") as file:
            for name, values in (AXES | {"time": np.array([day + 10956.0])}).items():
                file[name] = values
                file[name].make_scale(name)
            file["time"].attrs["units"] = "days since 1970-01-01"
            if day == hostile:
                stored_outside(file, "sm", folder.parent / "private" / "little", (1, 3, 4))
            else:
                file["sm"] = np.full((1, 3, 4), 0.25, "f4")
                attach(file["sm"])
    return "*.nc"


@case("external storage of /sm", **CCI)
def external_storage_of_the_first_image(folder: Path) -> str:
    return images(folder, 1)


@case("external storage of /sm", **CCI)
def external_storage_of_an_image_that_is_opened_for_its_values(folder: Path) -> str:
    return images(folder, 2)
