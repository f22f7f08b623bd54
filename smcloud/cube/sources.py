"""The source of each role, opened lazily and brought to common axes: the input of the cube."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from smcloud.catalog import Catalog, VariableSpec, open_entry
from smcloud.catalog.missing_values import float_of
from smcloud.catalog.readers.sensor_codes import as_bits
from smcloud.config import LATEST, RunConfig
from smcloud.cube import axes, flags
from smcloud.cube.accumulation import amounts, rounding_of
from smcloud.cube.axis_names import name_axes
from smcloud.cube.calendar import (
    MONTH,
    YEAR,
    Steps,
    Times,
    complete_months,
    month_range,
    require_months,
    require_within,
    until_valid_end,
)
from smcloud.cube.measurement import sensor_mask
from smcloud.cube.provisional import ValidLimits, prefer_final, valid_limits
from smcloud.cube.stamps import dated_steps
from smcloud.errors import CatalogError, NoDataError, PeriodError, UnitError


@dataclass(frozen=True)
class Source:
    """A role's values (time, lat, lon) or (lat, lon), masked, scaled, in the source's unit; lazily.

    ``uncertainty`` and ``sensors`` (int32 bits, 0 unknown) are those of the days that have a value.
    ``limits`` are the ends of the final and the provisional record where the source states them; ``provisional``
    says of each step whether it is provisional (numpy, or dask where only the values tell), None where none can be.
    ``rounding`` is what the packing of a value may be off by; the ``stamp`` of ``spec`` says what its stamps mark.
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
    """Make the source of every role of the configuration; ``datasets`` are its entries where they are open already."""
    datasets = open_datasets(config, catalog) if datasets is None else datasets
    sources = {}
    for role, reference in config.inputs.items():
        entry, spec = catalog.spec(role, reference)
        sources[role] = _source(role, entry, spec, datasets[entry], catalog, config)
    return sources


def _source(role: str, entry: str, spec: VariableSpec, ds: xr.Dataset, catalog: Catalog, config: RunConfig) -> Source:
    where = f"{entry}:{spec.name}"
    values, provisional = prefer_final(name_axes(ds, spec.name), where)
    values = _scaled(values, spec, where)
    if spec.flag:
        values = flags.where_usable(values, name_axes(ds, spec.flag), config.flags.drop_barren)
    # A day without a value has no uncertainty either; the two are packed alike.
    uncertainty = (
        _scaled(name_axes(ds, spec.uncertainty), spec, where).where(values.notnull()) if spec.uncertainty else None
    )
    sensors = sensor_mask(as_bits(name_axes(ds, spec.sensor), where), values) if spec.sensor else None
    values = axes.normalise(values, where)
    uncertainty = axes.normalise(uncertainty, where) if uncertainty is not None else None
    sensors = axes.normalise(sensors, where) if sensors is not None else None
    if spec.period == "static":
        values = values.isel(time=0, drop=True) if "time" in values.dims else values
        return Source(role, entry, spec, where, values)
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
    if spec.accumulation:
        values = amounts(values, steps, spec, rounding)
    marks = provisional.data if provisional is not None else None
    end = catalog.sources[entry].metadata.valid_end
    if end is None:
        return Source(
            role, entry, spec, where, values, uncertainty, sensors, steps, provisional=marks, rounding=rounding
        )
    limits = valid_limits(ds, end, steps, where)
    final = until_valid_end(steps, spec, limits.final, where)
    last = final if limits.provisional is None else until_valid_end(steps, spec, limits.provisional, where)
    keep = slice(0, max(final, last))  # a provisional end before the final one is out of date
    if limits.provisional is not None:
        behind = np.arange(len(steps.start)) >= final
        marks = behind if marks is None else marks | behind
    steps, values = steps.select(keep), values.isel(time=keep)
    uncertainty = uncertainty.isel(time=keep) if uncertainty is not None else None
    sensors = sensors.isel(time=keep) if sensors is not None else None
    marks = marks[keep] if marks is not None else None
    return Source(role, entry, spec, where, values, uncertainty, sensors, steps, limits, marks, rounding)


def _scaled(da: xr.DataArray, spec: VariableSpec, where: str) -> xr.DataArray:
    """The values of a reader as float32 or float64, in the byte order of this machine, by the catalog's ``scale``.

    Whole numbers beyond 24 bits need float64. A scale that the source states too has been applied; raises
    :class:`UnitError` where it states another one.
    """
    stated = da.encoding.get("scale_factor")
    da = da.astype(float_of(da.dtype), copy=False)
    if spec.scale is None or (stated is not None and np.float32(stated) == np.float32(spec.scale)):
        return da
    if stated is not None and spec.attr_units is None:
        raise UnitError(
            "a source states another scale than the catalog",
            where=where,
            found=f"scale_factor {float(stated):.9g}",
            expected=f"scale {spec.scale:.9g}",
            next="leave scale out of the catalog entry; where it converts what the source holds, give attr_units too",
        )
    return da * np.float32(spec.scale)


def resolve_months(config: RunConfig, sources: Mapping[str, Source]) -> Times:
    """Find the months of the run; ``latest-complete-year`` ends with the last year that every source holds.

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
    for role, (first, last) in records.items():
        source = sources[role]
        require_within(months, first, last, f"{role} ({source.where})")
        if source.steps is not None:
            require_months(source.steps, months, source.spec, f"{role} ({source.where})")
    return months
