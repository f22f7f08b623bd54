"""HDF4: tiles of the sinusoidal grid, real ones and made ones."""

import numpy as np
import pytest
import rasterio.warp
from pyhdf.SD import SD, SDC

from smcloud.catalog.readers.hdf_eos import read_values
from smcloud.catalog.readers.modis_tiles import Tile, bin_pixels
from smcloud.catalog.schema import VariableSpec
from smcloud.errors import CalendarError, CatalogError, GridError, RangeError, VariableError
from tests.catalog.readers.hdf_eos_files import LAI, write

TILE = "MCD15A2.A2012177.h17v03.005.2012188150145.hdf"
MODIS = LAI | {"name": "Lai_1km", "fill": [249, 250, 251, 252, 253, 254, 255]}


def test_the_values_of_a_real_tile(test_data):
    path = str(test_data / "lai" / TILE)
    values = read_values(path, VariableSpec(**MODIS))
    file = SD(path, SDC.READ)
    raw = file.select("Lai_1km").get()
    file.end()
    assert values.shape == (1200, 1200)
    assert {249, 250, 253, 254, 255} & set(np.unique(raw).tolist())
    np.testing.assert_array_equal(np.isnan(values), raw >= 249)
    np.testing.assert_allclose(values[raw < 249], raw[raw < 249] * 0.1, rtol=1e-6)
    assert 0 <= np.nanmin(values) < np.nanmax(values) <= 10
    with pytest.raises(RangeError) as caught:  # the file's own fill is 255 alone
        read_values(path, VariableSpec(**MODIS | {"fill": []}))
    assert "to 25.4," in caught.value.found


