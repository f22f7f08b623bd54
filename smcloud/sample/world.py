"""The fixed geography of the sample world: land, zones, static fields and which cell shows what.

Everything here is the same at every seed; only the weather of ``climate.py`` is drawn. Patterns are
ranked by area within a zone, so that every class keeps its share at every resolution.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from smcloud.sample.coefficients import Coefficients
from smcloud.sample.continents import CONTINENTS
from smcloud.sample.fields import Array, Codes, Mask, axes, pattern, percentile
from smcloud.sample.trends import Ground, trends

# Percentiles of land by rising wetness, and the aridity index they span, 0.03 off every zone limit.
ARIDITY_STEPS = ((0.05, 0.004, 0.02), (0.15, 0.08, 0.17), (0.36, 0.23, 0.47), (0.61, 0.53, 0.62), (1.0, 0.68, 2.0))
DRY_LIMIT, WET_LIMIT = 0.5, 0.65

DELUGE_LATITUDE = 45.0
PHI_CYCLE = (0, 1, 2, 1, 2)  # autocorrelation regions: blocks of 30 x 30 degrees

LAND_COVER = {
    0: "water", 2: "evergreen broadleaf forests", 4: "deciduous broadleaf forests", 1: "evergreen needleleaf forests",
    9: "savannas", 10: "grasslands", 12: "croplands", 15: "snow and ice", 16: "barren",
}  # fmt: skip


@dataclass(frozen=True)
class Geography:
    """Land cells in row order (latitude descending, longitude ascending); arrays have one value per land cell."""

    resolution: float
    land: Mask  # (lat, lon), latitude descending
    lat: Array
    lon: Array
    aridity: Array
    zone: Codes  # 1 dry, 2 transition, 3 wet
    elevation: Array
    land_cover: Codes
    clay: Array
    sand: Array
    lai_mean: Array
    direction: Codes  # -1 drying, 0 none, 1 wetting
    weak: Mask
    rung: Codes  # index into Coefficients.ladder, -1 none
    driver: Codes  # index into DRIVERS, -1 none
    second: Mask  # LAI helps precipitation
    phi_kind: Codes  # index into Coefficients.phi
    snow: Codes  # winter months without data: 0, 4 or 5, and April that comes back day by day
    dense: Mask
    late_start: Mask
    gap: Mask
    sensor_step: Mask
    sensor_drift: Mask
    constant: Mask
    empty: Mask
    deluge: Mask

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the cell grid."""
        return int(self.land.shape[0]), int(self.land.shape[1])

    @property
    def alive(self) -> Mask:
        """Cells whose soil moisture varies by nature alone."""
        return ~(self.empty | self.constant | self.sensor_step | self.sensor_drift)

    @property
    def carried(self) -> Mask:
        """Cells whose trend is their driver's."""
        return (self.driver >= 0) & (self.direction != 0) & ~self.weak


