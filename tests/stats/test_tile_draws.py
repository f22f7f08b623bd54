"""Sums by tile, means and lines over tiles, against pandas and scipy; coverage of the limits; the same bits always."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import xarray as xr

from smcloud.errors import GridError
from smcloud.stats import area_weighted_series, cell_area
from smcloud.stats import tile_sums as module
from smcloud.stats.tile_draws import line_of_tiles, mean_of_tiles
from smcloud.stats.tile_sums import tile_sums

LAT, LON = np.arange(-87.5, 90, 5.0), np.arange(-177.5, 180, 5.0)
SEED, REPLICATES = 3, 400


def axes(turned: bool = False) -> dict[str, np.ndarray]:
    return {"lat": LAT, "lon": np.sort(LON % 360) if turned else LON}


def areas(turned: bool = False) -> xr.DataArray:
    return cell_area(*(xr.DataArray(values, dims=dim, name=dim) for dim, values in axes(turned).items())).assign_coords(
        axes(turned)
    )


def fields(rng: np.random.Generator, turned: bool = False) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Values (driver, lat, lon) with gaps, areas of which some are 0, and three groups, one without a cell."""
    values = xr.DataArray(rng.normal(size=(2, 36, 72)), axes(turned), ("driver", "lat", "lon"))
    values = values.assign_coords(driver=["rain", "heat"]).where(rng.random(values.shape) > 0.3)
    weights = areas(turned).where(rng.random((36, 72)) > 0.2, 0.0)
    north, few = weights["lat"] > 0, (weights["lat"] > 60) & (weights["lon"] > 170)
    members = [north & (weights >= 0), few & (weights >= 0), weights < 0]
    groups = (
        xr.concat(members, "region").assign_coords(region=["north", "few", "none"]).transpose("region", "lat", "lon")
    )
    return values, weights, groups


