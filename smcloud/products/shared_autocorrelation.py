"""The trend under the autocorrelation that neighbours share: what it could find, and where they do not share one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.config import RunConfig
from smcloud.stats import area_weighted_series, pooled_trend

MIXED_ABOVE = 1.5  # r1_dispersion of a pool that is not of one kind
MIXED_SHARE = "mixed_pools_share"
MIXED_COMMENT = (
    f"{MIXED_SHARE} is the share, by area, of the cells with r1_dispersion where it is above {MIXED_ABOVE}: the cells "
    "within the radius do not share one autocorrelation, and the size of the test is not promised there."
)


def pooled_columns(series: xr.DataArray, area: xr.DataArray, config: RunConfig) -> xr.Dataset:
    """Compute :func:`~smcloud.stats.pooled_trend` of annual ``series`` (year, lat, lon), and what its test could find.

    ``minimum_detectable_slope`` is the slope that would be found in 80 % of all records: (t of alpha + t of 0.8)
    standard errors. The power there is 0.800 at 20 degrees of freedom, 0.795 at 5. ``mixed_pools_share`` (no
    dimension) is what :data:`MIXED_COMMENT` says, NaN where no cell has a pool. ``area`` is km2. Lazy where ``series``
    is, with its chunks along lat.
    """
    out = pooled_trend(series, area, "year", config.trend.radius_km, config.alpha, config.years.min_years)
    quantiles = xr.apply_ufunc(_detectable, out["df"], kwargs={"alpha": config.alpha}, dask="parallelized",
                               output_dtypes=[np.float64])  # fmt: skip
    detectable = quantiles * out["stderr"].where(out["stderr"] > 0)
    return out.assign({"minimum_detectable_slope": detectable, MIXED_SHARE: mixed_share(out["r1_dispersion"], area)})


def mixed_share(dispersion: xr.DataArray, area: xr.DataArray) -> xr.DataArray:
    """Share of the area with a ``dispersion`` (lat, lon) where it is above :data:`MIXED_ABOVE`; NaN of none."""
    mixed = (dispersion > MIXED_ABOVE).astype("float64").where(dispersion.notnull())
    everywhere = xr.ones_like(mixed, bool).expand_dims("region")
    return area_weighted_series(mixed, area, everywhere)["mean"].isel(region=0, drop=True)


def _detectable(df: npt.NDArray[np.float64], alpha: float) -> npt.NDArray[np.float64]:
    from scipy.special import stdtrit

    quantiles: npt.NDArray[np.float64] = stdtrit(df, 1 - alpha / 2) + stdtrit(df, 0.8)
    return quantiles
