"""What programs of others that check metadata say of every product and the cube."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import zarr
import zarr_cm

import smcloud
from tests.readers.everything import NAMES

# CF has no standard name for a statistic of a trend, an index or a share of clay: none is better than a wrong one.
WITHOUT_STANDARD_NAME = re.compile(r'variable "\w+" missing the following attributes: : standard_name')
# Not asked of what lies on the surface; and the coverage is that of the years, not of the stamps inside them.
NOT_MEANT = (
    re.compile(r"Global Attributes : geospatial_(bounds_)?vertical_\w+ not present"),
    re.compile(r"time_coverage_extents_match : Date time mismatch"),
)
NO_AXES = re.compile(r"geospatial_l(at|on)_extents_match : Could not find (lat|lon) variable")


def opened(store: str, name: str):
    return smcloud.open_cube(store) if name == "cube" else smcloud.open_product(store, name)


@pytest.fixture(scope="module")
def checked(released: str, tmp_path_factory: pytest.TempPathFactory):
    """A function that returns what a checker says of a plain NetCDF copy, by priority."""
    from compliance_checker.runner import CheckSuite, ComplianceChecker

    CheckSuite.load_all_available_checkers()
    folder: Path = tmp_path_factory.mktemp("checked")

    def messages(name: str, checker: str) -> dict[str, list[str]]:
        path, report = folder / f"{name}.nc", folder / f"{name}.json"
        if not path.exists():
            opened(released, name).to_netcdf(path)
        ComplianceChecker.run_checker(
            str(path), [checker], verbose=0, criteria="normal", output_filename=str(report), output_format="json"
        )
        found = json.loads(report.read_text())[checker]
        return {
            level: [f"{it['name']} : {message}" for it in found[f"{level}_priorities"] for message in it["msgs"]]
            for level in ("high", "medium", "low")
        }

    return messages


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_cf_has_nothing_to_say(checked, name):
    assert checked(name, "cf:1.11") == {"high": [], "medium": [], "low": []}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_acdd_misses_only_what_nobody_can_say(checked, name):
    found = checked(name, "acdd:1.3")
    assert [text for text in found["high"] if not WITHOUT_STANDARD_NAME.fullmatch(text)] == []
    allowed = (*NOT_MEANT, NO_AXES) if name in ("regional", "strata", "sensitivity") else NOT_MEANT
    assert [text for text in found["medium"] if not any(it.match(text) for it in allowed)] == []


@pytest.mark.slow
def test_every_standard_name_that_there_is_was_given(released):
    """Names of CF's own table, so a variable without one is not merely forgotten."""
    from smcloud.conventions import STANDARD_NAMES

    for name in NAMES:
        ds = opened(released, name)
        for key, da in ds.data_vars.items():
            if key in STANDARD_NAMES:
                assert da.attrs["standard_name"] == STANDARD_NAMES[key], (name, key)
            if da.attrs.get("units") == "1" and re.search(r"^n_(?!breaks|fixed_months|effective)|^n$", str(key)):
                assert da.attrs["standard_name"] == "number_of_observations", (name, key)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_zarr_conventions_are_as_their_schemas_say(released, name):
    record = smcloud.store.newest_release(smcloud.store.Store.open(released))
    entry = record.cube if name == "cube" else record.products[name]
    attributes = zarr.open_group(f"{released}/{entry.url}", mode="r").attrs.asdict()
    assert zarr_cm.validate_all(attributes) == attributes
    declared = {it["name"] for it in attributes["zarr_conventions"]}
    assert declared == {"proj", "spatial"}
    assert attributes["proj:code"] == "EPSG:4326" and attributes["spatial:shape"] == [36, 72]
    with pytest.raises(ValueError):
        zarr_cm.validate_all(attributes | {"spatial:transform": "none"})
