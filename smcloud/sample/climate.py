"""One draw of the sample world's weather: annual drivers and soil moisture."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from smcloud.sample.coefficients import FIRST_YEAR, TAIL_YEAR, YEARS, Coefficients
from smcloud.sample.fields import WAVES, Array, axes
from smcloud.sample.physics import T0, physics

SPUN_UP = (FIRST_YEAR - 1, *range(FIRST_YEAR, TAIL_YEAR + 1))
"""Years that are drawn: one before the record (its last step ends in it) to the end of the tail."""
FIELDS = ("u", "p_smooth", "p_rough", "p_saw", "t_smooth", "t_rough", "t_saw", "lai_smooth", "lai_rough")


def generator(seed: int, *key: int) -> np.random.Generator:
    """An independent stream per component (and year), the same for the same seed."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


class SampleWorld:
    """One draw of the sample world's weather; arrays are (cell or node, year of ``SPUN_UP``)."""

    def __init__(self, seed: int = 20230501, resolution: float = 5.0, coefficients: Coefficients | None = None) -> None:
        self.seed = int(seed)
        self.physics = physics(float(resolution), coefficients or Coefficients())
        self.geo = self.physics.geo

    def _white(self, name: str, rows: int) -> Array:
        key = FIELDS.index(name)
        return np.stack([generator(self.seed, key, year).standard_normal(rows) for year in SPUN_UP], axis=-1)

    @cached_property
    def node_noise(self) -> tuple[Array, Array]:
        """Annual noise of precipitation (mm) and soil temperature (K) of the nodes."""
        p = self.physics
        c = p.coefficients
        fields = []
        for name in ("p", "t"):
            smooth = p.node_basis @ self._white(f"{name}_smooth", 2 * WAVES)
            rough = self._white(f"{name}_rough", p.p_mean.size)
            saw = p.node_sign[:, None] * self._white(f"{name}_saw", 1)
            fields.append(c.smooth * smooth + c.rough * rough + c.saw * saw)
        zp, zt = fields
        temperature = c.corr_pt * zp + np.sqrt(1 - c.corr_pt**2) * zt
        return zp * p.p_scale[:, None], temperature * p.t_scale

    @cached_property
    def driver_noise(self) -> Array:
        """Annual noise of the three drivers on the cells (cell, year, 3)."""
        p = self.physics
        c = p.coefficients
        rain, heat = (p.to_cells(field) for field in self.node_noise)
        smooth = p.cell_basis @ self._white("lai_smooth", 2 * WAVES)
        rough = self._white("lai_rough", self.geo.lat.size)
        own = (smooth + np.sqrt(3) * rough) / 2
        unit = rain / np.sqrt(p.noise_covariance[:, 0, 0])[:, None]
        leaf = p.lai_scale[:, None] * (c.corr_pl * unit + np.sqrt(1 - c.corr_pl**2) * own)
        return np.stack([rain, heat, leaf], axis=-1)

    @cached_property
    def unexplained(self) -> Array:
        """U: stationary AR(1) in time, exponential correlation in space."""
        p = self.physics
        shock = p.cell_basis @ self._white("u", 2 * WAVES)
        u = np.empty_like(shock)
        u[:, 0] = shock[:, 0]
        for k in range(1, shock.shape[1]):
            u[:, k] = p.phi * u[:, k - 1] + np.sqrt(1 - p.phi**2) * shock[:, k]
        return u * p.u_scale[:, None]

    @cached_property
    def anomaly(self) -> Array:
        """Annual soil moisture less its mean, m3 m-3 (cell, year); exactly 0 in the constant cells."""
        p = self.physics
        trend = p.beta[:, None] * (np.asarray(SPUN_UP) + 0.5 - T0)
        driven = np.einsum("cj,cyj->cy", p.b, self.driver_noise)
        return np.where(self.geo.constant[:, None], 0.0, trend + driven + self.unexplained)

    @cached_property
    def drivers(self) -> Array:
        """Annual drivers on the cells over the joint valid period (cell, year, 3): mm, K, m2 m-2."""
        p = self.physics
        t = np.asarray(YEARS) + 0.5 - T0
        mean = np.stack([p.to_cells(p.p_mean), p.to_cells(p.t_mean), self.geo.lai_mean], axis=-1)
        noise = self.driver_noise[:, 1 : 1 + len(YEARS)]
        return np.asarray(mean[:, None, :] + p.g[:, None, :] * t[:, None] + noise)

    def grid(self, values: np.ndarray, fill: float = np.nan, dtype: type = np.float64) -> np.ndarray:
        """Scatter (cell, ...) to (..., lat, lon), latitude descending as stored by the soil-moisture source."""
        out = np.full((*values.shape[1:], *self.geo.shape), fill, dtype)
        out[..., self.geo.land] = np.moveaxis(values, 0, -1)
        return out

    @property
    def axes(self) -> tuple[Array, Array]:
        """Cell centres, latitude descending."""
        return axes(self.geo.resolution)
