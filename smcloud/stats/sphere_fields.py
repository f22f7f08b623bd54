"""Random fields on the sphere whose correlation falls exponentially with distance, and the length of that fall.

The lattice of :mod:`smcloud.stats.lattice` goes round the globe, so the covariance of two of its rows depends on the
difference in longitude alone: a Fourier transform along the rows makes one small matrix per wave number of the
covariance of all points, and its Cholesky factors give fields that have this covariance exactly.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from smcloud.stats.area import EARTH_RADIUS_KM
from smcloud.stats.lattice import COLUMNS, STEP
from smcloud.stats.time_axis import FloatArray

# Fields that are made at a time: it limits the memory to some 20 MB and changes no number.
BATCH = 50
# Lengths that are tried, km, 1.3 % apart, and the pairs that decide between them: nearer than this, in bins.
LENGTHS = np.geomspace(100.0, 20_000.0, 400)
NEAR_KM, BIN_KM = 3000.0, 200.0


def exponential_fields(rows: npt.NDArray[np.int64], length_km: float, fields: int, seed: int) -> Iterator[FloatArray]:
    """Draw Gaussian fields with mean 0, variance 1 and correlation exp(-d/``length_km``), d along the great circle.

    ``rows`` are rows of the lattice from the south, without repetition. Gives batches (field, row, 180); the same
    arguments give the same fields.
    """
    factors = _factors(rows, length_km)
    rng = np.random.default_rng(seed)
    for start in range(0, fields, BATCH):
        count = min(BATCH, fields - start)
        noise = np.fft.rfft(rng.standard_normal((count, len(rows), COLUMNS)), axis=-1)
        waves = np.ascontiguousarray(noise.transpose(2, 1, 0))  # (wave number, row, field)
        mixed = (factors @ waves.view(np.float64)).view(np.complex128)
        yield np.fft.irfft(mixed.transpose(2, 1, 0), n=COLUMNS, axis=-1)


def _factors(rows: npt.NDArray[np.int64], length_km: float) -> FloatArray:
    """Cholesky factors (wave number, row, row) of the covariance along the rows."""
    lat = np.radians(-90 + STEP / 2 + STEP * rows)
    turn = np.radians(STEP * np.arange(COLUMNS))
    apart = _distance(lat[:, None, None], lat[None, :, None], turn)
    spectrum = np.fft.rfft(np.exp(-apart / length_km), axis=-1).real.transpose(2, 0, 1)
    # The covariance is positive definite on the sphere; rounding alone could make it appear not to be.
    return np.linalg.cholesky(spectrum + 1e-12 * np.eye(len(rows)))


def _distance(lat: FloatArray, other: FloatArray, turn: FloatArray) -> FloatArray:
    """Great-circle distance in km of points at two latitudes, ``turn`` apart in longitude; all in radians."""
    half = np.sin((lat - other) / 2) ** 2 + np.cos(lat) * np.cos(other) * np.sin(turn / 2) ** 2
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0)))


def efolding_length(drier: FloatArray, wetter: FloatArray) -> float:
    """Estimate the e-folding length in km of the field behind a map of signs.

    ``drier`` and ``wetter`` (90, 180) are the areas of either sign on the lattice. By distance, the share of pairs of
    areas with different signs is compared with that of a Gaussian field with correlation exp(-d/length) that is cut at
    its own quantile: 4 T(c, sqrt((1 - r)/(1 + r))), T Owen's function and c the normal quantile of the drying share,
    where r = (exp(-d/length) - m)/(1 - m), since the cut takes the mean correlation m of all pairs away. The length of
    least squares over pairs nearer than 3000 km, weighted by the product of their areas; between 100 and 20,000 km.
    NaN for fewer than two cells, and where all signs are the same.

    References
    ----------
    Probability of a quadrant: Owen 1956, doi:10.1214/aoms/1177728074.
    """
    i, j = np.nonzero(drier + wetter > 0)
    drier, wetter = drier[i, j], wetter[i, j]
    area = drier + wetter
    share = drier.sum() / area.sum() if area.size > 1 else 0.0
    if not 0 < share < 1:
        return float("nan")
    pairs, distance, unlike = _by_distance(i, j, drier, wetter)
    mean = _mean_correlation(pairs, distance, float((area**2).sum()), float(area.sum()))
    near = (distance < NEAR_KM) & (pairs > 0)
    if not near.any():
        return float("nan")
    rho = np.exp(-distance[near] / LENGTHS[:, None])
    expected = _unlike_share(share, (rho - mean[:, None]) / (1 - mean[:, None]))
    misfit = (pairs[near] * (unlike[near] / pairs[near] - expected) ** 2).sum(axis=-1)
    return float(LENGTHS[misfit.argmin()])


def _by_distance(
    i: npt.NDArray[np.int64], j: npt.NDArray[np.int64], drier: FloatArray, wetter: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """By bin of distance: sum over pairs of area times area, its mean distance in km, and the same of unlike signs."""
    from smcloud.stats.engine.sphere_kernels import add_pairs

    (used, row), column = np.unique(i, return_inverse=True), np.ascontiguousarray(j)
    lat, lon = np.radians(-90 + STEP / 2 + STEP * used), np.radians(STEP * np.arange(COLUMNS))
    # Two columns are a turn apart whose last bits depend on both; all pairs of rows and turns are far fewer than pairs.
    turns, turn = np.unique(np.abs(lon[:, np.newaxis] - lon), return_inverse=True)
    begins = np.searchsorted(row, np.arange(used.size + 1))
    bins = int(np.pi * EARTH_RADIUS_KM / BIN_KM) + 1
    pairs, distance, unlike = np.zeros(bins), np.zeros(bins), np.zeros(bins)
    for own in range(used.size):
        apart = _distance(lat[:, np.newaxis], lat[own], turns)
        place = (apart / BIN_KM).astype(np.int64)
        add_pairs(apart, place, row, column, turn, drier, wetter, begins[own], begins[own + 1], pairs, distance, unlike)
    return pairs, distance / np.where(pairs > 0, pairs, 1.0), unlike


def _mean_correlation(pairs: FloatArray, distance: FloatArray, squares: float, total: float) -> FloatArray:
    """Mean correlation of all pairs of areas, of an area with itself too, for each of :data:`LENGTHS`."""
    rho = np.exp(-distance / LENGTHS[:, None])
    mean: FloatArray = (squares + 2 * (pairs * rho).sum(axis=-1)) / total**2
    return mean


def _unlike_share(share: float, rho: FloatArray) -> FloatArray:
    """Probability that one of two normal values with correlation ``rho`` lies below the quantile ``share``."""
    from scipy.special import ndtri, owens_t

    rho = np.clip(rho, -1 + 1e-12, 1.0)
    out: FloatArray = 4 * owens_t(ndtri(share), np.sqrt((1 - rho) / (1 + rho)))
    return out
