"""The monthly cube: every role on one grid and one calendar, as one lazy Dataset."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from smcloud import chunking
from smcloud.catalog.readers.sensor_codes import SENSORS
from smcloud.config import Grid, RunConfig
from smcloud.cube import accumulation, axes, quality, ranges, reset_hours
from smcloud.cube.absence import AbsentCells
from smcloud.cube.attributes import UNCERTAINTY, described
from smcloud.cube.calendar import Steps, Times, days_in
from smcloud.cube.extent import REGION_ATTRIBUTES, region_attributes
from smcloud.cube.measurement import ErrorBounds, SensorSets
from smcloud.cube.monthly import MonthlyMean
from smcloud.cube.provisional import provisional_months
from smcloud.cube.reduction import Reduction, reduce_months
from smcloud.cube.regrid import lat_overlap, lon_overlap, regrid, regrid_bits, regrid_classes
from smcloud.cube.sources import Source, enough_hours
from smcloud.cube.units import convert
from smcloud.errors import GridError

# A static cell, and a cell of a driver, needs half of its area under valid source cells.
MIN_VALID_AREA = 0.5


@dataclass(frozen=True)
class Cube:
    """The lazy cube and, by role, the lazy counters that must be computed with it and checked."""

    dataset: xr.Dataset
    counters: Mapping[str, Mapping[str, xr.DataArray]]


def build(
    config: RunConfig,
    sources: Mapping[str, Source],
    months: Times,
    earlier: int = 0,
    grid: tuple[np.ndarray, np.ndarray] | None = None,
) -> Cube:
    """Harmonise ``sources`` over ``months``: each role, the companions of soil moisture, ``provisional``.

    Soil moisture has its valid days, and where the source says so the uncertainty of the mean and the set of sensors.

    Dims (time, lat, lon), float32 (sensors: int32 bits); one chunk of 12 months over the whole grid for each year. A
    soil-moisture month (of the reference too) needs ``monthly.min_days`` valid days, a mean of another role
    ``monthly.min_share`` of the month, a sum and whatever is an amount per month all of it; otherwise the month is
    NaN. Where ``months`` continue a longer cube, counters that compare a month with one before see as many as
    ``earlier`` before the first. ``grid`` holds the cell centres (lat, lon) where soil moisture is not among the
    sources. Of a region of polygons ``region_share`` and ``polygon_share`` say how much of each cell lies in them, and
    a cell of which none does has no value. Nothing is read until it is computed.
    """
    lat, lon = target_grid(config, sources["soil_moisture"]) if grid is None else grid
    variables: dict[str, xr.DataArray] = {}
    counters: dict[str, dict[str, xr.DataArray]] = {}
    for role, source in sources.items():
        _require_common_ground(role, source, lat, lon)
        if source.steps is None:
            variables[role] = _static(source, lat, lon)
            counters[role] = quality.count(source.values, source.spec.valid_range)
            if source.spec.aggregate != "class":
                counters[role] |= ranges.count_cube(role, variables[role])
            if source.absent is not None:
                counters[role]["absent"] = source.absent.sum()
            continue
        made, counted = _months(source, source.steps, months, config)
        counters[role] = counted | quality.count_months(role, made[role])
        if role in quality.COMPARED and earlier:
            seen = np.concatenate([months[0] - np.arange(min(earlier, quality.MONTHS), 0, -1), months])
            longer, _ = _months(source, source.steps, seen, config)
            compared = quality.count_months(role, longer[role])
            counters[role] |= {key: da.sel(time=da["time"] >= months[0]) for key, da in compared.items()}
        for name, da in made.items():
            bits = da.dtype.kind == "i"
            variables[name] = regrid_bits(da, len(SENSORS), lat, lon) if bits else regrid(da, lat, lon, MIN_VALID_AREA)
    variables = {name: da if da.dtype.kind == "i" else da.astype(np.float32) for name, da in variables.items()}
    region = next(iter(sources.values())).region
    if region is not None:
        variables = {name: region.masked(da) for name, da in variables.items()} | region.variables()
    xr.align(*variables.values(), join="exact", copy=False)  # what does not fit exactly must not be joined
    ds = xr.Dataset(variables)
    if "land_mask" in ds:
        ds["land_mask"] = (ds["land_mask"] >= 0.5).astype(np.float32).assign_attrs(ds["land_mask"].attrs)
    about = region_attributes(config.region, lat, lon, *(() if region is None else (region.share, region.polygons)))
    return Cube(described(ds, months, provisional_flags(sources, months), about), counters)


def _require_common_ground(role: str, source: Source, lat: np.ndarray, lon: np.ndarray) -> None:
    """What lies elsewhere would be a role without a value: axes in other units, west for east, another region."""
    own = source.values["lat"].values, source.values["lon"].values
    steps = list(zip(axes.steps_of(*own), axes.steps_of(lat, lon), strict=True))
    outer = axes.cell_edges(lat, lon)
    rows = lat_overlap(own[0], lat, steps[0]).sum(axis=1) / np.diff(np.sin(np.radians(outer[0])))
    columns = lon_overlap(own[1], lon, steps[1]).sum(axis=1) / np.diff(outer[1])
    if rows.max() * columns.max() < MIN_VALID_AREA - 1e-9:
        spans = [f"{y[0]:g} to {y[-1]:g}, {x[0]:g} to {x[-1]:g}" for y, x in (own, (lat, lon))]
        raise GridError(
            f"{role} fills no cell of the cube's grid by half",
            where=source.where,
            found=f"latitudes and longitudes {spans[0]}",
            expected=f"some cells of {spans[1]}",
            next="correct the axes of the source (degrees to the north and east), name one of the same region, or set "
            "grid: {resolution: degrees} in the configuration",
        )


def make_template(sources: Mapping[str, Source], months: Times, part: xr.Dataset) -> xr.Dataset:
    """Make the dataset of :func:`build` over ``months`` with lazy zeros for values; ``part`` is that of some of them.

    So no graph is built twice: of a long record ``part`` is what is written first.
    """
    import dask.array

    variables: dict[Hashable, xr.Variable] = {}
    for name, variable in part.data_vars.variables.items():
        if name == "provisional":
            continue
        if "time" in variable.dims:
            shape = (len(months), *variable.shape[1:])
            zeros = dask.array.zeros(shape, dtype=variable.dtype, chunks=(chunking.TIME_CHUNK, *variable.shape[1:]))
            variable = xr.Variable(variable.dims, zeros, variable.attrs)
        variables[name] = variable
    cells = part.drop_vars(["time", "time_bnds"]).coords
    about = {name: part.attrs[name] for name in REGION_ATTRIBUTES if name in part.attrs}
    return described(xr.Dataset(variables, cells), months, provisional_flags(sources, months), about)


def target_grid(config: RunConfig, soil_moisture: Source) -> tuple[np.ndarray, np.ndarray]:
    """Return the cell centres (lat, lon) of the cube: the region's, the configured grid's, or soil moisture's own."""
    if soil_moisture.region is not None:
        return soil_moisture.region.lat, soil_moisture.region.lon
    if isinstance(config.grid, Grid):
        return axes.global_grid(config.grid.resolution)
    return soil_moisture.values["lat"].values, soil_moisture.values["lon"].values


