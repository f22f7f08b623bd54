"""smcloud export and smcloud point: what they print, and every refusal with its exit code."""

import io
import json
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
import rasterio
import xarray as xr

from smcloud.conventions.invented import NOTE
from smcloud.plan import size
from smcloud.store.records import INVENTORY
from tests.cli.test_app import call
from tests.export.small_release import products, publish


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return publish(tmp_path_factory.mktemp("cli"), products())


@pytest.fixture(scope="module")
def invented(tmp_path_factory):
    return publish(tmp_path_factory.mktemp("invented"), products(), version="sample world")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refused(capsys, code, name, *arguments):
    got, out, err = call(capsys, *arguments, "--json")
    error = json.loads(out)
    assert (got, error["code"]) == (code, name), error
    assert error["what"] and error["next"] and not err
    return error


def test_export_prints_its_files_and_their_sizes(store, tmp_path, capsys):
    code, out, err = call(capsys, "export", store, "--to", "csv", "--product", "ddww", "--product", "trend")
    assert code == 0, err
    folder = tmp_path / "store-release-1-ddww-trend-csv"
    assert "release 1 as csv: 4 files" in out and str(folder) in out
    assert "trend_cells_break.csv" in out and "KiB" in out
    assert {path.name for path in folder.iterdir()} >= {"trend_cells.csv", "ddww_class.csv", "smcloud-export.json"}
    record = json.loads(
        call(capsys, "export", store, "--to", "xlsx", "--product", "ddww", "--out", "x.xlsx", "--json")[1]
    )
    assert record["files"] == {"x.xlsx": (tmp_path / "x.xlsx").stat().st_size} and record["status"] == "exported"


@pytest.mark.parametrize("form", ["csv", "parquet", "netcdf", "geotiff", "xlsx"])
def test_a_region_leaves_out_what_is_not_of_it_and_says_so(store, capsys, form):
    code, out, err = call(capsys, "export", store, "--to", form, "--region=-60,-30,60,60", "--out", "x")
    assert code == 0, err
    assert "note: regional is of the whole run, not of a region: left out" in out
    assert "note: ddww: area_km2 are of the whole run, not of a region: left out" in out
    if form == "csv":
        cells = pd.read_csv("x/trend_cells.csv", comment="#")
        assert {*cells["lat"]} == {-15, 15, 45} and {*cells["lon"]} == {-45, -15, 15, 45}


FORMS = ["csv", "parquet", "netcdf", "geotiff", "xlsx"]


@pytest.mark.parametrize("form", FORMS)
def test_an_invented_world_is_called_so_wherever_its_numbers_go(invented, store, tmp_path, capsys, form):
    for place, held in ((invented, True), (store, False)):
        out = tmp_path / str(held)
        code, said, err = call(capsys, "export", place, "--to", form, "--product", "trend", "--out", str(out))
        assert (code, ("note: This is an invented world" in said)) == (0, held), err
        assert all((NOTE in text_of(path)) is held for path in out.iterdir() if path.suffix not in (".json", ".xml"))
        manifest = json.loads((out / "smcloud-export.json").read_text())
        assert (NOTE in manifest["notes"]) is held


def text_of(path):
    """What a file of an export says of itself, as the programs read it that it is for."""
    if path.suffix == ".csv":
        return path.read_text()
    if path.suffix == ".parquet":
        return str(pq.read_schema(path).metadata)
    if path.suffix == ".nc":
        return str(xr.open_dataset(path).attrs.get("note"))
    if path.suffix == ".tif":
        with rasterio.open(path) as raster:
            return str(raster.tags())
    book = openpyxl.load_workbook(path)
    return str([[cell.value for cell in row] for sheet in book for row in sheet.iter_rows(max_row=40)])


def test_a_cell_of_an_invented_world_is_called_so(invented, store, capsys):
    for place, held in ((invented, True), (store, False)):
        assert (NOTE in call(capsys, "point", place, "10", "10")[1]) is held
        assert (f"# note: {NOTE}" in call(capsys, "point", place, "10", "10", "--csv")[1]) is held
        assert json.loads(call(capsys, "point", place, "10", "10", "--json")[1])["invented"] is held


