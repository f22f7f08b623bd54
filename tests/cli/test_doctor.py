"""What is tried before a run: each thing is well, or says what to do; nothing is left behind."""

import json
import os
import sys

import pytest

from smcloud import cli
from smcloud.errors import UnreachableError
from smcloud.pipeline import doctor
from smcloud.pipeline.doctor import examine


@pytest.fixture(autouse=True)
def no_server(monkeypatch):
    """The session names an address for Prefect, where no server listens unless somebody needs one."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def tried(asked=None):
    return {check.name: check for check in examine(asked)}


def wrong(checks):
    return {name: check.error.code for name, check in checks.items() if check.error is not None}


def test_a_study_that_can_be_run(small_world, tmp_path):
    config = small_world()
    checks = tried(str(config))
    assert wrong(checks) == {}
    assert list(checks) == ["versions", "cache", "machine", "prefect", "configuration", "catalog", "source world",
                            "store", "store, writing", "cluster"]  # fmt: skip
    assert not (tmp_path / "store").exists()


def test_each_thing_that_is_wrong_is_told_and_none_hides_another(small_world, tmp_path, monkeypatch, capsys):
    config = small_world(entry=lambda entry: entry["args"].update(urlpath="{{ CATALOG_DIR }}/gone.zarr"))
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "thesis.tex").write_text("precious")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    place = tmp_path / "cache"
    place.mkdir()
    place.chmod(0o777)
    monkeypatch.setenv("SMCLOUD_CACHE_DIR", str(place))
    found = wrong(tried(str(config)))
    assert found == {"cache": "configuration", "prefect": "unreachable", "source world": "file-form",
                     "store": "not-a-store", "store, writing": "not-a-store"}  # fmt: skip
    with pytest.raises(SystemExit) as done:
        cli.main(["doctor", str(config)])
    said = capsys.readouterr().out
    assert done.value.code == 2 and said.count("next: ") == 5 and said.count("WRONG") == 5


def test_a_package_of_another_version_is_named(monkeypatch):
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: ["xarray>=9999", "nosuch-package", 'x; extra == "y"'])
    error = tried()["versions"].error
    assert error.found.startswith("xarray 20") and "nosuch-package nothing" in error.found
    assert error.expected == "xarray>=9999, nosuch-package"


def test_a_store_that_creates_twice_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["smcloud.store.probe"], "create_only", lambda store, path, content: True)
    assert "store, writing" in wrong(tried(str(tmp_path)))
    assert os.listdir(tmp_path) == []


def test_the_gateway_is_tried_with_one_worker(small_world, monkeypatch):
    asked = []

    def refused(cluster):
        asked.append((cluster.workers, cluster.adaptive))
        raise UnreachableError("the Dask Gateway does not answer as it should", next="start it")

    monkeypatch.setattr(doctor, "open_cluster", refused)
    config = small_world(cluster={"kind": "gateway", "workers": 40, "adaptive": True})
    assert wrong(tried(str(config))) == {"gateway": "unreachable"} and asked == [(1, False)]


def test_credentials_are_named_and_never_shown(monkeypatch, s3_endpoint, capsys):
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "CANARY-1")
    with pytest.raises(SystemExit) as done:
        cli.main(["doctor", "s3://absent/store", "--json"])
    record = json.loads(capsys.readouterr().out)
    assert (done.value.code, record["status"]) == (4, "wrong") and "CANARY" not in json.dumps(record)
    (credentials,) = [check for check in record["checks"] if check["name"] == "credentials"]
    assert credentials["found"] == "from the environment: AWS_ACCESS_KEY_ID"