def _reductions(
    source: Source, config: RunConfig
) -> tuple[list[xr.DataArray], list[Reduction], reset_hours.DailyPattern | None]:
    """The arrays that are read together, what is made of them in one pass, and the one of these that finds resets."""
    spec = source.spec
    total = spec.aggregate == "sum"
    arrays = [source.values]
    wanted: list[Reduction] = [MonthlyMean(total), quality.ValueCounts(spec.valid_range)]
    companions = source.role == "soil_moisture"
    if companions and source.uncertainty is not None:
        at, width = len(arrays), spec.valid_range[1] - spec.valid_range[0]
        arrays.append(source.uncertainty)
        bounds_of = ErrorBounds(config.monthly.error_tau_days, at)
        wanted += [MonthlyMean(array=at), bounds_of, quality.ValueCounts((0.0, width), at)]
    if companions and source.sensors is not None:
        wanted.append(SensorSets(len(arrays)))
        arrays.append(source.sensors)
    pattern = reset_hours.pattern_of(spec, source.rounding, 0 if source.totals is None else len(arrays))
    wanted += [pattern] if pattern else []
    if pattern and source.totals is not None:
        arrays.append(source.totals)
    if source.absent is not None:
        wanted.append(AbsentCells(len(arrays)))
        arrays.append(source.absent)
    return arrays, wanted, pattern


