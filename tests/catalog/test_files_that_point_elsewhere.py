"""Files of strangers that lead out of themselves: none of them brings a private file of this machine into a value.

Each case (:mod:`tests.catalog.hostile_files`) writes a hostile source beside a canary, whose content must be in no
value and in no error.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smcloud.catalog import check_entries, open_entry
from smcloud.catalog.readers import hdf_eos, netcdf_files
from smcloud.errors import SmcloudError
from tests.catalog.entries import catalog_of, changed
from tests.catalog.hostile_files import CASES
from tests.catalog.hostile_files.cases import SECRET, TEXT, make_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for the source, with private files beside it that the libraries could read."""
    return make_folder(tmp_path)


def opened(folder: Path, name: str, address: str = "") -> Any:
    """Write the case, open it and read all its values."""
    write, entry, _ = CASES[name]
    given = write(folder)
    entry = {"args__urlpath": address.format(given) if address else f"{folder}/{given}"} | entry
    ds = open_entry(catalog_of(folder, changed(**entry)), "source0")
    return ds.load()


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_what_points_elsewhere_is_refused_and_tells_nothing(folder: Path, name: str) -> None:
    try:
        ds = opened(folder, name)
    except Exception as error:
        said = str(error)
        assert CASES[name][2] in said
        assert not [word for word in (TEXT, str(SECRET)) if word in said]
        # A value that is read later ends the run with what its library says.
        assert name in ("virtual_chunk", "member_of_a_zip_that_is_a_link") or isinstance(error, SmcloudError), said
        assert not isinstance(error, SmcloudError) or error.exit_code in (2, 3), said
    else:
        pytest.fail(f"read: {[float(da.max()) for da in ds.data_vars.values()]}")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, (_, entry, _) in CASES.items()
                                  if entry["driver"] == "netcdf" and "metadata__reader" not in entry
                                  and "args__urlpath" not in entry and "pipe" not in name
                                  and "library" not in name and "private" not in name])  # fmt: skip
def test_so_it_is_of_files_on_a_web_server(folder: Path, name: str, http: Callable[[Path], str]) -> None:
    base = http(folder)
    with pytest.raises(SmcloudError) as caught:
        opened(folder, name, base + "/{}" if "*" not in CASES[name][0](folder) else base + "/b.nc")
    assert CASES[name][2] in caught.value.found
    assert caught.value.exit_code == 3


OPEN_DOORS = {
    "external_storage": netcdf_files,
    "external_link": netcdf_files,
    "soft_link_to_an_external_one": netcdf_files,
    "virtual_dataset": netcdf_files,
    "external_storage_for_the_netcdf_library": netcdf_files,
    "external_storage_of_an_image_that_is_opened_for_its_values": netcdf_files,
    "external_element": hdf_eos,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OPEN_DOORS)
def test_without_the_check_the_private_file_would_be_read(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = "require_hdf4_alone" if OPEN_DOORS[name] is hdf_eos else "require_hdf5_alone"
    monkeypatch.setattr(OPEN_DOORS[name], check, lambda *_: None)
    assert float(opened(folder, name)["sm"].max()) == SECRET


def test_a_check_of_the_catalog_refuses_too(folder: Path) -> None:
    entries = {}
    for name in ("external_storage", "virtual_dataset", "chunk_that_is_a_link"):
        (folder / name).mkdir()
        (folder / "private").symlink_to(folder.parent / "private") if not (folder / "private").exists() else None
        write, entry, _ = CASES[name]
        entries[name] = changed(**{"args__urlpath": f"{folder}/{name}/{write(folder / name)}"} | entry)
    with pytest.raises(SmcloudError) as caught:
        check_entries(catalog_of(folder, **entries))
    assert [error.code for error in (caught.value, *caught.value.others)] == ["file-form"] * 3
