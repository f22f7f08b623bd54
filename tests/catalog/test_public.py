"""The public catalog holds the sources of the study, with their traps."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smcloud.catalog import Catalog, check_entries, load_catalog, open_entry
from smcloud.config import load_config
from smcloud.errors import (
    SmcloudError,
)
from tests.catalog.entries import PUBLIC


@pytest.fixture(scope="module")
def public() -> Catalog:
    return load_catalog(PUBLIC)


def test_the_public_catalog_holds_the_sources_of_the_study(public: Catalog) -> None:
    roles = {name: set(entry.metadata.variables) for name, entry in public.sources.items()}
    assert {name for name, held in roles.items() if "soil_moisture" in held} == {
        "esa_cci_sm",
        "esa_cci_sm_v071",
        "esa_cci_sm_v081",
        "esa_cci_sm_v091",
        "esa_cci_sm_v092",
        "esa_cci_sm_adjusted",
        "esa_cci_sm_files",
        "esa_cci_sm_active_files",
        "c3s",
        "esdc",
    }
    references = {name for name, held in roles.items() if "soil_moisture_reference" in held}
    assert references == {"era5_hourly", "era5_icechunk", "era5_monthly_soil_moisture"}
    for name in ("era5_hourly", "era5_icechunk", "era5_monthly"):
        assert {"precipitation", "soil_temperature"} <= roles[name]
    for name in ("glass_lai", "glass_lai_avhrr", "seasfire_lai", "modis_lai"):
        assert roles[name] == {"lai"}
    static = set().union(
        *(roles[name] for name in ("aridity", "land_cover", "soil_texture", "elevation", "era5_land_mask"))
    )
    assert roles["esa_cci_land_cover"] == {"land_cover"}
    assert static == {"aridity_index", "land_cover", "clay", "sand", "elevation", "land_mask"}


def test_every_public_entry_says_whose_it_is(public: Catalog) -> None:
    for entry in public.sources.values():
        assert entry.metadata.licence
        assert "doi:10." in entry.metadata.citation or "Climate Data Store" in entry.metadata.citation
        assert len(entry.description) > 80


def test_the_traps_of_the_real_sources_are_in_their_entries(public: Catalog) -> None:
    hourly = public.sources["era5_hourly"]
    assert hourly.metadata.valid_end is not None
    assert hourly.metadata.valid_end.attr == "valid_time_stop"
    assert hourly.args.chunks["time"] > 1  # one task for each hour would be a million
    rain = hourly.metadata.variables["precipitation"]
    assert (rain.period, rain.stamp, rain.aggregate, rain.units) == ("hour", "end", "sum", "m")
    monthly = public.sources["era5_monthly"].metadata.variables["precipitation"]
    assert (monthly.units, monthly.attr_units, monthly.aggregate) == ("m day-1", "m", "mean")
    assert public.sources["esa_cci_sm_adjusted"].metadata.variables["soil_moisture"].uncertainty is None
    assert public.sources["esa_cci_sm"].metadata.variables["soil_moisture"].flag == "flag"
    height = public.sources["elevation"].metadata.variables["elevation"]
    assert height.scale == pytest.approx(1 / 9.80665, rel=1e-15)
    assert public.sources["aridity"].metadata.variables["aridity_index"].scale == 0.0001
    assert len(public.sources["land_cover"].metadata.variables["land_cover"].legend) == 17


def test_monthly_means_in_metres_per_day_become_the_depth_of_the_month(
    public: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from smcloud.cube.units import convert

    months = pd.date_range("2000-01-01", periods=3, freq="MS")
    where = {"valid_time": months, "latitude": [1.0, 0.0], "longitude": [0.0, 0.25]}
    field = np.full((3, 2, 2), 0.002, "float32")
    dims = ("valid_time", "latitude", "longitude")
    rain = xr.Dataset({"tp": (dims, field, {"units": "m"})}, where)
    heat = xr.Dataset({"stl1": (dims, field + 280, {"units": "K"})}, where)
    rain.to_netcdf(tmp_path / "tp.nc", engine="h5netcdf")
    heat.to_netcdf(tmp_path / "stl1.nc", engine="h5netcdf")
    monkeypatch.setenv("SMCLOUD_ERA5_MONTHLY", str(tmp_path))
    ds = open_entry(public, "era5_monthly")
    spec = public.sources["era5_monthly"].metadata.variables["precipitation"]
    days = xr.DataArray([31.0, 29.0, 31.0], dims="valid_time", coords={"valid_time": ds["valid_time"]})
    depth = convert(ds["tp"].astype("float64"), "precipitation", spec.units, spec.aggregate, days, "tp")
    assert depth.attrs["units"] == "mm month-1"
    np.testing.assert_allclose(depth.isel(latitude=0, longitude=0), [62.0, 58.0, 62.0], rtol=1e-6)


def test_the_configuration_of_the_readme_finds_its_inputs(public: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(
        """
preset: peng2023
period: {start: 2000-01, end: 2021-12}
catalog: catalogs/public.yaml
inputs:
  soil_moisture: esa_cci_sm
  precipitation: era5_monthly
  soil_temperature: era5_monthly
  lai: glass_lai
  aridity_index: aridity
  land_cover: land_cover
  clay: soil_texture
  sand: soil_texture
  elevation: elevation
  land_mask: era5_land_mask
store: out
"""
    )
    for role, reference in load_config(path).inputs.items():
        name, spec = public.spec(role, reference)
        assert name in public.sources
        assert spec.units


def test_where_there_is_no_network_the_public_catalog_is_checked_in_seconds(
    public: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("SMCLOUD_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name in ("STORAGE_EMULATOR_HOST", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)

    def no_network(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", no_network)
    answers = check_entries(public)
    assert set(answers) == set(public.sources)
    assert all(text.startswith(("unreachable: ", "reader ")) and len(text) < 120 for text in answers.values()), answers
    assert "storage.googleapis.com" in answers["era5_hourly"]
    assert "cci-ke-o.s3-ext.jc.rl.ac.uk" in answers["esa_cci_sm"]
    assert "data.cci.ceda.ac.uk" in answers["esa_cci_sm_v091"]


def test_errors_of_the_catalog_are_those_of_the_house(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\x00\xff\xfe")
    for path in ("ssh://host/c.yaml", "http://127.0.0.1:1/c.yaml", tmp_path / "binary.yaml"):
        with pytest.raises(SmcloudError) as caught:
            load_catalog(path)
        assert all(caught.value.record().values())
