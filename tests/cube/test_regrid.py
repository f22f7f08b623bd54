import math

import dask.array
import numpy as np
import pytest
import xarray as xr
from dask.optimization import cull
from hypothesis import given, settings
from hypothesis import strategies as st

from smcloud.cube.axes import edges, global_grid, lat_edges
from smcloud.cube.regrid import regrid, regrid_classes, same_grid
from tests.examples import examples


def nodes(step):
    """Latitudes on the poles and longitudes from -180, as ERA5's, ascending."""
    return np.linspace(-90, 90, round(180 / step) + 1), np.arange(-180, 180, step)


def field(lat, lon, values):
    return xr.DataArray(
        np.broadcast_to(values, (len(lat), len(lon))), dims=("lat", "lon"), coords={"lat": lat, "lon": lon}
    )


def noise(lat, lon, seed=0):
    return field(lat, lon, np.random.default_rng(seed).normal(size=(len(lat), len(lon))))


def area(lat, lon):
    return np.outer(np.diff(np.sin(np.radians(lat_edges(lat)))), np.diff(edges(lon)))


def brute_force(da, lat, lon, share):
    """Each pair of rectangles in plain Python, on the circle of longitudes."""

    def cells(centres, pole):
        half = (centres[1] - centres[0]) / 2
        pairs = [(c - half, c + half) for c in centres]
        return [(max(a, -90), min(b, 90)) for a, b in pairs] if pole else pairs

    def along_lat(a, b):
        low, high = max(a[0], b[0]), min(a[1], b[1])
        return max(0.0, math.sin(math.radians(high)) - math.sin(math.radians(low))) if high > low else 0.0

    def along_lon(a, b):
        return sum(max(0.0, min(a[1] + turn, b[1]) - max(a[0] + turn, b[0])) for turn in (-720, -360, 0, 360, 720))

    out, values = np.full((len(lat), len(lon)), np.nan), da.values
    lats, lons = cells(list(da["lat"].values), True), cells(list(da["lon"].values), False)
    for i, row in enumerate(cells(list(lat), True)):
        for j, column in enumerate(cells(list(lon), False)):
            total = weight = 0.0
            for k, other in enumerate(lats):
                high = along_lat(other, row)
                if not high:
                    continue
                for m, across in enumerate(lons):
                    value = values[k, m]
                    overlap = high * along_lon(across, column)
                    if overlap and not math.isnan(value):
                        total += overlap * value
                        weight += overlap
            whole = along_lat(row, row) * (column[1] - column[0])
            if weight > 0 and weight >= share * whole - 1e-12:
                out[i, j] = total / weight
    return out


