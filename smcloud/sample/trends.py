"""Where trends lie, how strong they are meant to be, and which driver is behind them; the same at every seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smcloud.sample.coefficients import DRIVERS, Coefficients
from smcloud.sample.fields import WAVES, Array, Codes, Mask, basis, pattern, percentile

# Share of the trending cells of a zone and direction by driver: P, T, LAI; the rest trends by itself.
DRIVER_SHARES = {
    (1, -1): (0.50, 0.15, 0.30), (1, 1): (0.55, 0.10, 0.25),
    (2, -1): (0.40, 0.25, 0.25), (2, 1): (0.45, 0.15, 0.30),
    (3, -1): (0.20, 0.50, 0.20), (3, 1): (0.55, 0.10, 0.25),
}  # fmt: skip
DRYING, WETTING, WEAK = 0.285, 0.255, 0.03  # shares of a zone's land at the ends of the trend pattern
RUNG_SHARE = 0.013  # of all land: one rung of the ladder at one autocorrelation
PRECIPITATION, SOIL_TEMPERATURE, LAI = range(3)
NONE = -1


@dataclass(frozen=True)
class Ground:
    """What decides where trends lie: one value per land cell but for ``land`` (lat, lon).

    ``alive``: cells that may trend; ``whole``: those whose record has no gap by design.
    """

    land: Mask
    lat: Array
    lon: Array
    area: Array
    zone: Codes
    aridity: Array
    lai_mean: Array
    phi_kind: Codes
    gap: Mask
    alive: Mask
    whole: Mask


@dataclass(frozen=True)
class Trends:
    """Per land cell: ``direction`` (-1, 0, 1), ``weak``, and the indices of ``rung`` and ``driver`` (-1 none)."""

    direction: Codes
    weak: Mask
    rung: Codes
    driver: Codes


def trends(ground: Ground, coefficients: Coefficients) -> Trends:
    """Lay out trends and drivers.

    The rungs of the ladder stand in cells that trend by themselves, out of reach of any driver that trends: what is
    measured there is the power of a test at the autocorrelation of the cell, and nothing else.
    """
    c = coefficients
    free = ground.alive & ~((ground.lat < 0) & (c.southern_drying > 0))
    direction, weak, side = _directions(ground, free, c)
    driver = _allowed(_drivers(ground, direction, weak), ground, c)
    driver = _allowed(_apart(ground, driver, direction, weak), ground, c)
    still = free & (direction == 0) & ground.whole & ~_beside(ground, _carried(driver, direction, weak))
    rung = _ladder(ground, still, len(c.ladder))
    on = rung >= 0
    return Trends(np.where(on, side, direction), weak, rung, np.where(on, NONE, driver))


def _directions(ground: Ground, free: Mask, c: Coefficients) -> tuple[Codes, Mask, Codes]:
    """Drying, none or wetting by a field's rank, the weak band between them, and the side of the middle.

    By default the rank is within each zone: the south leans to drying, the block with a gap to wetting. Drawn
    directions are ranked over all land.
    """
    lat, lon, zone = ground.lat, ground.lon, ground.zone
    if c.drawn_directions:
        draw = np.random.default_rng([c.drawn_directions, 41]).standard_normal(2 * WAVES)
        wetness = np.where(zone == 3, 1.0, np.where(zone == 1, -1.0, 0.0))
        field, groups = basis(lat, lon, c.efolding_km) @ draw + c.association * wetness, [free]
    else:
        field = pattern(lat, lon, 177, 0.2) + np.where(lat < 0, -0.7, 0.1) + 4.0 * ground.gap
        groups = [free & (zone == z) for z in (1, 2, 3)]
    direction, side = np.zeros(lat.shape, np.int64), np.zeros(lat.shape, np.int64)
    weak = np.zeros(lat.shape, bool)
    for here in groups:
        rank = percentile(field[here], ground.area[here])
        direction[here] = (rank > 1 - WETTING - WEAK).astype(int) - (rank < DRYING + WEAK).astype(int)
        weak[here] = (direction[here] != 0) & (rank > DRYING) & (rank < 1 - WETTING)
        side[here] = np.where(rank > 0.5, 1, -1)
    return direction, weak, side


def _drivers(ground: Ground, direction: Codes, weak: Mask) -> Codes:
    """Which driver moves a cell.

    Cells without a trend have one only where the rest is white noise: elsewhere the residual
    autocorrelation alone must shape the series.
    """
    field = pattern(ground.lat, ground.lon, 31, 0.35)
    driver = np.full(ground.lat.shape, NONE)
    groups = {(z, d): DRIVER_SHARES[z, d] for z in (1, 2, 3) for d in (-1, 1)}
    for (z, d), shares in groups.items():
        here = (ground.zone == z) & (direction == d) & ~weak
        rank = percentile(field[here], ground.area[here])
        driver[here] = np.digitize(rank, np.cumsum(shares))
    still = ((direction == 0) | weak) & ground.alive & (ground.phi_kind == 0)
    driver[still] = np.digitize(percentile(field[still], ground.area[still]), np.cumsum((0.45, 0.1, 0.1)))
    driver[driver == len(DRIVERS)] = NONE
    driver[(driver == LAI) & (ground.lai_mean == 0)] = PRECIPITATION
    driver[(driver == PRECIPITATION) & (ground.aridity < 0.03)] = NONE  # less rain than the drivers' floor
    return driver


def _allowed(driver: Codes, ground: Ground, c: Coefficients) -> Codes:
    """The driver of each cell in a world that has not all of them, or not all of them everywhere."""
    if c.idle_warming:
        driver = np.where(driver == SOIL_TEMPERATURE, NONE, driver)
    if c.crossover:
        low = np.where(ground.lai_mean > 0, LAI, NONE)
        driver = np.where(driver >= 0, np.where(ground.aridity >= c.crossover, PRECIPITATION, low), NONE)
    return driver


def _carried(driver: Codes, direction: Codes, weak: Mask) -> Mask:
    """Cells whose trend is that of a driver which they share with their neighbours, by the nodes between them."""
    return np.isin(driver, (PRECIPITATION, SOIL_TEMPERATURE)) & (direction != 0) & ~weak


def _beside(ground: Ground, cells: Mask) -> Mask:
    """Land cells that are, or touch, one of ``cells``."""
    field = np.zeros(ground.land.shape, bool)
    field[ground.land] = cells
    near = np.zeros(ground.land.shape, bool)
    for up in (-1, 0, 1):
        for left in (-1, 0, 1):
            near |= np.roll(field, (up, left), axis=(0, 1))
    return np.asarray(near[ground.land])


def _apart(ground: Ground, driver: Codes, direction: Codes, weak: Mask) -> Codes:
    """Give a driver to cells that trend by themselves beside cells whose precipitation or temperature trends.

    They share nodes with those: two trends in common would look like a driver.
    """
    for _ in range(3):
        near = _beside(ground, _carried(driver, direction, weak))
        other = np.where(ground.lai_mean > 0, LAI, SOIL_TEMPERATURE)
        driver = np.where((driver < 0) & (direction != 0) & near, other, driver)
    return driver


def _ladder(ground: Ground, still: Mask, rungs: int) -> Codes:
    """The rung of each cell: equal areas at each autocorrelation, scattered so that few are neighbours."""
    rung = np.full(ground.lat.shape, NONE)
    field = pattern(ground.lat, ground.lon, 53, 0.08)
    pools = [still & (ground.phi_kind == kind) for kind in np.unique(ground.phi_kind)]
    each = min([RUNG_SHARE * rungs * ground.area.sum(), *(ground.area[pool].sum() for pool in pools)])
    for pool in pools if each > 0 else ():
        filled = percentile(field[pool], ground.area[pool]) * ground.area[pool].sum() / each
        rung[pool] = np.where(filled < 1, np.floor(filled * rungs).astype(np.int64), NONE)
    return rung
