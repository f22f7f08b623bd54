import cloudpickle
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from smcloud.errors import GridError
from smcloud.stats import area_weighted_series, area_weighted_sums, cell_area
from smcloud.stats.area_course import area_weighted_course, course_and_parts
from tests.examples import examples

GLOBE = 4 * np.pi * 6371.0072**2


def axis(name: str, values: np.ndarray) -> xr.DataArray:
    return xr.DataArray(values, dims=name, coords={name: values}, name=name)


def regular(step: float) -> tuple[xr.DataArray, xr.DataArray]:
    return axis("lat", np.arange(-90 + step / 2, 90, step)), axis("lon", np.arange(-180 + step / 2, 180, step))


@pytest.mark.parametrize("step", [0.25, 1.0, 2.5, 5.0])
def test_all_cells_add_up_to_the_globe(step: float) -> None:
    lat, lon = regular(step)
    area = cell_area(lat, lon)
    assert area.dims == ("lat", "lon") and area.attrs["units"] == "km2"
    assert abs(float(area.sum()) - 510_065_625) < 0.5
    np.testing.assert_allclose(area.sum(), GLOBE, rtol=1e-13)
    np.testing.assert_allclose(cell_area(lat[::-1], lon).sortby("lat"), area, rtol=1e-12)


def test_lazy_areas_are_the_same_and_no_graph_carries_them() -> None:
    lat, lon = regular(0.5)
    chunks = {"lat": (180, 180), "lon": (180, 180, 360)}
    lazy = cell_area(lat, lon, chunks=chunks)
    assert lazy.chunksizes == chunks
    xr.testing.assert_identical(lazy.compute(), cell_area(lat, lon))
    assert len(cloudpickle.dumps(dict(lazy.__dask_graph__()))) < lazy.nbytes / 10


def test_nodes_on_the_poles_have_half_cells() -> None:
    area = cell_area(axis("lat", np.linspace(90, -90, 181)), axis("lon", np.arange(0.0, 360)))
    np.testing.assert_allclose(area.sum(), GLOBE, rtol=1e-13)
    cap = 2 * np.pi * 6371.0072**2 * (1 - np.cos(np.radians(0.5)))
    np.testing.assert_allclose(area.sel(lat=90).sum(), cap, rtol=1e-10)


def test_bounds_give_the_exact_area() -> None:
    lat, lon = axis("lat", np.array([-60.0, 10.0, 80.0])), axis("lon", np.array([0.0, 90.0, 200.0, 310.0]))
    lat_bounds = xr.DataArray([[-90.0, -30], [-30, 50], [50, 90]], dims=("lat", "bnds"))
    lon_bounds = xr.DataArray([[-40.0, 40], [40, 140], [140, 260], [260, 320]], dims=("lon", "bnds"))
    area = cell_area(lat, lon, lat_bounds, lon_bounds)
    np.testing.assert_allclose(area.sum(), GLOBE, rtol=1e-13)
    expected = 6371.0072**2 * np.radians(100) * (np.sin(np.radians(50)) + 0.5)
    np.testing.assert_allclose(area[1, 1], expected, rtol=1e-13)
    across = lon_bounds.copy()
    across[0, 0] = 320
    np.testing.assert_allclose(cell_area(lat, lon, lat_bounds, across), area, rtol=1e-12)


@pytest.mark.parametrize(
    ("lat", "lat_bounds"),
    [
        ([0.0, 1.0, 3.0], None),
        ([0.0], None),
        ([0.0, 1.0], [[-1.0, 0.5], [0.5, 95.0]]),
        ([0.0, 1.0], [[-1.0, 0.5], [0.5, 0.5]]),
        ([0.0, 1.0], [[-1.0, 0.5]]),
    ],
)
def test_cells_without_edges_or_area_are_an_error(lat: list, lat_bounds: list | None) -> None:
    bounds = None if lat_bounds is None else xr.DataArray(lat_bounds, dims=("lat2", "bnds"), name="lat_bounds")
    if bounds is not None and len(lat_bounds) == len(lat):
        bounds = bounds.rename(lat2="lat")
    with pytest.raises(GridError):
        cell_area(axis("lat", np.array(lat)), axis("lon", np.arange(4.0)), bounds)


