"""The whole job on the sample world, from daily stores to scores; every ablation lowers the score it should."""

import hashlib

import numpy as np
import pytest
import xarray as xr

from smcloud import cube as cubes
from smcloud import products
from smcloud.catalog import load_catalog
from smcloud.config import parse_config
from smcloud.cube import regrid
from smcloud.sample import scorecard
from smcloud.sample.demo import configuration, prepare_demo

pytestmark = pytest.mark.slow

SEED = int(hashlib.sha256(b"a seed that no code mentions").hexdigest()[:7], 16)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The configuration, the catalog and the truth of a world on disk."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMCLOUD_SAMPLE", str(folder))
        prepare_demo(folder, folder / "store", seed=SEED)
        config = parse_config(configuration(folder / "store"))
        yield config, load_catalog(config.catalog), xr.open_zarr(folder / "truth.zarr").load()


@pytest.fixture(scope="module")
def reference(world):
    config, catalog, truth = world
    cube = cube_of(config, catalog)
    annual = products.annual(cube, config).compute()
    return annual, card_of(config, truth, annual, cube)


def cube_of(config, catalog):
    sources = cubes.open_sources(config, catalog)
    return cubes.build(config, sources, cubes.resolve_months(config, sources)).dataset.compute()


def annual_with(reference, config, catalog, *roles):
    """The annual values of the reference, of ``roles`` those of the catalog; without roles, all of them anew."""
    if not roles:
        return products.annual(cube_of(config, catalog), config).compute()
    inputs = {role: config.inputs[role] for role in ("soil_moisture", *roles)}
    names = tuple(role for role in roles if role != "soil_moisture")
    drivers = config.drivers.model_copy(update={"names": names})
    few = config.model_copy(update={"inputs": inputs, "drivers": drivers})
    annual = products.annual(cube_of(few, catalog), few).compute()
    return reference.assign({role: annual[role] for role in roles})


def card_of(config, truth, annual, cube=None):
    trend = products.trend_maps(annual, config, cube)
    trend = trend.merge(products.trend_fields(trend, config, annual))
    drivers = products.driver_maps(annual, config)
    drivers = drivers.merge(products.driver_fields(drivers, config))
    return scorecard(truth, trend, drivers, products.ddww(trend, annual, config))


def change(catalog, entry, role, **keys):
    """The catalog with other keys for one variable."""
    source = catalog.sources[entry]
    spec = source.metadata.variables[role].model_copy(update=keys)
    variables = dict(source.metadata.variables) | {role: spec}
    metadata = source.metadata.model_copy(update={"variables": variables})
    sources = dict(catalog.sources) | {entry: source.model_copy(update={"metadata": metadata})}
    return catalog.model_copy(update={"sources": sources})


def without_valid_end(catalog):
    source = catalog.sources["era5"]
    metadata = source.metadata.model_copy(update={"valid_end": None})
    return catalog.model_copy(
        update={"sources": dict(catalog.sources) | {"era5": source.model_copy(update={"metadata": metadata})}}
    )


def test_the_scores(reference):
    _, card = reference
    assert card["detectable"]["score"] >= 0.95
    assert card["driver"]["score"] >= 0.92
    assert card["driver_named_without"]["score"] <= 0.20
    assert {name: recall["score"] >= 0.90 for name, recall in card["recall"].items()} == dict.fromkeys(
        ("DD", "DW", "WD", "WW", "TD", "TW"), True
    )
    assert card["skill"]["pearson_r"] > 0.97
    assert abs(card["skill"]["mean_error"]) < 1e-4


def test_a_step_of_the_sensors_is_no_trend_beside_a_term_for_it(reference):
    _, card = reference
    assert card["sensor_step_called_significant"]["score"] > 0.9
    assert card["sensor_step_with_break_terms"]["score"] < 0.25