@pytest.mark.slow
def test_a_real_tile_is_averaged_on_its_cells(test_data, opened, entry):
    """Against eight points in each pixel's row, each put into its cell by PROJ, of 120 of the tile's rows."""
    path = str(test_data / "lai" / TILE)
    ds = opened(entry(path, {"lai": MODIS}, reader="hdf4")).isel(time=0)
    np.testing.assert_allclose(ds["lat"], 59.975 - 0.05 * np.arange(200), rtol=0, atol=1e-9)
    np.testing.assert_allclose(ds["lon"], -19.975 + 0.05 * np.arange(400), rtol=0, atol=1e-9)
    values, parts = read_values(path, VariableSpec(**MODIS))[960:1080], 8
    x = -1111950.519667 + (np.arange(1200 * parts) + 0.5) * 1111950.519667 / 1200 / parts
    y = 6671703.118 - (np.arange(960, 1080) + 0.5) * 1111950.519667 / 1200
    xx, yy = np.broadcast_arrays(x, y[:, None])
    sphere = "+R=6371007.181 +no_defs"
    lon, lat = rasterio.warp.transform(f"+proj=sinu {sphere}", f"+proj=longlat {sphere}", xx.ravel(), yy.ravel())
    cell = ((52 - np.array(lat)) // 0.05 * 400 + (np.array(lon) + 20) // 0.05).astype(int)
    held = np.repeat(values, parts, axis=1).ravel()
    valid = np.isfinite(held)
    points, good = np.bincount(cell, minlength=8000), np.bincount(cell[valid], minlength=8000)
    total = np.bincount(cell[valid], held[valid], minlength=8000)
    ds = ds.isel(lat=slice(160, 180))
    # A cell of the slanted side of the tile lies partly in its neighbour, which is not there.
    area = 6 * parts * np.cos(np.radians(ds["lat"].values)) * 0.05 / (10 / 1200)
    share = good / np.repeat(area, 400)
    np.testing.assert_allclose(ds["Lai_1km_valid_share"].values.ravel(), share, rtol=0, atol=0.04)
    clear = np.abs(share - 0.5) > 0.04
    np.testing.assert_array_equal(ds["Lai_1km"].notnull().values.ravel()[clear], (share > 0.5)[clear])
    full = (points > 0) & (share > 0.54)
    assert full.sum() > 1000
    difference = ds["Lai_1km"].values.ravel()[full] - (total[full] / good[full])
    assert np.abs(difference).max() < 0.1
    assert np.median(np.abs(difference)) < 0.005


def test_an_array_that_a_real_tile_lacks(test_data, opened, entry):
    with pytest.raises(VariableError) as missing:
        opened(entry(str(test_data / "lai" / TILE), {"lai": MODIS | {"name": "Lai_500m"}}, reader="hdf4"))
    assert "Lai_1km" in missing.value.found


SIZE = np.pi * 6371007.181 / 18


def tile(folder, h, v, raw, day="2001001", name=None, **change):
    """A tile as MCD15A2H, of 1 km."""
    x, y = (h - 18) * SIZE, (9 - v) * SIZE
    settings = {
        "name": "Lai_1km", "dtype": "uint8", "grid": "MOD_Grid_MOD15A2H", "projection": "GCTP_SNSOID",
        "corners": (f"{x:.6f},{y:.6f}", f"{x + SIZE:.6f},{y - SIZE:.6f}"), "scale_factor": 0.1, "_FillValue": 255,
        "units": "m^2/m^2",
    }  # fmt: skip
    path = folder / (name or f"MCD15A2H.A{day}.h{h:02}v{v:02}.061.2021083171821.hdf")
    return write(path, raw.astype("uint8"), **settings | change)


def even(code):
    return np.full((1200, 1200), code)


@pytest.mark.slow
def test_a_constant_stays_constant_over_the_seams_of_tiles(tmp_path, opened, entry):
    """Four tiles around 60 N, 20 W: the seam of their columns is slanted, that of their rows a parallel."""
    for h, v in ((16, 3), (17, 3), (15, 2), (16, 2), (17, 2)):
        tile(tmp_path, h, v, even(37))
    ds = opened(entry(f"{tmp_path}/*.hdf", {"lai": MODIS}, reader="hdf4")).isel(time=0)
    assert ds["Lai_1km"].data.chunks[0] == (200, 200)
    lai, share = ds["Lai_1km"].values, ds["Lai_1km_valid_share"].values
    np.testing.assert_array_equal(lai[share >= 0.5], np.float32(3.7))
    assert np.isnan(lai[share < 0.5]).all()
    inner = ds["Lai_1km_valid_share"].sel(lat=slice(69.9, 50.1), lon=slice(-29, -0.05))
    np.testing.assert_allclose(inner, 1.0, rtol=1e-6)
    # The sphere's area between the parallels of a tile, on a tenth of its circumference there and less.
    cosines = np.cos(np.radians(ds["lat"]))
    area = float((ds["Lai_1km_valid_share"] * cosines).sum()) * (np.radians(0.05) * 6371007.181) ** 2
    assert area == pytest.approx(5 * SIZE**2, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("h", "v"), [(17, 0), (18, 17), (0, 8), (35, 9), (10, 2)])
def test_the_sum_of_a_tile_is_kept_at_the_poles_and_the_date_line(h, v):
    """Only what lies on the globe counts: beyond the date line the grid has corners without one."""
    raw = np.random.default_rng(1).uniform(0, 6, (1200, 1200)).astype("f4")
    raw[np.random.default_rng(2).random(raw.shape) < 0.3] = np.nan
    y = (9 - v) * SIZE - (np.arange(1200) + 0.5) * SIZE / 1200
    x = (h - 18) * SIZE + np.arange(1201) * SIZE / 1200
    lon = np.degrees(x / (6371007.181 * np.cos(y / 6371007.181))[:, None])
    onto = (np.clip(lon[:, 1:], -180, 180) - np.clip(lon[:, :-1], -180, 180)) / np.diff(lon, axis=1)
    total, valid, area = bin_pixels(raw, Tile(h, v), np.radians(np.linspace(-180, 180, 7201)))
    assert total.sum() == pytest.approx(np.nansum(raw * onto), rel=1e-9)
    assert valid.sum() == pytest.approx((np.isfinite(raw) * onto).sum(), rel=1e-9)
    assert (valid <= area * (1 + 1e-9)).all()
    west, east = Tile(h, v).longitudes
    held = np.flatnonzero(valid.sum(axis=0)) * 0.05 - 180
    assert held[0] >= west - 0.05
    assert held[-1] <= east


def test_dates_and_tiles_that_are_missing(tmp_path, opened, entry, cube):
    tile(tmp_path, 17, 9, even(10))
    tile(tmp_path, 17, 9, even(20), day="2001009")
    tile(tmp_path, 18, 9, even(30), day="2001009")
    source = entry(f"{tmp_path}/*.hdf", {"lai": MODIS}, reader="hdf4")
    ds = opened(source)
    np.testing.assert_array_equal(ds["time"], np.array(["2001-01-01", "2001-01-09"], "datetime64[ns]"))
    at = ds["Lai_1km"].sel(lat=-5.025, method="nearest")
    for day, lon, want in ((0, -4.975, 1.0), (1, -4.975, 2.0), (0, 5.025, np.nan), (1, 5.025, 3.0)):
        np.testing.assert_array_equal(at.sel(lon=lon, method="nearest")[day], np.float32(want))
    moist = MODIS | {"units": "m3 m-3", "attr_units": "m2 m-2"}
    made = cube(entry(f"{tmp_path}/*.hdf", {"soil_moisture": moist}, reader="hdf4"), "2001-01", "2001-01")
    west = made.dataset["soil_moisture"].sel(lat=-5.025, lon=-4.975, method="nearest")
    np.testing.assert_allclose(west, (8 * 1.0 + 8 * 2.0) / 16, rtol=1e-6)


def test_tiles_that_are_not_what_their_names_promise(tmp_path, opened, entry):
    def refused(error, read=True):
        with pytest.raises(error) as caught:
            ds = opened(entry(f"{tmp_path}/*.hdf", {"lai": MODIS}, reader="hdf4"))
            if read:
                ds["Lai_1km"].load()
        for path in tmp_path.glob("*.hdf"):
            path.unlink()
        assert all(caught.value.record().values())
        return caught.value

    tile(tmp_path, 17, 3, even(1), name="MCD15A2H.A2001001.h18v03.061.hdf")
    assert "-1111950.5" in refused(GridError).found
    tile(tmp_path, 17, 3, np.ones((600, 600)))
    assert refused(GridError).found == "(600, 600)"
    tile(tmp_path, 17, 3, even(1), name="MCD15A2H.A2001001.h36v03.061.hdf")
    assert "h36v03" in refused(CatalogError, read=False).found
    tile(tmp_path, 17, 3, even(1))
    tile(tmp_path, 17, 3, even(1), name="MYD15A2H.A2001001.h17v03.061.hdf")
    assert "MYD15A2H" in refused(CalendarError, read=False).found
    tile(tmp_path, 17, 3, even(150))
    assert "15" in refused(RangeError).found
