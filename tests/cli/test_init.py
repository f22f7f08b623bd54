"""``smcloud init``: from files to a catalog that the check accepts once its lines are filled, and to a cube."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr

from smcloud import cli
from smcloud.catalog import check_entries, load_catalog
from smcloud.config import load_config
from smcloud.cube import require_convertible
from smcloud.cube.sources import open_inputs
from smcloud.errors import CatalogError, ConfigurationError
from tests.cli.filled import fill
from tests.strangers.forms import FORMS, Raw, write, write_netcdf
from tests.strangers.world import AXES, GRID, axes, random_field, stamps

DAYS = pd.date_range("2000-01-01", "2000-02-29")
SM = random_field(len(DAYS), 0.05, 0.5)
UNITS = {"units": "m3 m-3"}


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as done:
        cli.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return done.value.code or 0, out + err


def looked_at(capsys, out, *arguments):
    """The texts that ``smcloud init`` writes into ``out``."""
    out.mkdir(exist_ok=True)
    code, said = call(capsys, "init", *arguments, "--out", out)
    assert code == 0, said
    return (out / "catalog.yaml").read_text(), (out / "study.yaml").read_text()


def checked(out):
    """The entries of the written catalog, as ``smcloud catalog check`` has them."""
    catalog = load_catalog(out / "catalog.yaml")
    require_convertible(catalog)
    assert set(check_entries(catalog, 60.0).values()) == {"ok"}
    return catalog


def netcdf(path, arrays=None, times=DAYS, kind="NETCDF4", **more):
    write_netcdf(path, {"time": stamps(times)} | GRID | (arrays or {"sm": Raw(AXES, SM, UNITS)}) | more, kind)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "geotiff"])
def test_a_source_of_every_form_becomes_an_entry_that_reads_its_values(tmp_path, capsys, form):
    folder, out = tmp_path / "mine", tmp_path / "out"
    folder.mkdir()
    values = SM.copy()
    values[0, 0, 0] = -9999.0
    place = write(form, folder, axes(form, DAYS) | {"sm": Raw(AXES, values, UNITS | {"_FillValue": np.float32(-9999)})})
    catalog, study = looked_at(capsys, out, folder)
    assert "time: 2000-01-01 to 2000-02-29, 60 steps, none missing" in catalog
    assert "4 x 3 cells of 30 x 90 degrees" in catalog
    with pytest.raises(CatalogError) as refused:
        load_catalog(out / "catalog.yaml")
    assert {err.found for err in (refused.value, *refused.value.others)} == {"CHOOSE"}
    assert fill(out / "catalog.yaml") == ["licence", "citation", *([] if form == "hdf4" else ["stamp"])]
    assert "CHOOSE" not in study
    made = checked(out)
    (entry,) = made.sources.values()
    assert (entry.metadata.reader, entry.driver) == (place["reader"], place["driver"])
    inputs = open_inputs(load_config(out / "study.yaml"), made)
    assert list(map(str, inputs.months)) == ["2000-01", "2000-02"]
    read = inputs.sources["soil_moisture"].values
    np.testing.assert_allclose(read.values, np.where(values == -9999, np.nan, values), rtol=1e-6)


def test_a_map_of_geotiff_is_a_layer_that_waits_for_soil_moisture(tmp_path, capsys):
    layer = Raw(("lat", "lon"), SM[0][::-1], {"units": "1"})
    down = {"lat": Raw(("lat",), GRID["lat"].values[::-1]), "lon": GRID["lon"]}
    (tmp_path / "maps").mkdir()
    write("geotiff", tmp_path / "maps", down | {"ai_v31_yr": layer})
    catalog, study = looked_at(capsys, tmp_path / "out", tmp_path / "maps")
    assert "aridity_index:\n          name: band_1" in catalog
    assert "soil_moisture: CHOOSE  # CHOOSE: an entry of soil moisture" in study
    fill(tmp_path / "out" / "catalog.yaml")
    checked(tmp_path / "out")


def test_a_line_that_is_open_stops_check_and_run_with_what_to_choose(tmp_path, capsys):
    netcdf(tmp_path / "a.nc", times=DAYS[:3], arrays={"sm": Raw(AXES, SM[:3], UNITS)})
    looked_at(capsys, tmp_path, tmp_path / "a.nc")
    code, said = call(capsys, "catalog", "check", tmp_path / "catalog.yaml", "--json")
    problems = json.loads(said)["problems"]
    assert code == 2 and len(problems) == 3
    assert "metadata.licence" in problems[0]["where"] and "terms" in problems[0]["expected"]
    code, said = call(capsys, "ingest", tmp_path / "study.yaml", "--json")
    assert code == 2 and json.loads(said)["found"] == "CHOOSE"
    assert "1 up to the days of the fullest month: 3 of a" in json.loads(said)["expected"]
    with pytest.raises(ConfigurationError, match="still to be filled"):
        load_config(tmp_path / "study.yaml")


def test_nothing_is_written_over_and_a_second_run_says_so(tmp_path, capsys):
    netcdf(tmp_path / "a.nc")
    texts = looked_at(capsys, tmp_path, tmp_path)
    code, said = call(capsys, "init", tmp_path, "--out", tmp_path)
    assert code == 2 and "writes over nothing" in said and "--out FOLDER" in said
    assert ((tmp_path / "catalog.yaml").read_text(), (tmp_path / "study.yaml").read_text()) == texts
    assert "{{ CATALOG_DIR }}/a.nc" in texts[0]
    (tmp_path / "catalog.yaml").unlink()
    assert call(capsys, "init", tmp_path, "--out", tmp_path)[0] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [".smcloud", "a.nc", "study.yaml"]
    assert call(capsys, "init", tmp_path, "--out", tmp_path / "new" / "study")[0] == 0
    assert sorted(path.name for path in (tmp_path / "new" / "study").iterdir()) == [
        ".smcloud",
        "catalog.yaml",
        "study.yaml",
    ]


def test_what_differs_between_files_is_told(tmp_path, capsys):
    """Years of two variables, a record with a gap, a version beside another, a damaged file, a table."""
    for year in ("2000-01", "2000-03"):
        days = pd.date_range(f"{year}-01", periods=20)
        netcdf(tmp_path / f"sm_{year}.nc", {"sm": Raw(AXES, SM[:20], UNITS)}, days)
    monthly = pd.date_range("2000-01-01", periods=3, freq="MS")
    rain = Raw(AXES, random_field(3, 10, 100), {"units": "mm", "standard_name": "precipitation_amount"})
    netcdf(tmp_path / "rain_v1.0.nc", {"x": rain}, monthly, "NETCDF3_CLASSIC")
    netcdf(tmp_path / "rain_v2.0.nc", {"x": rain}, monthly, "NETCDF3_CLASSIC")
    (tmp_path / "sm_2000-02.nc").write_bytes((tmp_path / "sm_2000-01.nc").read_bytes()[:3000])
    (tmp_path / "stations.csv").write_text("date,sm\n")
    (tmp_path / "._sm.nc").write_bytes(b"\x00\x05\x16\x07")
    out = tmp_path / "out"
    catalog, study = looked_at(capsys, out, tmp_path)
    assert "2 files: sm_2000-01.nc to sm_2000-03.nc" in catalog
    assert "40 steps, 1 gap: 2000-01-21 to 2000-02-29" in catalog
    assert re.search(r"# left out: \S+sm_2000-02.nc: sm_2000-02.nc is cut off or damaged", catalog)
    assert re.search(r"# left out: \S+stations.csv: a table", catalog) and "._sm" not in catalog
    assert "versions in the names: 1, 2" in catalog
    assert "precipitation:\n          name: x" in catalog
    # The damaged file must not come back by a pattern.
    assert "urlpath: [" in catalog and "sm_*" not in catalog
    assert "start: 2000-03" in study  # the later one of two runs of one month
    keys = ["licence", "citation", "versions", "stamp", "aggregate", "licence", "citation", "stamp"]
    assert fill(out / "catalog.yaml", versions="{prefer: newest}", aggregate="sum") == keys
    assert sorted(checked(out).sources) == ["rain", "sm"]


def test_roles_that_are_asked_for(tmp_path, capsys):
    two = {"sm": Raw(AXES, SM, UNITS), "soil_moisture": Raw(AXES, SM, UNITS), "rzsm": Raw(AXES, SM, UNITS)}
    netcdf(tmp_path / "a.nc", two)
    catalog, _ = looked_at(capsys, tmp_path / "all", tmp_path / "a.nc")
    assert "name: CHOOSE  # CHOOSE: sm (, m3 m-3) or soil_moisture (, m3 m-3)" in catalog
    catalog, study = looked_at(
        capsys, tmp_path / "one", tmp_path / "a.nc", "--role", "soil_moisture=rz*", "--role", "deep=sm"
    )
    assert "name: rzsm" in catalog and "deep:\n          name: sm" in catalog and "land_mask" not in catalog
    assert "soil_moisture: a\n  deep: a" in study
    code, said = call(capsys, "init", tmp_path / "a.nc", "--role", "soil_moisture=*s*m*", "--out", tmp_path)
    assert code == 3 and "two variables are asked for as soil_moisture" in said and "--role soil_moisture=sm" in said
    code, said = call(capsys, "init", tmp_path / "a.nc", "--role", "deep", "--out", tmp_path)
    assert code == 2 and "deep=NAME" in said
    assert not (tmp_path / "catalog.yaml").exists()


def test_what_was_done_is_told_as_json(tmp_path, capsys):
    netcdf(tmp_path / "a.nc")
    (tmp_path / "notes.txt").write_text("x")
    code, said = call(capsys, "init", tmp_path, "--out", tmp_path, "--json")
    record = json.loads(said)
    catalog, study = (str(tmp_path / name) for name in ("catalog.yaml", "study.yaml"))
    assert code == 0 and record["files"] == {catalog: 3, study: 0}
    assert record["entries"] == {"a": {"soil_moisture": "sm"}}
    assert [one["why"] for one in record["left_out"]] == ["a table"]
    assert record["next"] == [f"smcloud catalog check {catalog}", f"smcloud ingest {study}"]


def test_folders_that_hold_nothing_to_read(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    code, said = call(capsys, "init", tmp_path / "empty", "--out", tmp_path)
    assert code == 3 and "nothing here can be read as a grid" in said and "no file" in said
    code, said = call(capsys, "init", tmp_path / "absent", "--out", tmp_path)
    assert code == 3 and "there is nothing to look at" in said
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "page.nc").write_text("<html>log in</html>")
    (tmp_path / "bad" / "empty.nc").touch()
    code, said = call(capsys, "init", tmp_path / "bad", "--out", tmp_path)
    assert code == 3 and "page.nc: an HTML page" in said and "empty.nc: an empty file" in said
    points = {"lat": Raw(("cell",), np.arange(4.0)), "lon": Raw(("cell",), np.arange(4.0))}
    points |= {"sm": Raw(("cell", "time"), SM[:, :, 0].T.copy(), UNITS), "time": stamps(DAYS)}
    write_netcdf(tmp_path / "points.nc", points, "NETCDF4")
    code, said = call(capsys, "init", tmp_path / "points.nc", "--out", tmp_path)
    assert code == 3 and "values lie at points, not on a grid" in said
    assert not (tmp_path / "study.yaml").exists()


@pytest.mark.parametrize(
    ("place", "exit_code", "said"),
    [
        ("s3://me:secret@bucket/a.zarr", 2, "credentials come from the environment"),
        ("ftp://host/a.nc", 2, "an address that a catalog may not hold"),
        ("http://127.0.0.1:9/a.nc", 4, "does not answer"),
    ],
)
def test_addresses_that_lead_nowhere(tmp_path, capsys, place, exit_code, said):
    code, text = call(capsys, "init", place, "--out", tmp_path)
    assert code == exit_code and said in text and "secret" not in text.replace("a secret", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_bucket_with_and_without_credentials(tmp_path, capsys, s3_endpoint, monkeypatch):
    import s3fs

    fs = s3fs.S3FileSystem(endpoint_url=s3_endpoint)
    fs.mkdir("mine")
    write("zarr3", tmp_path, axes("zarr3", DAYS) | {"sm": Raw(AXES, SM, UNITS)})
    netcdf(tmp_path / "sm_2000.nc")
    for path in (tmp_path / "sm_2000.nc", *(tmp_path / "source.zarr").rglob("*")):
        if path.is_file():
            fs.pipe(f"mine/files/{path.relative_to(tmp_path)}", path.read_bytes(), ACL="public-read")
    out = tmp_path / "out"
    catalog, _ = looked_at(capsys, out, "s3://mine", "--anonymous", "--endpoint", s3_endpoint)
    options = f"storage_options: {{anon: true, client_kwargs: {{endpoint_url: '{s3_endpoint}'}}}}"
    assert "urlpath: s3://mine/files/sm_2000.nc" in catalog and options in catalog
    assert "urlpath: s3://mine/files/source.zarr" in catalog
    fill(out / "catalog.yaml")
    assert len(checked(out).sources) == 2
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    code, said = call(capsys, "init", "s3://none/a.zarr", "--out", tmp_path)
    assert code in (3, 4) and "s3://none/a.zarr" in said
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3fs.S3FileSystem.clear_instance_cache()
    code, said = call(capsys, "init", "s3://mine", "--out", tmp_path)
    assert code == 4 and "--anonymous" in said


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A folder, and its address at a server of HTTP that lists nothing."""
    folder = tmp_path_factory.mktemp("served")
    server = Path(__file__).parents[1] / "doors" / "unlisted_server.py"
    with subprocess.Popen([sys.executable, str(server), str(folder)], stdout=subprocess.PIPE, text=True) as process:
        yield folder, process.stdout.readline().strip()
        process.terminate()


