"""Annual series of every role of the cube; the other products read nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from smcloud import conventions
from smcloud.config import RunConfig
from smcloud.errors import CalendarError, ChunkError, TooFewYearsError
from smcloud.products.anomalies import MONTHS, driver_years, soil_moisture_years
from smcloud.products.attributes import add_cf_attributes
from smcloud.stats import cell_area

Block = npt.NDArray[Any]

REFERENCE = "soil_moisture_reference"
SHARE = "region_share"  # of a cube whose region has polygons
REGION_ATTRIBUTES = ("region_name", "region_area_km2")  # of a cube that is not the globe's
ANOMALIES = (
    "Departures of the months from their levels (months and years fitted together by least squares), over the months "
    "that the cell's soil moisture has in nearly every year, plus the mean level of these months. For another level "
    "add a constant per cell."
)


def annual(cube: xr.Dataset, config: RunConfig) -> xr.Dataset:
    """Compute annual values (year, lat, lon) of every time-varying role, float64; static roles stay unchanged.

    ``annual.method`` = ``monthly_means``: soil moisture of a year is the mean of its valid months where at least
    ``annual.min_months`` are valid, else NaN. A driver is the sum of twelve months where its ``cell_methods`` is
    ``time: sum``, else their mean; a missing month makes the year NaN. ``soil_moisture_reference`` is averaged as soil
    moisture is, over the months that soil moisture has. ``anomalies``: soil moisture is the mean of the
    months' anomalies over the cell's fixed set of months (``n_fixed_months``, uint8) plus the mean of that set, and
    drivers are over the same months (see :mod:`smcloud.products.anomalies`), so that every series keeps its unit and
    level; ``anomaly_status`` (uint8) says where there is no such set, or its months have no common level. ``n_months``
    (uint8) counts all valid months of soil moisture. Only whole years from ``annual.first_month`` on count; ``year``
    holds the calendar years in which they end, as integers.

    Raises :class:`TooFewYearsError` (fewer whole years than ``years.min_years``), :class:`CalendarError` (months
    missing, repeated or unsorted), :class:`ChunkError` (several chunks along time).
    """
    first, years = whole_years(cube, config)
    out = xr.Dataset(coords={"year": ("year", years), "lat": cube["lat"], "lon": cube["lon"]})
    out = out.assign_coords({name: cube[name] for name in ("lat_bnds", "lon_bnds") if name in cube.variables})
    span = slice(first, first + MONTHS * len(years))
    anomalies = config.annual.method == "anomalies"
    if anomalies:
        moisture = one_chunk(cube["soil_moisture"].isel(time=span), "soil_moisture")
        made = soil_moisture_years(moisture, config.annual)
    for name in map(str, cube.data_vars):
        da = cube[name]
        if set(da.dims) == {"lat", "lon"}:
            out[name] = da.transpose("lat", "lon")
        elif set(da.dims) == {"time", "lat", "lon"} and (name == REFERENCE or not name.startswith("soil_moisture_")):
            summed, target = da.attrs.get("cell_methods") == "time: sum", name == "soil_moisture"
            monthly = one_chunk(da.isel(time=span), name)
            if not anomalies:
                if name == REFERENCE:
                    monthly = monthly.where(cube["soil_moisture"].isel(time=span).notnull())
                moisture_like = target or name == REFERENCE
                value = _years(monthly, summed, config.annual.min_months if moisture_like else MONTHS)
            else:
                value = made.value if target else driver_years(monthly, made, config.annual, summed)
            out[name] = value.assign_attrs(_annual_attrs(da, name, summed, anomalies))
            if target:
                out["n_months"] = made.n_months if anomalies else _by_year(monthly, np.dtype(np.uint8), _year_counts)
                if anomalies:
                    out["n_fixed_months"], out["anomaly_status"] = made.size.drop_attrs(), made.status.drop_attrs()
    described = add_cf_attributes(out, "annual", config)
    return described.assign_attrs({name: cube.attrs[name] for name in REGION_ATTRIBUTES if name in cube.attrs})


def land(ds: xr.Dataset) -> xr.DataArray:
    """Return the land (lat, lon): where ``land_mask`` is above 0, or without one where any year has soil moisture."""
    if "land_mask" in ds:
        return ds["land_mask"] > 0
    return ds["soil_moisture"].notnull().any("year")


def cell_areas(ds: xr.Dataset) -> xr.DataArray:
    """Compute each cell's area (lat, lon) in km2, by ``lat_bnds`` and ``lon_bnds`` if ``ds`` has them; lazy as ``ds``.

    With ``region_share`` in ``ds`` it is the area that lies in the region: what is weighted by area follows it.
    Raises :class:`GridError` where edges are needed and cannot be found from the centres.
    """
    chunks = next((dict(da.chunksizes) for da in ds.values() if da.chunks and {"lat", "lon"} <= set(da.dims)), None)
    area = cell_area(ds["lat"], ds["lon"], ds.get("lat_bnds"), ds.get("lon_bnds"), chunks)
    if SHARE not in ds:
        return area
    share = ds[SHARE].drop_attrs()
    return (area * (share if chunks is None else share.chunk(area.chunksizes))).assign_attrs(area.attrs)


def ordered_sum(da: xr.DataArray, dim: str) -> xr.DataArray:
    """Sum the valid values along ``dim``, always in the order of ``dim``.

    A plain sum adds in an order that numpy chooses by the memory layout of a block, so its last bit depends on
    how the array is chunked.
    """
    return da.fillna(0.0).cumsum(dim).isel({dim: -1}, drop=True)


def ordered_mean(da: xr.DataArray, dim: str) -> xr.DataArray:
    """Average the valid values along ``dim`` in the order of ``dim``; NaN where there is none."""
    n = da.notnull().sum(dim)
    return ordered_sum(da, dim) / n.where(n > 0)


def whole_years(cube: xr.Dataset, config: RunConfig) -> tuple[int, npt.NDArray[np.int64]]:
    """Find the position of the first ``annual.first_month``, and the names of the whole years that follow it.

    A year is named by the calendar year in which it ends (:mod:`smcloud.conventions.times`).
    """
    index = cube.indexes["time"]
    if not isinstance(index, pd.DatetimeIndex | xr.CFTimeIndex):
        raise CalendarError(
            "the cube's time axis holds no dates",
            where="cube: time",
            found=index.dtype,
            expected="one date per month",
            next="build the cube anew: smcloud ingest CONFIG",
        )
    months = np.array(index.year, dtype=np.int64) * MONTHS + np.array(index.month, dtype=np.int64) - 1
    gaps = np.flatnonzero(np.diff(months) != 1)
    if gaps.size:
        raise CalendarError(
            "the cube's months do not follow each other",
            where="cube: time",
            found=f"{index[gaps[0]]} then {index[gaps[0] + 1]}",
            expected="one stamp per month, ascending",
            next="build the cube anew: smcloud ingest CONFIG",
        )
    start = int(months[0]) if months.size else 0
    first, first_year, count = conventions.whole_years(start, months.size, config.annual.first_month)
    if count < config.years.min_years:
        raise TooFewYearsError(
            "the period holds too few whole years",
            where="years.min_years",
            found=f"{count} whole years in {index[0]:%Y-%m}..{index[-1]:%Y-%m}" if months.size else "no months",
            expected=f"at least {config.years.min_years}",
            next="lengthen period or lower years.min_years",
        )
    return first, first_year + np.arange(count, dtype=np.int64)


def whole_year_sums(cube: xr.Dataset, name: str, config: RunConfig) -> xr.DataArray:
    """Sum the twelve months of ``name`` (year, lat, lon) in every whole year, NaN where one is missing; lazy.

    Raises what :func:`annual` raises.
    """
    first, years = whole_years(cube, config)
    monthly = one_chunk(cube[name].isel(time=slice(first, first + MONTHS * len(years))), name)
    return _years(monthly, summed=True, need=MONTHS).assign_coords(year=years)


def one_chunk(da: xr.DataArray, name: str) -> xr.DataArray:
    """Return ``da`` as it is; raises :class:`ChunkError` where it has several chunks along time."""
    chunks = da.chunksizes.get("time", ())
    if len(chunks) > 1:
        raise ChunkError(
            "the whole time axis is needed in one chunk",
            where=name,
            found=f"{len(chunks)} chunks along time",
            expected="1",
            next='cube.chunk({"time": -1})',
        )
    return da


def _years(da: xr.DataArray, summed: bool, need: int) -> xr.DataArray:
    return _by_year(da, np.dtype(np.float64), partial(_year_values, summed=summed, need=need))


def _by_year(da: xr.DataArray, dtype: np.dtype[Any], reduce: Callable[[Block], Block]) -> xr.DataArray:
    """Reduce blocks (12 n months, lat, lon) to (n years, lat, lon) as they are; apply_ufunc copies each twice."""
    months = da.transpose("time", "lat", "lon")
    data: Any = months.data
    if months.chunks:
        years = months.sizes["time"] // MONTHS
        meta = np.empty((0, 0, 0), dtype)
        data = data.map_blocks(reduce, chunks=((years,), *months.chunks[1:]), dtype=dtype, meta=meta)
    else:
        data = reduce(data)
    coords = {dim: months[dim] for dim in ("lat", "lon") if dim in months.coords}
    return xr.DataArray(data, coords, ("year", "lat", "lon"))


def _year_values(months: Block, summed: bool, need: int) -> Block:
    """Sum or mean of the valid months of each year, NaN for fewer than ``need``."""
    from smcloud.stats.engine.year_kernels import year_sums  # imports numba

    value, count = year_sums(months)
    if not summed:
        value /= np.maximum(count, 1)
    value[count < need] = np.nan
    return value


def _year_counts(months: Block) -> Block:
    """Number of valid months of each year."""
    from smcloud.stats.engine.year_kernels import year_sums  # imports numba

    return year_sums(months)[1]


def _annual_attrs(da: xr.DataArray, name: str, summed: bool, anomalies: bool) -> dict[str, object]:
    kept = {key: da.attrs[key] for key in ("long_name", "standard_name", "units") if key in da.attrs}
    units = str(kept.get("units", "1")).replace("month-1", "yr-1")
    label = f"annual {'sum' if summed else 'mean'} of {name.replace('_', ' ')}"
    attrs = kept | {"long_name": label, "units": units, "cell_methods": f"time: {'sum' if summed else 'mean'}"}
    return attrs | {"comment": ANOMALIES} if anomalies else attrs
