"""The quirks of the real sources are in the bytes, and the bytes hold the world."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from smcloud.catalog import load_catalog
from smcloud.sample import SampleWorld, write_world
from smcloud.sample.coefficients import YEARS

from .conftest import FromBytes, tree_digest

CATALOG = Path(__file__).parents[2] / "catalogs" / "sample.yaml"


@pytest.mark.slow
def test_soil_moisture_store(stores: dict[str, str], world: SampleWorld, from_bytes: FromBytes) -> None:
    raw = zarr.open_group(stores["cci_sm"], mode="r")
    assert raw.metadata.zarr_format == 2
    assert raw["lat"][0] == 87.5 and raw["lat"][-1] == -87.5 and raw["lon"][0] == -177.5
    assert from_bytes.days[0] == np.datetime64("2000-01-01") and from_bytes.days[-1] == np.datetime64("2022-12-31")
    assert (np.diff(from_bytes.days) == np.timedelta64(1, "D")).all()
    sm, flag = from_bytes.sm, from_bytes.flag
    assert (sm.dtype, flag.dtype, raw["sensor"].dtype) == (np.float32, np.int8, np.int32)
    assert raw["sm"].fill_value == -9999 and raw["flag"].fill_value == 127
    measured = sm != -9999
    assert sm[measured].min() > 0 and sm[measured].max() < 1
    assert not measured[:, ~world.geo.land].any()
    assert (flag[~measured] == 127).all()
    assert {0, 1, 2, 4, 8, 16, 32, 64, 65, 127} == {int(v) for v in np.unique(flag[measured])}
    bad = measured & (flag != 0) & (flag != 64)
    usual = world.grid((world.geo.snow == 0) & ~world.geo.dense, 0).astype(bool)
    assert 0.1 < bad[:, usual].sum() / measured[:, usual].sum() < 0.2
    sigma = raw["sm_uncertainty"][:366]
    assert ((sigma == -9999) == ~measured[:366]).all()


@pytest.mark.slow
def test_flagged_days_are_wrong_and_good_days_are_right(world: SampleWorld, from_bytes: FromBytes) -> None:
    land = world.geo.land
    normal = world.grid(~world.geo.constant & ~world.geo.empty, 0).astype(bool) & land
    mean = np.where(normal, world.grid(world.physics.sm_mean), np.nan)
    measured = (from_bytes.sm != -9999) & normal
    good = measured & ((from_bytes.flag == 0) | (from_bytes.flag == 64))
    off = np.abs(from_bytes.sm - mean)
    assert np.median(off[measured & ~good]) > 4 * np.median(off[good])
    fill = measured & (from_bytes.flag == 127)
    assert np.median(off[fill]) > 4 * np.median(off[good])
    constant = from_bytes.sm[:, world.grid(world.geo.constant, 0).astype(bool)]
    kept = (constant != -9999) & (from_bytes.flag[:, world.grid(world.geo.constant, 0).astype(bool)] % 64 == 0)
    assert constant[kept].size and np.unique(constant[kept]).size <= world.geo.constant.sum()


def test_sensor_mask_changes_where_and_when_declared(stores: dict[str, str], world: SampleWorld) -> None:
    sensor = zarr.open_group(stores["cci_sm"], mode="r")["sensor"]
    days = np.datetime64("2000-01-01") + np.arange(sensor.shape[0])
    step = world.grid(world.geo.sensor_step, 0).astype(bool)
    before = sensor[int(np.flatnonzero(days == np.datetime64("2007-06-30"))[0])]
    after = sensor[int(np.flatnonzero(days == np.datetime64("2007-07-01"))[0])]
    seen = (before != 0) & (after != 0)
    assert (seen & step).any() and (before != after)[seen & step].all() and (before == after)[seen & ~step].all()


def test_era5_store_has_shifted_nodes_end_stamps_and_a_poisoned_tail(stores: dict[str, str]) -> None:
    raw = zarr.open_group(stores["era5"], mode="r")
    assert raw.metadata.zarr_format == 2
    lat, lon = raw["latitude"][:], raw["longitude"][:]
    assert (lat[0], lat[-1], lon[0], lon[-1]) == (90, -90, 0, 355) and lat.size == 37
    stamp = np.datetime64("1900-01-01T00") + raw["time"][:].astype("timedelta64[h]")
    assert stamp[0] == np.datetime64("2000-01-01T00") and stamp[-1] == np.datetime64("2023-01-01T00")
    stop = np.datetime64(raw.attrs["valid_time_stop"])
    rain, heat = raw["total_precipitation"][:], raw["soil_temperature_level_1"][:]
    tail = stamp > stop + np.timedelta64(2, "D")
    assert tail.sum() > 300 and stop < np.datetime64("2022-02")
    spec = load_catalog(CATALOG).sources["era5"].metadata
    assert spec.valid_end is not None and spec.valid_end.attr in raw.attrs
    for role, values in (("precipitation", rain), ("soil_temperature", heat)):
        low, high = spec.variables[role].valid_range
        assert np.isfinite(values).all() and values.min() >= low and values.max() <= high  # no range check sees it
    year = (stamp - np.timedelta64(1, "h")).astype("datetime64[Y]")
    yearly = [rain[year == np.datetime64(str(y))] for y in (2021, 2022)]
    assert np.median(yearly[1].sum(axis=0)) > 5 * np.median(yearly[0].sum(axis=0))
    new_year = stamp[~tail].astype("datetime64[D]") == stamp[~tail].astype("datetime64[Y]").astype("datetime64[D]")
    wet = np.abs(lat) < 40
    assert np.median(rain[~tail][new_year][:, wet]) > 10 * rain[~tail][~new_year][:, wet].mean()


def test_lai_store_has_codes_without_attributes(stores: dict[str, str], world: SampleWorld) -> None:
    raw = zarr.open_group(stores["lai"], mode="r")
    codes = raw["lai"][:]
    assert codes.dtype == np.uint8 and not {"scale_factor", "_FillValue", "missing_value"} & set(raw["lai"].attrs)
    start = np.datetime64("2000-01-01") + raw["time"][:].astype("timedelta64[D]")
    first = start[start.astype("datetime64[Y]") == np.datetime64("2004")]
    assert first.size == 46 and first[0] == np.datetime64("2004-01-01") and first[-1] == np.datetime64("2004-12-26")
    assert (codes[:, ~world.geo.land] == 254).all()
    land = codes[:, world.geo.land]
    desert = (world.geo.lai_mean == 0) & ~world.geo.empty
    assert desert.any() and (land[:, desert] == 0).all()
    assert (land[:, world.geo.empty] == 252).all()
    green = land[:, world.geo.lai_mean > 0][:, ~world.geo.empty[world.geo.lai_mean > 0]]
    assert 0.02 < (green >= 249).mean() < 0.08 and green[green < 249].max() <= 100
    assert {249, 250, 251, 253, 255} == {int(v) for v in np.unique(green[green >= 249])}


@pytest.mark.slow
def test_bytes_hold_the_worlds_annual_series(from_bytes: FromBytes, world: SampleWorld) -> None:
    """Rain and heat to rounding, LAI to what clouds leave, soil moisture to the se that the truth states."""
    annual = from_bytes.annual().sortby("lat", ascending=False)
    cells = {name: annual[name].values[:, world.geo.land].T for name in annual.data_vars if annual[name].ndim == 3}
    drivers = world.drivers
    np.testing.assert_allclose(cells["precipitation"], drivers[..., 0], rtol=2e-5)
    np.testing.assert_allclose(cells["soil_temperature"], drivers[..., 1], rtol=1e-5)
    green = (world.geo.lai_mean > 0) & ~world.geo.empty
    off = cells["lai"][green] - drivers[green, :, 2]
    assert np.std(off) < 0.02 and abs(off.mean()) < 0.005
    wanted = world.physics.sm_mean[:, None] + world.anomaly[:, 1 : 1 + len(YEARS)]
    off = cells["soil_moisture"] - wanted
    plain = ~(world.geo.sensor_step | world.geo.dense | (world.geo.snow > 0) | world.geo.empty)
    assert np.nanstd(off[plain] / world.physics.u_scale[plain, None]) < 0.6
    n = np.isfinite(cells["soil_moisture"]).sum(axis=1)
    assert (n[world.geo.late_start] == 12).all() and (n[world.geo.empty] == 0).all()
    assert (n[world.geo.gap] == 16).all()
    rest = ~(world.geo.late_start | world.geo.empty | world.geo.gap)
    assert (n[rest] == 22).all()


def test_truth_store_says_what_the_record_can_show(stores: dict[str, str], world: SampleWorld) -> None:
    truth = xr.open_zarr(stores["truth"]).load()
    assert truth["lat"].values[0] < truth["lat"].values[-1] and truth.attrs["seed"] == world.seed
    for rung in (3, 4, 6):
        found = truth["delta"].values[truth["rung"].values == rung]
        assert found.size >= 20 and abs(found.mean() / rung - 1) < 0.02 and np.abs(found / rung - 1).max() < 0.06
    late = truth["late_start"].values == 1
    assert late.any() and np.isnan(truth["delta"].values[late]).all() and (truth["n_years"].values[late] == 12).all()
    assert (truth["n_years"].values[truth["gap"].values == 1] == 16).all()
    assert np.isnan(truth["beta"].values[truth["empty"].values == 1]).all()
    sea = truth["land_mask"].values == 0
    assert np.isnan(truth["beta"].values[sea]).all() and (truth["ddww_class"].values[sea] == 255).all()
    complete = world.physics.slope_se(np.ones((world.geo.lat.size, 22), bool), np.zeros(world.geo.lat.size))
    se = truth.sortby("lat", ascending=False)["se"].values[world.geo.land]
    ratio = (se / complete)[np.isfinite(se)]
    assert ratio.min() >= 1 and np.median(ratio) < 1.1


def test_catalog_matches_the_stores(stores: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMCLOUD_SAMPLE", os.path.dirname(stores["era5"]))
    catalog = load_catalog(CATALOG)
    assert set(catalog.sources) == {"esa_cci_sm", "era5", "lai", "aridity", "environment"}
    names = {"esa_cci_sm": "cci_sm"}
    for entry, source in catalog.sources.items():
        ds = xr.open_zarr(stores[names.get(entry, entry)])
        for spec in source.metadata.variables.values():
            companions = [name for name in (spec.flag, spec.sensor, spec.uncertainty) if name]
            assert {spec.name, *companions} <= set(ds.data_vars), entry
            assert spec.name == "lai" or ds[spec.name].attrs.get("units", "1") == spec.units
    legend = catalog.sources["environment"].metadata.variables["land_cover"].legend
    codes = xr.open_zarr(stores["environment"])["land_cover"].values
    assert set(np.unique(codes).tolist()) <= set(legend)


@pytest.mark.slow
def test_same_arguments_same_bytes_and_another_seed_another_weather(tmp_path: Path) -> None:
    for name, seed in (("a", 4), ("b", 4), ("c", 5)):
        write_world(tmp_path / name, seed=seed, resolution=15.0)
    assert tree_digest(tmp_path / "a") == tree_digest(tmp_path / "b")
    for store in ("cci_sm", "era5", "lai", "truth"):
        assert tree_digest(tmp_path / "a" / f"{store}.zarr") != tree_digest(tmp_path / "c" / f"{store}.zarr"), store
    for store in ("aridity", "environment"):
        assert tree_digest(tmp_path / "a" / f"{store}.zarr") == tree_digest(tmp_path / "c" / f"{store}.zarr"), store
