"""A whole cube is built of each hostile file: no private value comes into it, and one error says what is wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import pytest

from smcloud import pipeline
from smcloud.config import parse_config
from smcloud.errors import SmcloudError
from tests.catalog.entries import catalog_of, changed
from tests.catalog.hostile_files import CASES
from tests.catalog.hostile_files.cases import SECRET, TEXT, honest, make_folder

SOIL = {"metadata__variables__soil_moisture__period": "day"}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with dask.config.set(scheduler="synchronous"):
        yield make_folder(tmp_path)


def config_of(folder: Path, **sources: dict[str, Any]) -> Any:
    """A month of all that the entries hold, on the grid of the soil moisture."""
    catalog = catalog_of(folder, **sources)
    roles = {role: name for name, entry in sources.items() for role in entry["metadata"]["variables"]}
    return parse_config({
        "preset": "peng2023", "period": {"start": "2000-01", "end": "2000-01"}, "catalog": catalog.path,
        "store": str(folder.parent / "store"), "grid": "native", "inputs": roles, "monthly": {"min_days": 1},
    })  # fmt: skip


def honest_soil(folder: Path) -> dict[str, Any]:
    honest(folder / "soil.nc").close()
    return changed(driver="netcdf", args__urlpath=f"{folder}/soil.nc", args__xarray_kwargs={}, **SOIL)


def sources_of(folder: Path, name: str) -> dict[str, dict[str, Any]]:
    """The entries of a case: the hostile one, and one of soil moisture where it is another role's."""
    write, entry, _ = CASES[name]
    (folder / "hostile").mkdir()
    hostile = folder / "hostile"
    (folder / "private").symlink_to(folder.parent / "private")  # what relative names lead to
    given = write(hostile)
    made = changed(**({"args__urlpath": f"{hostile}/{given}"} | entry))
    roles = made["metadata"]["variables"]
    return {"hostile": made} | ({} if "soil_moisture" in roles else {"soil": honest_soil(folder)})


def test_a_cube_of_an_honest_file_is_built(folder: Path) -> None:
    config = config_of(folder, soil=honest_soil(folder))
    assert pipeline.ingest(config, pipeline.check(config)).built


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_no_cube_of_a_hostile_file_is_sealed(folder: Path, name: str) -> None:
    sources = sources_of(folder, name)
    begin = time.monotonic()
    with pytest.raises(SmcloudError) as caught:
        config = config_of(folder, **sources)
        pipeline.ingest(config, pipeline.check(config))
    said = str(caught.value)
    assert CASES[name][2] in said or name == "member_of_a_zip_that_is_a_link"
    assert all(caught.value.record().values()) and caught.value.exit_code in (2, 3), said
    assert not [word for word in (TEXT, str(SECRET)) if word in said]
    held = [path for path in (folder.parent / "store").rglob("*") if path.is_file()]
    assert not [path for path in held if path.name == "inventory.json" or TEXT.encode() in path.read_bytes()]
    assert time.monotonic() - begin < 200  # and not hours, whatever else the machine does