def frame(values: xr.DataArray, weights: xr.DataArray, inside: xr.DataArray) -> pd.DataFrame:
    table = xr.Dataset({"x": values, "w": weights, "inside": inside}).to_dataframe().reset_index()
    table["tile"] = (((table.lat + 90) // 20) * 18 + ((table.lon + 180) % 360) // 20).astype(int)
    return table[table.inside & (table.w > 0) & table.x.notna()]


@pytest.mark.parametrize("turned", [False, True], ids=["-180..180", "0..360"])
def test_sums_by_tile_are_those_of_pandas(rng: np.random.Generator, turned: bool) -> None:
    values, weights, groups = fields(rng, turned)
    got = tile_sums(values, weights, groups)
    assert got["sum"].dims == ("region", "driver", "tile") and got.sizes["tile"] == 162
    for region in ("north", "few", "none"):
        for driver in ("rain", "heat"):
            cells = frame(values.sel(driver=driver, drop=True), weights, groups.sel(region=region, drop=True))
            wanted = (cells.x * cells.w).groupby(cells.tile).sum().reindex(range(162), fill_value=0.0)
            one = got.sel(region=region, driver=driver)
            np.testing.assert_allclose(one["sum"], wanted, rtol=1e-12, atol=1e-9)
            covered = cells.w.groupby(cells.tile).sum().reindex(range(162), fill_value=0.0)
            np.testing.assert_allclose(one["covered_area"], covered, rtol=1e-13)
            assert int(one["n_cells"].sum()) == len(cells)


def test_means_and_limits_are_those_of_a_plain_bootstrap(rng: np.random.Generator) -> None:
    values, weights, groups = fields(rng)
    got = mean_of_tiles(tile_sums(values, weights, groups), REPLICATES, SEED, 0.1)
    plain = area_weighted_series(values, weights, groups)
    np.testing.assert_allclose(got["mean"], plain["mean"], rtol=1e-11)
    np.testing.assert_array_equal(got["n_cells"], plain["n_cells"])
    cells = frame(values.sel(driver="heat", drop=True), weights, groups.sel(region="north", drop=True))
    sums = pd.DataFrame({"top": cells.x * cells.w, "w": cells.w}).groupby(cells.tile).sum().to_numpy()
    drawn = np.random.default_rng(SEED).integers(len(sums), size=(REPLICATES, len(sums)))
    top, bottom = sums[drawn].sum(axis=1).T
    one = got.sel(region="north", driver="heat")
    np.testing.assert_allclose([one["lower"], one["upper"]], np.quantile(top / bottom, [0.05, 0.95]), rtol=1e-10)
    few = got.sel(region="few")
    assert few["mean"].notnull().all() and few["lower"].isnull().all() and few["upper"].isnull().all()
    assert got["mean"].sel(region="none").isnull().all()
    assert mean_of_tiles(tile_sums(values, weights, groups), 0, SEED, 0.1)["lower"].isnull().all()


def test_lines_and_limits_are_those_of_weighted_least_squares(rng: np.random.Generator) -> None:
    values, weights, groups = fields(rng)
    x = abs(weights["lat"]) / 10 + xr.zeros_like(weights)
    got = line_of_tiles(values + 0.02 * x, x, weights, groups, REPLICATES, SEED, 0.05, at=np.array([0.0, 5.0]))
    for driver in ("rain", "heat"):
        cells = frame((values + 0.02 * x).sel(driver=driver, drop=True), weights, groups.sel(region="north", drop=True))
        cells = cells.assign(d=abs(cells.lat) / 10)
        slope, level = np.polyfit(cells.d, cells.x, 1, w=np.sqrt(cells.w))
        one = got.sel(region="north", driver=driver)
        assert float(one["gradient"]) == pytest.approx(slope, rel=1e-9)
        np.testing.assert_allclose(one["line"], [level, level + 5 * slope], rtol=1e-8)
        assert int(one["n_cells"]) == len(cells)
        tiles = [part for _, part in cells.groupby("tile")]
        drawn = np.random.default_rng(SEED).integers(len(tiles), size=(REPLICATES, len(tiles)))
        fits = []
        for row in drawn[:60]:
            sample = pd.concat([tiles[k] for k in row])
            fits.append(np.polyfit(sample.d, sample.x, 1, w=np.sqrt(sample.w)))
        short = line_of_tiles(values + 0.02 * x, x, weights, groups, 60, SEED, 0.05, at=np.array([5.0]))
        one = short.sel(region="north", driver=driver)
        # the first 60 draws of the seed are those of 60 replicates
        np.testing.assert_allclose(
            [one["lower"], one["upper"]], np.quantile([f[0] for f in fits], [0.025, 0.975]), rtol=1e-7
        )
        ends = np.quantile([f[1] + 5 * f[0] for f in fits], [0.025, 0.975])
        np.testing.assert_allclose([one["line_lower"][0], one["line_upper"][0]], ends, rtol=1e-7)
    assert got.sel(region="few")["lower"].isnull().all() and got.sel(region="none")["gradient"].isnull().all()


def test_a_property_that_is_the_same_everywhere_has_no_gradient(rng: np.random.Generator) -> None:
    values, weights, groups = fields(rng)
    same = xr.full_like(weights, 0.1)
    out = line_of_tiles(values, same, weights, groups, 50, SEED, 0.05)
    assert out["gradient"].isnull().all() and out["lower"].isnull().all()


def test_the_gradient_is_that_of_scipy_where_all_areas_are_equal(rng: np.random.Generator) -> None:
    values, weights, groups = fields(rng)
    equal = xr.ones_like(weights)
    x = xr.DataArray(rng.normal(size=(36, 72)), axes(), ("lat", "lon"))
    y = values.sel(driver="rain", drop=True) + 0.3 * x
    got = line_of_tiles(y, x, equal, groups.sel(region=["north"]), 10, SEED, 0.05)
    inside = (groups.sel(region="north") & y.notnull()).values
    wanted = scipy.stats.linregress(x.values[inside], y.values[inside]).slope
    assert float(got["gradient"][0]) == pytest.approx(wanted, rel=1e-10)


def test_no_chunk_and_no_block_changes_a_bit(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 10)
    values, weights, groups = fields(rng)
    x = abs(weights["lat"]) / 10 + xr.zeros_like(weights)
    whole = mean_of_tiles(tile_sums(values, weights, groups), 50, SEED, 0.05)
    line = line_of_tiles(values, x, weights, groups, 50, SEED, 0.05, at=np.array([1.0]))
    for chunks in ({"lat": 7, "lon": 31}, {"lat": 36, "lon": 1}):
        lazy = mean_of_tiles(tile_sums(values.chunk(chunks), weights.chunk(chunks), groups), 50, SEED, 0.05)
        assert all(da.chunks for da in lazy.data_vars.values())
        xr.testing.assert_identical(lazy.compute(), whole)
        args = (values.chunk(chunks), x.chunk(chunks), weights.chunk(chunks), groups)
        xr.testing.assert_identical(line_of_tiles(*args, 50, SEED, 0.05, at=np.array([1.0])).compute(), line)


def test_cells_without_coordinates_are_refused(rng: np.random.Generator) -> None:
    values, weights, groups = (da.drop_vars(["lat", "lon"]) for da in fields(rng))
    with pytest.raises(GridError, match="no tile"):
        tile_sums(values, weights, groups)


def test_a_block_of_a_fine_grid_holds_only_the_tiles_that_it_lies_in(rng: np.random.Generator) -> None:
    """180 cells of 0.05 degrees are 9 degrees: of 162 tiles at most four, and nothing is kept of the others."""
    values, groups = rng.normal(size=(3, 180, 180)), rng.random((5, 180, 180)) < 0.5
    row, column = (np.repeat([0, 1], 90) * module.COLUMNS, np.repeat([4, 5], 90))
    (places, sums), *more = module._block_sums(values, np.ones((180, 180)), groups, row, column).ravel()
    assert not more and places.size == sums.size == 3 * 5 * 3 * 4
    one = module._block_sums(values, np.ones((180, 180)), groups, row, column)
    added = module._added(np.concatenate([one, one]), (3, 5, 3, 162))
    assert added.sum() == pytest.approx(2 * sums.sum()) and np.count_nonzero(added) == sums.size
    assert not module._added(
        np.concatenate([module._block_sums(values, -np.ones((180, 180)), groups, row, column)]), (3, 5, 3, 162)
    ).any()
