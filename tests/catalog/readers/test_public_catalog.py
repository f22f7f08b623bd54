"""The public catalog with every reader, where nothing can be reached, and what a run records of provisional input."""

import json
import os
import socket
import sys
from pathlib import Path

import pytest
import xarray as xr

from smcloud import cli, pipeline
from smcloud.catalog import check_entries, load_catalog, open_entry
from smcloud.config import load_config
from smcloud.store import CubeEntry

PUBLIC = "catalogs/public.yaml"


@pytest.fixture
def offline(monkeypatch):
    for name in [name for name in os.environ if name.startswith("SMCLOUD_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name in ("STORAGE_EMULATOR_HOST", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)

    def no_network(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", no_network)


def test_every_entry_is_valid_and_listed_as_unreached(offline, capsys):
    answers = check_entries(load_catalog(PUBLIC))
    assert all(answer.startswith("unreachable: ") for answer in answers.values()), answers
    with pytest.raises(SystemExit) as ended:
        cli.main(["catalog", "check", PUBLIC, "--json"])
    assert not ended.value.code
    assert json.loads(capsys.readouterr().out) == {"status": "valid", "entries": answers}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "variable", "pattern"),
    [
        ("esa_cci_sm_files", "SMCLOUD_ESA_CCI_SM", "cci_images/ESACCI*COMBINED*fv04.5.nc"),
        ("c3s", "SMCLOUD_C3S_SOIL_MOISTURE", "cci_images/C3S*DAILY*.nc"),
        ("modis_lai", "SMCLOUD_MODIS_LAI", "lai/*.hdf"),
    ],
)
def test_the_entries_serve_real_files(test_data, tmp_path, monkeypatch, name, variable, pattern):
    """MODIS as the product of 1 km, the only real tile; its array and file are called otherwise."""
    for path in test_data.glob(pattern):
        (tmp_path / path.name.replace("MCD15A2.", "MCD15A2H.")).symlink_to(path)
    monkeypatch.setenv(variable, str(tmp_path))
    text = Path(PUBLIC).read_text().replace("Lai_500m", "Lai_1km")
    (tmp_path / "public.yaml").write_text(text)
    catalog = load_catalog(tmp_path / "public.yaml")
    ds = open_entry(catalog, name)
    for spec in catalog.sources[name].metadata.variables.values():
        assert ds[spec.name].notnull().any()


@pytest.mark.slow
def test_a_run_records_the_months_that_rest_on_provisional_input(small_world, monkeypatch):
    ends = {"final_to": "2007-10-31", "era5t_to": "2007-12-31"}
    limits = {"attr": "final_to", "provisional_attr": "era5t_to"}
    config = load_config(
        small_world(lambda ds: ds.assign_attrs(ends), lambda e: e["metadata"].update(valid_end=limits))
    )
    job = pipeline.check(config)
    cube = pipeline.ingest(config, job)
    assert cube.provisional == ("2007-11", "2007-12")
    path = Path(config.store) / cube.url
    assert xr.open_zarr(path)["provisional"].values.tolist() == [0] * 94 + [1, 1]
    written = []
    monkeypatch.setattr(
        sys.modules["smcloud.pipeline.publish"].stores, "publish", lambda store, record, *more: written.append(record)
    )
    monkeypatch.setattr(sys.modules["smcloud.pipeline.publish"].stores, "write_doors", lambda *more: None)
    pipeline.publish(config, job, cube, {})
    named = {name: getattr(cube, name) for name in CubeEntry.model_fields}
    assert written[0].cube == CubeEntry(**named) and cube.inventory_sha256
