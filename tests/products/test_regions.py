import cloudpickle
import dask.array
import numpy as np
import pytest
import xarray as xr

from smcloud.config import RunConfig
from smcloud.errors import VariableError
from smcloud.products.regions import regions, strata
from smcloud.products.texture import texture

from .conftest import DESERT, OCEAN, make_config


def axis(values: np.ndarray, name: str) -> xr.DataArray:
    return xr.DataArray(values, dims=name, coords={name: values})


def test_regions_against_a_plain_loop() -> None:
    lat, lon = np.arange(-87.5, 90, 5), np.arange(-175.0, 180, 10)
    mask, labels, kinds = regions(axis(lat, "lat"), axis(lon, "lon"))
    assert mask.dims == ("region", "lat", "lon") and mask.dtype == bool
    assert len(labels) == len(kinds) == mask.sizes["region"] == 22
    assert kinds == ["globe", "hemisphere", "hemisphere", "tropics"] + ["band"] * 18
    members = {name: set(lat[mask.sel(region=name).values[:, 0]]) for name in mask["region"].values.tolist()}
    assert members["globe"] == set(lat)
    assert members["north"] == {v for v in lat if v > 0} and members["south"] == {v for v in lat if v < 0}
    assert members["tropics"] == {v for v in lat if abs(v) < 23.4378}
    assert members["90S-80S"] == {-87.5, -82.5} and members["10S-0"] == {-7.5, -2.5}
    assert members["0-10N"] == {2.5, 7.5} and members["80N-90N"] == {82.5, 87.5}
    assert (mask == mask.isel(lon=0)).all()


def test_lazy_regions_are_the_same_and_no_graph_carries_them() -> None:
    lat, lon = axis(np.arange(-89.75, 90, 0.5), "lat"), axis(np.arange(-179.75, 180, 0.5), "lon")
    everywhere = xr.ones_like(
        xr.DataArray(dask.array.zeros((360, 720), chunks=180), {"lat": lat, "lon": lon}), dtype=bool
    )
    lazy = regions(lat, lon, everywhere).mask
    assert lazy.chunks == ((22,), (180, 180), (180,) * 4)
    xr.testing.assert_identical(lazy.compute(), regions(lat, lon).mask)
    assert len(cloudpickle.dumps(dict(lazy.__dask_graph__()))) < lazy.nbytes / 10


def test_bands_and_hemispheres_cover_every_latitude_once() -> None:
    lat = axis(np.arange(-90.0, 90.1, 0.5), "lat")
    mask, _, kinds = regions(lat, axis(np.array([0.0]), "lon"))
    for kind in ("band", "hemisphere", "globe"):
        assert (mask.isel(region=[k == kind for k in kinds]).sum("region") == 1).all()


def test_strata_against_plain_conditions(world: dict[str, xr.Dataset], config: RunConfig) -> None:
    annual = world["annual"]
    mask, labels, kinds = strata(annual, world["trend"], world["ddww"], config)
    of = {name: mask.sel(stratum=name).values for name in mask["stratum"].values.tolist()}
    land = np.ones(of["ddww/DD"].shape, bool)
    land[OCEAN] = False
    height, aridity = annual["elevation"].values, annual["aridity_index"].values
    leaves = annual["lai"].mean("year").values
    np.testing.assert_array_equal(of["elevation/0-200"], (height < 200) & land)
    np.testing.assert_array_equal(of["elevation/1000-2000"], (height >= 1000) & (height < 2000) & land)
    np.testing.assert_array_equal(of["elevation/2000+"], (height >= 2000) & land)
    np.testing.assert_array_equal(of["land_cover/savanna"], (annual["land_cover"].values == 4) & land)
    np.testing.assert_array_equal(of["aridity/hyper-arid"], (aridity < 0.05) & land)
    np.testing.assert_array_equal(of["aridity/dry_sub-humid"], (aridity >= 0.5) & (aridity < 0.65) & land)
    np.testing.assert_array_equal(of["aridity/humid"], (aridity >= 0.65) & land)
    np.testing.assert_array_equal(of["lai/0-0.5"], (leaves < 0.5) & land)
    np.testing.assert_array_equal(of["lai/2-4"], (leaves >= 2) & (leaves < 4) & land)
    np.testing.assert_array_equal(of["texture/loam"], (texture(annual["clay"], annual["sand"]).values == 4) & land)
    np.testing.assert_array_equal(of["ddww/WD"], (world["ddww"]["ddww_class"].values == 3) & land)
    assert of["lai/0-0.5"][DESERT] and (annual["elevation"].values < 0).any()
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    assert counts == {
        "land_cover": 3,
        "texture": 12,
        "elevation": 5,
        "lai": 5,
        "aridity": 5,
        "ddww": 6,
        "climatology": 10,
    }
    assert dict(zip(of, labels, strict=True))["elevation/0-200"] == "0-200 m"
    for kind in ("land_cover", "texture", "elevation", "lai"):
        once = mask.isel(stratum=[k == kind for k in kinds]).sum("stratum").values
        np.testing.assert_array_equal(once, land.astype(int), err_msg=kind)


