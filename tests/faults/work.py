"""The work that faults interrupt: a product staged, appended to, sealed and published, and what readers then see."""

from __future__ import annotations

from dataclasses import dataclass

import dask
import dask.array
import numpy as np
import xarray as xr

from smcloud.store import (
    Attempts,
    CubeEntry,
    ProductEntry,
    Release,
    ReleaseContent,
    Store,
    cube_path,
    newest_release,
    open_cube,
    open_product,
    product_path,
    publish,
    put_page,
    released_products,
)
from tests.plain_doors import write_catalog
from tests.sealed_part import sealed_part


def product(seed: int) -> xr.Dataset:
    """A product of a few chunks that is another one for each seed."""
    rng = np.random.default_rng(seed)
    return xr.Dataset(
        {"slope": (("lat", "lon"), dask.array.from_array(rng.normal(size=(4, 6)).astype("float32"), chunks=(4, 6)))},
        coords={"lat": np.arange(4.0), "lon": np.arange(6.0)},
        attrs={"seed": seed},
    )


def more(seed: int) -> xr.Dataset:
    """What is added when all cells are there."""
    return xr.Dataset({"share": 0.5 + seed}, attrs={"done": 1})


def whole(seed: int) -> xr.Dataset:
    """The product as readers must see it."""
    return product(seed).compute().assign(more(seed)).assign_attrs(done=1)


@dataclass(frozen=True)
class Study:
    """Runs of one study in ``store``."""

    store: Store

    def prefix(self, path: str, seed: int) -> tuple[str, str]:
        """Make and seal the prefix of an id, or find it: its path and the sha256 of its inventory."""
        with Attempts(self.store) as attempts:
            attempt = attempts.begin(path)
            if not attempt.is_sealed:
                dask.compute(attempt.prefix.stage(product(seed)), scheduler="synchronous")
                attempt.prefix.append(more(seed))
            digest = attempt.seal(
                ["slope", "share", "lat", "lon"], stored=released_products(self.store).get("trend", {})
            )
        return attempt.prefix.path, digest

    def content(self, run: int) -> ReleaseContent:
        """What a run publishes: one cube for all, one product each, sealed."""
        cube, cube_digest = self.prefix(cube_path("cube0"), 0)
        path, digest = self.prefix(product_path("trend", f"run{run}"), run)
        return ReleaseContent(
            cube=CubeEntry(id="cube0", url=cube, period=("2000-01", "2001-12"), inventory_sha256=cube_digest),
            products={"trend": ProductEntry(url=path, run_id=f"run{run}", inventory_sha256=digest)},
            report=f"reports/run{run}/index.html",
            inputs={},
            config={"preset": "peng2023"},
            code={},
        )

    def run(self, run: int) -> Release:
        """A whole run, to its page."""
        release = publish(self.store, self.content(run))
        write_catalog(self.store)
        self.render(run)
        return release

    def render(self, run: int) -> None:
        """The page of the run's release."""
        put_page(self.store, f"reports/run{run}", {"index.html": b"<html></html>", "map.png": bytes([run % 256])})

    def read(self) -> int:
        """Read the newest release whole, each chunk held against its digest; its number. AssertionError where torn."""
        release = newest_release(self.store)
        (run,) = (int(entry.run_id.removeprefix("run")) for entry in release.products.values())
        trend = open_product(self.store.url, "trend", release.number, verify="chunks").load()
        xr.testing.assert_identical(sealed_part(trend), whole(run))
        xr.testing.assert_identical(
            sealed_part(open_cube(self.store.url, release.number, verify="chunks").load()), whole(0)
        )
        return release.number
