"""Soil moisture of seasons: three months each, or the growing season of each cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import ordered_mean, whole_years
from smcloud.products.anomalies import MONTHS, deseasonalised
from smcloud.products.attributes import add_cf_attributes
from smcloud.products.blocks import per_block

SEASONAL, TEMPERATURE = "seasonal_soil_moisture", "soil_temperature"
# Months from January of the year that a season has the name of: December is that of the year before.
THREE_MONTHS: Mapping[str, tuple[int, int, int]] = {
    "DJF": (-1, 0, 1),
    "MAM": (2, 3, 4),
    "JJA": (5, 6, 7),
    "SON": (8, 9, 10),
}
WARM = 278.15  # K: 5 degrees C, as in the growing season length of the ETCCDI indices
LEAST = (2, 3)  # of the months of a season, as integers that compare exactly


def seasonal_moisture(cube: xr.Dataset, config: RunConfig) -> xr.Dataset:
    """Average monthly soil moisture over ``annual.seasons``: :data:`SEASONAL` (season, year, lat, lon); lazy.

    A season of three months goes by the calendar, whatever ``annual.first_month`` is: DJF belongs to the year of its
    January. ``growing`` is, cell by cell, the months of the year whose mean ``soil_temperature`` over the record is
    above 5 degrees C; it is left out where the cube has no soil temperature. NaN where fewer than two thirds of the
    season's months are valid, where a month lies outside the record, and where no month is warm. Under
    ``annual.method: anomalies`` months are departures from their levels
    (:func:`~smcloud.products.anomalies.deseasonalised`), so that a month that is missing in some years shifts nothing;
    the level is then that of the whole year, and months outside the whole years are outside the record. m3 m-3,
    float64. Raises what :func:`~smcloud.products.annual.annual` raises.
    """
    needed = [name for name in ("soil_moisture", TEMPERATURE) if name in cube]
    made = per_block(_seasonal_moisture, cube[needed], config=config)
    return add_cf_attributes(made, "annual", config)


def _seasonal_moisture(months: xr.Dataset, *, config: RunConfig) -> xr.Dataset:
    first, years = whole_years(months, config)
    span = slice(first, first + MONTHS * len(years))
    moisture = months["soil_moisture"].astype("float64").transpose("time", "lat", "lon")
    begin = months.indexes["time"][0]
    start = MONTHS * begin.year + begin.month - 1
    if config.annual.method == "anomalies":
        moisture = deseasonalised(moisture.isel(time=span), config.annual.min_climatology_years)
        start += first
    seasons = {}
    for name in config.annual.seasons:
        if name in THREE_MONTHS:
            parts = [_of_month(moisture, month - start, years) for month in THREE_MONTHS[name]]
            seasons[name] = _mean(parts, xr.full_like(parts[0].isel(year=0, drop=True), float(len(parts))))
        elif TEMPERATURE in months:
            warm = _warm_months(months[TEMPERATURE].isel(time=span))
            begins = config.annual.first_month - 1 - MONTHS * (config.annual.first_month > 1)
            parts = [_of_month(moisture, begins + k - start, years).where(own) for k, own in enumerate(warm)]
            seasons[name] = _mean(parts, xr.concat(warm, "month").sum("month"))
    out = {} if not seasons else {SEASONAL: xr.concat(list(seasons.values()), "season").drop_attrs()}
    names = {"season": list(seasons)} if seasons else {}
    return xr.Dataset(out, {"lat": months["lat"], "lon": months["lon"]} | names)


def _of_month(moisture: xr.DataArray, shift: int, years: npt.NDArray[np.int64]) -> xr.DataArray:
    """Soil moisture (year, lat, lon) of the month ``shift`` after position 12 year; infinite outside the record."""
    places = MONTHS * years + shift
    inside = (places >= 0) & (places < moisture.sizes["time"])
    own = moisture.isel(time=np.where(inside, places, 0)).drop_vars("time", errors="ignore").rename(time="year")
    known = xr.DataArray(inside, {"year": years}, ("year",))
    return own.assign_coords(year=years).where(known, np.inf)


def _mean(parts: Sequence[xr.DataArray], months: xr.DataArray) -> xr.DataArray:
    """Mean of the valid months of a season of so many ``months`` (lat, lon), added in their order."""
    total, count = xr.zeros_like(parts[0]), xr.zeros_like(parts[0])
    for part in parts:
        total = total + part.fillna(0.0)
        count = count + part.notnull()
    enough = (LEAST[1] * count >= LEAST[0] * months) & (count > 0) & np.isfinite(total)
    return total.where(enough) / count.where(enough)


def _warm_months(temperature: xr.DataArray) -> list[xr.DataArray]:
    """Whether (lat, lon) each of the twelve months of the year is warm on average."""
    each = temperature.astype("float64").transpose("time", "lat", "lon").drop_vars("time", errors="ignore")
    return [ordered_mean(each.isel(time=slice(k, None, MONTHS)), "time") > WARM for k in range(MONTHS)]
