"""What is the same at every seed: effects, trends and the structure of the noise, in closed form.

Annual soil moisture of a cell is ``mean + a (t - T0) + sum_j b_j (D_j - its climatology) + U`` with
``D_j = climatology + g_j (t - T0) + noise`` and U a stationary AR(1). Every stochastic term is constant
within a year; what varies within the year adds up to zero over its twelve months, so that annual means are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from smcloud.sample.coefficients import FIRST_YEAR, LAST_YEAR, YEARS, Coefficients
from smcloud.sample.fields import Array, basis, pattern
from smcloud.sample.nodes import Nodes
from smcloud.sample.world import geography

T0 = 0.5 * (FIRST_YEAR + LAST_YEAR + 1)
BLOCK = 1000
DAYS_PER_MONTH = 20.2
"""Days of a month that are seen and pass the flags, on average."""


@dataclass(frozen=True)
class Physics(Nodes):
    """What is the same at every seed: coefficients per land cell and node, and the noise's structure."""

    coefficients: Coefficients

    @cached_property
    def node_basis(self) -> Array:
        """Noise basis (node, wave)."""
        return basis(*self.node_points, self.coefficients.efolding_km)

    @cached_property
    def cell_basis(self) -> Array:
        """Noise basis (cell, wave)."""
        return basis(self.geo.lat, self.geo.lon, self.coefficients.efolding_km)

    @cached_property
    def p_mean(self) -> Array:
        """Annual precipitation of the nodes, mm: from the aridity of the land around, 900 over sea."""
        every = np.ones(self.geo.lat.shape)
        cell = np.where(self.geo.aridity < 0.03, 15.0, 80 + 1050 * self.geo.aridity)
        return self.to_nodes(cell, every, 900.0)

    @cached_property
    def p_scale(self) -> Array:
        """Scale of the nodes' annual precipitation noise, mm: 3.8 % of the mean, almost nothing in the driest cores."""
        return np.where(self.p_mean < 20, 0.3, 0.038 * self.p_mean)

    @cached_property
    def t_mean(self) -> Array:
        """Annual mean soil temperature of the nodes, K."""
        lat, lon = self.node_points
        return np.asarray(300 - 42 * np.sin(np.deg2rad(lat)) ** 2 + 1.5 * pattern(lat, lon, 9, 0.3))

    t_scale = 0.7
    """Scale of the nodes' annual temperature noise, K."""

    @cached_property
    def lai_scale(self) -> Array:
        """Standard deviation of the cells' annual LAI noise, m2 m-2; 0 where nothing grows."""
        return np.where(self.geo.lai_mean > 0, 0.062, 0.0)

    @cached_property
    def noise_covariance(self) -> Array:
        """Covariance (cell, 3, 3) of the annual driver noise on the cells, in the drivers' units, exact."""
        c = self.coefficients
        index, weight = self.corners
        wp = weight * self.p_scale[index]
        wt = weight * self.t_scale
        kernel = np.empty((index.shape[0], 4, 4))
        for start in range(0, index.shape[0], BLOCK):
            rows = self.node_basis[index[start : start + BLOCK]]
            kernel[start : start + BLOCK] = rows @ rows.swapaxes(1, 2)
        sign = self.node_sign[index]
        kernel = c.smooth**2 * kernel + c.rough**2 * np.eye(4) + c.saw**2 * sign[:, :, None] * sign[:, None, :]
        pp = np.einsum("ck,ckl,cl->c", wp, kernel, wp)
        tt = np.einsum("ck,ckl,cl->c", wt, kernel, wt)
        pt = c.corr_pt * np.einsum("ck,ckl,cl->c", wp, kernel, wt)
        pl = c.corr_pl * np.sqrt(pp) * self.lai_scale
        tl = c.corr_pl * self.lai_scale * pt / np.sqrt(pp)
        ll = self.lai_scale**2
        return np.stack([np.stack(row, -1) for row in ((pp, pt, pl), (pt, tt, tl), (pl, tl, ll))], -2)

    @cached_property
    def sm_mean(self) -> Array:
        """Annual mean soil moisture, m3 m-3."""
        base = np.interp(self.geo.aridity, [0, 0.2, 0.5, 0.65, 1.0, 2.0], [0.05, 0.10, 0.17, 0.21, 0.27, 0.34])
        return np.asarray(base + 0.06 * self.geo.late_start)

    @cached_property
    def u_scale(self) -> Array:
        """Standard deviation of the unexplained annual soil moisture, m3 m-3."""
        return np.interp(self.geo.aridity, [0, 0.2, 0.65, 2.0], [0.0018, 0.0028, 0.0038, 0.0042])

    @cached_property
    def uncertainty(self) -> Array:
        """Standard deviation of a daily value (cell), m3 m-3; 0 in the constant cells."""
        sigma = np.interp(self.geo.aridity, [0, 0.2, 0.65, 2.0], [0.006, 0.012, 0.02, 0.026])
        return np.where(self.geo.constant, 0.0, sigma)

    @cached_property
    def expected_measurement(self) -> Array:
        """Variance that the days of a record without gaps add to an annual mean, on average."""
        months = 12 - np.where(self.geo.snow > 0, self.geo.snow + 0.5, 0)  # the first and half of the second April
        return self.uncertainty**2 / (DAYS_PER_MONTH * months)

    @cached_property
    def phi(self) -> Array:
        """Lag-1 autocorrelation of the unexplained annual soil moisture."""
        return np.asarray(self.coefficients.phi)[self.geo.phi_kind]

    @cached_property
    def b(self) -> Array:
        """Effect of each driver (cell, 3): m3 m-3 per mm, K and m2 m-2; exactly 0 without a driver."""
        c, geo = self.coefficients, self.geo
        sd = np.sqrt(np.einsum("cjj->cj", self.noise_covariance))
        b = np.zeros((geo.lat.size, 3))
        for j in range(3):
            here = geo.driver == j
            thirsty = (j == 2) & (geo.zone == 3) & (geo.direction < 0)  # denser leaves use up the water there
            sign = np.where((j == 1) | thirsty, -1, 1)
            b[here, j] = (sign * c.driver_strength * self.u_scale)[here] / sd[here, j]
        second = geo.second & (self.lai_scale > 0)
        b[second, 2] = c.second_strength * self.u_scale[second] / sd[second, 2]
        return b

    @cached_property
    def g_nodes(self) -> tuple[Array, Array]:
        """Trends of precipitation (mm yr-1) and soil temperature (K yr-1) of the nodes."""
        sd = np.sqrt(np.einsum("cjj->cj", self.noise_covariance))
        out = []
        for j, scale in enumerate((self.p_scale, np.full(self.p_scale.shape, self.t_scale))):
            moving = (self.geo.driver == j) & self.geo.carried
            kept = float(np.median(sd[:, j] / self.to_cells(scale)))  # of the nodes' scale in a cell's mean
            wanted = self.geo.direction * np.sign(self.b[:, j]) * (self._trend_per_sd * kept)
            out.append(self.to_nodes(np.asarray(wanted, np.float64), moving, 0.0) * scale)
            if j == 1 and self.coefficients.idle_warming:
                out[j] = np.full(scale.shape, self.coefficients.idle_warming / (len(YEARS) - 1) * kept * self.t_scale)
        return out[0], out[1]

    @property
    def _trend_per_sd(self) -> float:
        """Driver trend per year over its noise that gives the intended delta where one driver acts."""
        c = self.coefficients
        total = np.sqrt(1 + 1 / c.driver_strength**2) if c.driver_strength else 0.0
        return float(c.trend_strength * total / _spread(len(YEARS)))

    @cached_property
    def g(self) -> Array:
        """Trend of each driver on the cells (cell, 3), per year."""
        p, t = (self.to_cells(node) for node in self.g_nodes)
        moving = (self.geo.driver == 2) & self.geo.carried
        lai = np.where(moving, self.geo.direction * np.sign(self.b[:, 2]) * self._trend_per_sd * self.lai_scale, 0.0)
        return np.stack([p, t, lai], axis=-1)

    @cached_property
    def rung(self) -> Array:
        """Intended delta of the cells of the ladder; NaN elsewhere, and where a world has no trends."""
        c = self.coefficients
        rungs = np.append(np.minimum(c.ladder, c.trend_strength), np.nan)[self.geo.rung]
        return np.where(rungs > 0, rungs, np.nan)

    @cached_property
    def planted(self) -> Array:
        """Trend of the cells that have a stated one, whatever drivers do around them, m3 m-3 yr-1; NaN elsewhere."""
        c, geo = self.coefficients, self.geo
        se = self.slope_se(np.ones((geo.lat.size, len(YEARS)), bool), self.expected_measurement)
        south = (geo.lat < 0) & geo.alive & (c.southern_drying > 0)
        return np.where(south, c.southern_drying * geo.lat, geo.direction * self.rung * se)

    @cached_property
    def a(self) -> Array:
        """Own trend of soil moisture, m3 m-3 yr-1: all of it where no driver is behind the trend."""
        c, geo = self.coefficients, self.geo
        own = (geo.direction != 0) & (geo.driver < 0) & ~geo.weak & (geo.rung < 0)
        wanted = np.where(geo.weak, min(c.weak_strength, c.trend_strength), np.where(own, c.trend_strength, 0.0))
        se = self.slope_se(np.ones((geo.lat.size, len(YEARS)), bool), np.zeros(geo.lat.size))
        rest = self.planted - (self.b * self.g).sum(axis=-1)
        return np.where(np.isfinite(self.planted), rest, geo.direction * wanted * se)

    @cached_property
    def beta(self) -> Array:
        """True trend: ``a + sum b_j g_j``."""
        return np.asarray(self.a + (self.b * self.g).sum(axis=-1))

    def slope_se(self, valid: np.ndarray, measurement: Array) -> Array:
        """Standard deviation of the annual OLS slope over replicate worlds: ``sqrt(w' S w)``.

        ``valid`` (cell, year) says which years a cell has; ``measurement`` is the variance that sampling
        and measurement add to each annual mean. NaN with fewer than three years.
        """
        t = np.arange(valid.shape[1], dtype=float)
        n = valid.sum(axis=1, keepdims=True)
        centred = np.where(valid, t - (valid * t).sum(axis=1, keepdims=True) / np.maximum(n, 1), 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            w = np.where(n >= 3, centred / (centred**2).sum(axis=1, keepdims=True), np.nan)
        lag = np.abs(t[:, None] - t[None, :])
        white = np.einsum("cj,cjk,ck->c", self.b, self.noise_covariance, self.b) + measurement
        red = np.zeros(w.shape[0])
        for kind, phi in enumerate(self.coefficients.phi):
            here = self.geo.phi_kind == kind
            red[here] = np.einsum("ci,ij,cj->c", w[here], phi**lag, w[here])
        return np.asarray(np.sqrt(white * (w**2).sum(axis=1) + self.u_scale**2 * red))


def _spread(years: int) -> float:
    """Root of the sum of squared deviations of consecutive years from their mean."""
    return float(np.sqrt(years * (years**2 - 1) / 12))


@lru_cache(maxsize=4)
def physics(resolution: float, coefficients: Coefficients) -> Physics:
    """The seed-independent part of the world, made once."""
    return Physics(geography(resolution, coefficients), coefficients)
