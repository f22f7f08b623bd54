"""The numbers that shape the sample world, and its calendar."""

from __future__ import annotations

from dataclasses import dataclass

from smcloud.errors import ConfigurationError

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
    ``ladder``: intended delta of regions of equal area at each ``phi``, beside the strong and the weak ones; at most
    ``trend_strength``.
    ``deluge_share``: part of the year's precipitation noise that falls in its last step (deluge regions);
    ``deluge_timing``: rain, over the scale, that falls either in that step or spread over the year before it.
    ``sensor_step``: soil moisture (m3 m-3) added from July 2007 on in the declared region.

    These make another world; 0 leaves it as it is:

    ``drawn_directions``: number of a random field over all land whose rank decides where it dries and wets, so that
    the direction knows nothing of the zones; 0 ranks one fixed field within each zone.
    ``association``: raises the drawn field by so many of its standard deviations in wet and lowers it in dry zones.
    ``idle_warming``: warming over the record, in standard deviations of the soil temperature's annual noise in a
    cell (the median one), everywhere, and soil temperature acts nowhere.
    ``southern_drying``: drying per degree of southern latitude (m3 m-3 yr-1), in place of the south's other trends.
    ``crossover``: aridity index from which precipitation is the only driver; leaf area is the only one below it.
    ``sensor_drift``: drift (m3 m-3 yr-1) of the record from January 2010 on in a second declared region, where
    soil moisture has no trend.
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
    ladder: tuple[float, ...] = (3.0, 4.0, 6.0)
    deluge_share: float = 0.85
    deluge_timing: float = 3.7
    sensor_step: float = 0.012
    drawn_directions: int = 0
    association: float = 0.0
    idle_warming: float = 0.0
    southern_drying: float = 0.0
    crossover: float = 0.0
    sensor_drift: float = 0.0

    def __post_init__(self) -> None:
        """Refuse an association that no drawn field could carry."""
        if self.association and not self.drawn_directions:
            raise ConfigurationError(
                "an association needs drawn directions: the fixed ones have the same shares in every zone",
                where="Coefficients.association", found=f"{self.association} with drawn_directions 0",
                expected="drawn_directions of 1 or more", next="give both",
            )  # fmt: skip


WORLDS = {
    "default": Coefficients(),
    "without trends": Coefficients(trend_strength=0.0),
    "directions apart from zones": Coefficients(drawn_directions=1),
    "idle driver": Coefficients(idle_warming=4.0),
    "drying with latitude": Coefficients(southern_drying=4e-5),
    "crossover of drivers": Coefficients(crossover=0.65),
    "drifting record": Coefficients(sensor_drift=1e-3),
    "one autocorrelation": Coefficients(phi=(0.4, 0.4, 0.4), driver_strength=0.0, second_strength=0.0),
}
"""Worlds with one property each that a run must get right, or must not fall for; the demo's is the default."""