@pytest.mark.parametrize("command", [("export", "--to", "csv", "--product", "ddww"), ("verify",), ("verify", "--all")])
def test_how_much_is_read_is_told_before(store, capsys, caplog, command):
    name, *options = command
    assert " objects, " not in call(capsys, name, store, *options, "--json")[2]
    caplog.clear()
    places = [*Path(store).glob("products/ddww/*" if name == "export" else "products/*/*")]
    places += [] if name == "export" else [*Path(store).glob("cube/*")]
    sealed = [path for place in places for path in place.rglob("*") if path.is_file() and path.name != INVENTORY]
    force = ["--force"] if name == "export" else []
    assert call(capsys, name, store, *options, *force, "-v")[0] == (3 if "--all" in options else 0)  # it has no page
    told = f"{len(sealed)} objects, {size(sum(path.stat().st_size for path in sealed))}"
    assert any(record.getMessage().startswith(name) and told in record.getMessage() for record in caplog.records)


def test_refusals_of_an_export(store, tmp_path, capsys):
    export = ("export", store, "--to")
    assert "--force" in refused_existing(capsys, export, tmp_path)
    error = refused(capsys, 2, "export", *export, "csv", "--product", "regional", "--region=-60,-30,60,60")
    assert "--product regional, without --region" in error["next"]
    assert "csv" in refused(capsys, 2, "export", *export, "geotiff", "--product", "regional")["next"]
    assert "2 files" in refused(capsys, 2, "export", *export, "csv", "--product", "trend", "--out", "x.csv")["found"]
    assert "mkdir -p" in refused(capsys, 2, "export", *export, "csv", "--out", "no/x")["next"]
    refused(capsys, 2, "nothing-published", *export, "csv", "--product", "no")
    refused(capsys, 2, "nothing-published", *export, "csv", "--release", "7")
    refused(capsys, 3, "outside-grid", *export, "csv", "--region=1,1,2,2")
    refused(capsys, 2, "usage", *export, "pdf")
    refused(capsys, 2, "usage", *export, "csv", "--region=1,1,2")
    refused(capsys, 2, "usage", "export", store)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious").write_text("x")
    refused(capsys, 5, "not-a-store", *export, "csv", "--out", "mine", "--force")
    refused(capsys, 5, "not-a-store", "export", tmp_path, "--to", "csv")
    refused(capsys, 2, "nothing-published", "export", tmp_path / "absent", "--to", "csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "taken"]


def refused_existing(capsys, export, tmp_path):
    (tmp_path / "taken").write_text("old")
    error = refused(capsys, 2, "export", *export, "csv", "--out", "taken")
    assert (tmp_path / "taken").read_text() == "old"
    return error["next"]


def test_point_tells_a_cell_and_its_series(store, capsys):
    code, out, err = call(capsys, "point", store, "-10", "-100")
    assert code == 0, err
    assert "The cell around 15°S 105°W" in out and "Trend:" in out and "Soil moisture:" in out
    assert "year  soil moisture" in out and "cite as: A. Person (20" in out and "soil_moisture m3 m-3" in out
    assert len([line for line in out.splitlines() if line.startswith("20")]) == 4


def test_point_as_csv_and_as_json_agree(store, capsys):
    csv = pd.read_csv(io.StringIO(call(capsys, "point", store, 10, 100, "--csv")[1]), comment="#")
    record = json.loads(call(capsys, "point", store, 10, 460 - 360, "--json")[1])
    pd.testing.assert_frame_equal(csv, pd.DataFrame(record["series"]), check_dtype=False)
    assert record["cell"]["lon"] == 105


def test_refusals_of_a_point(store, tmp_path, capsys):
    regional = publish(tmp_path, products(lat=np.array([5.0, 15]), lon=np.array([5.0, 15])))
    error = refused(capsys, 3, "outside-grid", "point", regional, 50, 10)
    assert "latitudes 0 to 20" in error["expected"]
    refused(capsys, 2, "usage", "point", store, 95, 0)
    refused(capsys, 2, "usage", "point", store, 5)
    refused(capsys, 2, "usage", "point", store, 5, 5, "--csv")
    refused(capsys, 2, "usage", "point", store, "north", 5)
    code, _, err = call(capsys, "point", store, 5, 5, "--loud")
    assert code == 2 and "--loud" in err
    refused(capsys, 2, "nothing-published", "point", store, 5, 5, "--release", 9)


def test_the_forms_of_the_help_are_those_there_are():
    from smcloud import export
    from smcloud.cli import files

    assert files.FORMS == export.FORMS


@pytest.mark.parametrize("command", ["export", "point"])
def test_help_shows_an_example(command, capsys):
    code, out, _ = call(capsys, command, "--help")
    assert code == 0 and f"Example: smcloud {command}" in " ".join(out.split())
