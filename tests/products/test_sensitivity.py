"""The specification curve: its rows are runs of their own, to the last bit, and its void ones have a reason."""

import json

import numpy as np
import pytest
import xarray as xr

from smcloud.config import RunConfig, overlay, parse_config
from smcloud.products.annual import annual as annual_of
from smcloud.products.attributes import to_storage_dtype
from smcloud.products.choice_grid import CHOICES, LEAST_MONTHS, Row, config_of, keys_of, own_row, rows, void
from smcloud.products.curve import alike, curve, one_of_alike
from smcloud.products.ddww import ddww, ddww_attributes
from smcloud.products.regions import regions
from smcloud.products.sensitivity import Series, series_figures, series_of
from smcloud.products.shared_null import SharedNull
from smcloud.products.tables import table
from smcloud.products.trend import trend_fields, trend_maps

from .conftest import make_cube

BASE = {
    "preset": "peng2023",
    "period": {"start": "2000-01", "end": "2021-12"},
    "catalog": "c.yaml",
    "inputs": dict.fromkeys(("soil_moisture", "precipitation", "potential_evaporation", "aridity_index"), "entry"),
    "store": "somewhere",
    "bootstrap": {"replicates": 99, "seed": 3},
    "trend": {"radius_km": 6000},
}


def fine_cube(seed: int = 5) -> xr.Dataset:
    """The world of the other tests on 12 x 32 cells, each row and column of its own, with potential evaporation."""
    parts = [make_cube(seed + k)[["soil_moisture", "precipitation", "aridity_index", "land_mask"]] for k in range(8)]
    rows_of = [xr.concat(parts[4 * k : 4 * k + 4], "lon", join="override") for k in range(2)]
    cube = xr.concat(rows_of, "lat", join="override")
    axes = {"lat": np.linspace(-82.5, 82.5, 12), "lon": np.arange(-180 + 5.625, 180, 11.25)}
    cube = cube.assign_coords(axes)
    bounds = {
        name: np.stack([at - step / 2, at + step / 2], -1)
        for name, at, step in zip(axes, axes.values(), (15, 11.25), strict=True)
    }
    bounds["lat"][5:7] += [[0, 2.0], [2.0, 0]]  # cells of unequal height: without their edges areas would be others
    cube = cube.assign_coords({f"{name}_bnds": ((name, "bnds"), values) for name, values in bounds.items()})
    cube["potential_evaporation"] = (2 * cube["precipitation"].mean("time") - cube["precipitation"]).astype("float32")
    for role in ("precipitation", "potential_evaporation"):
        cube[role].attrs = {"units": "mm month-1", "cell_methods": "time: sum"}
    return cube


@pytest.fixture(scope="module")
def base() -> RunConfig:
    return parse_config(BASE)


@pytest.fixture(scope="module")
def cube() -> xr.Dataset:
    return fine_cube()


@pytest.fixture(scope="module")
def table_of_rows(cube: xr.Dataset, base: RunConfig) -> xr.Dataset:
    return curve(cube, base, lambda ds: ds)


def run_of_its_own(cube: xr.Dataset, keys: dict) -> dict[str, np.ndarray]:
    """What the products of a run with ``keys`` say, each stored before the next is made of it."""
    config = parse_config(overlay(BASE, keys))
    cube = cube.sel(time=slice(config.period.start, None))
    annual = to_storage_dtype(annual_of(cube, config))
    trend = to_storage_dtype(trend_maps(annual, config))
    trend = trend.merge(to_storage_dtype(trend_fields(trend, config, annual)), compat="override", join="exact")
    regional = table(annual, trend, None, regions(annual["lat"], annual["lon"]), config)
    regional = regional.sel(region=["globe", "north", "south"])
    names = ("mean_of_slopes", "slope", "slope_fixed_cells", "drying_share", "wetting_share")
    found = {name: regional[name].values for name in names}
    found["significant_share"] = found["drying_share"] + found["wetting_share"]
    attributes = ddww_attributes(ddww(trend, annual, config, cube))
    shares = ("ddww_share_of_change", "ddww_expected_share", "odds_ratio", "ddww_share_without_transition")
    return found | {name: np.float64(attributes[name]) for name in shares}


