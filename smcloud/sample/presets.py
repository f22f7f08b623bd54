"""Both presets on one world: how often each calls a trend where the truth has none, and what it finds of the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from smcloud import products
from smcloud.config import PRESETS, RunConfig
from smcloud.sample.truth import DETECTABLE


def preset_records(truth: xr.Dataset, cube: xr.Dataset, config: RunConfig) -> list[dict[str, Any]]:
    """One record per preset and autocorrelation ``phi`` of the world, for the land that is free of the sensors' step.

    ``cube`` is the monthly cube of the run, one chunk along time; of each preset the annual values, years and trend
    are taken, the rest is ``config``'s. ``rejected_share`` (p below alpha) and ``significant_share`` (by the preset's
    rule) are false alarms: shares of the area without a trend, ``covered_area_km2``, ``n_cells``. ``detected_share``
    and ``called_share`` are the same of the area with a strong true trend, where the sign is right, and
    ``power_3_share`` (4, 6: each rung of the world's ladder) is the called share of that rung. A share of nothing is
    None.
    """
    truth = truth.sortby("lat").assign_coords(lat=cube["lat"], lon=cube["lon"])  # stored in another precision
    land = (truth["land_mask"] == 1) & (truth["sensor_step"] == 0) & np.isfinite(truth["delta"])
    null, strong = land & (truth["beta"] == 0), land & (truth["delta"] >= DETECTABLE)
    rungs = [float(rung) for rung in np.unique(truth["rung"].values) if np.isfinite(rung)]
    levels = [float(level) for level in np.unique(truth["phi"].values[land.values])]
    records: list[dict[str, Any]] = []
    for preset in sorted(path.stem for path in PRESETS.glob("*.yaml")):
        chosen = config.trend_of_preset(preset)
        annual = products.annual(cube, chosen)
        trend = products.trend_maps(annual, chosen).compute()
        trend = trend.assign(products.trend_fields(trend, chosen, annual).compute())
        right = np.sign(trend["slope"]) == np.sign(truth["beta"])
        hits = {"p_value": trend["p_value"].where(right, 1.0), "significant": trend["significant"].where(right, 0)}
        alarms = products.false_alarms(trend, null, truth["phi"], levels, chosen)
        found = trend.assign(hits)
        detections = products.false_alarms(found, strong, truth["phi"], levels, chosen)
        ladder = {
            f"power_{rung:g}_share": products.false_alarms(
                found, land & (truth["rung"] == rung), truth["phi"], levels, chosen
            )["significant_share"]
            for rung in rungs
        }
        for level in levels:
            alarm, hit = (
                {str(name): _plain(ds[name].sel(level=level)) for name in ds.data_vars} for ds in (alarms, detections)
            )
            detected = {"detected_share": hit["rejected_share"], "called_share": hit["significant_share"]}
            power = {name: _plain(share.sel(level=level)) for name, share in ladder.items()}
            records.append({"preset": preset, "phi": level} | alarm | detected | power)
    return records


def _plain(value: xr.DataArray) -> float | int | None:
    number = value.item()
    return number if np.isfinite(number) else None
