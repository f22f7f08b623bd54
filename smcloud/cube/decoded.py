"""The arrays of a role as its source holds them: axes by their names here, scaled, NaN where nothing is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from smcloud.catalog import VariableSpec
from smcloud.catalog.missing_values import float_of
from smcloud.catalog.packing import packing_in, scale_on_top, stated_scale
from smcloud.catalog.readers.sensor_codes import as_bits
from smcloud.catalog.stores.absent import blank, either, marked_name
from smcloud.cube import axes, flags
from smcloud.cube.axis_names import name_axes
from smcloud.cube.measurement import sensor_mask
from smcloud.cube.provisional import prefer_final
from smcloud.cube.stated_range import require_stated_range


@dataclass(frozen=True)
class Decoded:
    """Values (time, lat, lon) or (lat, lon) in the source's unit, and what stands beside them; all lazy.

    ``uncertainty`` and ``sensors`` are those of the values that are there; ``absent`` marks cells that are missing
    because a chunk is not there; ``provisional`` says it of each step.
    """

    values: xr.DataArray
    uncertainty: xr.DataArray | None
    sensors: xr.DataArray | None
    absent: xr.DataArray | None
    provisional: Any


def decode(ds: xr.Dataset, spec: VariableSpec, where: str, drop_barren: bool) -> Decoded:
    """Make the arrays of a role from the opened ``ds``.

    Values are NaN where a code says so, where a chunk is not there, and where the flag is not good. Raises
    :class:`UnitError` for a scale that is not the catalog's, :class:`GridError` for axes that are no grid.
    """
    values, provisional = prefer_final(_present(ds, spec.name), where)
    absent = _absent(ds, spec)
    packing = packing_in(ds[spec.name], spec, where)
    values = require_stated_range(blank(_scaled(values, spec, where), absent), spec, packing, where)
    if spec.flag:
        values = flags.where_usable(values, name_axes(ds, spec.flag), drop_barren)
    uncertainty, sensors = None, None
    if spec.uncertainty:  # a day without a value has none either; the two are packed alike
        sigma = _scaled(_present(ds, spec.uncertainty), spec, where)
        uncertainty = blank(sigma, _marks(ds, spec.uncertainty)).where(values.notnull())
    if spec.sensor:
        sensors = sensor_mask(as_bits(_present(ds, spec.sensor, as_float=True), where), values)
    normal = [axes.normalise(da, where) if da is not None else None for da in (values, uncertainty, sensors, absent)]
    assert normal[0] is not None
    return Decoded(normal[0], normal[1], normal[2], normal[3], provisional)


def _marks(ds: xr.Dataset, name: str) -> xr.DataArray | None:
    """Which cells of a variable rest on no chunk; None where none can be."""
    return name_axes(ds, marked_name(name)) if marked_name(name) in ds else None


def _present(ds: xr.Dataset, name: str, as_float: bool = False) -> xr.DataArray:
    """A variable, NaN where a chunk is not there: of whole numbers only ``as_float``."""
    da, marks = name_axes(ds, name), _marks(ds, name)
    if marks is not None and as_float and da.dtype.kind in "iub":
        da = da.astype(np.float64)
    return blank(da, marks) if da.dtype.kind == "f" else da


def _absent(ds: xr.Dataset, spec: VariableSpec) -> xr.DataArray | None:
    """Where the values, or the flags that judge them, rest on a chunk that is not there."""
    found = None
    for name in filter(None, (spec.name, spec.flag)):
        marks = _marks(ds, name)
        if marks is not None:
            marks = marks.any("expver") if "expver" in marks.dims else marks.drop_vars("expver", errors="ignore")
            found = marks if found is None else either(found, marks)
    return found


def _scaled(da: xr.DataArray, spec: VariableSpec, where: str) -> xr.DataArray:
    """The values of a reader as float32 or float64, in the byte order of this machine, by the catalog's ``scale``.

    Whole numbers beyond 24 bits need float64. A scale that the source states too has been applied.
    """
    factor = scale_on_top(stated_scale(da.encoding, where), spec, where)
    da = da.astype(float_of(da.dtype), copy=False)
    return da if factor is None else da * np.float32(factor)
