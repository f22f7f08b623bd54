"""Runs on a basin, two of the AR6 regions and a window over 180 degrees: as the same cells that are cut out by hand."""

import json
import re
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import shapely
import xarray as xr
import yaml

from smcloud import pipeline
from smcloud.config import load_config
from smcloud.report import summary_tables
from smcloud.sample import annual_world
from smcloud.store import Prefix, Store
from tests.cube.test_region import shares_by_formula

pytestmark = pytest.mark.slow

UNITS = {
    "soil_moisture": ("m3 m-3", "mean", [0, 1]),
    "precipitation": ("mm", "sum", [0, 5000]),
    "soil_temperature": ("K", "mean", [180, 350]),
    "lai": ("m2 m-2", "mean", [0, 12]),
    "aridity_index": ("1", "mean", [0, 10]),
    "land_mask": ("1", "mean", [0, 1]),
}
STATIC = ("aridity_index", "land_mask")
BASIN = shapely.Polygon([(72, 33), (103, 31), (131, 52), (109, 66), (84, 63)])
WINDOW = [140, -50, 200, 0]  # to 160 W; land on its western side only
FIRST, LAST = 2000, 2017


def monthly_world():
    """The sample world on cells of 10 degrees: its annual values in each month, lon 0..360, latitude descending."""
    annual = annual_world(11, resolution=10.0)[0].sel(year=slice(FIRST, LAST))
    time = np.arange(f"{FIRST}-01", f"{LAST + 1}-01", dtype="datetime64[M]").astype("datetime64[ns]")
    ds = xr.Dataset(coords={"time": time, "lat": annual["lat"], "lon": annual["lon"]})
    for role, (units, aggregate, _) in UNITS.items():
        if role == "land_mask":
            ds[role] = annual["aridity_index"].notnull().astype("f4")
        elif role in STATIC:
            ds[role] = annual[role].astype("f4")
        else:
            values = annual[role].transpose("year", "lat", "lon").values.repeat(12, axis=0)
            ds[role] = ("time", "lat", "lon"), (values / (12 if aggregate == "sum" else 1)).astype("f4")
        ds[role].attrs = {"units": units}
    return ds.assign_coords(lon=ds["lon"] % 360).sortby("lon").sortby("lat", ascending=False)


def run(folder, world, name, page=False, **overrides):
    """Publish a run on ``world``, with its report where asked for: products by name, cube, page."""
    world.drop_encoding().to_zarr(folder / f"{name}.zarr", mode="w", zarr_format=3, consolidated=False)
    variables = {
        role: {
            "name": role,
            "units": units,
            "period": "static" if role in STATIC else "month",
            "aggregate": aggregate,
            "valid_range": limits,
        }
        for role, (units, aggregate, limits) in UNITS.items()
        if role in world
    }
    args = {"urlpath": str(folder / f"{name}.zarr"), "xarray_kwargs": {"consolidated": False}}
    metadata = {"licence": "CC0-1.0", "citation": "invented", "version": "sample world", "variables": variables}
    entry = {"driver": "zarr", "description": "sample world", "args": args, "metadata": metadata}
    (folder / f"{name}-catalog.yaml").write_text(yaml.safe_dump({"sources": {"world": entry}}))
    config = {
        "preset": "peng2023",
        "period": {"start": f"{FIRST}-01", "end": f"{LAST}-12"},
        "catalog": str(folder / f"{name}-catalog.yaml"),
        "inputs": dict.fromkeys(variables, "world"),
        "bootstrap": {"replicates": 0},
        "store": str(folder / f"{name}-store"),
    } | overrides
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(config))
    loaded = load_config(folder / f"{name}.yaml")
    job = pipeline.check(loaded)
    release = pipeline.publish(loaded, job, pipeline.ingest(loaded, job), pipeline.compute(loaded, job))
    told = pipeline.report(release, job.store, {}).report.removeprefix("file://") if page else ""
    store = Store.open(job.store)
    made = {key: Prefix(store, entry.url).open().load() for key, entry in release.products.items()}
    made["cube"] = Prefix(store, release.cube.url).open().load()
    return made, told


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("regions")


@pytest.fixture(scope="module")
def world():
    return monthly_world()


