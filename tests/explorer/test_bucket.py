"""The page of a store in a bucket, read as anybody's browser reads objects: by their addresses, without a listing."""

from __future__ import annotations

import gcsfs
import pytest
import xarray as xr

from tests.cloud.gcs import serving
from tests.explorer.world import RUN, make_store

STORE = "gs://bucket/store"


@pytest.mark.e2e
def test_the_page_works_from_a_bucket(browse, built, monkeypatch):
    with serving() as (url, held):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        gcsfs.GCSFileSystem.clear_instance_cache()
        held.buckets["bucket"] = {}
        make_store(STORE, 5.0)
        slope = xr.open_zarr(f"{STORE}/products/trend/{RUN}.zarr")["slope"].load()
        known = slope.where(slope.notnull(), drop=True).stack(cell=("lat", "lon")).dropna("cell")[0]
        lat, lon = float(known["lat"]), float(known["lon"])
        held.requests.clear()
        step = {"evaluate": f"explorer.valueAt('slope', {lat}, {lon})", "hash": f"#cell={lat},{lon}"}
        told = browse(f"{url}/bucket/store", step)
        asked = list(held.requests)
    gcsfs.GCSFileSystem.clear_instance_cache()
    assert told["console"] == [] and told["results"][0]["failed"] == ""
    assert told["results"][0]["value"] == float(known)
    assert len(asked) > 20 and all(line.startswith("GET /bucket/store/") for line in asked)
    kinds = {name.rpartition(".")[2]: blob.content_type for name, blob in held.buckets["bucket"].items()}
    assert kinds["js"].startswith("text/javascript") and kinds["css"] == "text/css"
