"""``smcloud ingest`` on the stores of the sample world, through their own catalog."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

from smcloud import cli

from .conftest import FromBytes

CATALOG = Path(__file__).parents[2] / "catalogs" / "sample.yaml"


@pytest.mark.slow
def test_the_first_year_of_the_sample_world(
    stores: dict[str, str],
    from_bytes: FromBytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SMCLOUD_SAMPLE", str(Path(stores["cci_sm"]).parent))
    inputs = {"soil_moisture": "esa_cci_sm", "precipitation": "era5", "lai": "lai", "aridity_index": "aridity"}
    config = {
        "preset": "peng2023", "period": {"start": "2000-01", "end": "2000-12"}, "catalog": str(CATALOG),
        "inputs": inputs, "store": str(tmp_path / "store"),
    }  # fmt: skip
    (tmp_path / "sample.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(SystemExit) as done:
        cli.main(["ingest", str(tmp_path / "sample.yaml"), "--json"])
    made = json.loads(capsys.readouterr().out)
    assert not done.value.code and made["status"] == "built", made
    cube = xr.open_zarr(tmp_path / "store" / made["url"])
    assert set(inputs) <= set(cube.data_vars) and cube.sizes["time"] == 12
    # January by its bytes: fill and flags out, advisory 64 kept, latitude turned.
    sm, flag = from_bytes.sm[:31, ::-1], from_bytes.flag[:31, ::-1]
    good = (sm != -9999) & np.isin(flag, [0, 64])
    days = good.sum(axis=0)
    mean = np.where(days >= 5, np.where(good, sm, 0).sum(axis=0) / np.maximum(days, 1), np.nan)
    np.testing.assert_array_equal(cube["soil_moisture_days"][0], days)
    np.testing.assert_allclose(cube["soil_moisture"][0], mean, rtol=1e-5)
    assert np.isfinite(mean).sum() > 100
