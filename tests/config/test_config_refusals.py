"""Keys and values of a configuration that are refused, each by name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smcloud.config import LATEST, RunConfig, dropped_drivers, load_preset, parse_config
from smcloud.errors import ConfigurationError
from tests.config.settings import BASE, refused, with_inputs

# what is written -> the dotted key that the message must name
BAD = [
    ({"alpha": "abc"}, "alpha", "abc"),
    ({"alpha": 0}, "alpha", "0"),
    ({"alpha": float("nan")}, "alpha", "nan"),
    ({"alhpa": 0.05}, "alhpa", "alhpa"),
    ({"monthly": {"min_dayz": 5}}, "monthly.min_dayz", "min_dayz"),
    ({"monthly": {"min_days": 0}}, "monthly.min_days", "0"),
    ({"years": {"ends": {"spam": 5}}}, "years.ends.spam", "spam"),
    ({"years": {"ends": 3}}, "years.ends", "3"),
    ({"years": {"ends": {"span": 3, "min_years": 4}}}, "years.ends.min_years", "4"),
    ({"preset": "peng2032"}, "preset", "peng2032"),
    ({"preset": None}, "preset", "None"),
    ({"grid": {"resolution": 7}}, "grid.resolution", "7"),
    ({"grid": {"resolution": -1}}, "grid.resolution", "-1"),
    ({"grid": {"res": 1}}, "grid.res", "res"),
    ({"grid": {}}, "grid.resolution", "nothing"),
    ({"grid": "nativ"}, "grid", "nativ"),
    ({"period": {"start": "2000"}}, "period.start", "2000"),
    ({"period": {"start": "2000-13"}}, "period.start", "2000-13"),
    ({"period": {"start": LATEST}}, "period.start", LATEST),
    ({"period": {"start": "2000-01", "end": "1999-12"}}, "period.end", "1999-12"),
    ({"period": {"end": "2001-01"}}, "period.start", "nothing"),
    ({"period": "2000"}, "period", "2000"),
    ({"trend": {"test": "t"}}, "trend.test", "t"),
    ({"zones": {"limits": [0.65, 0.5]}}, "zones.limits", "[0.65, 0.5]"),
    ({"zones": {"limits": [0.5, float("inf")]}}, "zones.limits.1", "inf"),
    ({"drivers": {"names": []}}, "drivers.names", "[]"),
    ({"drivers": {"names": None}}, "drivers.names", "None"),
    ({"drivers": {"names": ["lai", "lai"]}}, "drivers.names", "lai, lai"),
    ({"drivers": {"names": ["soil_moisture"]}}, "drivers.names", "soil_moisture"),
    ({"drivers": {"floors": {"precip": 1}}}, "drivers.floors", "precip"),
    ({"drivers": {"floors": {"lai": -1}}}, "drivers.floors.lai", "-1"),
    ({"drivers": {"lags": {"lai": -1}}}, "drivers.lags.lai", "-1"),
    ({"drivers": {"lags": {"lai": 25}}}, "drivers.lags.lai", "25"),
    ({"drivers": {"lags": {"lai": 1.5}}}, "drivers.lags.lai", "1.5"),
    ({"drivers": {"lags": {"lai": "one"}}}, "drivers.lags.lai", "one"),
    ({"drivers": {"lags": {"lai": None}}}, "drivers.lags.lai", "None"),
    ({"drivers": {"lags": {"snow": 1}}}, "drivers.lags", "snow"),
    ({"drivers": {"lags": {"soil_moisture": 1}}}, "drivers.lags", "soil_moisture"),
    ({"drivers": {"names": ["precipitation"], "lags": {"lai": 1}}}, "drivers.lags", "lai"),
    ({"drivers": {"lags": [1, 0, 0]}}, "drivers.lags", "[1, 0, 0]"),
    ({"drivers": {"lags": 1}}, "drivers.lags", "1"),
    ({"attribution": {"lags": [0, 1, 1]}}, "attribution.lags", "[0, 1, 1]"),
    ({"attribution": {"lags": []}}, "attribution.lags", "[]"),
    ({"attribution": {"lags": [-13]}}, "attribution.lags.0", "-13"),
    ({"drivers": {"lags": {"lai": 1}}}, "drivers.lags", "{'lai': 1}"),
    ({"drivers": {"monthly": True, "lags": {"lai": True}}}, "drivers.lags.lai", "True"),
    ({"drivers": {"lag": {"lai": 1}}}, "drivers.lag", "lag"),
    ({"drivers": {"monthly": "maybe"}}, "drivers.monthly", "maybe"),
    ({"drivers": {"monthly": 2}}, "drivers.monthly", "2"),
    ({"drivers": {"monthly": None}}, "drivers.monthly", "None"),
    ({"drivers": {"months": True}}, "drivers.months", "months"),
    ({"annual": {"year_months_share": 0}}, "annual.year_months_share", "0"),
    ({"annual": {"year_months_share": -0.1}}, "annual.year_months_share", "-0.1"),
    ({"annual": {"year_months_share": 1.01}}, "annual.year_months_share", "1.01"),
    ({"annual": {"year_months_share": 80}}, "annual.year_months_share", "80"),
    ({"annual": {"year_months_share": float("nan")}}, "annual.year_months_share", "nan"),
    ({"annual": {"year_months_share": "most"}}, "annual.year_months_share", "most"),
    ({"annual": {"year_months_share": None}}, "annual.year_months_share", "None"),
    ({"annual": {"year_month_share": 0.8}}, "annual.year_month_share", "year_month_share"),
    ({"drivers": 5}, "drivers", "5"),
    ({"inputs": ["soil_moisture"]}, "inputs", "['soil_moisture']"),
    ({"inputs": {"lai": "glass_lai"}}, "inputs", "lai"),
    ({"inputs": BASE["inputs"] | {"P-ET": "x"}}, "inputs", "P-ET"),
    ({"inputs": BASE["inputs"] | {"lai": "glass lai"}}, "inputs.lai", "'glass lai'"),
    ({"bootstrap": {"replicates": 39}}, "bootstrap.replicates", "39"),
    ({"bootstrap": {"block": 2}}, "bootstrap.block", "block"),
    ({"zones": {"scheme": "terciles"}}, "zones.scheme", "terciles"),
    ({"zones": {"scheme": "water_balance", "limits": [0.5, 0.65]}}, "zones.limits", "[0.5, 0.65]"),
    ({"zones": {"limits": None}}, "zones.limits", "nothing"),
    ({"zones": {"transition_in_share": "maybe"}}, "zones.transition_in_share", "maybe"),
    ({"cluster": {"kind": "kubernetes"}}, "cluster.kind", "kubernetes"),
    ({"store": None}, "store", "None"),
]


def test_limits_are_of_the_aridity_index_alone() -> None:
    assert parse_config(BASE).zones.limits == (0.5, 0.65)
    assert parse_config(BASE | {"zones": {"scheme": "aridity", "limits": [0.65, 0.65]}}).zones.limits == (0.65, 0.65)
    of_moisture = parse_config(BASE | {"zones": {"scheme": "climatology_terciles"}})
    assert of_moisture.zones.limits is None and of_moisture.zones.transition_in_share
    assert of_moisture.trend_of_preset("rigorous").zones == of_moisture.zones


def test_monthly_drivers_lags_and_the_share_of_a_year() -> None:
    study, rigorous = (parse_config(BASE | {"preset": name}) for name in ("peng2023", "rigorous"))
    assert (study.drivers.monthly, rigorous.drivers.monthly) == (False, True)
    assert dict(study.drivers.lags) == dict(rigorous.drivers.lags) == {}
    assert rigorous.annual.year_months_share == 0.8
    own = {"drivers": {"monthly": True, "lags": {"lai": 0, "precipitation": 24}}, "annual": {"year_months_share": 1}}
    config = parse_config(BASE | own)
    assert config.drivers.monthly is True and dict(config.drivers.lags) == {"lai": 0, "precipitation": 24}
    assert config.annual.year_months_share == 1.0
    assert config.drivers.names == study.drivers.names and config.annual.method == study.annual.method
    assert dict(config.drivers.floors) == dict(study.drivers.floors)


@pytest.mark.parametrize(
    "change",
    [
        {"drivers": {"monthly": True}},
        {"drivers": {"monthly": True, "lags": {"lai": 1}}},
        {"annual": {"year_months_share": 0.5}},
    ],
    ids=["monthly", "lags", "year_months_share"],
)
def test_monthly_drivers_lags_and_the_share_of_a_year_are_part_of_the_run_and_not_of_the_cube(
    change: dict[str, Any],
) -> None:
    plain, changed = parse_config(BASE), parse_config(BASE | change)
    assert changed.analysis() != plain.analysis() and changed.harmonisation() == plain.harmonisation()


def test_a_lag_for_a_driver_without_an_input_is_refused_and_the_drivers_are_named() -> None:
    error = refused(with_inputs("precipitation") | {"drivers": {"lags": {"lai": 1}}})
    assert (error.where, error.found) == ("run.yaml: drivers.lags", "lai")
    assert error.expected == "one of drivers.names: precipitation"


@pytest.mark.parametrize(("change", "key", "found"), BAD, ids=[key for _, key, _ in BAD])
def test_a_bad_key_is_named_with_its_value(change: dict[str, Any], key: str, found: str) -> None:
    error = refused(BASE | change)
    assert error.where == f"run.yaml: {key}"
    assert error.found == found
    assert "run.yaml" in error.next


@pytest.mark.parametrize("key", ["preset", "period", "catalog", "inputs", "store"])
def test_a_missing_key_is_named(key: str) -> None:
    error = refused({name: value for name, value in BASE.items() if name != key})
    assert (error.what, error.where, error.found) == ("a key is missing", f"run.yaml: {key}", "nothing")


def test_an_unknown_key_lists_the_ones_that_exist_there() -> None:
    assert refused(BASE | {"years": {"ends": {"spam": 1}}}).expected == "one of span, min_years"
    assert refused(BASE | {"grid": {"res": 1}}).expected == "one of resolution"
    assert "alpha" in refused(BASE | {"alhpa": 1}).expected


@pytest.mark.slow
@given(st.sampled_from([None, *RunConfig.model_fields]), st.sampled_from([7, "x", None, [1], {"x": 1}, True, -0.5]))
def test_no_value_at_any_key_ends_in_another_error(key: str | None, value: Any) -> None:
    try:
        parse_config(BASE | {key or "other": value})
    except ConfigurationError as error:
        assert error.where and error.expected and error.next


def test_preset_drivers_without_an_input_are_dropped_and_named() -> None:
    config = parse_config(with_inputs("lai", "aridity_index"))
    assert config.drivers.names == ("lai",)
    assert dict(config.drivers.floors) == {"lai": 0.02}
    assert dropped_drivers(config) == ["precipitation", "soil_temperature"]
    everything = parse_config(BASE)
    assert everything.drivers.names == ("precipitation", "soil_temperature", "lai")
    assert dropped_drivers(everything) == []


def test_other_driver_settings_do_not_make_the_preset_list_strict() -> None:
    config = parse_config(with_inputs("precipitation") | {"drivers": {"detrend": True}})
    assert config.drivers.names == ("precipitation",)
    assert config.drivers.detrend is True


def test_only_soil_moisture_is_required() -> None:
    config = parse_config(with_inputs())
    assert config.drivers.names == ()
    assert dropped_drivers(config) == ["precipitation", "soil_temperature", "lai"]


def test_a_list_of_ones_own_is_not_empty() -> None:
    error = refused(with_inputs("precipitation") | {"drivers": {"names": []}})
    assert error.where == "run.yaml: drivers.names"
    assert "precipitation" in error.expected


def test_a_list_of_ones_own_is_strict() -> None:
    error = refused(with_inputs("lai") | {"drivers": {"names": ["lai", "precipitation"]}})
    assert (error.where, error.found) == ("run.yaml: drivers.names", "precipitation")
    own = parse_config(with_inputs("net_radiation") | {"drivers": {"names": ["net_radiation"]}})
    assert own.drivers.names == ("net_radiation",)
    assert dict(own.drivers.floors) == {}


def test_presets_are_not_changed_by_a_run() -> None:
    before = load_preset("peng2023")
    parse_config(with_inputs("lai") | {"drivers": {"floors": {"lai": 0.5}}})
    assert load_preset("peng2023") == before


def test_the_two_hashed_parts_hold_what_shapes_them_and_nothing_else() -> None:
    config = parse_config(BASE)
    moved = parse_config(BASE | {"store": "gs://elsewhere", "catalog": "other.yaml", "cluster": {"workers": 3}})
    assert (moved.harmonisation(), moved.analysis()) == (config.harmonisation(), config.analysis())
    alpha = parse_config(BASE | {"alpha": 0.01})
    assert alpha.harmonisation() == config.harmonisation()
    assert alpha.analysis() != config.analysis()
    grid = parse_config(BASE | {"grid": {"resolution": 0.5}})
    assert grid.harmonisation() != config.harmonisation()
    assert grid.analysis() == config.analysis()
    parts = set(config.harmonisation()) | set(config.analysis())
    assert set(RunConfig.model_fields) - parts == {"catalog", "publisher", "store", "cluster", "budget", "region"}
