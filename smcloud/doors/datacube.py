"""Dims and variables of a group in the words of STAC's datacube and cf extensions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from smcloud.doors.groups import Array, Group

if TYPE_CHECKING:
    import numpy as np

DATACUBE = "https://stac-extensions.github.io/datacube/v2.3.0/schema.json"
CF = "https://stac-extensions.github.io/cf/v0.3.0/schema.json"
_SPATIAL = {"lat": "y", "lon": "x"}
# Names of types that the common metadata of STAC knows.
_TYPES = {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)} | {"float16", "float32", "float64"}


def dimensions(group: Group) -> dict[str, dict[str, Any]]:
    """Return ``cube:dimensions``: what each dim is, its extent, and its values where they are names."""
    return {dim: _dimension(group, dim, size) for dim, size in sorted(group.sizes.items())}


def variables(group: Group) -> dict[str, dict[str, Any]]:
    """Return ``cube:variables``: every array that is no axis, with dims, shape, type, unit and meaning."""
    content = {array.name for array in group.variables}
    return {
        name: _variable(array, "data" if name in content else "auxiliary")
        for name, array in group.arrays.items()
        if name not in group.coordinates
    }


def _dimension(group: Group, dim: str, size: int) -> dict[str, Any]:
    values, array = group.coordinates.get(dim), group.arrays.get(dim)
    if values is None or array is None or not size:
        return {"type": "count", "extent": [0, size - 1], "size": size}
    told = {"size": size, **_about(array)}
    if values.dtype.kind == "M":
        return {"type": "temporal", "extent": [_stamp(values.min()), _stamp(values.max())], **_months(group), **told}
    if values.dtype.kind not in "iuf":
        return {"type": "label", "values": [str(value) for value in values], **told}
    extent: list[float] = [values.min().item(), values.max().item()]
    step = _step(values)
    if dim in _SPATIAL:
        return {"type": "spatial", "axis": _SPATIAL[dim], "extent": extent, **step, **told}
    return {"type": "year" if dim == "year" else "number", "extent": extent, **step, **told}


def _variable(array: Array, kind: str) -> dict[str, Any]:
    told = {
        "dimensions": list(array.dims),
        "variable_type": kind,
        "shape": list(array.shape),
        "data_type": array.dtype if array.dtype in _TYPES else "other",
        **_about(array),
    }
    if array.attrs.get("standard_name"):
        told["cf:standard_name"] = str(array.attrs["standard_name"])
    if array.attrs.get("cell_methods"):
        told["cf:cell_methods"] = re.findall(r"\S+:(?:\s+\S+:)*\s+[^:]+(?=\s\S+:|$)", str(array.attrs["cell_methods"]))
    return told


def _about(array: Array) -> dict[str, str]:
    """Meaning and unit, where they are stored; a time's "units" are how it is counted, and no unit."""
    told = {"description": array.attrs.get("long_name"), "unit": array.attrs.get("units")}
    return {key: str(value) for key, value in told.items() if value and " since " not in str(value)}


def _step(values: np.ndarray[Any, Any]) -> dict[str, float]:
    """The step of even values; none where they are not even."""
    import numpy as np

    steps = np.diff(values)
    even = steps.size > 0 and np.allclose(steps, steps[0], rtol=1e-6, atol=0)
    return {"step": round(abs(steps[0].item()), 9)} if even else {}


def _months(group: Group) -> dict[str, str]:
    resolution = str(group.attrs.get("time_coverage_resolution", ""))
    return {"step": resolution} if resolution else {}


def _stamp(value: np.datetime64) -> str:
    return f"{value.astype('M8[s]')}Z"
