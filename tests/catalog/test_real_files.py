"""Real files through a catalog."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from smcloud.catalog import check_entries, load_catalog, open_entry
from smcloud.catalog.fingerprints import source_state
from tests.catalog.entries import PUBLIC, catalog_of, changed


@pytest.mark.slow
def test_real_images_open_through_a_catalog(test_data: Path, tmp_path: Path) -> None:
    images = test_data / "cci_images"
    files = sorted(images.glob("ESACCI-SOILMOISTURE-L3S-SSMV-PASSIVE-*.nc"))
    variables = {
        "soil_moisture": {
            "name": "sm",
            "units": "m3 m-3",
            "period": "day",
            "valid_range": [0, 1],
            "flag": "flag",
            "uncertainty": "sm_uncertainty",
        }
    }
    entry = changed(
        driver="netcdf",
        args__urlpath=f"{images}/ESACCI-SOILMOISTURE-L3S-SSMV-PASSIVE-*.nc",
        args__xarray_kwargs={"drop_variables": ["t0"]},
        metadata__variables=variables,
    )
    old = changed(
        driver="netcdf",
        args__urlpath=str(images / "ESACCI-SOILMOISTURE-L3S-SSMV-COMBINED-20000101000000-fv02.2.nc"),
        args__xarray_kwargs={},
        metadata__variables=variables,
    )
    catalog = catalog_of(tmp_path, passive=entry, old=old)
    assert check_entries(catalog) == {"passive": "ok", "old": "ok"}
    ds = open_entry(catalog, "passive")
    assert dict(ds.sizes) == {"time": 3, "lat": 720, "lon": 1440}
    assert list(ds["time"].dt.strftime("%Y-%m-%d").values) == ["2016-12-29", "2016-12-30", "2016-12-31"]
    with xr.open_dataset(files[1]) as direct:
        np.testing.assert_array_equal(ds["sm"].isel(time=1).values, direct["sm"].isel(time=0).values)
    assert ds["sm"].min() >= 0  # -9999 is gone
    share = float(ds["sm"].notnull().mean())
    assert 0.050 < share < 0.053
    assert source_state(catalog, "passive") != source_state(catalog, "old")


def test_the_public_entry_of_c3s_opens_a_real_file(test_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMCLOUD_C3S_SOIL_MOISTURE", str(test_data / "cci_images"))
    ds = open_entry(load_catalog(PUBLIC), "c3s")
    assert str(ds["time"].values[0])[:10] == "2014-01-01"
    assert "t0" not in ds
