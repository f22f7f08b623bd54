"""Sentences that keep a number from being read as more than it is."""

from __future__ import annotations

import numpy as np
import xarray as xr

from smcloud.report.context import ReportContext
from smcloud.report.maps import DETECTABLE
from smcloud.report.rounding import percent, trend_text
from smcloud.report.values import areas, plain


def detectable(trend: xr.Dataset | None, context: ReportContext) -> str:
    """Write how large a trend has to be for half of the area to show it; empty where the product does not tell."""
    if trend is None or DETECTABLE not in trend:
        return ""
    slopes = trend[DETECTABLE].transpose("lat", "lon").values.astype(float)
    known = np.isfinite(slopes)
    if not known.any():
        return ""
    order = np.argsort(slopes[known])
    weight = areas(trend)[known][order].cumsum()
    middle = float(slopes[known][order][np.searchsorted(weight, weight[-1] / 2)])
    many = ", before the correction for many cells, which misses more" if context.adjusts_trend else ""
    return (
        f"“Not significant” is not “no change”: on half of the tested area even a trend of "
        f"{trend_text(middle, units=True)} would be missed in one of five such records or more often (by the test "
        f"under the autocorrelation that neighbours share, p < {context.alpha:g}{many}). The map “What could have been "
        f"found” shows this slope for each cell: where no trend is significant, one of up to this size may still be "
        f"there."
    )


def mixed_pools(trend: xr.Dataset | None, context: ReportContext) -> str:
    """Write where neighbours do not share one autocorrelation; empty where they do, or the product does not tell."""
    share = None if trend is None else plain(trend.attrs.get("mixed_pools_share", float("nan")))
    if not share:
        return ""
    end = "the size of the test is not promised there"
    if not context.pools_trend:
        end = "what is said to be detectable there is uncertain"
    return (
        f"Caution: on {percent(share)} of the tested area the autocorrelations of the neighbours differ by more than "
        f"chance (dispersion above 1.5), so the pool is not of one kind, and {end}."
    )


def reference(trend: xr.Dataset | None) -> str:
    """Write how far the trend of the second record agrees with the first; empty without one."""
    share = None if trend is None else trend.attrs.get("reference_same_sign_share")
    if share is None:
        return ""
    return f"On {percent(share)} of the area with both, the reference record has a slope of the same sign."
