"""The configuration of a run: frozen models, unknown keys refused, defaults from a preset.

A configuration has two parts that are hashed apart: what shapes the cube (:meth:`RunConfig.harmonisation`)
and what shapes the products (:meth:`RunConfig.analysis`). Where it runs (cluster, store, paths) is in neither.
"""

from smcloud.config.domain import LATEST, Grid, Period, Region
from smcloud.config.load import dropped_drivers, load_config, overlay, parse_config
from smcloud.config.machines import Budget, Cluster
from smcloud.config.run import PRESETS, RunConfig, load_preset
from smcloud.config.sections import (
    Annual,
    Bootstrap,
    Drivers,
    Ends,
    Flags,
    Monthly,
    Trend,
    Years,
    Zones,
)

__all__ = [
    "LATEST",
    "PRESETS",
    "Annual",
    "Bootstrap",
    "Budget",
    "Cluster",
    "Drivers",
    "Ends",
    "Flags",
    "Grid",
    "Monthly",
    "Period",
    "Region",
    "RunConfig",
    "Trend",
    "Years",
    "Zones",
    "dropped_drivers",
    "load_config",
    "load_preset",
    "overlay",
    "parse_config",
]
