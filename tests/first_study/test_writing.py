"""Both files appear whole or not at all, and say what a stranger's text says as a comment of one line."""

import os

import numpy as np
import pytest
import xarray as xr
import yaml

from smcloud.errors import CatalogError, ConfigurationError, SmcloudError
from smcloud.first_study.drafts import Draft, Line
from smcloud.first_study.places import Group, LeftOut
from smcloud.first_study.writing import catalog_text, choices, relative, require_plain, study_text, write_both


def draft(**attrs):
    header = xr.Dataset({"sm": (("y", "x"), np.zeros((2, 2)))}, attrs=attrs)
    group = Group("netcdf", ("/d/a.nc",), "/d", {})
    lines = {"name": Line("sm", "a\nnote: x"), "units": Line("1", "", "m3 m-3 or %"), "valid_range": Line((0.0, 1.0))}
    metadata = {"licence": Line("yes: no"), "citation": Line("'quoted' # not a comment")}
    return Draft("a", group, header, {"urlpath": Line("/d/a.nc")}, metadata, {"soil_moisture": lines}, ["a\n note"])


def test_texts_of_strangers_stay_values_and_comments(tmp_path):
    hostile = "x\n  evil: {a: b}\x1b[2J\u202e"
    left = [LeftOut(f"/d/{hostile}.nc", hostile)]
    text = catalog_text([draft(title=hostile)], left, tmp_path)
    held = yaml.safe_load(text)
    assert list(held) == ["sources"] and list(held["sources"]) == ["a"]
    entry = held["sources"]["a"]
    assert (entry["metadata"]["licence"], entry["metadata"]["citation"]) == ("yes: no", "'quoted' # not a comment")
    assert entry["metadata"]["variables"]["soil_moisture"] == {"name": "sm", "units": "CHOOSE", "valid_range": [0, 1]}
    assert "\x1b" not in text and "\u202e" not in text and choices(text) == 1


def test_a_line_without_a_value_is_a_comment():
    text = study_text({"inputs": {"soil_moisture": Line("a"), "lai": Line(None, "b is left out: too short")}})
    assert "  # lai: b is left out: too short" in text and yaml.safe_load(text) == {"inputs": {"soil_moisture": "a"}}


def test_paths_below_the_catalog_are_relative_to_it(tmp_path):
    assert relative(f"{tmp_path}/a/*.nc", tmp_path) == "{{ CATALOG_DIR }}/a/*.nc"
    assert relative("/elsewhere/a.nc", tmp_path) == "/elsewhere/a.nc"
    assert relative(("s3://b/a.nc",), tmp_path) == ["s3://b/a.nc"]
    with pytest.raises(CatalogError, match="braces"):
        require_plain(f"{tmp_path}/{{x}}.nc", tmp_path)


def test_nothing_is_written_over_and_nothing_is_left_behind(tmp_path, monkeypatch):
    write_both(tmp_path, "c", "s")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".smcloud", "catalog.yaml", "study.yaml"]
    with pytest.raises(ConfigurationError, match="writes over nothing"):
        write_both(tmp_path, "c2", "s2")
    assert (tmp_path / "catalog.yaml").read_text() == "c"


@pytest.mark.parametrize("error", [FileExistsError, OSError, KeyboardInterrupt])
def test_a_second_file_that_fails_takes_the_first_one_with_it(tmp_path, monkeypatch, error):
    link, made = os.link, []

    def failing(source, target):
        if made:
            if error is FileExistsError:
                target.write_text("of somebody else")
            raise error
        made.append(target)
        link(source, target)

    monkeypatch.setattr(os, "link", failing)
    with pytest.raises((SmcloudError, KeyboardInterrupt)):
        write_both(tmp_path, "c", "s")
    there = [path.name for path in tmp_path.iterdir()]
    assert there == (["study.yaml"] if error is FileExistsError else [])


def test_a_path_that_the_environment_names_stays_a_path(tmp_path, monkeypatch):
    monkeypatch.setenv("SMCLOUD_MY_FILES", "/data/mine")
    made = draft(title="of /data/mine")
    made.args["urlpath"] = Line("/data/mine/*.nc")
    text = catalog_text([made], [], tmp_path)
    assert "urlpath: /data/mine/*.nc" in text and "of $SMCLOUD_MY_FILES" in text


def test_the_folder_is_made_and_both_files_appear_or_neither(tmp_path):
    place = tmp_path / "new" / "study"
    assert write_both(place, "a", "b") == (place / "catalog.yaml", place / "study.yaml")
    assert sorted(path.name for path in place.iterdir()) == [".smcloud", "catalog.yaml", "study.yaml"]
    with pytest.raises(ConfigurationError, match="writes over nothing"):
        write_both(place, "c", "d")
    (place / "catalog.yaml").unlink()
    with pytest.raises(ConfigurationError, match="writes over nothing"):
        write_both(place, "c", "d")
    assert [path.read_text() for path in place.iterdir() if path.is_file()] == ["b"]
    with pytest.raises(ConfigurationError, match="is a file"):
        write_both(place / "study.yaml", "a", "b")