def test_the_period_ends_with_the_last_complete_year(reference):
    annual, _ = reference
    assert annual["year"].values.tolist() == list(range(2000, 2022))


# what is broken -> how the catalog changes, the roles that change, the score that must fall, by how much at least
ABLATIONS = {
    "flags off": (lambda c: change(c, "esa_cci_sm", "soil_moisture", flag=None), ["soil_moisture"], "detectable", 0.1),
    "fill not masked": (lambda c: change(c, "lai", "lai", fill=(), valid_range=(0, 30)), ["lai"], "driver", 0.1),
    "precipitation not shifted": (
        lambda c: change(c, "era5", "precipitation", stamp="start"), ["precipitation"], "driver", 0.1,
    ),
    "preallocated tail kept": (without_valid_end, [], "driver", 0.1),  # it moves the end of the period
    "LAI scale wrong": (lambda c: change(c, "lai", "lai", scale=0.01), ["lai"], "driver", 0.1),
}  # fmt: skip


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_of_the_catalog_lowers_its_score(name, world, reference):
    config, catalog, truth = world
    broken, roles, score, least = ABLATIONS[name]
    card = card_of(config, truth, annual_with(reference[0], config, broken(catalog), *roles))
    assert card[score]["score"] < reference[1][score]["score"] - least


def test_nearest_instead_of_conservative_lowers_the_driver_score(world, reference, monkeypatch):
    def nearest_lat(source, target, steps):
        return nearest(np.abs(target[:, None] - source[None, :] - 1e-9))

    def nearest_lon(source, target, steps):
        return nearest(np.abs((target[:, None] - source[None, :] - 1e-9 + 180) % 360 - 180))

    def nearest(distance):
        import scipy.sparse

        weights = np.zeros(distance.shape)
        weights[np.arange(len(distance)), distance.argmin(axis=1)] = 1e3  # more than any share asks for
        return scipy.sparse.csr_array(weights)

    config, catalog, truth = world
    monkeypatch.setattr(regrid, "lat_overlap", nearest_lat)
    monkeypatch.setattr(regrid, "lon_overlap", nearest_lon)
    roles = ["precipitation", "soil_temperature"]  # the ones on other nodes
    card = card_of(config, truth, annual_with(reference[0], config, catalog, *roles))
    assert card["driver"]["score"] < reference[1]["driver"]["score"] - 0.1


def test_index_time_spoils_the_slope_map(world, reference):
    config, _, truth = world
    annual, card = reference
    packed = annual.copy()
    values = annual["soil_moisture"].values
    squeezed = np.full_like(values, np.nan)
    for i, j in np.ndindex(values.shape[1:]):
        valid = values[np.isfinite(values[:, i, j]), i, j]
        squeezed[: len(valid), i, j] = valid
    packed["soil_moisture"] = annual["soil_moisture"].copy(data=squeezed)
    assert card_of(config, truth, packed)["skill"]["rmse"] > 1.2 * card["skill"]["rmse"]


def test_shuffled_years_leave_nothing(world, reference):
    config, _, truth = world
    annual = reference[0].copy()
    rng = np.random.default_rng(SEED)
    order = rng.permuted(
        np.broadcast_to(np.arange(annual.sizes["year"])[:, None, None], annual["soil_moisture"].shape), axis=0
    )
    annual["soil_moisture"] = annual["soil_moisture"].copy(
        data=np.take_along_axis(annual["soil_moisture"].values, order, axis=0)
    )
    card = card_of(config, truth, annual)
    assert card["detectable"]["score"] <= 0.08
    assert card["driver"]["score"] <= 0.10


def test_relabelled_drivers_are_not_found(world, reference):
    config, _, truth = world
    names = list(config.drivers.names)
    annual = reference[0]
    swapped = annual.assign({new: annual[old] for new, old in zip(names, names[1:] + names[:1], strict=True)})
    assert card_of(config, truth, swapped)["driver"]["score"] <= 0.15
