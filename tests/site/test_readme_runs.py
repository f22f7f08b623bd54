"""What README.md says to type, typed: on the demo, and on a folder of a user's own files."""

import re
import shlex
import shutil
import sys

import pytest
import xarray as xr
import yaml

import smcloud
from smcloud.sample import scorecard
from tests.conftest import small_dataset
from tests.site.conftest import ROOT, run

pytestmark = pytest.mark.e2e
README = (ROOT / "README.md").read_text()
PRODUCTS = ("trend", "drivers", "ddww")
SMCLOUD = (sys.executable, "-m", "smcloud.cli")


def typed(heading):
    """The commands below a heading of README.md, comments left out."""
    part = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line.partition(" #")[0].strip() for line in part.splitlines() if line.startswith("    ")]
    return [shlex.split(line) for line in lines]


def test_figures_of_the_first_lines_are_those_of_the_demo(demo):
    opening = README.partition("\n## ")[0]
    held = smcloud.open_product(str(demo), "ddww").attrs
    share = [held[f"ddww_{key}"] for key in ("share_of_change", "share_of_change_lower", "share_of_change_upper")]
    chance = [held[f"ddww_{key}"] for key in ("null_lower", "null_upper")]
    told = [int(number) / 100 for number in re.findall(r"\b(\d\d)(?: %| to)", opening)]
    assert told == [round(it, 2) for it in (*share, *chance)]
    truth = xr.open_zarr(f"{demo}-inputs/truth.zarr").load()
    score = scorecard(truth, **{name: smcloud.open_product(str(demo), name).load() for name in PRODUCTS})
    assert score["detectable"]["score"] == 1 and "all strong trends" in opening
    assert f"{score['driver']['score'] * 100:.1f} %" in opening


def test_the_commands_that_read_a_result_run(demo, tmp_path):
    point, page, server = typed("Read a result")
    assert "Trend: " in run(*SMCLOUD, *point[1:], cwd=demo.parent)
    assert run(*SMCLOUD, *point[1:], "--csv", cwd=demo.parent).count("\n") > 22
    run(*SMCLOUD, *page[1:], cwd=demo.parent)
    (chinese,) = demo.glob("reports/*/index.zh.html")
    assert "土壤水分" in chinese.read_text("utf-8")
    assert server == ["python", "-m", "http.server", "--directory", "smcloud-demo"] and (demo / "index.html").is_file()
    run(*SMCLOUD, *shlex.split(f"export {demo} --to csv --product regional --out {tmp_path}/csv"))


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A folder with a user's files: monthly soil moisture, rain, temperature and leaf area of 16 years, as NetCDF."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "my-files").mkdir()
    world = small_dataset(years=16).drop_vars("aridity_index")
    for name, da in world.data_vars.items():
        da.attrs["long_name"] = str(name).replace("_", " ")
        world[[name]].to_netcdf(folder / "my-files" / f"{name}.nc")
    return folder


def test_own_files_become_a_release_and_the_two_usual_errors_say_so(own):
    init, check, whole = typed("Your own files")
    run(*SMCLOUD, *init[1:], cwd=own)
    refused = run(*SMCLOUD, *check[1:], cwd=own, code=2)
    assert "CHOOSE" in refused and "mine/catalog.yaml" in refused
    fill(own / "mine/catalog.yaml")
    fill(own / "mine/study.yaml")
    assert "0 could not be reached" in run(*SMCLOUD, *check[1:], cwd=own)
    study = own / "mine/study.yaml"
    kept = study.read_text()
    study.write_text(re.sub(r"(?m)^  start: \S+", "  start: 2008-01", kept))
    assert "years" in run(*SMCLOUD, *whole[1:], cwd=own, code=3)
    study.write_text(kept)
    run(*SMCLOUD, *whole[1:], cwd=own)
    store = own / yaml.safe_load(kept)["store"]
    assert smcloud.open_product(str(store), "regional").sizes["region"] > 0
    shutil.rmtree(store)


def fill(path):
    """Write something for each line with CHOOSE, as its comment says."""
    chosen = {"licence": "mine", "citation": "mine", "stamp": "start", "aggregate": "sum"}
    path.write_text(re.sub(rf"({'|'.join(chosen)}): CHOOSE.*", lambda m: f"{m[1]}: {chosen[m[1]]}", path.read_text()))
