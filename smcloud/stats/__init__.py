"""Statistics of series along time, lazily and cell by cell; no I/O."""

from smcloud.stats.area import cell_area
from smcloud.stats.area_sums import area_weighted_series, area_weighted_sums
from smcloud.stats.attribution import leading_driver, trend_contribution
from smcloud.stats.bootstrap import block_sequence, bootstrap
from smcloud.stats.breaks import set_breaks, trend_with_steps
from smcloud.stats.correlation import partial_correlation
from smcloud.stats.discovery import fdr
from smcloud.stats.pooled import pooled_trend
from smcloud.stats.regression import standardised_regression
from smcloud.stats.seasons import seasonal_mann_kendall
from smcloud.stats.significance import mann_kendall
from smcloud.stats.trend import linear_trend, theil_sen

__all__ = [
    "area_weighted_series",
    "area_weighted_sums",
    "block_sequence",
    "bootstrap",
    "cell_area",
    "fdr",
    "leading_driver",
    "linear_trend",
    "mann_kendall",
    "partial_correlation",
    "pooled_trend",
    "seasonal_mann_kendall",
    "set_breaks",
    "standardised_regression",
    "theil_sen",
    "trend_contribution",
    "trend_with_steps",
]
