"""``smcloud sensitivity``: a folder that appears whole, beside errors that say what to do."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smcloud import pipeline
from smcloud.config import load_config, overlay, parse_config
from smcloud.config.strict_yaml import read_yaml
from smcloud.errors import ConfigurationError
from smcloud.products import ddww_attributes
from smcloud.store import open_product
from tests.cli.test_app import call

FILES = {"sensitivity.zarr", "sensitivity.parquet", "sensitivity.csv", "sensitivity.png", "sentences.txt"}


def test_without_a_cube_it_says_how_to_make_one(small_world, tmp_path, capsys):
    code, out, _ = call(capsys, "sensitivity", small_world(), "--out", tmp_path / "curve", "--json")
    error = json.loads(out)
    assert code == 2 and error["code"] == "nothing-published" and "smcloud ingest" in error["next"]
    assert not (tmp_path / "curve").exists()


def test_a_folder_of_something_else_stays_as_it_is(small_world, tmp_path, capsys):
    place = tmp_path / "curve"
    place.mkdir()
    (place / "thesis.tex").write_text("precious")
    code, _, err = call(capsys, "sensitivity", small_world(), "--out", place)
    assert code == 5 and "thesis.tex" in err and "--out" in err
    assert [path.name for path in place.iterdir()] == ["thesis.tex"]


def test_the_help_has_an_example(capsys):
    code, out, _ = call(capsys, "sensitivity", "--help")
    assert code == 0 and "Example: smcloud sensitivity" in out


@pytest.mark.slow
def test_it_writes_the_whole_folder_and_a_row_is_what_a_run_publishes(small_world, tmp_path, capsys):
    path, place = small_world(alpha=0.3, bootstrap={"replicates": 20}), tmp_path / "curve"
    config = load_config(path)
    job = pipeline.check(config)
    pipeline.ingest(config, job)
    code, out, _ = call(capsys, "sensitivity", path, "--out", place, "--json")
    record = json.loads(out)
    assert code == 0 and record["status"] == "written" and len(record["sentences"]) == 3
    assert {file.name for file in place.iterdir()} == FILES
    assert (place / "sentences.txt").read_text().splitlines() == record["sentences"]
    assert (place / "sensitivity.png").read_bytes().startswith(b"\x89PNG")
    ds = xr.open_zarr(place / "sensitivity.zarr").load()
    frame, text = pd.read_parquet(place / "sensitivity.parquet"), pd.read_csv(place / "sensitivity.csv")
    assert len(frame) == len(text) == ds.sizes["combination"] == record["combinations"] + record["void"]
    np.testing.assert_array_equal(frame["mean_of_slopes_globe"], ds["mean_of_slopes"].sel(region="globe"))
    np.testing.assert_array_equal(text["ddww_excess"], frame["ddww_excess"])
    assert ds.attrs["sentence_1"] == record["sentences"][0] and ds["void"].dtype.kind in "OT"

    own = ds.isel(combination=(ds["void"].values == "") & (ds["zones"].values == "aridity_terciles"))
    at = int(np.flatnonzero(own["ddww_share_of_change"].notnull().values & (own["start"].values == "+1"))[7])
    row = own.isel(combination=at)
    base = read_yaml(path.read_bytes(), str(path), ConfigurationError)
    other = parse_config(overlay(base, json.loads(str(row["configuration"].values))))
    other_job = pipeline.check(other)
    pipeline.publish(other, other_job, pipeline.ingest(other, other_job), pipeline.compute(other, other_job))
    regional, ddww = (open_product(config.store, name).load() for name in ("regional", "ddww"))
    chosen = regional.sel(region=ds["region"].values)
    for name in ("mean_of_slopes", "slope", "slope_fixed_cells", "drying_share", "wetting_share"):
        np.testing.assert_array_equal(row[name], chosen[name], err_msg=name)
    figures = ddww_attributes(ddww)
    for name in ("ddww_share_of_change", "ddww_expected_share", "odds_ratio"):
        np.testing.assert_array_equal(float(row[name]), figures[name], err_msg=name)

    (place / "sentences.txt").write_text("old")
    code, out, _ = call(capsys, "sensitivity", path, "--out", place)
    assert code == 0 and "combinations" in out and {file.name for file in place.iterdir()} == FILES
    assert (place / "sentences.txt").read_text().splitlines() == record["sentences"]
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".curve")]
