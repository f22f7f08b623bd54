"""Overviews against sums over squares of cells that a loop makes, cell by cell."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr_cm

from smcloud.products.flags import CLASSES, SIGNIFICANT, STATUS, ZONES, driver_flags, flags
from smcloud.products.overviews import factors_of, is_of_level, level_sizes, overviews, without_overviews
from tests.products.conftest import make_config

FACTORS = (2, 4)
SIZES = {"lat": 11, "lon": 13}  # neither is a multiple of a factor
NAMES = ("precipitation", "lai")


def axes(kind: str) -> dict[str, Any]:
    """Edges from pole to pole and around the globe, or uneven ones; latitudes rise or fall, longitudes end at 360."""
    lat = np.linspace(-90, 90, SIZES["lat"] + 1)
    lon = np.linspace(-180, 180, SIZES["lon"] + 1)
    if kind == "uneven":
        rng = np.random.default_rng(3)
        lat = np.concatenate([[-88.0], -88 + np.cumsum(rng.uniform(2, 16, SIZES["lat"]))])
        lon = np.concatenate([[10.0], 10 + np.cumsum(rng.uniform(5, 20, SIZES["lon"]))])
    if kind == "falling, to 360":
        lat, lon = lat[::-1], lon + 180
    coords: dict[str, Any] = {}
    for dim, edges in (("lat", lat), ("lon", lon)):
        bounds = np.stack([edges[:-1], edges[1:]], axis=1)
        coords |= {dim: bounds.mean(axis=1), f"{dim}_bnds": ((dim, "bnds"), bounds)}
    return coords


def planted(kind: str = "even") -> dict[str, xr.Dataset]:
    """Products with gaps, an empty corner and classes in equal parts."""
    rng = np.random.default_rng(7)
    shape = tuple(SIZES.values())
    valid = rng.random(shape) < 0.7
    valid[:4, :4] = False
    valid[4:8, 4:8] = True

    def noise(*more: int) -> Any:
        return np.where(valid, rng.normal(size=(*more, *shape)), np.nan).astype("f4")

    def codes(known: dict[int, str], missing: int) -> Any:
        drawn = np.where(valid, rng.choice([code for code in known if code != missing], shape), missing)
        drawn[4:8, 4:8:2], drawn[4:8, 5:8:2] = list(known)[2], list(known)[1]  # equal areas, side by side
        return drawn.astype("u1"), flags(known)

    cells = ("lat", "lon")
    of_driver = ("driver", *cells)
    dominant, _ = codes({0: "none", 1: "a", 2: "b", 254: "tie", 255: "no_data"}, 255)
    made = {
        "annual": {"land_mask": (cells, valid.astype("f4")), "n_months": (cells, noise())},
        "trend": {
            "slope": (cells, noise(), {"units": "m3 m-3 yr-1", "long_name": "trend"}),
            "significant": (cells, *codes({0: "not_significant", 1: "significant", 255: "no_data"}, 255)),
            "status": (cells, *codes(STATUS, 255)),
            "p_value": (cells, np.where(valid, rng.random(shape) ** 4, np.nan)),
            "p_adjusted": (cells, np.where(valid, rng.choice([0.01, 0.05, 0.2], shape), np.nan)),
            "mk_z": (cells, noise()),
        },
        "drivers": {
            "partial_correlation": (of_driver, np.tanh(noise(2))),
            "p_value": (of_driver, np.where(valid, rng.random((2, *shape)), np.nan)),
            "dominant_driver": (cells, dominant, driver_flags(NAMES)),
            "dominant_correlation": (cells, np.where((dominant > 0) & (dominant < 3), np.tanh(noise()), np.nan)),
        },
        "ddww": {"zone": (cells, *codes(ZONES, 0)), "ddww_class": (cells, *codes(CLASSES, 255))},
    }
    coords = axes(kind) | {"driver": list(NAMES)}
    return {name: xr.Dataset(values, coords, {"title": name}) for name, values in made.items()}


def cells_of(factor: int) -> list[tuple[int, int, list[tuple[int, int]]]]:
    """Row and column of each cell of a level, and the cells in it."""
    squares = []
    for row, column in itertools.product(*(range(math.ceil(size / factor)) for size in SIZES.values())):
        inside = itertools.product(
            range(row * factor, min((row + 1) * factor, SIZES["lat"])),
            range(column * factor, min((column + 1) * factor, SIZES["lon"])),
        )
        squares.append((row, column, list(inside)))
    return squares


def area_of(ds: xr.Dataset, cell: tuple[int, int]) -> float:
    """Area of a cell on the unit sphere."""
    (south, north), (west, east) = ds["lat_bnds"].values[cell[0]], ds["lon_bnds"].values[cell[1]]
    return abs((math.sin(math.radians(north)) - math.sin(math.radians(south))) * math.radians(east - west))


def total(ds: xr.Dataset, cells: list[tuple[int, int]]) -> float:
    return math.fsum(area_of(ds, cell) for cell in cells)


def share(ds: xr.Dataset, some: list[tuple[int, int]], every: list[tuple[int, int]]) -> float:
    return total(ds, some) / total(ds, every) if every else math.nan


def majority(ds: xr.Dataset, values: Any, cells: list[tuple[int, int]], missing: int) -> tuple[int, float]:
    """The class with the largest area of ``cells`` and its share; of equal ones the lowest."""
    by_class: dict[int, float] = {}
    for code in sorted({int(values[cell]) for cell in cells} - {missing}):
        by_class[code] = total(ds, [cell for cell in cells if values[cell] == code])
    if not by_class:
        return missing, math.nan
    most = max(by_class.values())
    found = min(code for code, area in by_class.items() if math.isclose(area, most, rel_tol=1e-9))
    return found, by_class[found] / math.fsum(by_class.values())


@pytest.fixture(scope="module", params=["even", "uneven", "falling, to 360"])
def made(request) -> tuple[dict[str, xr.Dataset], dict[str, xr.Dataset]]:
    products = planted(request.param)
    config = make_config()
    return products, {name: overviews(ds, config, name, FACTORS) for name, ds in products.items()}


def compare(got: xr.DataArray, expected: list[tuple[Any, float]], rtol: float = 2e-7) -> None:
    assert {place for place, _ in expected} == set(np.ndindex(*got.shape))
    wanted = np.full(got.shape, np.nan)
    for place, value in expected:
        wanted[place] = value
    np.testing.assert_allclose(got.values, wanted, rtol=rtol)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize(
    ("product", "name", "index"),
    [("trend", "slope", ()), ("annual", "land_mask", ()), ("drivers", "partial_correlation", (1,))],
)
def test_means_are_by_area(made, product, name, index, factor):
    ds, levels = made[0][product], made[1][product]
    values = ds[name].values[index]
    means, valid = [], []
    for row, column, cells in cells_of(factor):
        there = [cell for cell in cells if not math.isnan(values[cell])]
        summed = math.fsum(float(values[cell]) * area_of(ds, cell) for cell in there)
        means.append(((row, column), summed / total(ds, there) if there else math.nan))
        valid.append(((row, column), share(ds, there, cells)))
    own = levels[f"{name}_x{factor}"]
    assert own.dims[-2:] == (f"lat_x{factor}", f"lon_x{factor}") and own.dtype == "f4"
    expected = np.array([mean for _, mean in means]).reshape(own.shape[-2:])
    np.testing.assert_allclose(own.values[index], expected, rtol=2e-6, atol=1e-7)
    compare(levels[f"{name}_valid_x{factor}"][index], valid)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize(
    ("product", "name", "missing"),
    [
        ("trend", "significant", 255),
        ("trend", "status", 255),
        ("drivers", "dominant_driver", 255),
        ("ddww", "zone", 0),
        ("ddww", "ddww_class", 255),
    ],
)
def test_classes_are_majorities_by_area(made, product, name, missing, factor):
    ds, levels = made[0][product], made[1][product]
    values = ds[name].values
    codes, shares, valid, significant = [], [], [], []
    for row, column, cells in cells_of(factor):
        code, part = majority(ds, values, cells, missing)
        there = [cell for cell in cells if values[cell] != missing]
        codes.append(((row, column), code))
        shares.append(((row, column), part))
        valid.append(((row, column), share(ds, there, cells)))
        significant.append(((row, column), share(ds, [cell for cell in there if values[cell] == 1], there)))
    assert levels[f"{name}_x{factor}"].dtype == "u1"
    compare(levels[f"{name}_x{factor}"], codes)
    compare(levels[f"{name}_share_x{factor}"], shares)
    compare(levels[f"{name}_valid_x{factor}"], valid)
    if name == "significant":
        compare(levels[f"significant_area_x{factor}"], significant)
    else:
        assert f"{name}_area_x{factor}" not in levels


def test_of_equal_areas_the_lowest_code_is_taken():
    """Whatever their rounding makes of them: in each row the two codes alternate."""
    for kind, (name, low) in itertools.product(("even", "falling, to 360"), {"zone": 1, "ddww_class": 1}.items()):
        levels = overviews(planted(kind)["ddww"], make_config(), "ddww", FACTORS)
        for factor in FACTORS:
            square = {dim + f"_x{factor}": slice(4 // factor, 8 // factor) for dim in SIZES}
            np.testing.assert_array_equal(levels[f"{name}_x{factor}"].isel(square), low)
            np.testing.assert_allclose(levels[f"{name}_share_x{factor}"].isel(square), 0.5)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize(
    ("product", "name", "index"), [("trend", "p_value", ()), ("trend", "p_adjusted", ()), ("drivers", "p_value", (0,))]
)
def test_p_values_are_counted_and_never_averaged(made, product, name, index, factor):
    ds, levels = made[0][product], made[1][product]
    values = ds[name].values[index]
    passed, valid = [], []
    for row, column, cells in cells_of(factor):
        tested = [cell for cell in cells if not math.isnan(values[cell])]
        some = [cell for cell in tested if values[cell] < 0.05 or (name == "p_adjusted" and values[cell] == 0.05)]
        passed.append(((row, column), share(ds, some, tested)))
        valid.append(((row, column), share(ds, tested, cells)))
    compare(levels[f"{name}_passing_x{factor}"][index], passed)
    compare(levels[f"{name}_valid_x{factor}"][index], valid)
    assert f"{name}_x{factor}" not in levels
    assert not any(str(key).startswith(("mk_z", "n_months")) for key in levels.data_vars)


@pytest.mark.parametrize("factor", FACTORS)
def test_the_sign_of_a_driver_is_that_of_its_own_cells(made, factor):
    ds, levels = made[0]["drivers"], made[1]["drivers"]
    codes, r = ds["dominant_driver"].values, ds["dominant_correlation"].values
    expected = []
    for _, _, cells in cells_of(factor):
        code, _ = majority(ds, codes, cells, 255)
        own = [cell for cell in cells if codes[cell] == code and not math.isnan(r[cell])]
        summed = math.fsum(float(r[cell]) * area_of(ds, cell) for cell in own)
        expected.append(summed / total(ds, own) if own else math.nan)
    got = levels[f"dominant_correlation_x{factor}"].values
    np.testing.assert_allclose(got, np.array(expected).reshape(got.shape), rtol=2e-6, atol=1e-7)


def test_axes_are_those_of_the_squares(made):
    ds, levels = made[0]["trend"], made[1]["trend"]
    for dim, factor in itertools.product(SIZES, FACTORS):
        edges, own = ds[f"{dim}_bnds"].values, levels[f"{dim}_x{factor}_bnds"].values
        for at, (first, last) in enumerate(own):
            inside = edges[at * factor : (at + 1) * factor]
            assert (first, last) == (inside[0, 0], inside[-1, 1])
        np.testing.assert_allclose(levels[f"{dim}_x{factor}"], own.mean(axis=1))
        assert levels[f"{dim}_x{factor}"].attrs["bounds"] == f"{dim}_x{factor}_bnds"


def test_only_what_lies_in_a_region_counts():
    ds = planted()["trend"]
    within = np.zeros(tuple(SIZES.values()))
    within[4:6, 4] = 1
    levels = overviews(ds.assign(region_share=(("lat", "lon"), within)), make_config(), "trend", (2,))
    two = ds["slope"].values[4:6, 4]
    weights = [area_of(ds, (row, 4)) for row in (4, 5)]
    assert float(levels["slope_x2"][2, 2]) == pytest.approx(np.average(two, weights=weights), rel=1e-6)
    assert np.isfinite(levels["slope_x2"]).sum() == 1 and np.isfinite(levels["slope_valid_x2"]).sum() == 1


def test_the_layout_is_that_of_the_convention(made):
    for product, levels in made[1].items():
        attrs = dict(levels.attrs)
        zarr_cm.validate_all(attrs)
        layout = attrs["multiscales"]["layout"]
        assert attrs["title"] == product
        both = {*made[0][product].variables, *levels.variables}
        for entry in layout:
            assert entry["asset"] in both and entry.get("derived_from", entry["asset"]) in both
            if "derived_from" in entry:
                source, own = made[0][product][entry["derived_from"]], levels[entry["asset"]]
                scale, shift = entry["transform"]["scale"], entry["transform"]["translation"]
                assert own.shape == tuple(math.ceil(n / f) for n, f in zip(source.shape, scale, strict=True))
                assert [2 * it + 1 for it in shift] == scale


def test_lazy_maps_stay_lazy_and_give_the_same(made):
    products, expected = made
    for name, ds in products.items():
        got = overviews(ds.chunk(), make_config(), name, FACTORS)
        assert all(da.chunks for da in got.data_vars.values() if "bnds" not in da.dims)
        xr.testing.assert_identical(got.compute(scheduler="synchronous"), expected[name])


def test_without_them_a_product_is_what_it_was(made):
    for name, ds in made[0].items():
        both = ds.assign(made[1][name]).assign_attrs(made[1][name].attrs)
        own = without_overviews(both)
        assert own.attrs.pop("zarr_conventions", []) == []
        xr.testing.assert_identical(own, ds)
        assert not any(is_of_level(own[key]) for key in own.variables)


@pytest.mark.parametrize(
    ("sizes", "factors"),
    [
        ((180, 360), ()),
        ((500, 1000), ()),
        ((720, 1440), (2, 4)),
        ((1801, 3600), (2, 4, 8, 16)),
        ((3600, 7200), (4, 8, 16, 32)),
        ((1200, 90), (2, 4)),
    ],
)
def test_levels_begin_above_a_thousand_cells(sizes, factors):
    grid = dict(zip(("lat", "lon"), sizes, strict=True))
    assert factors_of(grid) == factors
    assert level_sizes(grid) == {
        f"{dim}_x{factor}": math.ceil(grid[dim] / factor) for factor in factors for dim in ("lat", "lon")
    }


def test_nothing_is_made_of_nothing():
    assert not overviews(planted()["trend"][["mk_z"]], make_config(), "trend", FACTORS).variables


def test_codes_of_the_tests_are_those_of_the_products():
    assert SIGNIFICANT == {0: "not_significant", 1: "significant", 255: "no_data"}


def test_of_cells_of_one_area_the_means_are_plain_ones():
    """As xarray's coarsen makes them, and as libraries for pyramids do of any grid."""
    rows, columns = 32, 48
    edges = {"lat": np.rad2deg(np.arcsin(np.linspace(-1, 1, rows + 1))), "lon": np.linspace(-180, 180, columns + 1)}
    bounds = {dim: np.stack([one[:-1], one[1:]], axis=1) for dim, one in edges.items()}
    values = np.random.default_rng(2).normal(size=(rows, columns)).astype("f4")
    ds = xr.Dataset(
        {"slope": (("lat", "lon"), values)},
        {dim: one.mean(axis=1) for dim, one in bounds.items()}
        | {f"{dim}_bnds": ((dim, "bnds"), one) for dim, one in bounds.items()},
    )
    levels = overviews(ds, make_config(), "trend", (2, 4, 8))
    for factor in (2, 4, 8):
        plain = ds["slope"].astype("f8").coarsen(lat=factor, lon=factor).mean()
        np.testing.assert_allclose(levels[f"slope_x{factor}"], plain, rtol=1e-5, atol=1e-6)
