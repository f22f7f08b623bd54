"""The public catalog by the command line: listed, shown, copied, and what a group alone says."""

import json

import pytest
import yaml

from smcloud import cli
from smcloud.catalog import load_catalog
from smcloud.catalog.public import PUBLIC, named_like, public_catalog, public_texts


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as done:
        cli.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return done.value.code or 0, out, err


def test_every_entry_is_listed_and_its_text_is_the_entry(capsys):
    code, out, _ = call(capsys, "catalog", "list", "--json")
    listed = json.loads(out)
    assert code == 0 and list(listed) == list(public_catalog().sources)
    whole = yaml.safe_load(PUBLIC.read_text())["sources"]
    for name, text in public_texts(list(listed)).items():
        assert yaml.safe_load(text) == {name: whole[name]}
        assert "# --" not in text
    code, out, _ = call(capsys, "catalog", "list")
    assert all(name in out for name in listed)


def test_an_entry_is_shown_as_it_is_written(capsys):
    code, out, _ = call(capsys, "catalog", "show", "era5_monthly")
    assert code == 0 and out in PUBLIC.read_text() and "attr_units: m," in out
    code, _, err = call(capsys, "catalog", "show", "era6")
    assert code == 2 and "smcloud catalog list" in err and "era5_monthly" in err


def test_entries_are_copied_into_a_new_catalog(tmp_path, capsys):
    path = tmp_path / "mine.yaml"
    assert call(capsys, "catalog", "copy", "esa_cci_sm_files", "lai", "--to", path)[0] == 2
    assert not path.exists()
    code, out, _ = call(capsys, "catalog", "copy", "esa_cci_sm_files", "glass_lai", "--to", path)
    assert code == 0 and f"smcloud catalog check {path}" in out
    mine = load_catalog(path)
    assert dict(mine.sources) == {name: public_catalog().sources[name] for name in ("esa_cci_sm_files", "glass_lai")}
    before = path.read_text()
    code, _, err = call(capsys, "catalog", "copy", "aridity", "--to", path)
    assert code == 2 and "a new file" in err and path.read_text() == before


def test_a_command_alone_shows_its_help(capsys):
    for arguments in ((), ("-h",), ("catalog",), ("config",), ("catalog", "copy", "-h")):
        code, out, err = call(capsys, *arguments)
        assert code == 0 and "Usage" in out + err and "error" not in err
    code, out, _ = call(capsys, "--version")
    assert code == 0 and out.startswith("smcloud 0.")


def test_files_are_known_by_their_names():
    assert named_like(["/d/GLASS01B01.V60.A2000001.2022.hdf", "/d/GLASS01B01.V60.A2000009.2022.hdf"]) == "glass_lai"
    assert named_like(["s3/MCD15A2H.A2012177.h17v03.061.hdf"]) == "modis_lai"
    assert named_like(["/d/ESACCI-SOILMOISTURE-L3S-SSMV-COMBINED-20000101000000-fv09.1.nc"]) == "esa_cci_sm_files"
    for other in (["/d/sm.nc"], ["/d/GLASS01B01.V60.A2000001.2022.hdf", "/d/GLASS01B02.V60.A2000001.2022.hdf"]):
        assert named_like(other) is None
