"""A small cube and product, and helpers that publish them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import dask
import dask.array
import numpy as np
import pytest
import xarray as xr

from smcloud.store import (
    CubeEntry,
    Prefix,
    ProductEntry,
    Release,
    ReleaseContent,
    Store,
    cube_path,
    product_path,
    publish,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An absent local store."""
    return Store.open(tmp_path / "store")


@pytest.fixture
def cube() -> xr.Dataset:
    """26 months x 200 x 190 cells in blocks of slabs that do not fit the stored chunks; some NaN, one block empty."""
    rng = np.random.default_rng(20240229)
    values = rng.normal(0.3, 0.1, (26, 200, 190)).astype("float32")
    values[rng.random(values.shape) < 0.1] = np.nan
    values[:, 180:, 180:] = np.nan
    months = np.arange("2000-01", "2002-03", dtype="M8[M]")
    bounds = np.stack([months, months + np.timedelta64(1, "M")], axis=1).astype("M8[ns]")
    return xr.Dataset(
        {
            "soil_moisture": (("time", "lat", "lon"), dask.array.from_array(values, chunks=(5, 200, 190))),
            "soil_moisture_days": (("time", "lat", "lon"), np.zeros((26, 200, 190), "uint8")),
            "land_mask": (("lat", "lon"), values[0] > 0.2),
            "time_bnds": (("time", "nv"), bounds),
        },
        coords={
            "time": ("time", months.astype("M8[ns]"), {"bounds": "time_bnds"}),
            "lat": np.linspace(-89.5, 89.5, 200),
            "lon": np.linspace(-180, 180, 190, endpoint=False),
        },
        attrs={"title": "a test cube"},
    )


@pytest.fixture
def product() -> xr.Dataset:
    """A product with text coordinates, small enough for one chunk per variable."""
    rng = np.random.default_rng(7)
    return xr.Dataset(
        {
            "slope": (("lat", "lon"), rng.normal(size=(12, 24)).astype("float32")),
            "p_value": (("lat", "lon"), dask.array.from_array(rng.random((12, 24)), chunks=(6, 24))),
            "area_km2": (("class",), np.array([1.5, 2.5])),
        },
        coords={"lat": np.arange(12.0), "lon": np.arange(24.0), "class": ["DD", "WW"]},
    )


@pytest.fixture
def sealed_content(cube: xr.Dataset, product: xr.Dataset) -> Callable[..., ReleaseContent]:
    """A function that stages and seals cube and product under a run id and returns what ``publish`` takes."""

    def make(store: Store, run_id: str = "run1", cube_id: str = "cube1") -> ReleaseContent:
        if not Prefix(store, cube_path(cube_id)).is_sealed:
            dask.compute(Prefix(store, cube_path(cube_id)).stage(cube))
            Prefix(store, cube_path(cube_id)).seal()
        path = product_path("trend", run_id)
        dask.compute(Prefix(store, path).stage(product))
        digest = Prefix(store, path).seal().inventory_sha256
        return ReleaseContent(
            cube=CubeEntry(
                id=cube_id,
                url=cube_path(cube_id),
                period=("2000-01", "2002-02"),
                inventory_sha256=Prefix(store, cube_path(cube_id)).inventory()[1],
            ),
            products={"trend": ProductEntry(url=path, run_id=run_id, inventory_sha256=digest)},
            report=f"reports/{run_id}/index.html",
            inputs={},
            config={"preset": "peng2023"},
            code={},
        )

    return make


@pytest.fixture
def released(sealed_content: Callable[..., ReleaseContent]) -> Callable[..., Release]:
    """A function that stages, seals and publishes cube and product under a run id and returns the release."""
    return lambda store, run_id="run1": publish(store, sealed_content(store, run_id))


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    import s3fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    # Instances are cached by their arguments and would keep another test's endpoint.
    s3fs.S3FileSystem.clear_instance_cache()
    yield monkeypatch
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def bucket(s3_endpoint: str, environment: pytest.MonkeyPatch) -> str:
    import s3fs

    environment.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    s3fs.S3FileSystem().mkdir("bucket")
    return "bucket"
