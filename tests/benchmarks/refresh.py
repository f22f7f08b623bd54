"""Bytes that this process reads and writes to bring a cube up to date, against a full build of the same months."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import xarray as xr
import yaml

from smcloud import pipeline
from smcloud.config import parse_config

MONTHS = 264
ROLES = {"soil_moisture": ("m3 m-3", "mean"), "precipitation": ("mm", "sum"), "lai": ("m2 m-2", "mean")}
Row = tuple[str, ...]


def counted() -> dict[str, int]:
    """Bytes that passed through read and write calls of this process so far, whatever library made them."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return {"read": int(lines["rchar"]), "written": int(lines["wchar"])}


def months_of(first: int, count: int, lat: int, lon: int) -> xr.Dataset:
    """Noise for every role, month by month the same whichever months are asked for."""
    time = pd.date_range("2000-01-01", periods=first + count, freq="MS")[first:]
    fields = {
        role: np.stack([np.random.default_rng([seed, first + i]).random((lat, lon), "f4") for i in range(count)])
        for seed, role in enumerate(ROLES)
    }
    return xr.Dataset(
        {role: (("time", "lat", "lon"), field, {"units": ROLES[role][0]}) for role, field in fields.items()},
        coords={
            "time": time,
            "lat": np.linspace(-90 + 90 / lat, 90 - 90 / lat, lat),
            "lon": np.linspace(-180 + 180 / lon, 180 - 180 / lon, lon),
        },
    )


def ingest(folder: Path, store: str, months: int) -> dict[str, object]:
    """Check and ingest the first ``months``; what was read and written, and what was made."""
    variables = {
        role: {"name": role, "units": units, "period": "month", "aggregate": aggregate, "valid_range": [0, 10]}
        for role, (units, aggregate) in ROLES.items()
    }
    entry = {
        "driver": "zarr",
        "description": "noise",
        "args": {"urlpath": "{{ CATALOG_DIR }}/world.zarr", "xarray_kwargs": {"consolidated": False}},
        "metadata": {"licence": "CC0-1.0", "citation": "invented", "variables": variables},
    }
    (folder / "catalog.yaml").write_text(yaml.safe_dump({"sources": {"world": entry}}))
    end = str(np.datetime64("2000-01") + (months - 1))
    config = parse_config(
        {
            "preset": "peng2023",
            "period": {"start": "2000-01", "end": end},
            "catalog": str(folder / "catalog.yaml"),
            "inputs": dict.fromkeys(ROLES, "world"),
            "years": {"min_years": 3},
            "store": str(folder / store),
        }
    )
    before = counted()
    job = pipeline.check(config)
    record = pipeline.ingest(config, job)
    after = counted()
    return {key: after[key] - before[key] for key in after} | record.as_json()


def refresh_bytes(months: int, lat: int, lon: int) -> dict[str, dict[str, object]]:
    """What a full build of ``months`` + 1 takes, and a refresh by the last of them.

    The source counts as one of more than 1 GiB, as real ones are: its objects are known by their time of change.
    """
    with (
        tempfile.TemporaryDirectory() as name,
        mock.patch("smcloud.catalog.fingerprints.objects.FULL_DIGEST_BYTES", 2**20),
    ):
        folder = Path(name)
        months_of(0, months, lat, lon).chunk(time=12).to_zarr(folder / "world.zarr", consolidated=False)
        ingest(folder, "warm", 36)  # what is imported on the way is read only once
        ingest(folder, "store", months)
        months_of(months, 1, lat, lon).to_zarr(folder / "world.zarr", append_dim="time", consolidated=False)
        found = {"refresh": ingest(folder, "store", months + 1), "full": ingest(folder, "full", months + 1)}
        first, second = (
            xr.open_zarr(folder / place / str(found[way]["url"])).load()
            for place, way in (("store", "refresh"), ("full", "full"))
        )
        xr.testing.assert_identical(first, second)
    return found


def refresh_row(months: int = MONTHS, lat: int = 180, lon: int = 360) -> tuple[Row, str]:
    """The table's row, and what else there is to say."""
    found = refresh_bytes(months, lat, lon)
    assert found["refresh"]["status"] == "refreshed" and found["full"]["status"] == "built"
    ways = {way: {key: float(str(held[key])) for key in ("read", "written")} for way, held in found.items()}
    shares = {key: ways["refresh"][key] / ways["full"][key] for key in ("read", "written")}
    size = {way: f"{sum(held.values()) / 2**20:.2f} MiB" for way, held in ways.items()}
    worst = max(shares.values())
    case = f"bytes of a refresh by one month of {months}, {len(ROLES)} roles of {lat} x {lon}"
    return (
        (case, "a full build", size["refresh"], size["full"], f"1/{1 / worst:.0f} of them", "1/20", "-",
         "at least" if worst <= 1 / 20 else "no"),
        f"{case}: read 1/{1 / shares['read']:.0f}, written 1/{1 / shares['written']:.0f}; the larger share counts",
    )  # fmt: skip
