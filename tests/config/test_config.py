"""Presets, their levels and what a run changes of them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from smcloud.config import PRESETS, RunConfig, load_preset, parse_config
from smcloud.config.choices import described, flattened, follows_the_study, levels_of
from tests.config.settings import BASE, refused, with_inputs


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