def field(seed: int, lat: int = 400, lon: int = 370, time: int = 3) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    rng = np.random.default_rng(seed)
    coords = {"lat": np.linspace(-80, 80, lat), "lon": np.linspace(-170, 170, lon)}
    values = rng.normal(0.3, 0.1, size=(time, lat, lon)).astype("float32")
    values[rng.random(values.shape) < 0.2] = np.nan
    da = xr.DataArray(values, dims=("time", "lat", "lon"), coords={"time": np.arange(2000, 2000 + time), **coords})
    weights = xr.DataArray(rng.uniform(1, 700, size=(lat, lon)), dims=("lat", "lon"), coords=coords)
    members = np.stack([np.ones((lat, lon), bool), rng.random((lat, lon)) < 0.3, np.zeros((lat, lon), bool)])
    groups = xr.DataArray(members, dims=("region", "lat", "lon"), coords={"region": ["all", "some", "none"], **coords})
    return da, weights, groups


def test_the_series_is_the_weighted_mean_of_the_valid_cells() -> None:
    da, weights, groups = field(1)
    out = area_weighted_series(da, weights, groups)
    assert out["mean"].dims == ("region", "time") and out.region.values.tolist() == ["all", "some", "none"]
    for region in ("all", "some"):
        inside = da.astype(float).where(groups.sel(region=region))
        np.testing.assert_allclose(
            out["mean"].sel(region=region), inside.weighted(weights).mean(("lat", "lon")), rtol=1e-12
        )
        covered = weights.where(np.isfinite(inside)).sum(("lat", "lon"))
        np.testing.assert_allclose(out.covered_area.sel(region=region), covered, rtol=1e-12)
        assert (out.n_cells.sel(region=region) == np.isfinite(inside).sum(("lat", "lon"))).all()
    empty = out.sel(region="none")
    assert empty["mean"].isnull().all() and (empty.covered_area == 0).all() and (empty.n_cells == 0).all()


FIELD = field(2)
EXPECTED = area_weighted_series(*FIELD)


@pytest.mark.slow
@settings(max_examples=examples(15), deadline=None)
@given(
    lat=st.integers(17, 400),
    lon=st.integers(17, 370),
    time=st.integers(1, 3),
    workers=st.integers(1, 4),
    all_=st.booleans(),
)
def test_chunks_and_workers_never_change_a_bit(lat: int, lon: int, time: int, workers: int, all_: bool) -> None:
    da, weights, groups = FIELD
    if all_:
        weights, groups = weights.chunk(lat=lon, lon=lat), groups.chunk(region=2, lat=91, lon=lon)
    lazy = area_weighted_series(da.chunk(lat=lat, lon=lon, time=time), weights, groups)
    assert lazy["mean"].chunks and lazy.n_cells.chunks
    assert lazy.compute(scheduler="threads", num_workers=workers).identical(EXPECTED)


def test_a_lazy_mask_makes_a_lazy_sum() -> None:
    da, weights, groups = FIELD
    lazy = area_weighted_series(da, weights, groups.chunk(lat=50))
    assert lazy["mean"].chunks and lazy.compute().identical(EXPECTED)


def test_sums_of_fields_with_other_dimensions() -> None:
    da, weights, groups = field(3, 40, 30)
    flat = area_weighted_sums(da.isel(time=0, drop=True), weights, groups)
    series = area_weighted_sums(da, weights, groups)
    assert flat["sum"].dims == ("region",) and flat.identical(series.isel(time=0, drop=True))
    deep = da.expand_dims(driver=["a", "b"]).transpose("lat", "driver", "lon", "time")
    out = area_weighted_sums(deep.chunk(lat=7), weights, groups)
    assert out["sum"].dims == ("region", "driver", "time")
    assert out.sel(driver="b", drop=True).compute().identical(series)