GRIDS = {
    "nodes to cells": (nodes(15), global_grid(15)),
    "cells to nodes": (global_grid(15), nodes(15)),
    "finer": (global_grid(20), global_grid(9)),
    "coarser": (nodes(10), global_grid(22.5)),
    "across the date line": ((nodes(15)[0], np.arange(-172.0, 180, 15)), global_grid(18)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_equals_brute_force_over_rectangles_with_gaps(name, share):
    (source_lat, source_lon), (lat, lon) = GRIDS[name]
    da = noise(source_lat, source_lon)
    da = da.where(np.random.default_rng(1).random(da.shape) > 0.35)
    out = regrid(da, lat, lon, share)
    np.testing.assert_allclose(out, brute_force(da, lat, lon, share), rtol=0, atol=1e-12)
    assert out.notnull().any()


@pytest.mark.parametrize("name", GRIDS)
def test_a_constant_stays_constant_and_the_mean_is_kept(name):
    (source_lat, source_lon), (lat, lon) = GRIDS[name]
    np.testing.assert_allclose(regrid(field(source_lat, source_lon, 0.3), lat, lon), 0.3, rtol=1e-15)
    da = noise(source_lat, source_lon) + 5
    before = np.average(da, weights=area(source_lat, source_lon))
    after = np.average(regrid(da, lat, lon), weights=area(lat, lon))
    np.testing.assert_allclose(after, before, rtol=1e-14)
    gaps = da.where(np.random.default_rng(2).random(da.shape) > 0.4) * 0 + 0.3
    out = regrid(gaps, lat, lon).values
    np.testing.assert_allclose(out[np.isfinite(out)], 0.3, rtol=1e-14)


def test_the_quarter_degree_grids_keep_the_mean():
    source, target = nodes(0.25), global_grid(0.25)
    da = noise(*source)
    before = np.average(da, weights=area(*source))
    after = np.average(regrid(da, *target), weights=area(*target))
    assert abs(after - before) < 1e-12


@given(
    source=st.sampled_from([4.0, 5.0, 7.2, 10.0, 12.0]),
    target=st.sampled_from([3.0, 5.0, 9.0, 20.0, 30.0]),
    shift=st.floats(-0.5, 0.5),
    seed=st.integers(0, 999),
)
@settings(max_examples=examples(30), deadline=None)
def test_mean_and_range_are_kept_for_any_pair_of_grids(source, target, shift, seed):
    # Overlaps below a billionth of a cell count as none: a rounding, not a sliver of a cell.
    lat, lon = global_grid(source)
    da = noise(lat, lon + shift * source, seed)
    out = regrid(da, *global_grid(target))
    before = np.average(da, weights=area(lat, lon))
    np.testing.assert_allclose(np.average(out, weights=area(*global_grid(target))), before, rtol=0, atol=1e-9)
    assert out.min() >= da.min() - 1e-12
    assert out.max() <= da.max() + 1e-12


def test_half_a_cell_of_shift_is_the_weighted_mean_of_four_nodes():
    source, (lat, lon) = nodes(5), global_grid(5)
    da = noise(*source)
    out = regrid(da, lat, lon).values
    south, middle, north = (np.sin(np.radians(lat + d)) for d in (-2.5, 0.0, 2.5))
    low, high = (middle - south)[:, None], (north - middle)[:, None]
    pair = (da.values + np.roll(da.values, -1, axis=1)) / 2  # the last longitude meets the first
    expected = (low * pair[:-1] + high * pair[1:]) / (low + high)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-12)


def test_a_whole_number_of_cells_is_their_area_weighted_mean():
    source, target = global_grid(5), global_grid(15)
    da = noise(*source)
    w = area(*source)
    blocks = (da.values * w).reshape(12, 3, 24, 3).sum(axis=(1, 3)) / w.reshape(12, 3, 24, 3).sum(axis=(1, 3))
    np.testing.assert_allclose(regrid(da, *target), blocks, rtol=0, atol=1e-13)


def test_the_share_of_valid_area_decides():
    lat, lon = np.array([-5.0, 5.0]), np.arange(0.0, 40, 10)
    values = np.array([[1.0, np.nan, 1, 1], [1.0, np.nan, np.nan, np.nan]])
    target = (np.array([-20.0, 0.0, 20.0]), np.array([5.0, 25.0]))  # of each middle cell exactly half is valid
    da = field(lat, lon, values)

    coarse = regrid(da, *target, 0.5).sel(lat=0)
    np.testing.assert_array_equal(coarse, [1.0, 1.0])
    coarse = regrid(da, *target, 0.51).sel(lat=0)
    assert np.isnan(coarse).all()


def test_a_region_fills_only_what_it_covers():
    region = field(np.arange(30.5, 50), np.arange(0.5, 20), 1.0)
    lat, lon = global_grid(10)
    out = regrid(region, lat, lon)
    assert out.notnull().sum() == 4
    np.testing.assert_array_equal(out.sel(lat=[35, 45], lon=[5, 15]), 1.0)
    shifted = field(np.arange(30.5, 50), np.arange(-4.5, 20), 1.0)
    assert regrid(shifted, lat, lon).sel(lat=35, lon=-5) == 1.0  # exactly half
    back = regrid(noise(lat, lon), region["lat"].values, region["lon"].values)
    assert back.notnull().all()
    np.testing.assert_allclose(back[0, 0], noise(lat, lon).sel(lat=35, lon=5), rtol=1e-14)


def test_the_same_grid_is_left_alone_and_takes_the_exact_coordinates():
    lat, lon = global_grid(5)
    da = noise(lat, lon).astype(np.float32).assign_coords(lat=lat + 1e-9)
    out = regrid(da, lat, lon)
    assert same_grid(da, lat, lon)
    assert out.dtype == np.float64
    np.testing.assert_array_equal(out, da.values)
    assert (out["lat"].values == lat).all()
    assert not same_grid(da.assign_coords(lat=lat + 0.01), lat, lon)


def test_xarray_regrid_agrees_away_from_the_poles():
    pytest.importorskip("xarray_regrid")
    source, target = global_grid(5), global_grid(15)
    da = noise(*source)
    wanted = xr.Dataset(coords={"lat": target[0], "lon": target[1]})
    peer = da.regrid.conservative(wanted, latitude_coord="lat")
    # Its rows at the poles weigh latitudes by their cosine, which is not the area there.
    away = slice(1, -1)
    np.testing.assert_allclose(regrid(da, *target)[away], peer.transpose("lat", "lon")[away], rtol=0, atol=1e-6)


def test_lazy_and_the_same_bits_for_any_chunks_along_time():
    (lat, lon), target = nodes(10), global_grid(15)
    values = np.random.default_rng(3).normal(size=(7, len(lat), len(lon)))
    values[values > 1.2] = np.nan
    plain = xr.DataArray(values, dims=("time", "lat", "lon"), coords={"lat": lat, "lon": lon})
    whole = regrid(plain, *target)
    for chunks in ({"time": 1}, {"time": 3, "lat": 5}, {"lon": 7}):
        out = regrid(plain.chunk(chunks), *target)
        assert out.chunks is not None
        assert out.values.tobytes() == whole.values.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("chunks", [{"lat": 1, "lon": 1}, {"lat": 5, "lon": 7}, {"lat": 4, "lon": -1}, {"lon": 11}])
def test_the_same_bits_for_any_chunks_in_space(name, chunks):
    (source_lat, source_lon), target = GRIDS[name]
    da = noise(source_lat, source_lon, seed=5)
    da = da.where(np.random.default_rng(6).random(da.shape) > 0.3).assign_attrs(units="K").expand_dims(time=[0])
    whole, lazy = regrid(da, *target), regrid(da.chunk(chunks), *target)
    assert max(lazy.data.numblocks) > 1
    assert lazy.values.tobytes() == whole.values.tobytes()
    xr.testing.assert_identical(lazy.compute().rename("x"), whole.rename("x"))
    region = da.isel(lat=slice(3, -4), lon=slice(5, -6))
    assert regrid(region.chunk(chunks), *target).values.tobytes() == regrid(region, *target).values.tobytes()


def test_a_block_needs_its_own_chunk_of_the_source_and_margins():
    da = noise(*nodes(2)).chunk(lat=13, lon=30)
    rows, columns = da.data.numblocks
    out = regrid(da, *global_grid(3))
    assert out.data.numblocks == (rows, columns) == (7, 6)
    for block in np.ndindex(rows, columns):
        graph, _ = cull(dict(out.data.__dask_graph__()), [(out.data.name, *block)])
        read = {key[1:] for key in graph if isinstance(key, tuple) and key[0] == da.data.name}
        near = {(i, j % columns) for i in range(block[0] - 1, block[0] + 2) for j in range(block[1] - 1, block[1] + 2)}
        assert block in read <= near


@pytest.mark.parametrize("dtype", ["f4", "i2", "?"])
def test_every_kind_of_number_is_added_as_float64(dtype):
    (lat, lon), target = nodes(10), global_grid(15)
    da = (noise(lat, lon) * 100).astype(dtype)
    np.testing.assert_array_equal(regrid(da, *target), regrid(da.astype("f8"), *target))
    np.testing.assert_array_equal(regrid(da.transpose("lon", "lat"), *target), regrid(da, *target))


def refuse(*args, **kwargs):
    raise AssertionError("something was computed")


def test_nothing_is_computed():
    (lat, lon), target = nodes(10), global_grid(15)
    da = xr.DataArray(
        dask.array.zeros((len(lat), len(lon)), chunks=6), dims=("lat", "lon"), coords={"lat": lat, "lon": lon}
    )
    with dask.config.set(scheduler=refuse):
        regrid(da, *target)
        regrid_classes(da, [0, 1], *target)


def test_the_largest_class_by_area_wins():
    lat, lon = global_grid(5)
    codes = np.random.default_rng(4).choice([1.0, 2.0, 10.0, np.nan, 99.0], p=[0.3, 0.3, 0.2, 0.1, 0.1], size=(36, 72))
    target = global_grid(15)
    out = regrid_classes(field(lat, lon, codes), [1, 2, 10], *target)
    w = area(lat, lon)
    for i in range(12):
        for j in range(24):
            block = (slice(3 * i, 3 * i + 3), slice(3 * j, 3 * j + 3))
            shares = [w[block][codes[block] == code].sum() / w[block].sum() for code in (1, 2, 10)]
            expected = (1, 2, 10)[int(np.argmax(np.round(shares, 9)))] if sum(shares) > 0.5 - 1e-9 else np.nan
            np.testing.assert_array_equal(out[i, j], expected)
    assert out.isnull().any()
    assert set(np.unique(out)[:3]) == {1, 2, 10}


def test_of_equal_areas_the_class_listed_first_wins():
    lat, lon = np.array([-2.5, 2.5]), np.arange(0.0, 20, 5)
    codes = field(lat, lon, np.array([[7.0, 3, 3, 7], [7.0, 3, 3, 7]]))
    for order, expected in [((3, 7), 3), ((7, 3), 7)]:
        out = regrid_classes(codes, order, np.array([-5.0, 5.0]), np.array([2.5, 12.5]))
        np.testing.assert_array_equal(out, expected)


def test_classes_on_their_own_grid_keep_only_the_legend():
    codes = field(*global_grid(30), np.arange(72).reshape(6, 12) % 4)
    out = regrid_classes(codes, [1, 2, 3], *global_grid(30))
    np.testing.assert_array_equal(out, np.where(codes.values > 0, codes.values, np.nan))


@pytest.mark.parametrize("chunks", [None, 30])
@pytest.mark.parametrize(("rows", "columns"), [(slice(27, 28), slice(36, 40)), (slice(20, 24), slice(3, 4))])
def test_a_target_of_one_row_or_column_is_that_of_the_whole_grid(rows, columns, chunks):
    """A single centre does not tell its cell: taken as one degree wide, a row of 5 degrees was 0.8 % off."""
    source = noise(*nodes(2.5), seed=5)
    source = source if chunks is None else source.chunk(lat=chunks, lon=chunks)
    lat, lon = global_grid(5.0)
    whole = regrid(source, lat, lon)[rows, columns]
    np.testing.assert_array_equal(regrid(source, lat[rows], lon[columns]), whole)


def test_a_source_of_one_row_is_that_row():
    lat, lon = nodes(2.5)
    source = noise(lat, lon, seed=6)
    fine = lat[50] + np.array([-0.6, 0.1, 0.7]), lon[70] + 0.25 * np.arange(4)
    np.testing.assert_array_equal(regrid(source[50:51], *fine), np.full((3, 4), regrid(source, *fine)))
