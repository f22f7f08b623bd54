"""What ``--json`` prints has the keys of docs/how-to/scripts.md, and every command stands there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from smcloud import cli
from smcloud.cli.app import app

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "scripts.md"
SILENT = {"catalog show", "catalog copy", "config schema"}  # they print no JSON of their own


def documented():
    """Keys by command: those of the first sentence, before the first semicolon, without what stands in brackets."""
    table = PAGE.read_text().partition("| command | keys |")[2].partition("\n\n")[0]
    keys = {}
    for line in table.splitlines()[2:]:
        commands, told = (part.strip() for part in line.strip("|").split("|", 1))
        told = re.sub(r"\(.*?\)", "", told)
        optional = set(re.findall("`(\\w+)`", told.partition(";")[2]))
        for command in re.findall("`(.+?)`", commands) or [commands]:
            keys[command] = (set(re.findall("`(\\w+)`", told.partition(";")[0].partition(". ")[0])), optional)
    return keys


def said(capsys, *arguments):
    with pytest.raises(SystemExit):
        cli.main([*map(str, arguments), "--json"])
    return json.loads(capsys.readouterr().out)


def leaves(command, path=""):
    if not hasattr(command, "commands"):
        return [path]
    return [leaf for name, below in command.commands.items() for leaf in leaves(below, f"{path} {name}".strip())]


def test_every_command_is_documented_and_takes_the_common_options():
    assert set(leaves(get_command(app))) - SILENT <= set(documented())
    for path in leaves(get_command(app)):
        command = get_command(app)
        for name in path.split():
            command = command.commands[name]
        names = {option for parameter in command.params for option in parameter.opts}
        assert {"--debug", "-v", "-q"} <= names and ("--json" in names) == (path not in SILENT), path


def test_an_error_has_its_keys(capsys, tmp_path):
    keys, optional = documented()["an error of any"]
    one = said(capsys, "config", "check", tmp_path / "no.yaml")
    (tmp_path / "two.yaml").write_text("preset: peng2023\nperoid: {}\n")
    several = said(capsys, "config", "check", tmp_path / "two.yaml")
    assert set(one) == keys and set(several) == keys | optional and set(several["problems"][0]) == keys
    assert set(said(capsys, "sing")) == keys


@pytest.mark.slow
def test_results_have_their_keys(published, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    store, config = tmp_path / "store", tmp_path / "config.yaml"
    given = {
        "run": [config], "compute": [config], "ingest": [config], "plan": [config], "products": [store],
        "verify": [store], "verify --all": [store], "repair": [store], "report": [store], "point": [store, 22.5, 30],
        "export": [store, "--to", "csv", "--product", "ddww", "--out", tmp_path / "out"], "doctor": [config],
        "config check": [config], "catalog check": [tmp_path / "catalog.yaml"],
        "init": [tmp_path / "world.zarr", "--out", tmp_path / "first"],
    }  # fmt: skip
    for command, arguments in given.items():
        keys, optional = documented()[command]
        name, *options = command.split(" --")
        record = said(capsys, *name.split(), *arguments, *(f"--{option}" for option in options))
        found = set(record[0] if isinstance(record, list) else record)
        assert keys <= found, (command, keys - found)
        assert found <= keys | optional or command == "products", (command, found - keys)
    assert "schema" in documented()["products"][0]


@pytest.mark.e2e
def test_help_takes_little_time_and_completion_works():
    """CPU seconds of whole processes; a shell asks the command itself what may come next."""
    before = os.times()
    done = subprocess.run([sys.executable, "-m", "smcloud.cli", "--help"], check=True, capture_output=True, text=True)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert "Usage" in done.stdout and spent < 0.8  # 0.25 on a quiet machine
    program = Path(sys.executable).with_name("smcloud")
    if not program.exists():
        pytest.skip("smcloud is not installed as a program")
    for words, wanted in (("smcloud ver", ["verify"]), ("smcloud catalog show era5_m", ["era5_monthly"])):
        asked = {"_SMCLOUD_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        done = subprocess.run([program], env=os.environ | asked, capture_output=True, text=True, check=False)
        assert done.stdout.split()[:1] == wanted, done.stdout