@pytest.fixture(scope="module")
def window(folder, world):
    return run(folder, world, "window", page=True, region={"bbox": WINDOW})


@pytest.fixture(scope="module")
def basin(folder, world):
    feature = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(BASIN)}
    (folder / "basin.geojson").write_text(json.dumps(feature))
    return run(folder, world, "basin", region={"shape": str(folder / "basin.geojson"), "name": "Middle basin"})


@pytest.fixture(scope="module")
def pair(folder, world, test_data):
    shape = str(test_data / "static" / "IPCC-WGI-reference-regions-v4.zip")
    return run(folder, world, "pair", page=True, region={"shape": shape, "field": "Acronym", "names": ["CNA", "WNA"]})


def cut_by_hand(world):
    """The window of :data:`WINDOW` out of ``world`` with numpy alone; longitudes stay in 0..360."""
    west, south, east, north = WINDOW
    rows = (world["lat"].values > south) & (world["lat"].values < north)
    columns = (world["lon"].values > west) & (world["lon"].values < east)
    return world.isel(lat=rows, lon=columns)


def test_a_window_over_180_degrees_has_the_numbers_of_its_cells_to_the_last_bit(folder, world, window):
    made, _ = window
    other, _ = run(folder, cut_by_hand(world), "by-hand")
    assert made["cube"]["lon"].values.tolist() == [145.0, 155, 165, 175, 185, 195]
    assert {*made} == {*other} and {"trend", "ddww", "regional", "strata", "drivers"} <= {*made}
    for name, ds in made.items():
        xr.testing.assert_identical(ds.drop_attrs(), other[name].drop_attrs())
        assert ds.attrs["region_name"] == other[name].attrs["region_name"] == "50°S to 0°, 140°E to 160°W"


def by_hand(made, share):
    """Tabulate the cells of a product by plain numpy: ``share`` (lat, lon) of each cell counts."""
    annual, trend, drivers = made["annual"], made["trend"], made["drivers"]
    y, x = (np.radians(annual[f"{axis}_bnds"].values) for axis in ("lat", "lon"))
    cell = 6371.0072**2 * np.outer(np.sin(y[:, 1]) - np.sin(y[:, 0]), x[:, 1] - x[:, 0])
    land = annual["land_mask"].values > 0
    weight = np.where(land, cell * share, 0.0)
    moisture = annual["soil_moisture"].values
    valid = np.isfinite(moisture) & (weight > 0)
    mean = np.where(valid, moisture * weight, 0).sum((1, 2)) / (valid * weight).sum((1, 2))
    slope, significant = trend["slope"].values.astype(float), trend["significant"].values == 1
    known = np.isfinite(slope) & (weight > 0)
    r = drivers["partial_correlation"].transpose("driver", "lat", "lon").values.astype(float)
    return {
        "soil_moisture": mean,
        "slope": scipy.stats.linregress(annual["year"].values, mean).slope,
        "area_km2": weight.sum(),
        "land_share": weight.sum() / (cell * share).sum(),
        "covered_area_km2": weight[known].sum(),
        "n_cells": known.sum(),
        "mean_of_slopes": np.average(slope[known], weights=weight[known]),
        "drying_share": weight[known & significant & (slope < 0)].sum() / weight[known].sum(),
        "wetting_share": weight[known & significant & (slope > 0)].sum() / weight[known].sum(),
        "partial_correlation": [
            np.average(one[np.isfinite(one) & (weight > 0)], weights=weight[np.isfinite(one) & (weight > 0)])
            for one in r
        ],
    }


def require_row(made, key, share):
    row = made["regional"].sel(region=key)
    for name, value in by_hand(made, share).items():
        np.testing.assert_allclose(row[name].values, value, rtol=3e-6, atol=1e-12, err_msg=f"{key}: {name}")


def shares_of(made, geometry):
    return shares_by_formula(geometry, made["annual"]["lat"].values, made["annual"]["lon"].values)


