from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from smcloud.config import LATEST, PRESETS, RunConfig, dropped_drivers, load_config, load_preset, parse_config
from smcloud.config.choices import described, flattened, follows_the_study, levels_of
from smcloud.errors import ConfigurationError

BASE: dict[str, Any] = {
    "preset": "peng2023",
    "period": {"start": "2000-01", "end": "2021-12"},
    "catalog": "catalogs/public.yaml",
    "inputs": {
        "soil_moisture": "esa_cci_sm",
        "precipitation": "era5_monthly",
        "soil_temperature": "era5_monthly",
        "lai": "glass_lai",
    },
    "store": "out",
}


def refused(data: dict[str, Any]) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        parse_config(data, where="run.yaml")
    error = caught.value
    assert error.exit_code == 2
    assert all(error.record().values()), error.record()
    return error


def with_inputs(*roles: str) -> dict[str, Any]:
    return BASE | {"inputs": {role: "some_entry" for role in ("soil_moisture", *roles)}}


@pytest.mark.parametrize("preset", ["peng2023", "rigorous"])
def test_presets_are_complete_and_overridden_key_by_key(preset: str) -> None:
    config = parse_config(BASE | {"preset": preset, "years": {"min_years": 18}})
    raw = yaml.safe_load((PRESETS / f"{preset}.yaml").read_text())
    assert config.years.min_years == 18
    assert config.model_dump(mode="json")["trend"] == raw["trend"]
    assert config.drivers.detrend is raw["drivers"]["detrend"]
    assert config.years.ends == parse_config(BASE | {"preset": preset}).years.ends


def test_the_two_presets_differ_where_the_science_says_so() -> None:
    study, rigorous = (parse_config(BASE | {"preset": name}) for name in ("peng2023", "rigorous"))
    assert (study.annual.method, rigorous.annual.method) == ("monthly_means", "anomalies")
    assert (study.trend.test, rigorous.trend.test) == ("ols", "effective_pooled")
    assert (study.trend.significance, rigorous.trend.significance) == ("p_value", "p_adjusted")
    assert set(study.levels.values()) == {"stated", "likely", "unknown", "method"}
    assert set(rigorous.levels.values()) == {"method"}


@pytest.mark.parametrize("preset", ["peng2023", "rigorous"])
def test_every_key_of_a_preset_has_a_level_and_every_level_a_key(preset: str) -> None:
    raw = load_preset(preset)
    config = parse_config(BASE | {"preset": preset})
    keys = flattened(config.model_dump(mode="json"))
    for key in keys:
        assert {key, key.partition(".")[0]} & set(raw["levels"]), key
    for named in raw["levels"]:
        assert named in keys or any(key.startswith(f"{named}.") for key in keys), named
    assert set(levels_of(config.model_dump(mode="json"))) == set(keys)


def test_levels_are_what_is_known_of_the_study() -> None:
    levels = levels_of(parse_config(BASE).model_dump(mode="json"))
    assert levels["alpha"] == levels["drivers.names"] == "stated"
    assert levels["trend.test"] == levels["annual.method"] == "likely"
    assert levels["zones.limits"] == levels["annual.min_months"] == levels["drivers.dof"] == "unknown"
    assert levels["drivers.floors"] == levels["bootstrap.replicates"] == "method"
    assert follows_the_study(parse_config(BASE).model_dump())
    assert not follows_the_study(parse_config(BASE | {"preset": "rigorous"}).model_dump())


CHANGES: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({}, ()),
    ({"alpha": 0.05, "years": {"min_years": 15}}, ()),  # written down, but as in the preset
    ({"alpha": "0.05"}, ()),
    ({"trend": {"test": "mann_kendall"}, "zones": {"limits": [0.2, 0.65]}}, ("trend.test", "zones.limits")),
    ({"zones": {"limits": [0.2, 0.65]}, "alpha": 0.1}, ("zones.limits", "alpha")),
    ({"years": {"ends": {"span": 5}}}, ("years.ends",)),
    ({"flags": {"drop_barren": True}, "monthly": {"min_days": 3}}, ("flags.drop_barren", "monthly.min_days")),
    ({"monthly": {"error_tau_days": 3}}, ("monthly.error_tau_days",)),
    ({"drivers": {"floors": {"lai": 0.5}}}, ("drivers.floors",)),
    ({"drivers": {"names": ["lai"]}}, ("drivers.names",)),  # and not the floors, which follow
    ({"drivers": {"names": ["precipitation", "soil_temperature", "lai"]}}, ()),
    ({"grid": {"resolution": 1}, "store": "x", "cluster": {"workers": 2}}, ()),  # no choices of science
]


