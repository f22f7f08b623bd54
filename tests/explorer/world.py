"""A store whose products are made up, of any resolution: every code and colour occurs, and every field has gaps.

``python -m tests.explorer.world FOLDER STEP`` makes one of STEP degrees.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dask
import numpy as np
import xarray as xr

from smcloud.pipeline.publish import render_doors
from smcloud.products.flags import driver_flags
from smcloud.products.overviews import MAPS, overviews
from smcloud.products.variables import ANNUAL, DDWW, DRIVERS, TREND
from smcloud.store import (
    Attempts,
    CubeEntry,
    ProductEntry,
    ReleaseContent,
    Store,
    cube_path,
    product_path,
    publish,
    put_page,
    write_doors,
)

NAMES = ("precipitation", "soil_temperature", "lai")
YEARS = np.arange(2000, 2012)
RUN = "0123456789abcdef"
WORLD = (-90.0, 90.0, -180.0, 180.0)


def fields(
    step: float, box: tuple[float, float, float, float] = WORLD, years: np.ndarray = YEARS
) -> dict[str, xr.Dataset]:
    """The products by name: float32 and float64 with NaN, codes with 255; latitudes fall, as in many data.

    ``box`` is south, north, west and east. A part of the world has no land mask.
    """
    rng = np.random.default_rng(1)
    south, north, west, east = box
    lat, lon = np.arange(north - step / 2, south, -step), np.arange(west + step / 2, east, step)
    shape = (lat.size, lon.size)
    land = (rng.random((lat.size // 8 + 1, lon.size // 8 + 1)) < 0.4).repeat(8, 0).repeat(8, 1)[: shape[0], : shape[1]]
    gap = land & (rng.random(shape) < 0.1)
    valid = land & ~gap
    about = {"lat": {"units": "degrees_north", "bounds": "lat_bnds"}, "lon": {"units": "degrees_east"}}
    coords: dict[str, Any] = {name: (name, values, about[name]) for name, values in (("lat", lat), ("lon", lon))}
    coords["lat_bnds"] = (("lat", "bnds"), np.stack([lat + step / 2, lat - step / 2], axis=1))

    def noise(*more: int, scale: float = 1.0, dtype: str = "float32") -> Any:
        return np.where(valid, scale * rng.normal(size=(*more, *shape)), np.nan).astype(dtype)

    def codes(choices: list[int]) -> Any:
        return np.where(valid, rng.choice(choices, shape), 255).astype("uint8")

    slope = noise(scale=2e-3)
    trend = {
        "slope": slope,
        "slope_lower": slope - np.float32(1e-3),
        "slope_upper": slope + np.float32(1e-3),
        "p_value": np.where(valid, rng.random(shape) ** 3, np.nan),
        "significant": codes([0, 1]),
        "n_years": np.where(valid, years.size, 0).astype("uint16"),
        "status": np.where(valid, 0, np.where(land, rng.integers(1, 4, shape), 7)).astype("uint8"),
    }
    drivers = {
        "partial_correlation": np.tanh(noise(3)),
        "p_value": np.abs(np.tanh(noise(3, dtype="float64"))),
        "trend_contribution": noise(3, scale=1e-3),
        "dominant_driver": codes([0, 1, 2, 3, 254]),
        "dominant_correlation": np.tanh(noise()),
    }
    ddww = {"zone": np.where(land, rng.integers(1, 4, shape), 0).astype("uint8"), "ddww_class": codes([*range(7)])}
    annual = {"soil_moisture": 0.25 + 0.02 * noise(years.size, dtype="float64"), "land_mask": land.astype("float32")}
    if box != WORLD:
        del annual["land_mask"]
    annual |= {name: noise(years.size, dtype="float64") for name in NAMES}
    named = {"driver": ("driver", np.array(NAMES, dtype=np.dtypes.StringDType()))}
    flags = {"dominant_driver": driver_flags(NAMES)}
    regions = ["globe", "south", "0-10N", "80N-90N"]
    tables = {name: ("region", np.arange(4) / 1e3) for name in ("slope", "slope_lower", "slope_upper", "p_value")}
    tables |= {name: ("region", np.arange(4) / 10) for name in ("drying_share", "wetting_share")}
    regional = xr.Dataset(tables, {"region": np.array(regions, dtype=np.dtypes.StringDType())})
    return {
        "regional": regional,
        "annual": _dataset(annual, coords | {"year": years}, ANNUAL, "year"),
        "trend": _dataset(trend, coords, TREND),
        "drivers": _dataset(drivers, coords | named, DRIVERS | {"dominant_driver": flags["dominant_driver"]}, "driver"),
        "ddww": _dataset(ddww, coords, DDWW),
    }


def _dataset(values: dict[str, Any], coords: dict[str, Any], about: Any, first: str = "") -> xr.Dataset:
    dims = {2: ("lat", "lon"), 3: (first, "lat", "lon")}
    return xr.Dataset({name: (dims[v.ndim], v, dict(about.get(name, {}))) for name, v in values.items()}, coords)


def with_overviews(made: dict[str, xr.Dataset], step: float, factors: tuple[int, ...]) -> dict[str, xr.Dataset]:
    """The products with overviews of these factors."""
    out = dict(made)
    for name in MAPS:
        ds = made[name]
        edges = {
            f"{dim}_bnds": xr.Variable((dim, "bnds"), np.stack([ds[dim] - side, ds[dim] + side], axis=1))
            for dim, side in (("lat", -step / 2), ("lon", step / 2))
        }
        levels = overviews(ds, SimpleNamespace(alpha=0.05), name, factors, edges)  # type: ignore[arg-type]
        out[name] = ds.assign(levels).assign_attrs(levels.attrs)
    return out


def make_store(
    folder: Path | str,
    step: float,
    box: tuple[float, float, float, float] = WORLD,
    factors: tuple[int, ...] = (),
    years: np.ndarray = YEARS,
) -> str:
    """Publish them in a store at ``folder``, a path or an URL, with its doors; returns its path."""
    store = Store.open(folder)
    made = with_overviews(fields(step, box, years), step, factors) if factors else fields(step, box, years)
    cube = made["annual"][["soil_moisture"]]
    url, digest = _sealed(store, cube_path("cube0"), cube)
    products = {}
    for name, ds in made.items():
        path, own = _sealed(store, product_path(name, RUN), ds)
        products[name] = ProductEntry(url=path, run_id=RUN, inventory_sha256=own)
    content = ReleaseContent(
        cube=CubeEntry(id="cube0", url=url, period=("2000-01", "2011-12"), inventory_sha256=digest),
        products=products, report=f"reports/{RUN}/index.html", inputs={},
        config={"preset": "peng2023", "trend": {"significance": "p_value"}}, code={},
    )  # fmt: skip
    publish(store, content)
    put_page(store, f"reports/{RUN}", {"index.html": b"<html></html>"})
    write_doors(store, render_doors)
    return store.url


def _sealed(store: Store, path: str, ds: xr.Dataset) -> tuple[str, str]:
    with Attempts(store) as attempts:
        attempt = attempts.begin(path)
        dask.compute(attempt.prefix.stage(ds), scheduler="synchronous")
        digest = attempt.seal([str(name) for name in ds.variables], stored={})
    return attempt.prefix.path, digest


if __name__ == "__main__":
    print(make_store(Path(sys.argv[1]), float(sys.argv[2])))