def _months(
    source: Source, steps: Steps, months: Times, config: RunConfig
) -> tuple[dict[str, xr.DataArray], dict[str, xr.DataArray]]:
    """The role's variables on its own grid, for soil moisture its companions too, and the counters of its values.

    All that is made of the source's steps is made in one pass over them.
    """
    from smcloud.cluster.internals import over_blocks

    spec, companions = source.spec, source.role == "soil_moisture"
    arrays, wanted, pattern = _reductions(source, config)
    (value, hours), (numbers,), *others = reduce_months(arrays, steps, months, wanted)
    counters = quality.by_name(numbers)
    if source.absent is not None:
        (cells,) = over_blocks(others.pop()[0].data, (np.sum,))
        counters["absent"] = xr.DataArray(cells, {"time": value["time"]}, ("time",))
    if pattern:
        counters |= reset_hours.by_reset(others.pop()[0], pattern.declared)
    if spec.accumulation and accumulation.never_negative(spec):
        counters["largest_fall"] = counters["smallest"]
    length = xr.DataArray(days_in(months).astype(np.float64), dims="time", coords={"time": value["time"]})
    enough = hours >= enough_hours(config, source.role, spec, length)

    def converted(da: xr.DataArray) -> xr.DataArray:
        kept = da.where(enough)
        return convert(kept, source.role, spec.units, spec.aggregate, length, source.where, period=spec.period)

    made, set_to_zero = ranges.without_drizzle_below_zero(source.role, converted(value))
    counters |= set_to_zero
    variables = {source.role: made}
    if companions:
        variables["soil_moisture_days"] = hours / 24.0
    if companions and source.uncertainty is not None:
        (mean, _), bounds, (errors,), *others = others
        variables |= {name: converted(sigma) for name, sigma in zip(UNCERTAINTY, (mean, *bounds), strict=True)}
        counters |= quality.by_name(errors, "uncertainty_")
    if companions and source.sensors is not None:
        variables["soil_moisture_sensors"] = others[0][0].where(enough, 0)
    return variables, counters


def provisional_flags(sources: Mapping[str, Source], months: Times) -> xr.DataArray:
    """Mark months (1) in which any role uses a provisional step."""
    flags = xr.DataArray(np.zeros(len(months), np.int8), dims="time")
    for source in sources.values():
        if source.steps is not None and source.provisional is not None:
            flags = flags | provisional_months(source.provisional, source.steps, months)
    return flags


def _static(source: Source, lat: np.ndarray, lon: np.ndarray) -> xr.DataArray:
    spec = source.spec
    if spec.aggregate == "class":
        codes = sorted(spec.legend)
        names = " ".join(spec.legend[code].strip().replace(" ", "_") for code in codes)
        da = regrid_classes(source.values, codes, lat, lon)
        return da.assign_attrs(flag_values=codes, flag_meanings=names, units="1")
    if source.role == "land_mask":  # where nothing is known there is no land
        da = regrid(source.values.fillna(0.0), lat, lon, 0.0).fillna(0.0)
    else:
        da = regrid(source.values, lat, lon, MIN_VALID_AREA)
    return convert(da, source.role, spec.units, spec.aggregate, None, source.where)
