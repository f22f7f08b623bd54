"""The source of each role, opened lazily and brought to common axes: the input of the cube."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.catalog import Catalog, VariableSpec, open_entry
from smcloud.catalog.packing import UNPACKED, Packing, packing_in
from smcloud.catalog.stores.absent import show_marks
from smcloud.config import LATEST, Grid, RunConfig
from smcloud.cube.accumulation import amounts, require_resets, rounding_of
from smcloud.cube.axes import global_grid, normalise
from smcloud.cube.axis_names import name_axes
from smcloud.cube.calendar import (
    MONTH,
    YEAR,
    Steps,
    Times,
    complete_months,
    month_range,
    months_with,
    require_months,
    require_within,
    until_valid_end,
)
from smcloud.cube.decoded import decode
from smcloud.cube.provisional import ValidLimits, valid_limits
from smcloud.cube.region import RegionCells, as_slice, cells_of_region, cells_under
from smcloud.cube.stamps import ascending, dated_steps
from smcloud.cube.units import cube_units, is_per_month
from smcloud.errors import CatalogError, NoDataError, PeriodError


@dataclass(frozen=True)
class Source:
    """A role's values (time, lat, lon) or (lat, lon), masked, scaled, in the source's unit; lazily.

    ``uncertainty`` and ``sensors`` (int32 bits, 0 unknown) are those of the days that have a value.
    ``limits`` are the ends of the final and the provisional record where the source states them; ``provisional``
    says of each step whether it is provisional (numpy, or dask where only the values tell), None where none can be.
    ``rounding`` is what the packing of a value may be off by; the ``stamp`` of ``spec`` says what its stamps mark.
    ``in_order`` says whether the source itself has its steps in the order of time.
    ``absent`` marks cells that are missing because a chunk is not there. ``packing`` is how the values are stored.
    ``totals`` are the running totals that ``values`` are the amounts of. ``region`` holds the cells of the run's
    region, under which everything here lies, and ``cells`` which positions along the source's own dimensions these are.
    """

    role: str
    entry: str
    spec: VariableSpec
    where: str
    values: xr.DataArray
    uncertainty: xr.DataArray | None = None
    sensors: xr.DataArray | None = None
    steps: Steps | None = None
    limits: ValidLimits | None = None
    provisional: Any = None
    rounding: float = 0.0
    in_order: bool = True
    absent: xr.DataArray | None = None
    packing: Packing = UNPACKED
    totals: xr.DataArray | None = None
    region: RegionCells | None = None
    cells: Mapping[str, npt.NDArray[np.int64]] = field(default_factory=dict)


@dataclass(frozen=True)
class CubeInputs:
    """Input of a cube: catalog entries as they were opened, the source of each role, and the months."""

    datasets: Mapping[str, xr.Dataset]
    sources: Mapping[str, Source]
    months: Times

    @property
    def moving(self) -> dict[str, Source]:
        """The sources that have a time axis."""
        return {role: source for role, source in self.sources.items() if source.steps is not None}


def open_inputs(config: RunConfig, catalog: Catalog) -> CubeInputs:
    """Open every role of the configuration, lazily, and resolve the months of the run."""
    datasets = open_datasets(config, catalog)
    sources = open_sources(config, catalog, datasets)
    return CubeInputs(datasets, sources, resolve_months(config, sources))


def open_datasets(config: RunConfig, catalog: Catalog) -> dict[str, xr.Dataset]:
    """Open the entries that ``inputs`` names; returns them by name. One that serves several roles is opened once."""
    entries = dict.fromkeys(catalog.spec(role, reference)[0] for role, reference in config.inputs.items())
    return {entry: open_entry(catalog, entry) for entry in entries}


def open_sources(
    config: RunConfig, catalog: Catalog, datasets: Mapping[str, xr.Dataset] | None = None
) -> dict[str, Source]:
    """Make the source of every role of the configuration; ``datasets`` are its entries where they are open already.

    A region cuts each source before anything of it is read.
    """
    datasets = open_datasets(config, catalog) if datasets is None else datasets
    region = _region(config, catalog, datasets)
    sources = {}
    for role, reference in config.inputs.items():
        entry, spec = catalog.spec(role, reference)
        ds, cells = show_marks(datasets[entry]), {}
        if region is not None:
            cells = cells_under(ds, spec.name, region, f"{role} ({entry}:{spec.name})")
            ds = ds.isel({dim: as_slice(at) for dim, at in cells.items()})
        sources[role] = replace(_source(role, entry, spec, ds, catalog, config), region=region, cells=cells)
    return sources


def _region(config: RunConfig, catalog: Catalog, datasets: Mapping[str, xr.Dataset]) -> RegionCells | None:
    """The cells of the configured region, on the configured grid or on soil moisture's own; None without a region."""
    if config.region is None:
        return None
    if isinstance(config.grid, Grid):
        return cells_of_region(config.region, *global_grid(config.grid.resolution))
    entry, spec = catalog.spec("soil_moisture", config.inputs["soil_moisture"])
    own = name_axes(datasets[entry], spec.name)
    one = own.isel({dim: 0 for dim in own.dims if dim not in ("lat", "lon")}, drop=True)
    even = normalise(one, f"{entry}:{spec.name}")
    return cells_of_region(config.region, even["lat"].values, even["lon"].values)