def test_a_basin_counts_each_cell_by_its_share(world, basin):
    made, _ = basin
    share = shares_of(made, BASIN)
    assert ((share > 0) & (share < 1)).any() and (share == 0).any()
    np.testing.assert_allclose(made["cube"]["region_share"], share, atol=2e-6)
    for name in ("annual", "trend", "drivers", "ddww"):
        np.testing.assert_array_equal(made[name]["region_share"], made["cube"]["region_share"])
    require_row(made, "region", share)
    assert "polygon_share" not in made["cube"] and "polygon" not in made["regional"]["kind"].values
    own = made["cube"]["soil_moisture"]
    cells = world["soil_moisture"].sel(lat=own["lat"], lon=own["lon"])
    np.testing.assert_array_equal(own, np.where(share > 0, cells, np.nan))
    tables = summary_tables(made)
    land = made["regional"]["area_km2"].sel(region="region")
    assert sum(row["area_km2"] for row in tables["coverage"]) == pytest.approx(float(land), rel=1e-9)
    assert made["regional"].attrs["region_name"] == "Middle basin"
    assert made["regional"].attrs["title"] == "Regional trends of soil moisture, Middle basin, 2000-2017"


def test_zones_and_classes_of_a_basin_are_weighted_by_share_too(basin):
    made, _ = basin
    ddww, share = made["ddww"], shares_of(basin[0], BASIN)
    y, x = (np.radians(ddww[f"{axis}_bnds"].values) for axis in ("lat", "lon"))
    area = 6371.0072**2 * np.outer(np.diff(np.sin(y))[:, 0], np.diff(x)[:, 0]) * share
    codes = dict(zip(("DD", "DW", "WD", "WW", "TD", "TW"), range(1, 7), strict=True))
    for name, code in codes.items():
        expected = area[ddww["ddww_class"].values == code].sum()
        np.testing.assert_allclose(ddww["area_km2"].sel({"class": name}), expected, rtol=3e-6)
    assert (ddww["ddww_class"].values[share == 0] == 255).all()


def test_two_polygons_have_a_row_each_beside_the_region(pair, test_data):
    import shapefile

    made, _ = pair
    reader = shapefile.Reader(str(test_data / "static" / "IPCC-WGI-reference-regions-v4.zip"))
    shapes = {it.record["Acronym"]: shapely.geometry.shape(it.shape.__geo_interface__) for it in reader.shapeRecords()}
    both = shapely.union(shapes["CNA"], shapes["WNA"])
    require_row(made, "region", shares_of(made, both))
    for key in ("CNA", "WNA"):
        require_row(made, key, shares_of(made, shapes[key]))
        assert made["regional"]["kind"].sel(region=key) == "polygon"
        assert np.isnan(made["regional"]["part_of_whole"].sel(region=key))
    bands = made["regional"].sel(region=(made["regional"]["kind"] == "band").values)
    assert bands["region"].values.tolist() == ["20N-30N", "30N-40N", "40N-50N"]
    np.testing.assert_allclose(bands["area_km2"].sum(), made["regional"]["area_km2"].sel(region="region"), rtol=1e-12)
    whole = made["regional"]["part_of_whole"].sel(region="region")
    np.testing.assert_allclose(bands["part_of_whole"].sum(), whole, rtol=1e-9)
    assert made["cube"].attrs["region_name"] == "CNA, WNA"


@pytest.mark.parametrize("name", ["window", "pair"])
def test_the_page_calls_nothing_global_and_names_the_region(name, request):
    made, page = request.getfixturevalue(name)
    place = Path(page).parent
    land = float(made["regional"]["area_km2"].sel(region="region"))
    coverage = pd.read_csv(place / "table-coverage.csv", comment="#")
    assert coverage["area_km2"].sum() == pytest.approx(land, rel=1e-9)  # the weights are on the page as well
    with open(page, encoding="utf-8") as file:
        html = file.read()
    text = unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<style.*?</style>", "", html, flags=re.S)))
    assert not re.findall(r"\S*glob\S*|\bworld map\S*|hemisphere\S*.*trend", text, re.I)
    assert all(number not in text for number in ("41.06", "−0.10 ×", "Greve", "Feng"))
    assert made["trend"].attrs["region_name"] in text and "of which" in text and "is land" in text
    assert "The region" in text and "The study’s questions, asked of the region" in text
    for ds in made.values():
        told = str(ds.attrs) + str([da.attrs for da in ds.variables.values()])
        told += str(ds["label"].values) if "label" in ds else ""
        assert "glob" not in told.lower(), told