@pytest.mark.e2e
def test_a_file_and_a_store_behind_http(served, tmp_path, capsys):
    folder, url = served
    netcdf(folder / "a.nc")
    write("zarr2", folder, axes("zarr2", DAYS) | {"sm": Raw(AXES, SM, UNITS)})
    zarr.consolidate_metadata(folder / "source.zarr")  # a server of HTTP lists no arrays
    catalog, _ = looked_at(capsys, tmp_path / "out", f"{url}/a.nc", f"{url}/source.zarr")
    assert f"urlpath: {url}/a.nc" in catalog and f"urlpath: {url}/source.zarr" in catalog
    fill(tmp_path / "out" / "catalog.yaml", fill="[]")
    assert len(checked(tmp_path / "out").sources) == 2


REAL = {
    "cci_images": {"versions": "{prefer: newest}", "period": "month"},
    "era5": {"accumulation": "{reset: day}", "stamp": "end"},
    "lai": {"fill": "[249, 250, 251, 252, 253, 254]"},
    "static": {"fill": "[2, 3, 4]"},
}


@pytest.mark.slow
@pytest.mark.parametrize("folder", REAL)
def test_real_files_pass_the_check_once_the_lines_are_filled(test_data, tmp_path, capsys, folder):
    catalog, _ = looked_at(capsys, tmp_path, test_data / folder)
    fill(tmp_path / "catalog.yaml", **REAL[folder])
    entries = checked(tmp_path).sources
    if folder == "cci_images":
        assert len(entries) == 4 and {entry.metadata.reader for entry in entries.values()} == {"esa_cci"}
        assert catalog.count("versions: CHOOSE") == catalog.count("period: CHOOSE") == 1
        assert "named as the files of c3s are: smcloud catalog show c3s" in catalog
    if folder == "era5":
        rain = entries["era5land_rwanda"].metadata.variables["precipitation"]
        assert rain.accumulation is not None and (rain.stamp, rain.period) == ("end", "hour")
        assert "ERA5_core_0165.nc: values lie at points" in catalog and "unzip it" in catalog
    if folder == "lai":
        assert "[250, 253, 254] if these stored values mean missing" in catalog
        assert "row (850 to 1149), col (850 to 1149)" in catalog