def _source(role: str, entry: str, spec: VariableSpec, ds: xr.Dataset, catalog: Catalog, config: RunConfig) -> Source:
    where = f"{entry}:{spec.name}"
    ds, in_order = ascending(ds)
    decoded = decode(ds, spec, where, config.flags.drop_barren)
    values, absent, packing = decoded.values, decoded.absent, packing_in(ds[spec.name], spec, where)
    if spec.period == "static":
        values = values.isel(time=0, drop=True) if "time" in values.dims else values
        absent = absent.isel(time=0, drop=True) if absent is not None and "time" in absent.dims else absent
        return Source(role, entry, spec, where, values, absent=absent, packing=packing)
    if spec.aggregate == "class":
        raise CatalogError(
            "classes cannot be averaged over time",
            where=where,
            found=f"period: {spec.period}",
            expected="period: static",
            next="correct the catalog entry",
        )
    if "time" not in values.dims or values.sizes["time"] == 0:
        raise NoDataError(
            "a source has no time steps",
            where=where,
            found=dict(values.sizes),
            expected="a time axis with steps",
            next="complete the source, or set period: static in the catalog entry",
        )
    steps, spec = dated_steps(ds, values["time"], spec, where)
    rounding = rounding_of(ds[spec.name], spec)
    totals = values if spec.accumulation else None
    if spec.accumulation:
        require_resets(steps, spec, where)
        values = amounts(values, steps, spec, rounding)
    marks = decoded.provisional.data if decoded.provisional is not None else None
    source = Source(
        role, entry, spec, where, values, decoded.uncertainty, decoded.sensors, steps,
        provisional=marks, rounding=rounding, in_order=in_order, absent=absent, packing=packing, totals=totals,
    )  # fmt: skip
    end = catalog.sources[entry].metadata.valid_end
    return source if end is None else _until(source, steps, valid_limits(ds, end, steps, where))


def _until(source: Source, steps: Steps, limits: ValidLimits) -> Source:
    """The source without the steps after its ``limits``."""
    spec, where, marks = source.spec, source.where, source.provisional
    final = until_valid_end(steps, spec, limits.final, where)
    last = final if limits.provisional is None else until_valid_end(steps, spec, limits.provisional, where)
    keep = slice(0, max(final, last))  # a provisional end before the final one is out of date
    if limits.provisional is not None:
        behind = np.arange(len(steps.start)) >= final
        marks = behind if marks is None else marks | behind
    parts = {name: getattr(source, name) for name in ("values", "uncertainty", "sensors", "absent", "totals")}
    kept: dict[str, Any] = {name: da.isel(time=keep) if da is not None else None for name, da in parts.items()}
    return replace(
        source, **kept, steps=steps.select(keep), limits=limits, provisional=marks[keep] if marks is not None else None
    )


def enough_hours(config: RunConfig, role: str, spec: VariableSpec, days: Any) -> Any:
    """Return the valid hours that a month of ``days`` needs for a value of ``role``.

    Soil moisture needs ``monthly.min_days`` days, a mean of another role ``monthly.min_share`` of the month. What is an
    amount of the month needs all of it, whether its source is summed or a rate: a smaller one would look like a dry
    month.
    """
    if role in ("soil_moisture", "soil_moisture_reference"):
        return 24.0 * config.monthly.min_days
    whole = spec.aggregate == "sum" or is_per_month(cube_units(role, spec.units, spec.aggregate))
    return 24.0 * days * (1.0 if whole else config.monthly.min_share)


def resolve_months(config: RunConfig, sources: Mapping[str, Source]) -> Times:
    """Find the months of the run; ``latest-complete-year`` ends with the last year that every source holds to its end.

    A period may begin or end with a month that a record holds in part, if that is enough for a value.

    Raises :class:`PeriodError` where the period goes beyond the record of a source.
    """
    records = {role: complete_months(source.steps) for role, source in sources.items() if source.steps is not None}
    end = config.period.end
    if end == LATEST:
        last = min(record[1] for record in records.values())
        year = (last + MONTH).astype("datetime64[Y]") - YEAR
        if year < np.datetime64(config.period.start, "Y"):
            raise PeriodError(
                "no complete year lies after the start of the period",
                where="period.end",
                found=f"sources end in {last}",
                expected=f"a year after {config.period.start}",
                next="correct period in the configuration",
            )
        end = f"{year}-12"
    months = month_range(config.period.start, end)
    for role, source in sources.items():
        if source.steps is not None:
            first, last = months_with(source.steps, partial(enough_hours, config, role, source.spec))
            require_within(months, first, last, f"{role} ({source.where})")
            require_months(source.steps, months, source.spec, f"{role} ({source.where})")
    return months