def random_rows(table: xr.Dataset, count: int, seed: int) -> list[int]:
    live = np.flatnonzero(table["void"].values == "")
    return sorted(np.random.default_rng(seed).choice(live, count, replace=False).tolist())


@pytest.mark.slow
def test_every_row_is_a_run_of_its_own_bit_for_bit(table_of_rows: xr.Dataset, cube: xr.Dataset) -> None:
    chosen = random_rows(table_of_rows, 12, 2026)
    shares = []
    for at in chosen:
        row = table_of_rows.isel(combination=at)
        for name, expected in run_of_its_own(cube, json.loads(str(row["configuration"].values))).items():
            got = row[name].values
            assert got.tobytes() == expected.tobytes(), (at, str(row["configuration"].values), name, got, expected)
        shares.append(float(row["ddww_share_of_change"]))
    assert np.isfinite(shares).sum() >= 9 and len(set(shares)) >= 9


@pytest.mark.slow
def test_series_without_a_gap_that_tells_them_apart_are_made_once(
    cube: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Series] = []
    monkeypatch.setattr(
        "smcloud.products.curve.series_of",
        lambda cube, config, part: (asked.extend(part), series_of(cube, config, part))[1],
    )
    moisture = cube["soil_moisture"].fillna(cube["soil_moisture"].mean("time"))
    gap = (
        moisture.time.dt.year.isin([2005]) & (moisture.time.dt.month <= 5) & (moisture.lon < -170)
    )  # 7 months are left
    whole = cube.assign(soil_moisture=moisture.where(~gap)).drop_vars(["precipitation", "potential_evaporation"])
    config = parse_config(BASE | {"inputs": dict.fromkeys(("soil_moisture", "aridity_index"), "entry")})
    table = curve(whole.chunk(), config, lambda ds: ds.compute())
    assert sorted(set(asked)) == sorted(asked) and {each.annual for each in asked} == {
        "months_4",
        "months_8",
        "anomalies",
    }
    differ = set()
    for annual, start in (("months_4", "first"), ("months_6", "+2"), ("months_8", "+2")):
        chosen = (table["annual"] == annual) & (table["start"] == start) & (table["void"] == "")
        row = table.isel(combination=int(np.flatnonzero(chosen)[40]))
        for name, expected in run_of_its_own(whole, json.loads(str(row["configuration"].values))).items():
            assert row[name].values.tobytes() == expected.tobytes(), (annual, name)
        differ.add(float(row["slope"][0]))
    assert len(differ) == 3


@pytest.mark.parametrize(
    ("months", "same"),
    [([0, 3, 8, 12], [True, True]), ([4, 8], [False, True]), ([5, 0], [False, True]), ([6], [True, False]),
     ([7, 12], [True, False]), ([3, 4, 7], [False, False])],
)  # fmt: skip
def test_series_are_alike_where_no_year_has_months_that_one_of_them_takes(months: list[int], same: list[bool]) -> None:
    counts = xr.DataArray(np.array(months, "uint8").reshape(-1, 1, 1), dims=("year", "lat", "lon"))
    for each in (counts, counts.chunk(year=1)):
        assert alike(each).values.tolist() == same
    series = [Series(name, "+1") for name in (*LEAST_MONTHS, "anomalies")]
    made_as = one_of_alike(series, same)
    assert list(made_as) == series and made_as[series[0]] == series[0] and made_as[series[3]] == series[3]
    assert [made_as[series[at + 1]] == made_as[series[at]] for at in range(2)] == same


@pytest.mark.slow
def test_chunks_change_no_bit(cube: xr.Dataset, base: RunConfig) -> None:
    rng = np.random.default_rng(2)
    orders = rng.permuted(np.tile(np.arange(16200, dtype=np.int32), (9, 1)), axis=1)
    null = SharedNull(np.arange(16200), orders, rng.random(orders.shape) < 0.5, 1.0, "")
    for each in (Series("months_6", "+1"), Series("anomalies", "first")):
        found = []
        for chunks in ({}, {"lat": 7, "lon": 11}, {"lat": 12, "lon": 5}):
            made = series_of(cube.chunk(chunks) if chunks else cube, base, [each])
            found.append(series_figures(made, null).compute())
        assert found[0]["chance"].notnull().any()
        for other in found[1:]:
            xr.testing.assert_equal(found[0], other)