def test_a_limit_belongs_to_the_class_above_it(world: dict[str, xr.Dataset], config: RunConfig) -> None:
    annual = world["annual"].copy(deep=True)
    annual["elevation"][0, :6] = [200.0, 500.0, 1000.0, 2000.0, 0.0, -400.0]
    annual["elevation"][0, 6] = np.nan
    annual["lai"][:, 0, :4] = [0.5, 1.0, 2.0, 4.0]
    mask = strata(annual, world["trend"], None, config).mask.isel(lat=0)
    expected = {
        "elevation": ["200-500", "500-1000", "1000-2000", "2000+", "0-200", "0-200", None],
        "lai": ["0.5-1", "1-2", "2-4", "4+"],
    }
    for kind, names in expected.items():
        for j, name in enumerate(names):
            found = [s for s in mask["stratum"].values[mask.isel(lon=j)].tolist() if s.startswith(kind)]
            assert found == ([] if name is None else [f"{kind}/{name}"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dropped", "gone"),
    [("land_cover", "land_cover"), ("clay", "texture"), ("sand", "texture"), ("elevation", "elevation"), ("lai", "lai"),
     ("aridity_index", "aridity")],
)  # fmt: skip
def test_absent_roles_drop_their_strata(
    world: dict[str, xr.Dataset], config: RunConfig, dropped: str, gone: str
) -> None:
    everything = set(strata(world["annual"], world["trend"], world["ddww"], config).kinds)
    got = strata(world["annual"].drop_vars(dropped), world["trend"], world["ddww"], config)
    assert set(got.kinds) == everything - {gone}


def test_no_roles_no_strata(world: dict[str, xr.Dataset], config: RunConfig) -> None:
    annual = world["annual"][["soil_moisture"]]
    no_drivers = make_config(inputs=dict.fromkeys(("soil_moisture", "aridity_index"), "entry"))
    assert strata(annual, world["trend"], None, no_drivers) is None
    assert set(strata(annual, world["trend"], world["ddww"], no_drivers).kinds) == {"ddww"}
    assert strata(annual, world["trend"], None, config).kinds == ["climatology"] * 10


def test_deciles_hold_a_tenth_of_the_area_each_from_dry_to_wet(config: RunConfig) -> None:
    """Against pandas on a finer world: by area, with equal values in one decile and cells without a value in none."""
    lat, lon = np.arange(-79.0, 80, 2), np.arange(-179.0, 180, 2)
    rng = np.random.default_rng(5)
    wet = xr.DataArray(rng.uniform(0.05, 0.4, (80, 180)), {"lat": lat, "lon": lon}, ("lat", "lon"))
    wet = wet.where(rng.random(wet.shape) > 0.2).astype("float32")
    annual = xr.Dataset({"soil_moisture": wet.expand_dims(year=[2000])})
    mask, labels, kinds = strata(annual, xr.Dataset({"climatology": wet}), None, config)
    assert labels[0] == "decile 1 (driest)" and labels[9] == "decile 10 (wettest)" and set(kinds) == {"climatology"}
    frame = xr.Dataset({"wet": wet, "w": np.cos(np.deg2rad(wet["lat"]))}).to_dataframe().dropna().sort_values("wet")
    number = (10 * (frame.w.cumsum() / frame.w.sum()) - 1e-9).astype(int).clip(upper=9)
    got = mask.astype(int).idxmax("stratum").where(mask.any("stratum"))
    np.testing.assert_array_equal(mask.sum("stratum"), wet.notnull())
    place = got.to_series().dropna().str.removeprefix("climatology/").astype(int) - 1
    assert (place.reindex(frame.index) != number).sum() <= 9  # the cell that a limit lies in
    assert place.reindex(frame.index).is_monotonic_increasing
    area = frame.w.groupby(place.reindex(frame.index)).sum() / frame.w.sum()
    np.testing.assert_allclose(area, 0.1, atol=2e-4)


def test_land_cover_needs_a_legend(world: dict[str, xr.Dataset], config: RunConfig) -> None:
    annual = world["annual"].copy()
    annual["land_cover"] = annual["land_cover"].drop_attrs()
    with pytest.raises(VariableError, match="legend"):
        strata(annual, world["trend"], None, config)
    annual["land_cover"].attrs = {"flag_values": [1, 4], "flag_meanings": "forest"}
    with pytest.raises(VariableError) as err:
        strata(annual, world["trend"], None, config)
    assert err.value.found == "2 codes, 1 names"
