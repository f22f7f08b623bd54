"""The stages publish and report: a release of all products, and its page."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from smcloud import chunking
from smcloud import store as stores
from smcloud.config import Grid, RunConfig, dropped_drivers
from smcloud.io_errors import network
from smcloud.pipeline import identity
from smcloud.pipeline.job import PLACES, Job
from smcloud.store import Store


@network(PLACES)
def publish(
    config: RunConfig, job: Job, cube: Mapping[str, Any], products: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Make all products visible together: the next release of the store, or the one a racing twin made."""
    record = {
        "cube": {key: cube[key] for key in ("id", "url", "period", "provisional")},
        "products": {name: dict(product) for name, product in products.items()},
        "report": stores.report_path(job.run_id),
        "inputs": job.inputs,
        "config": config.model_dump(mode="json"),
        "code": identity.versions()
        | {"smcloud": importlib.metadata.version("smcloud"), "fingerprint": job.fingerprint},
    }
    store = Store.open(job.store)
    release = stores.publish(store, record)
    stores.write_catalog(store)
    return release


@network(PLACES)
def report(
    release: Mapping[str, Any], store_url: str, seconds: Mapping[str, float] | None = None, truth: str | None = None
) -> dict[str, Any]:
    """Render the report of ``release`` into its place; ``truth`` (a Zarr of the sample world) adds what is scored.

    These are the scorecard of the products, and the false alarms and finds of every preset on this world's cube.
    """
    from smcloud.report import ReportContext, render, summary_tables

    store = Store.open(store_url)
    products = {name: stores.open_product(store_url, name, release["number"]).load() for name in release["products"]}
    config = RunConfig.model_validate(release["config"])
    scores, presets = None, []
    if truth is not None:
        from smcloud.sample import preset_records, scorecard

        known = xr.open_zarr(truth).load()
        scores = scorecard(known, products["trend"], products["drivers"], products["ddww"])
        presets = preset_records(known, stores.open_staged(store, release["cube"]["url"], chunking.TILES), config)
    context = ReportContext(
        title="Soil-moisture change: trend, drivers and DDWW",
        created=release["created"],
        run_id=next(iter(release["products"].values()))["run_id"],
        cube_id=release["cube"]["id"],
        config=config.model_dump(mode="json"),
        inputs=release["inputs"],
        seconds=dict(seconds or {}),
        notes=notes_on(config),
        scorecard=scores,
        presets=presets,
        land_mask=products["annual"].get("land_mask"),
        resolution=config.grid.resolution if isinstance(config.grid, Grid) else None,
    )
    place = Path(release["report"]).parent.as_posix()
    for name, content in render(products, context).items():
        stores.put(store, f"{place}/{name}", content)
    return {"report": store.url_of(release["report"]), "tables": summary_tables(products), "scorecard": scores}


def notes_on(config: RunConfig) -> list[str]:
    """Sentences about what a run leaves out because a role has no input."""
    notes = [f"The role {name} has no input: it is not among the drivers." for name in dropped_drivers(config)]
    consequences = {
        "aridity_index": "no DDWW classes and no aridity strata",
        "land_mask": "land is where soil moisture has values",
        "land_cover": "no land-cover strata",
        "elevation": "no elevation strata",
        "clay": "no soil-texture strata",
        "sand": "no soil-texture strata",
        "lai": "no leaf-area strata",
    }
    absent = [role for role in consequences if role not in config.inputs]
    return notes + [f"The role {role} has no input: {consequences[role]}." for role in absent]