def test_keys_are_those_of_a_valid_run_and_shape_the_same_configuration(base: RunConfig) -> None:
    sections = ("trend", "zones", "annual", "period")
    live = [row for row in rows() if not void(row, base, 22)]
    for row in live[::37]:
        run, quick = parse_config(overlay(BASE, keys_of(row, 2000))), config_of(row, base, 2000)
        for section in sections:
            ours, theirs = (getattr(config, section).model_dump() for config in (quick, run))
            assert ours == theirs, (row, section)
    assert len(live) == 2816 and len(list(rows())) == 4480
    assert parse_config(overlay(BASE, keys_of(own_row(base), 2000))).analysis() == base.analysis()


def test_every_option_is_a_key_that_changes_the_run(base: RunConfig) -> None:
    first = Row(*(choice.options[0].name for choice in CHOICES))
    runs = [config_of(first._replace(**{c.name: o.name}), base, 2000) for c in CHOICES for o in c.options]
    parts = {json.dumps([run.analysis(), run.harmonisation()], sort_keys=True) for run in runs}
    assert len(parts) == sum(len(choice.options) - 1 for choice in CHOICES) + 1


@pytest.mark.parametrize(
    ("changed", "row", "words"),
    [
        ({}, {"estimator": "sen", "test": "effective_pooled"}, "least-squares"),
        ({}, {"zones": "aridity_2", "transition": "out"}, "two zones"),
        ({"inputs": {"soil_moisture": "entry"}}, {"zones": "water_balance"}, "potential_evaporation"),
        ({"inputs": {"soil_moisture": "entry"}}, {"zones": "aridity_terciles"}, "aridity_index"),
        ({"years": {"min_years": 20}}, {"start": "+3"}, "years.min_years is 20"),
        ({"annual": {"min_climatology_years": 21}, "years": {"min_years": 10}},
         {"annual": "anomalies", "start": "+2"}, "min_climatology_years is 21"),
    ],
)  # fmt: skip
def test_a_void_row_says_why(changed: dict, row: dict[str, str], words: str) -> None:
    config = parse_config(BASE | changed)
    first = Row(*(choice.options[0].name for choice in CHOICES))._replace(zones="moisture_terciles")
    assert void(first, config, 22) == "" and words in void(first._replace(**row), config, 22)


@pytest.mark.slow
def test_void_rows_hold_no_number(table_of_rows: xr.Dataset) -> None:
    empty = table_of_rows.isel(combination=table_of_rows["void"].values != "")
    assert empty.sizes["combination"] == 4480 - 2816 == table_of_rows.attrs["void_combinations"]
    for name in ("mean_of_slopes", "significant_share", "ddww_excess", "odds_ratio", "ddww_null_lower"):
        assert empty[name].isnull().all(), name
    live = table_of_rows.isel(combination=table_of_rows["void"].values == "")
    assert live["mean_of_slopes"].notnull().all() and (live["ddww_excess"].notnull().mean() > 0.5)
    np.testing.assert_array_equal(live["ddww_excess"], live["ddww_share_of_change"] - live["ddww_expected_share"])


@pytest.mark.slow
def test_the_product_is_documented(table_of_rows: xr.Dataset) -> None:
    for name, da in table_of_rows.variables.items():
        assert da.attrs["long_name"], name
    assert "99 Gaussian" in table_of_rows.attrs["null_comment"]
    assert table_of_rows.attrs["own_combination"] == list(rows()).index(own_row(parse_config(BASE)))


@pytest.mark.slow
def test_the_ribbon_lies_around_what_a_row_expects(table_of_rows: xr.Dataset) -> None:
    live = table_of_rows.isel(combination=table_of_rows["ddww_null_lower"].notnull().values)
    assert live.sizes["combination"] > 1000 and 100 < table_of_rows.attrs["null_efolding_km"] < 20_000
    assert (live["ddww_null_lower"] < live["ddww_null_upper"]).all()
    assert abs(live["ddww_null_mean"] - live["ddww_expected_share"]).max() < 0.1
