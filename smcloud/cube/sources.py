"""The source of each role, opened lazily and brought to common axes: the input of the cube."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from smcloud.catalog import Catalog, VariableSpec, open_entry
from smcloud.catalog.readers.sensor_codes import as_bits
from smcloud.catalog.stores.absent import blank, either, marks_of
from smcloud.config import LATEST, RunConfig
from smcloud.cube import axes, flags
from smcloud.cube.calendar import (
    MONTH,
    YEAR,
    Steps,
    Times,
    complete_months,
    month_range,
    require_months,
    require_within,
    steps_of,
    until_valid_end,
)
from smcloud.cube.measurement import sensor_mask
from smcloud.cube.provisional import ValidLimits, prefer_final, valid_limits
from smcloud.errors import CatalogError, NoDataError, PeriodError


@dataclass(frozen=True)
class Source:
    """A role's values (time, lat, lon) or (lat, lon), masked, scaled, in the source's unit; lazily.

    ``uncertainty`` and ``sensors`` (int32 bits, 0 unknown) are those of the days that have a value.
    ``limits`` are the ends of the final and the provisional record where the source states them; ``provisional``
    says of each step whether it is provisional (numpy, or dask where only the values tell), None where none can be.
    ``absent`` marks cells that are missing because a chunk is not there.
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
    absent: xr.DataArray | None = None


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
    values, provisional = prefer_final(_decoded(ds, spec.name), where)
    absent = _absent(ds, spec)
    values = blank(_masked(values, spec), absent)
    if spec.flag:
        values = flags.where_usable(values, ds[spec.flag], config.flags.drop_barren)
    # A day without a value has no uncertainty either; the two are packed alike.
    uncertainty = _uncertainty(ds, spec.uncertainty, spec, values) if spec.uncertainty else None
    sensors = sensor_mask(as_bits(_decoded(ds, spec.sensor, True), where), values) if spec.sensor else None
    values = axes.normalise(values, where)
    absent = axes.normalise(absent, where) if absent is not None else None
    uncertainty = axes.normalise(uncertainty, where) if uncertainty is not None else None
    sensors = axes.normalise(sensors, where) if sensors is not None else None
    if spec.period == "static":
        values = values.isel(time=0, drop=True) if "time" in values.dims else values
        absent = absent.isel(time=0, drop=True) if absent is not None and "time" in absent.dims else absent
        return Source(role, entry, spec, where, values, absent=absent)
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
    steps = steps_of(values["time"], spec, where)
    marks = provisional.data if provisional is not None else None
    end = catalog.sources[entry].metadata.valid_end
    if end is None:
        return Source(role, entry, spec, where, values, uncertainty, sensors, steps, None, marks, absent)
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
    absent = absent.isel(time=keep) if absent is not None else None
    return Source(role, entry, spec, where, values, uncertainty, sensors, steps, limits, marks, absent)


def _decoded(ds: xr.Dataset, name: str, as_float: bool = False) -> xr.DataArray:
    """A variable as it is decoded, NaN where a chunk is not there: of integers only ``as_float``."""
    da, marks = ds[name], marks_of(ds, name)
    if marks is not None and as_float and da.dtype.kind in "iub":
        da = da.astype(np.float64)
    return blank(da, marks) if da.dtype.kind == "f" else da


def _absent(ds: xr.Dataset, spec: VariableSpec) -> xr.DataArray | None:
    """Where the values, or the flags that judge them, rest on a chunk that is not there."""
    found = None
    for name in filter(None, (spec.name, spec.flag)):
        marks = marks_of(ds, name)
        if marks is not None:
            marks = marks.any("expver") if "expver" in marks.dims else marks.drop_vars("expver", errors="ignore")
            found = marks if found is None else either(found, marks)
    return found


def _uncertainty(ds: xr.Dataset, name: str, spec: VariableSpec, values: xr.DataArray) -> xr.DataArray:
    return blank(_masked(_decoded(ds, name), spec), marks_of(ds, name)).where(values.notnull())


def _masked(da: xr.DataArray, spec: VariableSpec) -> xr.DataArray:
    """Fill codes out, compared as they are stored; then scaled, unless the reader did so by the source's own scale."""
    scale, offset = da.encoding.get("scale_factor"), da.encoding.get("add_offset", 0.0)
    keep = None
    if spec.fill:
        keep = ~(da if scale is None else np.rint((da - offset) / scale)).isin(list(spec.fill))
    da = da.astype(np.float32) if da.dtype.kind in "iub" else da
    da = da.where(keep) if keep is not None else da
    return da * np.float32(spec.scale) if spec.scale not in (None, scale) else da


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
