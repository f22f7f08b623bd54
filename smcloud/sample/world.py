"""The fixed geography of the sample world: land, zones, static fields and which cell shows what.

Everything here is the same at every seed; only the weather of ``climate.py`` is drawn. Patterns are
ranked by area within a zone, so that every class keeps its share at every resolution.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from smcloud.sample.coefficients import DRIVERS
from smcloud.sample.continents import CONTINENTS

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Codes = NDArray[np.int64]

# Percentiles of land by rising wetness, and the aridity index they span, 0.03 off every zone limit.
ARIDITY_STEPS = ((0.05, 0.004, 0.02), (0.15, 0.08, 0.17), (0.36, 0.23, 0.47), (0.61, 0.53, 0.62), (1.0, 0.68, 2.0))
DRY_LIMIT, WET_LIMIT = 0.5, 0.65

# Share of the trending cells of a zone and direction by driver: P, T, LAI; the rest trends by itself.
DRIVER_SHARES = {
    (1, -1): (0.50, 0.15, 0.30), (1, 1): (0.55, 0.10, 0.25),
    (2, -1): (0.40, 0.25, 0.25), (2, 1): (0.45, 0.15, 0.30),
    (3, -1): (0.20, 0.50, 0.20), (3, 1): (0.55, 0.10, 0.25),
}  # fmt: skip
DRYING, WETTING, WEAK = 0.285, 0.255, 0.03  # shares of a zone's land at the ends of the trend pattern
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
    driver: Codes  # index into DRIVERS, -1 none
    second: Mask  # LAI helps precipitation
    phi_kind: Codes  # index into Coefficients.phi
    snow: Codes  # winter months without data: 0, 4 or 5, and April that comes back day by day
    dense: Mask
    late_start: Mask
    gap: Mask
    sensor_step: Mask
    constant: Mask
    empty: Mask
    deluge: Mask

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the cell grid."""
        return int(self.land.shape[0]), int(self.land.shape[1])


def axes(resolution: float) -> tuple[Array, Array]:
    """Cell centres: latitude descending, longitude from -180 eastward."""
    half = resolution / 2
    return (
        np.linspace(90 - half, -90 + half, round(180 / resolution)),
        np.linspace(-180 + half, 180 - half, round(360 / resolution)),
    )


def pattern(lat: Array, lon: Array, number: int, length: float = 0.5) -> Array:
    """A smooth fixed field on the sphere, about N(0, 1): 40 waves of wavelength near ``length`` radii."""
    rng = np.random.default_rng([number, 40])
    waves = rng.standard_normal((40, 3)) / length
    phase = rng.uniform(0, 2 * np.pi, 40)
    return np.asarray(np.cos(sphere(lat, lon) @ waves.T + phase).sum(axis=-1) / np.sqrt(20))


def sphere(lat: Array, lon: Array) -> Array:
    """Points on the unit sphere, last axis x, y, z."""
    phi, lam = np.deg2rad(lat), np.deg2rad(lon)
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)


def percentile(values: Array, weight: Array) -> Array:
    """The share of weight below each value (its own counted half): 0 to 1."""
    order = np.argsort(values, kind="stable")
    rank = np.empty(values.size)
    rank[order] = np.cumsum(weight[order]) - weight[order] / 2
    return rank / weight.sum() if values.size else rank


