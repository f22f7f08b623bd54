"""How often the ribbon of a specification curve holds the run in worlds without any trend.

``python -m tests.science.ribbon_coverage [WORLDS]`` prints it. Two or three of a hundred worlds on either side are
what limits of 95 % leave out; the target is 90 to 98 % of 200 worlds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import cell_areas
from smcloud.products.ddww import ddww, ddww_attributes
from smcloud.products.shared_null import chance, change_of, own_signs, shared_null
from smcloud.products.trend import preset_trend, significance
from smcloud.stats.class_areas import class_lattice
from tests.science.ddww_coverage import LAT, LON, fields, land
from tests.science.worlds import make_config

LENGTH_KM, YEARS = 1200.0, 22
AXES = {"lat": LAT, "lon": LON}


class Run(NamedTuple):
    """The DDWW share of a run, and its range by chance."""

    share: float
    lower: float
    upper: float

    @property
    def held(self) -> bool:
        """Whether the range holds the share."""
        return self.lower <= self.share <= self.upper


def trendless(seed: int) -> xr.Dataset:
    """Annual soil moisture whose neighbours go together but have no trend, and an aridity index of its own."""
    drawn = fields(LENGTH_KM, YEARS + 1, seed)
    index = np.argsort(np.argsort(drawn[-1], axis=None)).reshape(drawn[-1].shape) / drawn[-1].size
    mask = land()
    values = {
        "soil_moisture": (("year", *AXES), np.where(mask, 0.25 + 0.02 * drawn[:-1], np.nan)),
        "aridity_index": (tuple(AXES), 0.1 + index),
        "land_mask": (tuple(AXES), mask.astype(float)),
    }
    return xr.Dataset(values, AXES | {"year": np.arange(2000, 2000 + YEARS)})


def run(seed: int, config: RunConfig) -> Run | None:
    """One world; None where too little of it is called a change for a range by chance."""
    annual = trendless(seed)
    null = shared_null(own_signs(annual, config, annual), annual["land_mask"] > 0, config)
    found = preset_trend(annual["soil_moisture"], config)
    climatology = annual["soil_moisture"].mean("year")
    trend = xr.Dataset({"slope": found["slope"], "climatology": climatology})
    trend = trend.assign(significance(found["p_value"], found["slope"], config))
    product = ddww(trend, annual, config)
    assert product is not None
    change, zone = change_of(trend["slope"], trend["significant"]), product["zone"].drop_attrs()
    lattice = class_lattice(change.expand_dims("change"), zone.expand_dims("zones"), cell_areas(annual))
    limits = chance(lattice, null, ["in"], config.alpha).isel(transition=0, zones=0, change=0)
    lower, upper = (float(limits.sel(figure=f"null_{name}")) for name in ("lower", "upper"))
    return None if np.isnan(lower) else Run(ddww_attributes(product)["ddww_share_of_change"], lower, upper)


def coverage(seeds: Iterable[int]) -> tuple[int, int]:
    """Worlds whose run the ribbon holds, and worlds that have a ribbon."""
    config = make_config("peng2023", zones={"limits": [0.4, 0.7]}, bootstrap={"replicates": 199})
    runs = [found for seed in seeds if (found := run(seed, config)) is not None]
    return sum(each.held for each in runs), len(runs)


if __name__ == "__main__":
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    held, asked = coverage(range(1, worlds + 1))
    print(f"{held} of {asked} worlds ({100 * held / asked:.1f} %) lie in their ribbon; {worlds - asked} have none")