@pytest.mark.parametrize("folder", ["caravan", "points_daily", "reference", "stac"])
def test_real_files_that_are_no_grids_are_named(test_data, tmp_path, capsys, folder):
    code, said = call(capsys, "init", test_data / folder, "--out", tmp_path)
    assert code == 3 and "nothing here can be read as a grid" in said
    assert re.search("a table|series without latitude|JSON", said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_real_images_and_leaf_area_become_a_cube(test_data, tmp_path, capsys):
    """Three days of December 2016, beside a tile of leaf area that is given the names of that month's composites."""
    for path in (test_data / "cci_images").glob("*PASSIVE*.nc"):
        os.symlink(path, tmp_path / path.name)
    (tile,) = (test_data / "lai").glob("*.hdf")
    for day in (345, 353, 361):
        shutil.copyfile(tile, tmp_path / tile.name.replace("A2012177", f"A2016{day}"))
    _, study = looked_at(capsys, tmp_path, tmp_path)
    assert "start: 2016-12  # the month with most days" in study and "lai: mcd15a2" in study
    assert fill(tmp_path / "catalog.yaml", **REAL["lai"]) == ["licence", "citation", "fill"]
    assert fill(tmp_path / "study.yaml", min_days="3") == ["min_days"]
    store = tmp_path / "store"
    text = (tmp_path / "study.yaml").read_text().replace("store: smcloud-results", f"store: {store}")
    (tmp_path / "study.yaml").write_text(text)
    checked(tmp_path)
    code, said = call(capsys, "ingest", tmp_path / "study.yaml", "--json")
    assert code == 0, said
    cube = xr.open_zarr(store / json.loads(said)["url"])
    assert cube["soil_moisture"].sizes == {"time": 1, "lat": 720, "lon": 1440}
    assert int(cube["soil_moisture_days"].max()) == 3
    assert 0 < float(cube["lai"].max()) < 8


MONTHS = pd.date_range("2000-01-01", periods=3, freq="MS")
CODES = np.where(random_field(31, 0, 1) < 0.2, 250, random_field(31, 0, 90, seed=1)).astype("u1")
CODES[0, 0] = 249, 253, 255
HELD = "fill: CHOOSE  # CHOOSE: [codes that mean missing] by the product's guide"
NOON = pd.date_range("2000-01-01T12", periods=31)
ASKED = {
    "an amount of a month or of its days": (
        {"tp": Raw(AXES, random_field(3, 0.001, 0.01), {"units": "m"})}, MONTHS,
        {"aggregate": "sum"}, "aggregate: CHOOSE  # CHOOSE: sum of what fell in the month; for its mean",
    ),
    "a mean of daily amounts": (
        {"tp": Raw(AXES, random_field(3, 0.001, 0.01), {"units": "m", "GRIB_stepType": "avgad"})}, MONTHS,
        {"units": "m day-1"}, "units: CHOOSE  # CHOOSE: m day-1 or m month-1",
    ),
    "stamps at noon": (
        {"tp": Raw(AXES, random_field(31, 0, 9), {"units": "mm"})}, NOON,
        {"stamp": "mid"}, "stamp: CHOOSE  # CHOOSE: start, mid or end",
    ),
    "percent of saturation": (
        {"sm": Raw(AXES, random_field(31, 5, 95), {"units": "%", "long_name": "percent of saturation"})}, DAYS[:31],
        {"scale": "0.0045"}, "scale: CHOOSE  # CHOOSE: the factor that makes m3 m-3",
    ),
    "water of a layer": (
        {"mrsos": Raw(AXES, random_field(31, 5, 45), {"units": "kg m-2"})}, DAYS[:31],
        {"scale": "0.01"}, "scale: CHOOSE  # CHOOSE: 1 / the depth",
    ),
    "no unit of a temperature": (
        {"tas": Raw(AXES, random_field(31, 5, 45))}, DAYS[:31],
        {"units": "degC", "valid_range": "[-90, 60]"}, "units: CHOOSE  # CHOOSE: K or degC or degF",
    ),
    "a code that is not stated": (
        {"sm": Raw(AXES, np.where(random_field(31, 0, 1) < 0.2, np.float32(-999), SM[:31]), UNITS)}, DAYS[:31],
        {"fill": "[-999]"}, "fill: CHOOSE  # CHOOSE: [-999.0] if these stored values mean missing",
    ),
    "leaf area in codes without scale or unit": (
        {"Lai": Raw(AXES, CODES)}, DAYS[:31], {"scale": "0.1", "fill": "[249, 250, 251, 252, 253, 254, 255]"}, HELD,
    ),
    "leaf area in codes with a range of its own": (
        {"Lai": Raw(AXES, CODES, {"units": "m2/m2", "valid_range": np.array([0, 100], "u1")})}, DAYS[:31],
        {"scale": "0.1", "fill": "[249, 250, 251, 252, 253, 254, 255]"}, "the file says valid_range [0, 100]",
    ),
    "whole numbers of an unknown unit": (
        {"tas": Raw(AXES, random_field(31, 2700, 2900).astype("i2"))}, DAYS[:31],
        {"units": "K", "valid_range": "[180, 350]", "scale": "0.1", "fill": "[]"}, HELD,
    ),
    "one map of a day or a month": (
        {"sm": Raw(AXES, SM[:1], UNITS)}, DAYS[:1],
        {"period": "day"}, "period: CHOOSE  # CHOOSE: hour, 3hour, 6hour, day, 8day, month: one stamp",
    ),
    "classes": (
        {"lccs_class": Raw(AXES[1:], np.arange(12, dtype="u1").reshape(4, 3))}, DAYS[:1],
        {"legend": "{0: water, 11: forest}", "valid_range": "[0, 11]"}, "legend: CHOOSE  # CHOOSE: {1: forest",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ASKED)
def test_what_only_the_user_knows_is_asked_and_passes_once_it_is_said(tmp_path, capsys, case):
    arrays, times, values, line = ASKED[case]
    netcdf(tmp_path / "a.nc", arrays, times)
    catalog, _ = looked_at(capsys, tmp_path, tmp_path / "a.nc")
    assert line in catalog
    if "scale" in values:
        assert re.search(r"valid_range: (\[-0.01, 15?\]|CHOOSE)", catalog) and "before the scale" in catalog
    always = {"licence", "citation", "stamp"} - ({"stamp"} if case == "classes" else set())
    assert set(fill(tmp_path / "catalog.yaml", **values)) == always | set(values)
    checked(tmp_path)


def test_a_level_and_axes_without_names_are_asked_for(tmp_path, capsys):
    (tmp_path / "a").mkdir()
    layers = {"sm": Raw(("time", "depth", *AXES[1:]), SM[:, None].repeat(2, axis=1), UNITS)}
    netcdf(tmp_path / "a" / "layers.nc", layers | {"depth": Raw(("depth",), np.array([0.05, 0.2]))})
    plain = {"row": GRID["lat"].values, "col": GRID["lon"].values}
    arrays = {name: Raw((name,), values) for name, values in plain.items()} | {"time": stamps(DAYS)}
    write_netcdf(tmp_path / "a" / "plain.nc", arrays | {"sm": Raw(("time", "row", "col"), SM, UNITS)}, "NETCDF4")
    catalog, study = looked_at(capsys, tmp_path, tmp_path / "a")
    assert "select: CHOOSE  # CHOOSE: one level or member, as in {depth: 0.05}; there are depth (0.05, 0.2)" in catalog
    assert "axes: CHOOSE  # CHOOSE: which is which, as in {lat: row, lon: col}" in catalog
    assert "soil_moisture: CHOOSE" in study
    chosen = {"axes": "{lat: row, lon: col}", "select": "{depth: 0.05}"}
    assert set(fill(tmp_path / "catalog.yaml", **chosen)) == {"licence", "citation", "axes", "select", "stamp"}
    fill(tmp_path / "study.yaml", soil_moisture="plain", start="2000-01", end="2000-02")
    inputs = open_inputs(load_config(tmp_path / "study.yaml"), checked(tmp_path))
    np.testing.assert_allclose(inputs.sources["soil_moisture"].values.values, SM, rtol=1e-6)
