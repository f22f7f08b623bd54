"""Overviews: maps of a product once more in coarser cells, for drawing; Zarr convention multiscales (v0.1).

A level of factor f has cells of f x f cells from the first row and column on; the last ones of an axis hold what is
left. It says of an area what can be said of it: values are averaged by area, classes counted by area, and of p values
it says in how much of the area they pass, as their mean is no p value. Test statistics have no level.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.config import RunConfig
from smcloud.conventions.georeference import GRID_MAPPING
from smcloud.products.annual import cell_areas
from smcloud.products.attributes import COORDINATES
from smcloud.products.overview_kernels import majorities, means, means_of_majority, passing

# Grids of more cells across have overviews: of at most MOST cells across, as a level of a map is one stored object,
# down to the first of at most LEAST.
ABOVE, MOST, LEAST = 1000, 2000, 360
MULTISCALES = "multiscales"
METHODS = {"mean": "average", "class": "mode", "passing": "area_share_that_passes", "mean_of_class": "average"}
MISSING = ("no_data", "none")  # meanings of a code for no data, the first that a map has
# By product: the maps that are drawn, and what a level says of them.
MAPS: Mapping[str, Mapping[str, str]] = {
    "annual": {"land_mask": "mean"},
    "trend": {
        "slope": "mean",
        "minimum_detectable_slope": "mean",
        "end_years_slope_change": "mean",
        "significant": "class",
        "status": "class",
        "p_value": "passing",
        "p_adjusted": "passing",
    },
    "drivers": {
        "partial_correlation": "mean",
        "trend_contribution": "mean",
        "p_value": "passing",
        "dominant_driver": "class",
        "dominant_correlation": "mean_of_class",
    },
    "ddww": {"zone": "class", "ddww_class": "class"},
}
COUNTED = {"significant": 1}  # codes whose share of the area is told beside the majority
CLASS_OF = {"dominant_correlation": "dominant_driver"}


class _Column(NamedTuple):
    """What of a map a level has: its name but the factor, type and attributes."""

    name: str
    dtype: npt.DTypeLike
    attrs: Mapping[str, Any]


def factors_of(sizes: Mapping[str, int]) -> tuple[int, ...]:
    """Return the factors of the levels of a grid with the ``sizes`` lat and lon, ascending; none of a small one."""
    across = max(sizes["lat"], sizes["lon"])
    found: list[int] = []
    factor = 2
    while across > ABOVE and (not found or -(-across // found[-1]) > LEAST):
        if -(-across // factor) <= MOST:
            found.append(factor)
        factor *= 2
    return tuple(found)


def level_sizes(sizes: Mapping[str, int]) -> dict[str, int]:
    """Return the lengths of the dims of all levels of a grid with the ``sizes`` lat and lon."""
    return {f"{dim}_x{factor}": -(-sizes[dim] // factor) for factor in factors_of(sizes) for dim in ("lat", "lon")}


def is_of_level(variable: xr.DataArray | xr.Variable) -> bool:
    """Whether ``variable`` belongs to a level, by its dims."""
    return any(str(dim).startswith(("lat_x", "lon_x")) for dim in variable.dims)


def without_overviews(ds: xr.Dataset) -> xr.Dataset:
    """Return ``ds`` in its own cells alone."""
    out = ds.drop_vars([name for name in ds.variables if is_of_level(ds[name])])
    out.attrs = {key: value for key, value in ds.attrs.items() if key != MULTISCALES}
    if "zarr_conventions" in ds.attrs:
        out.attrs["zarr_conventions"] = [it for it in ds.attrs["zarr_conventions"] if it.get("name") != MULTISCALES]
    return out


def overviews(
    maps: xr.Dataset,
    config: RunConfig,
    product: str,
    factors: Sequence[int],
    edges: Mapping[str, xr.Variable] | None = None,
) -> xr.Dataset:
    """Make the levels of the drawn ``maps`` (..., lat, lon) of ``product``, by ``factors``, each twice the one before.

    Of the map ``name`` the level of factor f has, over (..., lat_xf, lon_xf):

    - values: ``name_xf``, the mean by area of the cells that have one, in its unit; NaN without any;
    - classes: ``name_xf``, the class with the largest area, of areas equal to one part in 10^9 the lowest code; no data
      where no cell has a class; ``name_share_xf``, its share of the area that has a class;
      of ``significant`` also ``significant_area_xf``, the significant share of that area;
    - p values: ``name_passing_xf``, the share of the tested area where p < alpha, of adjusted ones p <= alpha;
    - ``dominant_correlation_xf``: the mean by area over the cells whose driver is the level's;
    - all but the last: ``name_valid_xf``, the share of the cell's area that has a value, a class or a p value.

    Shares are float32 from 0 to 1, NaN without such an area. The area is that of
    :func:`~smcloud.products.annual.cell_areas`: of a region with polygons, what lies in them. Attributes are those of
    ``maps`` with the layout of the convention. Lazy where ``maps`` are, a task for each map, which must be in one block
    of cells. ``edges`` are ``lat_bnds`` and ``lon_bnds``, in memory, where ``maps`` lack them. Nothing is made where
    none of the maps is there.
    """
    maps = maps.assign_coords(edges or {})
    area = cell_areas(maps)
    out = xr.Dataset()
    layout: list[dict[str, Any]] = []
    for name, kind in MAPS[product].items():
        if name in maps:
            columns, kernel, inputs = _plan_of(maps, name, kind, config)
            out = out.assign(_made(columns, kernel, [maps[one] for one in inputs] + [area], factors))
            layout += _layout(maps[name], name, columns[0].name, METHODS[kind], factors)
    if not layout:
        return out
    import zarr_cm

    levels: Any = zarr_cm.multiscales.create(layout=tuple(layout))  # type: ignore[arg-type]
    axes = _axes(maps, factors)  # edges are no coordinates: the group would list these alone, and lose its own
    out = out.assign_coords({name: axis for name, axis in axes.items() if axis.ndim == 1})
    out = out.assign({name: axis for name, axis in axes.items() if axis.ndim == 2})
    out.attrs = dict(zarr_cm.multiscales.insert(maps.attrs, levels, overwrite=True))
    return out


def _plan_of(
    maps: xr.Dataset, name: str, kind: str, config: RunConfig
) -> tuple[list[_Column], Callable[..., tuple[npt.NDArray[Any], ...]], list[str]]:
    """What the levels of a map have, the function that makes it, and the maps that it is made of."""
    attrs = {key: maps[name].attrs[key] for key in ("long_name", "units", "comment") if key in maps[name].attrs}
    title = attrs["long_name"] = str(attrs.get("long_name", name.replace("_", " ")))
    valid = _Column(f"{name}_valid", np.float32, _share(f"share of the area that has a value of {name}"))
    if kind == "mean":
        return [_Column(name, np.float32, attrs | _by_area("mean")), valid], means, [name]
    if kind == "passing":
        adjusted = name == "p_adjusted"
        about = _share(f"share of the tested area with {name} {'<=' if adjusted else '<'} {config.alpha:g}")
        about["comment"] = f"{title}: a mean of p values would be none."
        kernel = partial(passing, alpha=config.alpha, inclusive=adjusted)
        return [_Column(f"{name}_passing", np.float32, about), valid], kernel, [name]
    known, missing = _classes(maps[CLASS_OF.get(name, name)])
    if kind == "mean_of_class":
        about = attrs | _by_area("mean") | {"comment": f"Over the cells whose {CLASS_OF[name]} is that of the level."}
        kernel = partial(means_of_majority, known=known, missing=missing)
        return [_Column(name, np.float32, about)], kernel, [name, CLASS_OF[name]]
    flags = {key: maps[name].attrs[key] for key in ("flag_values", "flag_meanings")}
    columns = [
        _Column(name, np.uint8, attrs | flags | _by_area("mode")),
        _Column(f"{name}_share", np.float32, _share(f"share of the class in the area that has a {name}")),
        valid,
    ]
    counted = COUNTED.get(name)
    if counted is not None:
        meaning = str(flags["flag_meanings"]).split()[list(flags["flag_values"]).index(counted)]
        columns.append(_Column(f"{name}_area", np.float32, _share(f"share of that area that is {meaning}")))
    return columns, partial(majorities, known=known, missing=missing, counted=counted), [name]


def _made(
    columns: Sequence[_Column],
    kernel: Callable[..., tuple[npt.NDArray[Any], ...]],
    inputs: Sequence[xr.DataArray],
    factors: Sequence[int],
) -> dict[str, xr.DataArray]:
    """All columns of all levels of a map, of one call of ``kernel``."""
    wanted = [(column, factor) for factor in factors for column in columns]
    sizes = {f"{dim}_x{f}": -(-inputs[0].sizes[dim] // f) for f in factors for dim in ("lat", "lon")}
    plain = [da.drop_vars([*da.coords]).drop_attrs() for da in inputs]
    made: Any = xr.apply_ufunc(
        kernel,
        *plain,
        input_core_dims=[["lat", "lon"]] * len(plain),
        output_core_dims=[[f"lat_x{factor}", f"lon_x{factor}"] for _, factor in wanted],
        kwargs={"factors": tuple(factors)},
        dask="parallelized",
        output_dtypes=[column.dtype for column, _ in wanted],
        dask_gufunc_kwargs={"output_sizes": sizes},
    )
    pairs = zip(wanted, made if len(wanted) > 1 else (made,), strict=True)
    return {
        f"{column.name}_x{factor}": da.assign_attrs(
            {**column.attrs, "long_name": f"{column.attrs['long_name']}, of {factor} x {factor} cells"},
            grid_mapping=GRID_MAPPING,
        )
        for (column, factor), da in pairs
    }


def _classes(da: xr.DataArray) -> tuple[tuple[int, ...], int]:
    """The codes of classes, ascending, and the code of no data, 255 where there is none."""
    meanings = dict(zip(str(da.attrs["flag_meanings"]).split(), map(int, da.attrs["flag_values"]), strict=True))
    missing = next((meanings[name] for name in MISSING if name in meanings), 255)
    return tuple(sorted(code for code in meanings.values() if code != missing)), missing


def _by_area(method: str) -> dict[str, str]:
    return {"cell_methods": f"area: {method}"}


def _share(long_name: str) -> dict[str, Any]:
    return {"long_name": long_name, "units": "1", "standard_name": "area_fraction"}


def _layout(da: xr.DataArray, name: str, level: str, method: str, factors: Sequence[int]) -> list[dict[str, Any]]:
    """The entries of a map in the layout: the map, and each level, made of it directly."""
    others = da.ndim - 2
    return [{"asset": name}] + [
        {
            "asset": f"{level}_x{factor}",
            "derived_from": name,
            "transform": {
                "scale": [1.0] * others + [float(factor)] * 2,
                "translation": [0.0] * others + [(factor - 1) / 2] * 2,
            },
            "resampling_method": method,
        }
        for factor in factors
    ]


def _axes(maps: xr.Dataset, factors: Sequence[int]) -> dict[str, xr.Variable]:
    """Centres and edges of the cells of all levels."""
    axes: dict[str, xr.Variable] = {}
    for dim in ("lat", "lon"):
        edges = maps[f"{dim}_bnds"].to_numpy()
        low, high = edges.min(axis=1), edges.max(axis=1)
        for factor in factors:
            name = f"{dim}_x{factor}"
            first = np.arange(0, len(edges), factor)
            ends = [first, np.minimum(first + factor, len(edges)) - 1]
            if len(edges) > 1 and low[1] < low[0]:
                ends.reverse()
            outer = np.stack([low[ends[0]], high[ends[1]]], axis=1)
            axes[name] = xr.Variable(name, outer.mean(axis=1), COORDINATES[dim] | {"bounds": f"{name}_bnds"})
            axes[f"{name}_bnds"] = xr.Variable((name, "bnds"), outer if edges[0, 0] < edges[0, 1] else outer[:, ::-1])
    return axes