@lru_cache(maxsize=4)
def geography(resolution: float, coefficients: Coefficients | None = None) -> Geography:
    """The part of the world that is the same at every seed, at ``resolution`` degrees."""
    import shapely

    c = coefficients or Coefficients()
    lat_axis, lon_axis = axes(resolution)
    lon2, lat2 = np.meshgrid(lon_axis, lat_axis)
    inside = {name: shapely.contains_xy(shapely.Polygon(ring), lon2, lat2) for name, ring in CONTINENTS.items()}
    land: Mask = np.logical_or.reduce(list(inside.values()))
    lat, lon = lat2[land], lon2[land]
    area = np.cos(np.deg2rad(lat))

    aridity, wetness = _aridity(lat, lon, area)
    zone = np.where(aridity < DRY_LIMIT, 1, np.where(aridity < WET_LIMIT, 2, 3))
    empty = inside["greenland"][land]
    box = partial(_box, lat, lon)
    gap = box(22.5, 52.5, 77.5, 112.5)
    sensor_step = box(-40, -12.5, 12.5, 37.5)
    sensor_drift = box(-40, -10, 112.5, 154) & bool(c.sensor_drift)
    late_start = (zone == 3) & (box(30, 47.5, -97.5, -70) | box(-25, -5, -65, -40) | box(-5, 10, 10, 30))
    constant = np.zeros(lat.shape, bool)
    constant[np.flatnonzero((aridity < 0.03) & ~empty)[:: max(1, round((5 / resolution) ** 2) * 5)]] = True
    sensor_step &= ~constant
    sensor_drift &= ~constant
    alive = ~(empty | constant | sensor_step | sensor_drift)
    block = (np.floor((lon + 180) / 30) + 2 * np.floor((lat + 90) / 30)).astype(np.int64)
    phi_kind = np.asarray(PHI_CYCLE)[block % len(PHI_CYCLE)]
    lai_mean = np.where(aridity < 0.12, 0.0, np.clip(0.7 + 3.2 * wetness, 0.9, None) + 1.6 * np.exp(-((lat / 11) ** 2)))
    dense = (lai_mean > 4.2) & (np.abs(lat) < 12)
    ground = Ground(
        land, lat, lon, area, zone, aridity, lai_mean, phi_kind, gap, alive, whole=~(gap | late_start | dense)
    )
    laid = trends(ground, c)

    elevation = 3200 * np.clip(percentile(pattern(lat, lon, 5, 0.35), area), 0, 1) ** 2.2 + 20
    clay = 8 + 47 * percentile(pattern(lat, lon, 6, 0.5) + 0.4 * wetness, area)
    sand = np.clip(15 + 75 * percentile(pattern(lat, lon, 7, 0.5) - 0.8 * wetness, area), 5, 95 - clay)
    return Geography(
        resolution, land, lat, lon, aridity, zone, elevation,
        _land_cover(lat, lon, aridity, wetness, empty), clay, sand, lai_mean,
        laid.direction, laid.weak, laid.rung, laid.driver,
        second=(laid.driver == 0) & (zone == 3) & (laid.direction == 1),
        phi_kind=phi_kind,
        snow=np.where(lat > 65, 5, np.where(lat > 50, 4, 0)),
        dense=dense,
        late_start=late_start, gap=gap, sensor_step=sensor_step, sensor_drift=sensor_drift,
        constant=constant, empty=empty,
        deluge=np.abs(lat) < DELUGE_LATITUDE,
    )  # fmt: skip


def _box(lat: Array, lon: Array, south: float, north: float, west: float, east: float) -> Mask:
    return np.asarray((lat > south) & (lat < north) & (lon > west) & (lon < east))


def _aridity(lat: Array, lon: Array, area: Array) -> tuple[Array, Array]:
    """Aridity index and the wetness percentile behind it: deserts near 25 degrees, wet tropics and north."""
    score = 1.8 * np.exp(-((lat / 12) ** 2)) - 1.5 * np.exp(-(((np.abs(lat) - 25) / 11) ** 2))
    wetness = percentile(score + 0.03 * np.clip(lat - 45, 0, 20) + 0.55 * pattern(lat, lon, 1, 0.35), area)
    aridity = np.empty(lat.shape)
    start = 0.0
    for stop, low, high in ARIDITY_STEPS:
        here = (wetness >= start) & (wetness <= stop)
        aridity[here] = low + (high - low) * (wetness[here] - start) / (stop - start)
        start = stop
    return aridity, wetness


def _land_cover(lat: Array, lon: Array, aridity: Array, wetness: Array, ice: Mask) -> Codes:
    cover = np.select(
        [ice, aridity < 0.2, np.abs(lat) > 60, (np.abs(lat) < 15) & (wetness > 0.75), wetness > 0.62, aridity < 0.4],
        [15, 16, 1, 2, 4, 10], 9,
    )  # fmt: skip
    return np.where((pattern(lat, lon, 4, 0.3) > 0.7) & np.isin(cover, (4, 9, 10)), 12, cover)