def test_cells_without_a_weight_do_not_count() -> None:
    da, weights, groups = field(4, 20, 20)
    holes = weights.copy()
    holes[:10] = np.nan
    holes[10] = 0
    out = area_weighted_series(da, holes, groups)
    expected = area_weighted_series(
        da.isel(lat=slice(11, None)), *(x.isel(lat=slice(11, None)) for x in (weights, groups))
    )
    xr.testing.assert_allclose(out, expected, rtol=1e-12)


def test_other_grids_are_an_error() -> None:
    da, weights, groups = field(5, 20, 20)
    with pytest.raises(GridError, match="different grids"):
        area_weighted_series(da, weights, groups.assign_coords(lat=groups.lat + 1e-7))
    with pytest.raises(GridError, match="two dimensions"):
        area_weighted_series(da.isel(lat=0), weights, groups)
    with pytest.raises(GridError, match="two dimensions"):
        area_weighted_series(da, weights, groups.isel(region=0))


def gappy_world(rng: np.random.Generator, shape: tuple[int, int] = (9, 10)) -> tuple[xr.DataArray, ...]:
    """Values (year, lat, lon) in which half of the cells lack some of the first and other years; areas; two groups."""
    years = np.arange(2000, 2022)
    coords = {"year": years, "lat": np.linspace(-60, 60, shape[0]), "lon": np.arange(float(shape[1]))}
    level = xr.DataArray(rng.uniform(0.1, 0.4, shape), dims=("lat", "lon"))
    gaps = xr.DataArray(rng.random((22, *shape)) < 0.1, dims=("year", "lat", "lon"))
    gaps[:2] = rng.random(shape) < 0.5
    values = (level + 1e-3 * (xr.DataArray(years, dims="year") - 2010)).assign_coords(coords).where(~gaps)
    weights = np.cos(np.deg2rad(values["lat"])) * xr.ones_like(values.isel(year=0, drop=True))
    groups = xr.concat([weights > 0, weights > 0.8], "region").transpose("region", "lat", "lon")
    return values.transpose("year", "lat", "lon"), weights, groups


def test_the_common_course_has_the_trend_that_all_cells_have_whatever_they_lack(rng: np.random.Generator) -> None:
    """Departures from each cell's own mean have a part of it only: the mean over fewer years holds the rest."""
    values, weights, groups = gappy_world(rng)
    course = area_weighted_course(values, weights, groups)
    for line in course:
        np.testing.assert_allclose(np.diff(line), 1e-3, rtol=1e-9)
        assert abs(float(line.sum())) < 1e-15
    own = area_weighted_series(values - values.mean("year"), weights, groups)["mean"].isel(region=0)
    assert 0.9e-3 < np.polyfit(np.arange(22), own, 1)[0] < 0.985e-3


def test_the_common_course_against_least_squares_over_dummies_and_for_any_chunks(rng: np.random.Generator) -> None:
    values, weights, groups = gappy_world(rng, (4, 5))
    values = values + 0.01 * rng.normal(size=values.shape)
    values[5] = np.nan  # a year that no cell has
    course = area_weighted_course(values, weights, groups)
    for region in range(2):
        inside = groups[region].values
        flat, area = values.values[:, inside], weights.values[inside]
        year, cell = np.nonzero(np.isfinite(flat))
        design = np.zeros((year.size, 22 + flat.shape[1]))
        design[np.arange(year.size), year] = design[np.arange(year.size), 22 + cell] = 1
        root = np.sqrt(area[cell])
        wanted = np.linalg.lstsq(root[:, None] * design, root * flat[year, cell])[0][:22]
        known = np.arange(22) != 5
        wanted = wanted[known] - wanted[known].mean()
        np.testing.assert_allclose(course[region].values[known], wanted, atol=1e-14)
        assert np.isnan(course[region].values[5])
    lazy = area_weighted_course(values.chunk(lat=1, lon=3), weights.chunk(lat=2, lon=2), groups)
    assert lazy.chunks
    np.testing.assert_array_equal(lazy, course)
    complete = values.fillna(0.2)
    means = area_weighted_series(complete - complete.mean("year"), weights, groups)["mean"]
    np.testing.assert_allclose(area_weighted_course(complete, weights, groups), means, atol=1e-15)


