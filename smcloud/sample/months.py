"""The months and days of a sample world: what a year holds beyond its annual values.

Within a year every addition to the annual value adds up to zero over the twelve months.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from smcloud.sample.climate import SPUN_UP, SampleWorld, generator
from smcloud.sample.coefficients import FIRST_YEAR, LAST_YEAR
from smcloud.sample.fields import Array, Codes
from smcloud.sample.physics import T0
from smcloud.sample.world import DELUGE_LATITUDE

MONTH = np.arange(12)
P_WITHIN, T_WITHIN, LAI_WITHIN, U_WITHIN = 0.25, 0.5, 0.03, 0.5
LAST_DAY_SHARE = 0.25  # of a month's rain, so that every month's first stamp carries some
WET_DAYS = (2, 7, 12, 17, 22, 27)
NODE_SIGMAS = 4.5
STEP_START = (2007, 7)
DRIFT_START = 2010.0
GAP_YEARS = range(2004, 2010)
LATE_YEAR = 2010
SSMI, AMSRE, AMSR2, ASCATA = 2, 8, 32, 256
# Streams of random numbers, beside those of the annual fields.
P_MONTHS, T_MONTHS, LAI_MONTHS, U_MONTHS, TIMING, DAYS, FLAGS, CLOUDS, POISON = range(100, 109)


def dates_of(year: int) -> np.ndarray:
    """The days of a year."""
    return np.arange(f"{year}-01-01", f"{year + 1}-01-01", dtype="datetime64[D]")


def months_of(days: np.ndarray) -> Codes:
    """Month index 0 to 11 of each day."""
    return np.asarray(days.astype("datetime64[M]").astype(int) % 12)


class Months:
    """Sub-annual fields of one world; years are calendar years from 1999 to the tail."""

    def __init__(self, world: SampleWorld) -> None:
        self.world = world
        self.p = world.physics
        self.geo = world.geo

    def _within(self, stream: int, year: int, rows: int) -> Array:
        noise = generator(self.world.seed, stream, year).standard_normal((rows, 12))
        return np.asarray(noise - noise.mean(axis=1, keepdims=True))

    def _time(self, year: int) -> Array:
        return year + (MONTH + 0.5) / 12 - T0

    def _p_within(self, year: int) -> Array:
        """Rain of each month beside the year's share, on the nodes, mm."""
        scale = P_WITHIN * self.p.p_scale[:, None] / 12
        return scale * self._within(P_MONTHS, year, self.p.p_mean.size)

    def _t_within(self, year: int) -> Array:
        return T_WITHIN * self.p.t_scale * self._within(T_MONTHS, year, self.p.p_mean.size)

    def _lai_within(self, year: int) -> Array:
        grows = (self.p.lai_scale > 0)[:, None]
        return np.where(grows, LAI_WITHIN * self._within(LAI_MONTHS, year, self.geo.lat.size), 0.0)

    @cached_property
    def node_deluge(self) -> np.ndarray:
        """Nodes where the year's last step carries most of what the year differs by."""
        return np.abs(self.p.node_points[0]) <= DELUGE_LATITUDE

    def precipitation(self, year: int) -> tuple[Array, Array]:
        """Monthly sums (node, 12) without, and the deluge (node) in, the step that ends at next 1 January 00:00; mm.

        Together they are ``mean + g (t - T0) + noise`` of the year, exactly.
        """
        p, c = self.p, self.p.coefficients
        noise = self.world.node_noise[0][:, SPUN_UP.index(year)]
        timing = c.deluge_timing * p.p_scale * generator(self.world.seed, TIMING, year).uniform(-1, 1, p.p_mean.size)
        node_sd = p.p_scale * np.sqrt(c.smooth**2 + c.rough**2 + c.saw**2)
        offset = (NODE_SIGMAS * c.deluge_share * node_sd + c.deluge_timing * p.p_scale) * self.node_deluge
        deluge = np.where(self.node_deluge, offset + c.deluge_share * noise + timing, 0.0)
        lat = p.node_points[0]
        season = 1 + 0.15 * np.cos(2 * np.pi * (MONTH - 6) / 12)[None, :] * np.sign(lat)[:, None]
        even = ((p.p_mean - offset)[:, None] * season + (noise + offset - deluge)[:, None]) / 12
        return even + p.g_nodes[0][:, None] * self._time(year) / 12 + self._p_within(year), deluge

    def soil_temperature(self, year: int) -> Array:
        """Monthly means (node, 12), K."""
        p = self.p
        lat = p.node_points[0]
        season = 18 * np.sin(np.deg2rad(lat))[:, None] * np.cos(2 * np.pi * (MONTH - 6.5) / 12)
        noise = self.world.node_noise[1][:, SPUN_UP.index(year)]
        moving = (p.t_mean + noise)[:, None] + p.g_nodes[1][:, None] * self._time(year)
        return np.asarray(moving + season + self._t_within(year))

    def lai(self, year: int, days: np.ndarray) -> Array:
        """Leaf area index (cell, composite) for composites that start on ``days`` of a year."""
        p, geo = self.p, self.geo
        amplitude = np.minimum(0.5, 0.3 * geo.lai_mean) * np.sign(geo.lat)
        angle = 2 * np.pi * (np.arange(days.size) - 25) / days.size
        noise = self.world.driver_noise[:, SPUN_UP.index(year), 2]
        steady = (geo.lai_mean + noise + p.g[:, 2] * (year + 0.5 - T0))[:, None]
        month = months_of(days + np.timedelta64(3, "D"))
        value = steady + amplitude[:, None] * np.cos(angle) + self._lai_within(year)[:, month]
        return np.where((p.lai_scale > 0)[:, None], np.maximum(value, 0.0), 0.0)

    def soil_moisture(self, year: int) -> Array:
        """Monthly means (cell, 12), m3 m-3, what the sensors add included."""
        p, geo = self.p, self.geo
        amplitude = np.where(geo.snow > 0, 0.004, np.where(geo.zone == 1, 0.012, 0.03)) * np.sign(geo.lat)
        season = amplitude[:, None] * np.cos(2 * np.pi * (MONTH - 1) / 12)
        rain = 12 * p.to_cells(self._p_within(year))  # b is per mm of the year's sum
        driven = np.stack([rain, p.to_cells(self._t_within(year)), self._lai_within(year)], axis=-1)
        moving = (
            self.world.anomaly[:, SPUN_UP.index(year), None]
            + p.beta[:, None] * ((MONTH + 0.5) / 12 - 0.5)
            + np.einsum("cj,cmj->cm", p.b, driven)
            + U_WITHIN * p.u_scale[:, None] * self._within(U_MONTHS, year, geo.lat.size)
            + season
        )
        return p.sm_mean[:, None] + np.where(geo.constant[:, None], 0.0, moving + self._instrument(year))

    def _instrument(self, year: int) -> Array:
        """What the sensors add to the monthly means (cell, 12): a step, and a drift within the life of one sensor."""
        c, geo = self.p.coefficients, self.geo
        after = (year + MONTH / 12) >= STEP_START[0] + (STEP_START[1] - 1) / 12
        drifted = np.maximum(year + (MONTH + 0.5) / 12 - DRIFT_START, 0.0)
        step, drift = c.sensor_step * geo.sensor_step, c.sensor_drift * geo.sensor_drift
        return np.asarray(step[:, None] * after + drift[:, None] * drifted)

    @cached_property
    def within_variance(self) -> Array:
        """Variance of a cell's monthly soil moisture about the year, season aside (m3 m-3)^2."""
        p = self.p
        shrink = np.sqrt((self.p.corners[1] ** 2).sum(axis=1))  # of independent node noise
        rain = P_WITHIN * p.to_cells(p.p_scale) * shrink
        parts = np.stack([rain, T_WITHIN * p.t_scale * shrink, LAI_WITHIN * (p.lai_scale > 0)], axis=-1)
        return np.asarray((U_WITHIN * p.u_scale) ** 2 + ((p.b * parts) ** 2).sum(axis=-1))

    def flags(self, year: int, days: np.ndarray) -> np.ndarray:
        """Quality flag (cell, day), 127 where nothing was measured: snow, dense forest, chance, gaps, barren ground."""
        geo = self.geo
        rng = generator(self.world.seed, FLAGS, year)
        month = months_of(days)
        size = (geo.lat.size, days.size)
        chance = rng.random(size)
        kind = rng.choice(np.array([1, 2, 4, 8, 16, 32, 65, 127], np.int8), size)
        flag = np.where(chance < 0.15, kind, 0).astype(np.int8)
        barren = (geo.aridity < 0.2)[:, None] & (flag == 0) & (chance > 0.7)
        flag[barren] = 64
        flag[geo.dense[:, None] & (np.isin(month, (4, 5, 6, 7))[None, :] | ((chance > 0.65) & (flag == 0)))] = 2
        thaw = round(30 * (1 - min(max(year - FIRST_YEAR, 0) / (LAST_YEAR - FIRST_YEAR), 1)))
        day_of_april = np.where(month == 3, (days - days.astype("datetime64[M]")).astype(int), 99)
        winter = np.isin(month, (11, 0, 1, 2)) | (day_of_april < thaw)
        flag[((geo.snow == 4)[:, None] & winter) | ((geo.snow == 5)[:, None] & (winter | (month == 10)))] = 1
        return flag

    def measured(self, year: int, days: np.ndarray) -> np.ndarray:
        """Whether a satellite passed and the record exists (cell, day)."""
        geo = self.geo
        seen = generator(self.world.seed, DAYS, year).random((geo.lat.size, days.size)) > 0.22
        seen[geo.empty] = False
        if year < LATE_YEAR:
            seen[geo.late_start] = False
        if year in GAP_YEARS:
            seen[geo.gap] = False
        return seen

    def sensors(self, days: np.ndarray) -> np.ndarray:
        """Bitmask of the sensors (cell, day): it changes in July 2002 and 2012, but in July 2007 where declared."""
        month = days.astype("datetime64[M]")
        usual = SSMI + AMSRE * (month >= np.datetime64("2002-07")) + AMSR2 * (month >= np.datetime64("2012-07"))
        declared = SSMI + ASCATA * (month >= np.datetime64(f"{STEP_START[0]}-{STEP_START[1]:02d}"))
        return np.where(self.geo.sensor_step[:, None], declared[None, :], usual[None, :]).astype(np.int32)
