"""A file that smcloud writes leads an editor to a schema that lies there, and that it keeps."""

import json
import re

import jsonschema
import pytest

from smcloud import cli
from smcloud.config import load_config
from smcloud.config.editors import keep_schema, schema_line
from smcloud.config.strict_yaml import read_yaml
from smcloud.errors import ConfigurationError
from smcloud.sample import demo
from smcloud.sample.demo import prepare_demo


def schema_of(path):
    """The schema that the first line of a file leads to, as seen from the file."""
    found = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", path.read_text().splitlines()[0])
    return json.loads((path.parent / found[1]).read_text())


def checked(path):
    jsonschema.Draft202012Validator(schema_of(path)).validate(
        read_yaml(path.read_bytes(), path.name, ConfigurationError)
    )


def test_the_demo_and_a_copied_catalog(tmp_path, monkeypatch):
    monkeypatch.setattr("smcloud.sample.native.write_world", lambda *where, **how: None)
    monkeypatch.setenv("SMCLOUD_SAMPLE", "set anew by the demo")
    config, _ = prepare_demo(tmp_path, tmp_path / "store", demo.SEED)
    checked(config)
    assert load_config(config).preset == "peng2023"
    with pytest.raises(SystemExit):
        cli.main(["catalog", "copy", "glass_lai", "--to", str(tmp_path / "mine.yaml")])
    checked(tmp_path / "mine.yaml")


def test_a_schema_is_replaced_whole_and_a_wrong_key_breaks_it(tmp_path):
    keep_schema("study", {"old": True}, tmp_path)
    keep_schema("study", {"additionalProperties": False, "properties": {"a": {}}}, tmp_path)
    file = tmp_path / "study.yaml"
    file.write_text(schema_line("study") + "b: 1\n")
    with pytest.raises(jsonschema.ValidationError, match="'b' was unexpected"):
        checked(file)
    assert [path.name for path in (tmp_path / ".smcloud").iterdir()] == ["study.schema.json"]