def test_the_common_course_of_cells_with_trends_of_their_own_is_that_of_their_mean_on_average(
    rng: np.random.Generator,
) -> None:
    """Where trends differ from cell to cell; departures from own means lie below it."""
    errors: dict[str, list[float]] = {"course": [], "own means": []}
    for _ in range(60):
        values, weights, groups = gappy_world(rng)
        more = xr.DataArray(rng.normal(scale=1e-3, size=weights.shape), dims=("lat", "lon"))
        values = values + more * (values["year"] - 2010)
        true = 1e-3 + float((more * weights).sum() / weights.sum())
        own = area_weighted_series(values - values.mean("year"), weights, groups)["mean"]
        for name, lines in (("course", area_weighted_course(values, weights, groups)), ("own means", own)):
            errors[name].append(float(np.polyfit(np.arange(22), lines.isel(region=0), 1)[0]) - true)
    mean, error = np.mean(errors["course"]), np.std(errors["course"]) / np.sqrt(60)
    assert abs(mean) < 3 * error < 2e-5
    assert np.mean(errors["own means"]) < mean - 0.8e-5


def test_the_parts_of_hemispheres_add_up_to_the_course_of_all(rng: np.random.Generator) -> None:
    """Against levels and years fitted by dummies, and sums written out; trends differ, and cells lack years."""
    values, weights, _ = gappy_world(rng, (4, 5))
    more = xr.DataArray(rng.normal(scale=1e-3, size=weights.shape), dims=("lat", "lon"))
    values = values + more * (values["year"] - 2010) + 0.01 * rng.normal(size=values.shape)
    values[5] = np.nan
    weights = weights.where(weights < weights.max(), 0.0)
    south = (values["lat"] < 0) & (weights >= 0)
    names = ["globe", "south", "north", "nowhere"]
    groups = xr.concat([weights >= 0, south, ~south, weights < 0], "region").assign_coords(region=names)
    out = course_and_parts(values, weights, groups.transpose("region", "lat", "lon"), "globe")
    np.testing.assert_array_equal(out["course"], area_weighted_course(values, weights, groups))
    np.testing.assert_allclose(out["part"].sel(region="globe"), out["course"].sel(region="globe"), atol=1e-15)
    np.testing.assert_allclose(
        out["part"].sel(region="south") + out["part"].sel(region="north"), out["course"].sel(region="globe"), atol=1e-15
    )
    assert out["part"].sel(region="nowhere").isnull().all()
    frame = xr.Dataset({"x": values, "w": weights}).to_dataframe().reset_index().query("w > 0").dropna()
    cell = frame.groupby(["lat", "lon"]).ngroup().to_numpy()
    year = frame.year.to_numpy() - 2000
    design = np.zeros((len(frame), 22 + cell.max() + 1))
    design[np.arange(len(frame)), year] = design[np.arange(len(frame)), 22 + cell] = 1
    root = np.sqrt(frame.w.to_numpy())
    fit = np.linalg.lstsq(root[:, None] * design, root * frame.x.to_numpy())[0]
    shift = fit[:22][np.arange(22) != 5].mean()
    frame["anomaly"] = frame.x - (fit[22:][cell] + shift)
    held = (frame.anomaly * frame.w).where(frame.lat < 0, 0.0).groupby(frame.year).sum()
    wanted = held / frame.w.groupby(frame.year).sum()
    got = out["part"].sel(region="south").to_series()
    np.testing.assert_allclose(got.loc[wanted.index], wanted, atol=1e-14)
    assert np.isnan(got.loc[2005])
    lazy = course_and_parts(values.chunk(lat=1, lon=3), weights.chunk(lat=2, lon=2), groups, "globe")
    assert all(da.chunks for da in lazy.data_vars.values())
    xr.testing.assert_identical(lazy.compute(), out)
    with pytest.raises(GridError, match="the whole"):
        course_and_parts(values, weights, groups, "world")
