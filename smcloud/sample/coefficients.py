"""The numbers that shape the sample world, and its calendar."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_YEAR, LAST_YEAR, TAIL_YEAR = 2000, 2021, 2022
"""The joint valid period, and the year through which soil moisture and LAI go on and ERA5 is preallocated."""

YEARS = tuple(range(FIRST_YEAR, LAST_YEAR + 1))
DRIVERS = ("precipitation", "soil_temperature", "lai")


@dataclass(frozen=True)
class Coefficients:
    """Coefficients of the sample world.

    ``phi``: lag-1 autocorrelation of the unexplained annual soil moisture, one per kind of region.
    ``corr_pt``, ``corr_pl``: correlation of precipitation's annual noise with temperature's and LAI's.
    ``efolding_km``: distance at which the spatial correlation of the smooth noise is 1/e.
    ``smooth``, ``rough``, ``saw``: what makes up an ERA5 node's noise, over the driver's scale: a field that
    neighbours have in common, the node's own part, and a saw-tooth that changes sign from node to node, so
    that a mean over a cell does not see it and the value of the nearest node does.
    ``driver_strength``: effect of the named driver's year-to-year noise over the unexplained part.
    ``second_strength``: the same for the second driver of a cell that has two.
    ``trend_strength``: intended delta of a trending cell; 0 is a world without any trend.
    ``weak_strength``: intended delta of the cells that are too weak to be scored.
    ``deluge_share``: part of the year's precipitation noise that falls in its last step (deluge regions);
    ``deluge_timing``: rain, over the scale, that falls either in that step or spread over the year before it.
    ``sensor_step``: soil moisture (m3 m-3) added from July 2007 on in the declared region.
    """

    phi: tuple[float, float, float] = (0.0, 0.2, 0.4)
    corr_pt: float = -0.4
    corr_pl: float = 0.4
    efolding_km: float = 1000.0
    smooth: float = 0.3
    rough: float = 1.25
    saw: float = 2.5
    driver_strength: float = 2.5
    second_strength: float = 0.6
    trend_strength: float = 9.0
    weak_strength: float = 2.0
    deluge_share: float = 0.85
    deluge_timing: float = 3.7
    sensor_step: float = 0.012
