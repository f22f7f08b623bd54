"""What the cells of groups have in common from year to year, beside a level of each, and each group's part in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.errors import GridError
from smcloud.stats.area_sums import BLOCK, add_blocks, area_weighted_sums
from smcloud.stats.time_axis import FloatArray

Block = npt.NDArray[Any]


def area_weighted_course(da: xr.DataArray, weights: xr.DataArray, groups: xr.DataArray) -> xr.DataArray:
    """Fit the course that the cells of each group have in common beside a level of each cell, weighted by area.

    x(cell, step) = a(cell) + b(step) + e by least squares; the result is b, with mean 0 over its steps. Where no value
    is missing it is the mean of the cells' departures from their own means. A cell's own mean over fewer steps holds a
    part of its trend; fitted together, levels and steps take none of it. Non-finite values and cells without a positive
    weight do not count; arithmetic is float64, and no chunking of the cells changes a bit. Lazy for dask input.

    Parameters
    ----------
    da, weights, groups : xarray.DataArray
        Field (time, lat, lon) in any unit, with time in one dask chunk, area of the cells (lat, lon) and members
        (region, lat, lon), as in :func:`~smcloud.stats.area_weighted_series`.

    Returns
    -------
    xarray.DataArray
        Over (region, time), in the unit of ``da``; NaN at a step without a cell that has another step too. The cells
        of a group must hang together by steps that they share: else parts of the result have levels of their own.
    """
    equations = _equations(da, weights, groups)
    course = equations.data.map_blocks(_solved, drop_axis=2, dtype=np.float64) if equations.chunks else None
    return equations.isel(equation=0, drop=True).copy(data=_solved(equations.data) if course is None else course)


def course_and_parts(da: xr.DataArray, weights: xr.DataArray, groups: xr.DataArray, whole: str) -> xr.Dataset:
    """Fit :func:`area_weighted_course`, and split that of the group ``whole`` into the parts of each group.

    With a(cell) and b(step) of ``whole``, and W(step) the area of its cells that have a value,
    part(group, step) = sum over the cells of the group of area (x - a) / W. So the parts of groups that make up the
    whole between them, hemispheres or bands, add up to its course at every step, and their slopes to its slope. A
    cell's level is that of the whole: none of the trend that others have is taken for its own. Types, missing values
    and laziness as there.

    Parameters
    ----------
    da, weights, groups : xarray.DataArray
        As in :func:`area_weighted_course`; every group's cells belong to ``whole`` as well.
    whole : str
        The label of a group.

    Returns
    -------
    xarray.Dataset
        ``course`` and ``part`` over (region, time), in the unit of ``da``. A part is NaN for a group without a cell,
        and at a step where the course of ``whole`` is.

    Raises
    ------
    GridError
        No group is called ``whole``; and as :func:`~smcloud.stats.area_weighted_sums`.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from smcloud.stats.area_course import course_and_parts
    >>> field = xr.DataArray([[[0.1, 0.5]], [[0.1, 0.6]]], dims=("time", "lat", "lon"))
    >>> area = xr.DataArray([[1.0, 3.0]], dims=("lat", "lon"))
    >>> members = [[[True, True]], [[True, False]], [[False, True]]]
    >>> groups = xr.DataArray(members, dims=("region", "lat", "lon"), coords={"region": ["globe", "west", "east"]})
    >>> course_and_parts(field, area, groups, "globe").part.diff("time").values.ravel().round(3).tolist()
    [0.075, 0.0, 0.075]
    """
    equations = _equations(da, weights, groups)
    region, time = equations.dims[:2]
    labels = list(groups[region].to_numpy()) if region in groups.coords else []
    if whole not in labels:
        raise GridError(
            "no group is the whole", where=str(region), found=", ".join(map(str, labels)), expected=str(whole)
        )
    covered = area_weighted_sums(da, weights, groups)["covered_area"]
    course, part = xr.apply_ufunc(
        _parts, equations, covered, input_core_dims=[[region, time, "equation"], [region, time]],
        output_core_dims=[[region, time]] * 2, kwargs={"whole": labels.index(whole)}, dask="parallelized",
        output_dtypes=[np.float64] * 2,
    )  # fmt: skip
    return xr.Dataset({"course": course, "part": part})


def _equations(da: xr.DataArray, weights: xr.DataArray, groups: xr.DataArray) -> xr.DataArray:
    """The normal equations of the steps, (region, time, equation): the matrix, and the right side as last column."""
    region = next(dim for dim in groups.dims if dim not in weights.dims)
    time = next(dim for dim in da.dims if dim not in weights.dims)
    ordered = (da.transpose(time, *weights.dims), weights, groups.transpose(region, *weights.dims).astype(bool))
    if any(field.chunks for field in ordered):
        import dask.array

        blocks = {weights.dims[0]: BLOCK, weights.dims[1]: BLOCK}
        values, area, members = (field.chunk({dim: -1 for dim in field.dims} | blocks).data for field in ordered)
        blockwise: Any = dask.array.blockwise
        partial = blockwise(
            _block_courses, "gtsij", values, "tij", area, "ij", members, "gij",
            new_axes={"s": da.sizes[time] + 1}, adjust_chunks={"i": 1, "j": 1}, concatenate=True,
            meta=np.empty((0,) * 5),
        )  # fmt: skip
        sums = partial.rechunk({-2: -1, -1: -1}).map_blocks(add_blocks, drop_axis=(3, 4), dtype=np.float64)
    else:
        values, area, members = (field.data for field in ordered)
        starts = [(i, j) for i in range(0, area.shape[0], BLOCK) for j in range(0, area.shape[1], BLOCK)]
        parts = [(..., slice(i, i + BLOCK), slice(j, j + BLOCK)) for i, j in starts]
        partial = [_block_courses(values[part], area[part], members[part]) for part in parts]
        sums = add_blocks(np.concatenate(partial, axis=-1))
    coords = {dim: source[dim] for dim, source in ((region, groups), (time, da)) if dim in source.coords}
    return xr.DataArray(sums, coords, (region, time, "equation"))


def _block_courses(values: Block, weights: Block, groups: Block) -> FloatArray:
    """(group, step, step + 1, 1, 1): the normal equations of one block."""
    from smcloud.stats.engine import area_kernels

    out = np.empty((groups.shape[0], values.shape[0], values.shape[0] + 1))
    area_kernels.course_sums(values, weights, groups, out)
    return out[..., np.newaxis, np.newaxis]


def _solved(sums: FloatArray) -> FloatArray:
    """The courses (group, step) with mean 0 of normal equations (group, step, step + 1)."""
    course = np.full(sums.shape[:2], np.nan)
    for group, equations in enumerate(sums):
        known = np.flatnonzero(equations.diagonal() > 0)
        matrix = equations[np.ix_(known, known)]
        course[group, known] = np.linalg.pinv(matrix, rcond=1e-10, hermitian=True) @ equations[known, -1]
    return course


def _parts(equations: FloatArray, covered: FloatArray, *, whole: int) -> tuple[FloatArray, FloatArray]:
    """Courses and parts (group, step) of normal equations and of the area that each group has at each step.

    The matrix is diag(W) - M, where M b holds what levels of cells take of a course b, and the right side the sums of
    area (x - mean of the cell). So sum of area (x - a) with a = mean(x) - mean(b) is right side + W b - matrix b.
    """
    course = _solved(equations)
    common = np.ascontiguousarray(np.nan_to_num(course[whole]))
    matrix = np.ascontiguousarray(equations[..., :-1])
    sums = equations[..., -1] + covered * common - np.einsum("gts,s->gt", matrix, common)
    with np.errstate(divide="ignore", invalid="ignore"):
        part = sums / covered[whole]
    there = np.isfinite(course[whole]) & (covered.sum(axis=-1) > 0)[:, None]
    return course, np.where(there, part, np.nan)
