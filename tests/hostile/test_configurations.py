"""Configurations that attack: each is refused by one error that names the key, before anything is opened."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smcloud.config import parse_config
from smcloud.errors import ConfigurationError

BASE: dict[str, Any] = {
    "preset": "peng2023",
    "period": {"start": "2000-01", "end": "2020-12"},
    "catalog": "catalog.yaml",
    "inputs": {"soil_moisture": "a"},
    "store": "store",
}


def with_(**changes: Any) -> str:
    return json.dumps(BASE | changes)


def raw(key: str, value: str) -> str:
    return with_(**{key: "HERE"}).replace('"HERE"', value)


ROLES = [
    (f"role {name}", with_(inputs={"soil_moisture": "a", name: "a"}), "inputs")
    for name in ("time", "lat", "lon", "year", "month", "driver", "region", "stratum", "class", "provisional",
                 "time_bnds", "lat_bnds", "soil_moisture_days", "soil_moisture_uncertainty_independent",
                 "soil_moisture_sensors", "soil_moisture_deep", "kind", "label", "spatial_ref", "n_fixed_months",
                 "no_data", "Time",
                 "../x", "a\\x")
]  # fmt: skip
WRONG = [
    ("python in a period", "preset: peng2023\nperiod: !!python/object/apply:os.system ['touch ran']", "python"),
    ("a preset as path", with_(preset="../../../../etc/passwd"), "preset"),
    ("a preset as list", with_(preset=["peng2023"]), "preset"),
    ("an unknown key", with_(plugins=["os"]), "plugins"),
    ("a template as input", with_(inputs={"soil_moisture": "{{ env(HOME) }}"}), "inputs"),
    ("a command as input", with_(inputs={"soil_moisture": "a b; touch ran"}), "inputs"),
    ("inputs as list", with_(inputs=["soil_moisture"]), "inputs"),
    ("no input", with_(inputs={}), "inputs"),
    ("a store with a password", with_(store="s3://me:CANARY-1@bucket/x"), "store"),
    ("a store with a signature", with_(store="https://h.example/x?sig=CANARY-2"), "store"),
    ("a catalog with a token", with_(catalog="https://h.example/c.yaml?token=CANARY-3"), "catalog"),
    ("a store of another scheme", with_(store="ftp://h.example/x"), "store"),
    ("a store by ssh", with_(store="ssh://h.example/x"), "store"),
    ("a store in a chain", with_(store="simplecache::s3://b/x"), "store"),
    ("a store in an archive", with_(store="zip://x::https://h.example/a.zip"), "store"),
    ("a store on the web", with_(store="https://h.example/x"), "store"),
    ("a store of no scheme", with_(store="evil://h.example/x"), "store"),
    ("a catalog by ftp", with_(catalog="ftp://h.example/c.yaml"), "ftp"),
    ("a catalog in a chain", with_(catalog="filecache::https://h.example/c.yaml"), "filecache"),
    ("a catalog of a repository", with_(catalog="github://o:r@main/c.yaml"), "github"),
    ("a catalog without end", with_(catalog="/dev/zero"), "/dev/zero"),
    ("a catalog as list", with_(catalog=["a"]), "catalog"),
    ("an escape code", with_(store="\x1b]0;x\x07"), "control"),
    ("a NUL", with_(catalog="a\x00b"), "control"),
    ("a bidi override", with_(changed=["\u202ex"]), "control"),
    ("an infinite level", raw("alpha", ".inf"), "alpha"),
    ("a level that is none", raw("alpha", ".nan"), "alpha"),
    ("a level that overflows", raw("alpha", "1.0e999"), "alpha"),
    ("a level as time", raw("alpha", "0:30"), "alpha"),
    ("a grid of nothing", with_(grid={"resolution": 0}), "grid"),
    ("a grid of no end", raw("grid", "{resolution: 1.0e-300}"), "grid"),
    ("a grid that is none", raw("grid", "{resolution: .nan}"), "grid"),
    ("months as time", raw("period", "{start: 20:00, end: 2020-12}"), "period.start"),
    ("months as day", raw("period", "{start: 2000-01-01, end: 2020-12}"), "period.start"),
    ("a period of nobody", with_(period="always"), "period"),
    ("many workers", with_(cluster={"workers": 10**18}), "cluster.workers"),
    ("workers beyond 64 bits", raw("cluster", "{workers: " + "9" * 30 + "}"), "64 bits"),
    ("waiting for ever", with_(cluster={"wait_seconds": 10**15}), "cluster.wait_seconds"),
    ("memory without end", with_(cluster={"worker_memory": "9" * 400 + " EiB"}), "cluster.worker_memory"),
    ("memory in words", with_(cluster={"worker_memory": "much; touch ran"}), "cluster.worker_memory"),
    ("a cluster of another kind", with_(cluster={"kind": "ssh"}), "cluster.kind"),
    ("forward as text", with_(cluster={"forward": "AWS_*"}), "cluster.forward"),
    ("replicates below zero", with_(bootstrap={"replicates": -1}), "bootstrap.replicates"),
    ("a budget below zero", with_(budget={"bytes": -1}), "budget"),
    ("a budget in words", with_(budget={"bytes": "all"}), "budget"),
    ("a text for a number", with_(years={"min_years": "many"}), "years.min_years"),
    ("deep", "preset: " + "[" * 50_000, "levels"),
    ("long", "preset: " + "p" * 900_000, "characters"),
    ("an alias", "preset: &a peng2023\nstore: *a", "alias"),
    ("a merge", "<<: {preset: peng2023}", "merge"),
    ("a tag", "preset: !!binary aGVsbG8=", "tag"),
    ("a number as key", "1: 2\npreset: peng2023", "1"),
    ("nothing as key", "~: 2\npreset: peng2023", "None"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("text", "key"), [row[1:] for row in ROLES + WRONG], ids=[row[0] for row in ROLES + WRONG])
def test_a_hostile_configuration_is_refused_by_one_error(
    place: Path, command: Callable[..., tuple[int, dict[str, str]]], text: str, key: str
) -> None:
    path = place / "study.yaml"
    path.write_text(text)
    code, error = command("plan", str(path))
    assert code == 2 and error["code"] in ("configuration", "catalog")
    assert key in " ".join(error.values()), error
    assert not (place / "store").exists()


@pytest.mark.parametrize(
    "path",
    ["/dev/zero", "ftp://h.example/s.yaml", "simplecache::https://h.example/s.yaml", "ssh://h.example/s.yaml", "."],
)
def test_a_configuration_is_read_from_where_files_lie(
    place: Path, command: Callable[..., tuple[int, dict[str, str]]], path: str
) -> None:
    code, error = command("plan", path)
    assert code == 2 and path.partition(":")[0] in error["where"]


def test_a_land_mask_and_roles_of_ones_own_are_allowed() -> None:
    inputs = dict.fromkeys(
        ("soil_moisture", "soil_moisture_reference", "land_mask", "times", "snow", "class_of_soil"), "a"
    )
    assert set(parse_config(BASE | {"inputs": inputs}).inputs) == set(inputs)
    with pytest.raises(ConfigurationError):
        parse_config(BASE | {"inputs": inputs | {"time": "a"}})
