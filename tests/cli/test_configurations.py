"""A configuration checked alone, and the schemas that editors read."""

import json

import jsonschema
import pytest
import yaml

from smcloud.catalog.public import PUBLIC, catalog_schema
from smcloud.config.editors import config_schema
from tests.cli.test_catalogs import call

STUDY = {
    "preset": "peng2023", "period": {"start": "2000-01"}, "catalog": str(PUBLIC), "store": "out",
    "inputs": {"soil_moisture": "esa_cci_sm", "lai": "glass_lai"}, "monthly": {"min_days": 4},
}  # fmt: skip


def written(folder, **changed):
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(STUDY | changed))
    return path


def test_a_configuration_that_fits_its_catalog_is_valid(tmp_path, capsys):
    code, out, _ = call(capsys, "config", "check", written(tmp_path), "--json")
    dropped = ["precipitation", "soil_temperature"]
    record = {"status": "valid", "preset": "peng2023", "changed": ["monthly.min_days"], "dropped_drivers": dropped}
    assert code == 0 and json.loads(out) == record
    assert "is valid" in call(capsys, "config", "check", written(tmp_path))[1]


def test_all_problems_are_named_at_once(tmp_path, capsys):
    inputs = {"soil_moisture": "esa_cci", "lai": "glass_lai:LAI"}
    code, out, _ = call(capsys, "config", "check", written(tmp_path, inputs=inputs), "--json")
    assert code == 2 and {one["found"] for one in json.loads(out)["problems"]} == {"esa_cci", "LAI"}
    code, out, _ = call(capsys, "config", "check", written(tmp_path, alpha=2, stor="x"), "--json")
    assert code == 2 and {one["where"].rpartition(": ")[2] for one in json.loads(out)["problems"]} == {"alpha", "stor"}


def test_the_schemas_accept_what_is_valid_and_refuse_a_typo(capsys):
    schema = json.loads(call(capsys, "config", "schema")[1])
    assert schema == json.loads(json.dumps(config_schema()))
    checker = jsonschema.Draft202012Validator(schema)
    jsonschema.Draft202012Validator.check_schema(schema)
    checker.validate(STUDY)
    for wrong in ({"alpah": 0.1}, {"monthly": {"min_dais": 4}}, {"monthly": {"min_days": "CHOOSE"}}, {"preset": "x"}):
        with pytest.raises(jsonschema.ValidationError):
            checker.validate(STUDY | wrong)
    with pytest.raises(jsonschema.ValidationError):
        checker.validate({key: STUDY[key] for key in STUDY if key != "store"})
    assert "min_days" in schema["$defs"]["Monthly"]["description"]
    assert schema["$defs"]["Monthly"]["properties"]["min_days"]["unit"] == "day"


@pytest.mark.parametrize("made", [config_schema, catalog_schema], ids=["configuration", "catalog"])
def test_every_key_is_described(made):
    schema = made()
    parts = {"": schema} | schema["$defs"]
    keys = {f"{name}.{key}": it for name, part in parts.items() for key, it in part.get("properties", {}).items()}
    assert len(keys) > 40
    assert [key for key, it in keys.items() if len(it.get("description", "")) < 8 and key != ".metadata"] == []


def test_the_schema_of_a_catalog_accepts_the_public_one(capsys):
    schema = json.loads(call(capsys, "config", "schema", "--catalog")[1])
    assert schema == json.loads(json.dumps(catalog_schema()))
    public = yaml.safe_load(PUBLIC.read_text())
    jsonschema.Draft202012Validator(schema).validate(public)
    del public["sources"]["esa_cci_sm"]["metadata"]["licence"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(public)