@lru_cache(maxsize=4)
def geography(resolution: float) -> Geography:
    """The world's fixed part at ``resolution`` degrees."""
    import shapely

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
    late_start = (zone == 3) & (box(30, 47.5, -97.5, -70) | box(-25, -5, -65, -40) | box(-5, 10, 10, 30))
    constant = np.zeros(lat.shape, bool)
    constant[np.flatnonzero((aridity < 0.03) & ~empty)[:: max(1, round((5 / resolution) ** 2) * 5)]] = True
    sensor_step &= ~constant
    alive = ~(empty | constant | sensor_step)
    direction, weak = _directions(lat, lon, area, zone, gap, alive)
    block = (np.floor((lon + 180) / 30) + 2 * np.floor((lat + 90) / 30)).astype(np.int64)
    phi_kind = np.asarray(PHI_CYCLE)[block % len(PHI_CYCLE)]
    lai_mean = np.where(aridity < 0.12, 0.0, np.clip(0.7 + 3.2 * wetness, 0.9, None) + 1.6 * np.exp(-((lat / 11) ** 2)))
    driver = _drivers(
        lat, lon, area, zone=zone, direction=direction, weak=weak, phi_kind=phi_kind, lai_mean=lai_mean,
        aridity=aridity, alive=alive,
    )  # fmt: skip
    driver = _apart(land, driver, direction, weak, lai_mean)

    elevation = 3200 * np.clip(percentile(pattern(lat, lon, 5, 0.35), area), 0, 1) ** 2.2 + 20
    clay = 8 + 47 * percentile(pattern(lat, lon, 6, 0.5) + 0.4 * wetness, area)
    sand = np.clip(15 + 75 * percentile(pattern(lat, lon, 7, 0.5) - 0.8 * wetness, area), 5, 95 - clay)
    return Geography(
        resolution, land, lat, lon, aridity, zone, elevation,
        _land_cover(lat, lon, aridity, wetness, empty), clay, sand, lai_mean,
        direction, weak, driver,
        second=(driver == 0) & (zone == 3) & (direction == 1),
        phi_kind=phi_kind,
        snow=np.where(lat > 65, 5, np.where(lat > 50, 4, 0)),
        dense=(lai_mean > 4.2) & (np.abs(lat) < 12),
        late_start=late_start, gap=gap, sensor_step=sensor_step, constant=constant, empty=empty,
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


def _directions(lat: Array, lon: Array, area: Array, zone: Codes, gap: Mask, alive: Mask) -> tuple[Codes, Mask]:
    """Drying, none or wetting by the trend pattern's rank within each zone; a weak band lies between.

    The south leans to drying, the block with a gap to wetting.
    """
    field = pattern(lat, lon, 177, 0.2) + np.where(lat < 0, -0.7, 0.1) + 4.0 * gap
    direction = np.zeros(lat.shape, np.int64)
    weak = np.zeros(lat.shape, bool)
    for z in (1, 2, 3):
        here = (zone == z) & alive
        rank = percentile(field[here], area[here])
        direction[here] = (rank > 1 - WETTING - WEAK).astype(int) - (rank < DRYING + WEAK).astype(int)
        weak[here] = (direction[here] != 0) & (rank > DRYING) & (rank < 1 - WETTING)
    return direction, weak


def _drivers(
    lat: Array, lon: Array, area: Array, *, zone: Codes, direction: Codes, weak: Mask, phi_kind: Codes,
    lai_mean: Array, aridity: Array, alive: Mask,
) -> Codes:  # fmt: skip
    """Which driver moves a cell.

    Cells without a trend have one only where the rest is white noise: elsewhere the residual
    autocorrelation alone must shape the series.
    """
    field = pattern(lat, lon, 31, 0.35)
    driver = np.full(lat.shape, -1, np.int64)
    groups = {(z, d): DRIVER_SHARES[z, d] for z in (1, 2, 3) for d in (-1, 1)}
    for (z, d), shares in groups.items():
        here = (zone == z) & (direction == d) & ~weak
        rank = percentile(field[here], area[here])
        driver[here] = np.digitize(rank, np.cumsum(shares))
    still = ((direction == 0) | weak) & alive & (phi_kind == 0)
    driver[still] = np.digitize(percentile(field[still], area[still]), np.cumsum((0.45, 0.1, 0.1)))
    driver[driver == len(DRIVERS)] = -1
    driver[(driver == 2) & (lai_mean == 0)] = 0
    driver[(driver == 0) & (aridity < 0.03)] = -1  # hardly any rain there: below the drivers' floor
    return driver


def _apart(land: Mask, driver: Codes, direction: Codes, weak: Mask, lai_mean: Array) -> Codes:
    """Give a driver to cells that trend by themselves beside cells whose precipitation or temperature trends.

    They share nodes with those: two trends in common would look like a driver.
    """
    for _ in range(3):
        moving = np.zeros(land.shape, bool)
        moving[land] = np.isin(driver, (0, 1)) & (direction != 0) & ~weak
        near = np.zeros(land.shape, bool)
        for up in (-1, 0, 1):
            for left in (-1, 0, 1):
                near |= np.roll(moving, (up, left), axis=(0, 1))
        driver = np.where((driver < 0) & (direction != 0) & near[land], np.where(lai_mean > 0, 2, 1), driver)
    return driver


def _land_cover(lat: Array, lon: Array, aridity: Array, wetness: Array, ice: Mask) -> Codes:
    cover = np.select(
        [ice, aridity < 0.2, np.abs(lat) > 60, (np.abs(lat) < 15) & (wetness > 0.75), wetness > 0.62, aridity < 0.4],
        [15, 16, 1, 2, 4, 10], 9,
    )  # fmt: skip
    return np.where((pattern(lat, lon, 4, 0.3) > 0.7) & np.isin(cover, (4, 9, 10)), 12, cover)
