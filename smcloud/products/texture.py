"""The twelve texture classes of the USDA triangle, from clay and sand.

Source of the limits: Soil Survey Division Staff (1993), Soil Survey Manual, USDA Handbook 18, chapter 3.
"""

from __future__ import annotations

import xarray as xr

CLASSES = (
    "sand",
    "loamy sand",
    "sandy loam",
    "loam",
    "silt loam",
    "silt",
    "sandy clay loam",
    "clay loam",
    "silty clay loam",
    "sandy clay",
    "silty clay",
    "clay",
)
# Regridded percentages may add up to a little more than 100.
EXCESS = 1.0


def texture(clay: xr.DataArray, sand: xr.DataArray) -> xr.DataArray:
    """Find the class 1..12 in the order of :data:`CLASSES` (uint8) from percentages of clay and sand; else 0.

    0 stands where either is NaN or negative, or where both add up to more than 101 %.
    """
    silt = (100.0 - clay - sand).clip(min=0.0)
    known = (clay >= 0) & (sand >= 0) & (clay + sand <= 100.0 + EXCESS)
    coarse, finer = silt + 1.5 * clay, silt + 2.0 * clay
    rules = (
        coarse < 15,
        (coarse >= 15) & (finer < 30),
        (finer >= 30) & (((clay >= 7) & (clay < 20) & (sand > 52)) | ((clay < 7) & (silt < 50))),
        (clay >= 7) & (clay < 27) & (silt >= 28) & (silt < 50) & (sand <= 52),
        (silt >= 50) & (clay < 27) & ((clay >= 12) | (silt < 80)),
        (silt >= 80) & (clay < 12),
        (clay >= 20) & (clay < 35) & (silt < 28) & (sand > 45),
        (clay >= 27) & (clay < 40) & (sand > 20) & (sand <= 45),
        (clay >= 27) & (clay < 40) & (sand <= 20),
        (clay >= 35) & (sand > 45),
        (clay >= 40) & (silt >= 40),
        (clay >= 40) & (silt < 40) & (sand <= 45),
    )
    out = xr.zeros_like(clay, dtype="uint8")
    for number, rule in enumerate(rules, start=1):
        out = out.where(~(known & rule), number)
    return out.astype("uint8")