@pytest.mark.parametrize(("given", "changed"), CHANGES)
def test_what_is_changed_is_what_differs_from_the_preset(given: dict[str, Any], changed: tuple[str, ...]) -> None:
    config = parse_config(BASE | given)
    assert config.changed == tuple(sorted(changed, key=list(flattened(config.model_dump())).index))
    record = config.model_dump(mode="json")
    assert {key for key, level in levels_of(record).items() if level == "chosen"} == set(changed)
    assert described(record) == ("peng2023" + (", changed: " + ", ".join(config.changed) if changed else ""))
    assert parse_config(BASE).analysis()["changed"] == []
    assert RunConfig.model_validate(record) == config


def test_a_driver_without_an_input_is_nobodys_choice() -> None:
    assert parse_config(with_inputs("lai")).changed == ()
    assert parse_config(with_inputs("lai") | {"drivers": {"names": ["lai"]}}).changed == ()


def test_the_trend_of_another_preset_takes_its_levels_and_keeps_what_was_changed_elsewhere() -> None:
    config = parse_config(BASE | {"trend": {"test": "mann_kendall"}, "alpha": 0.1})
    other = config.trend_of_preset("rigorous")
    assert (other.preset, other.changed) == ("rigorous", ("alpha",))
    assert set(other.levels.values()) == {"method"}


@pytest.mark.parametrize("key", ["levels", "changed", "assumed"])
def test_nobody_says_how_sure_a_choice_is(key: str) -> None:
    error = refused(BASE | {key: ["trend.test"]})
    assert error.where == f"run.yaml: {key}"
    assert "levels" not in refused(BASE | {"alhpa": 1}).expected


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
    ({"attribution": {"lags": [-6]}}, "attribution.lags.0", "-6"),
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
    assert set(RunConfig.model_fields) - parts == {"catalog", "store", "cluster", "budget"}


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


FILE = """
preset: peng2023
period: {start: %s, end: 2021-12}
catalog: c.yaml
inputs: {soil_moisture: a, lai: "b:LAI"}
alpha: 5e-2
store: out
"""


def test_a_file_with_the_writing_of_the_readme(tmp_path: Path) -> None:
    config = load_config(write(tmp_path / "run.yaml", FILE % "2000-01"), store="elsewhere")
    assert (config.period.start, config.period.end) == ("2000-01", "2021-12")
    assert config.inputs["lai"] == "b:LAI"
    assert config.store == "elsewhere"
    assert config.alpha == 0.05


def test_yaml_makes_a_date_of_a_day_and_the_message_says_month(tmp_path: Path) -> None:
    path = write(tmp_path / "run.yaml", FILE % "2000-01-01")
    with pytest.raises(ConfigurationError) as caught:
        load_config(path)
    assert caught.value.where == f"{path}: period.start"
    assert caught.value.found == "2000-01-01"
    assert "YYYY-MM" in caught.value.expected


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("- a\n- b", "list"),
        ("", "NoneType"),
        ("preset: [", "line 2"),
        ("alpha: 1\nalpha: 2", "line 2: the key alpha twice"),
        ("years: {ends: {span: 1, span: 2}}", "the key span twice"),
        ("a: &x {b: 1}\nc: *x", "alias"),
        ("a: !!python/object/apply:os.getcwd []", "python/object"),
        ("[" * 600 + "]" * 600, "more than 20 levels"),
    ],
)
def test_what_is_not_plain_yaml_is_refused(tmp_path: Path, text: str, found: str) -> None:
    path = write(tmp_path / "run.yaml", text)
    with pytest.raises(ConfigurationError) as caught:
        load_config(path)
    assert found in caught.value.found
    assert caught.value.where == str(path)
    assert all(caught.value.record().values())


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigurationError) as caught:
            load_config(path)
        assert caught.value.where == str(path)
    (tmp_path / "latin.yaml").write_bytes(b"store: \xe9t\xe9")
    with pytest.raises(ConfigurationError):
        load_config(tmp_path / "latin.yaml")


def test_a_configuration_in_a_bucket():
    import fsspec

    text = "preset: peng2023\nperiod: {start: 2000-01, end: 2021-12}\ncatalog: c\n"
    text += "inputs: {soil_moisture: a}\nstore: s\n"
    fsspec.filesystem("memory").pipe_file("/bucket/run.yaml", text.encode())
    assert load_config("memory://bucket/run.yaml").store == "s"
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        load_config("memory://bucket/other.yaml")
    assert caught.value.where == "memory://bucket/other.yaml"
