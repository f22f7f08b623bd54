"""All that is wrong with a catalog or a configuration is said at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from smcloud import cli
from smcloud.catalog import load_catalog
from smcloud.config import parse_config
from smcloud.errors import CatalogError, ConfigurationError
from tests.catalog.entries import ENTRY, changed, small, write_store

CONFIG: dict[str, Any] = {
    "preset": "peng2023",
    "period": {"start": "2000-01", "end": "2020-12"},
    "catalog": "c.yaml",
    "inputs": {"soil_moisture": "a"},
    "store": "s",
}


def check(capsys: pytest.CaptureFixture[str], path: Path, *options: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        cli.main(["catalog", "check", str(path), *options])
    return (int(done.value.code or 0), *capsys.readouterr())


def write(folder: Path, **entries: dict[str, Any]) -> Path:
    path = folder / "catalog.yaml"
    path.write_text(json.dumps({"sources": entries}))
    return path


def test_a_catalog_lists_all_its_entries_and_keys(tmp_path: Path) -> None:
    wrong = changed(driver="csv", extra=1, metadata__complete="perhaps")
    del wrong["metadata"]["licence"]
    template = changed(args__urlpath="{{ shell(ls) }}", args__chunks={"time": "many"})
    with pytest.raises(CatalogError) as caught:
        load_catalog(write(tmp_path, good=ENTRY, wrong=wrong, template=template))
    keys = [error.where.rpartition("sources.")[2] for error in (caught.value, *caught.value.others)]
    assert keys == [
        "template", "wrong.extra", "wrong.driver", "wrong.metadata.licence", "wrong.metadata.complete",
        "template.args.chunks.time",
    ]  # fmt: skip
    assert all(all(error.record().values()) for error in caught.value.others)


def test_a_configuration_lists_all_its_keys_and_the_preset() -> None:
    for preset, first in ((CONFIG["preset"], "colour"), (None, "preset"), ("x2024", "preset")):
        config = CONFIG | {"colour": "blue", "alpha": 2, "period": {"start": "2000-13", "end": "2020-12"}}
        config |= {"preset": preset}
        if preset is None:
            del config["preset"]
        with pytest.raises(ConfigurationError) as caught:
            parse_config(config)
        keys = [error.where.partition(": ")[2] for error in (caught.value, *caught.value.others)]
        assert keys[0] == first
        assert {"colour", "alpha"} < set(keys) and any(key.startswith("period") for key in keys)
        assert len(keys) == len(set(keys))


def test_one_problem_has_the_record_that_it_always_had() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_config(CONFIG | {"colour": "blue"})
    assert list(caught.value.record()) == ["code", "what", "where", "found", "expected", "next"]


def test_a_check_lists_every_broken_entry_and_exits_with_bad_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMCLOUD_PLACE", raising=False)
    write_store(tmp_path / "a.zarr", small())
    (tmp_path / "html.nc").write_text("<!doctype html>")
    files = {"driver": "netcdf", "args__xarray_kwargs": {}}
    path = write(
        tmp_path,
        good=ENTRY,
        elsewhere=changed(args__urlpath="{{ env(SMCLOUD_PLACE) }}/a.zarr"),
        gone=changed(args__urlpath=str(tmp_path / "gone.zarr")),
        page=changed(args__urlpath=str(tmp_path / "html.nc"), **files),
        other=changed(metadata__variables={"lai": ENTRY["metadata"]["variables"]["soil_moisture"] | {"name": "lai"}}),
    )
    code, out, _ = check(capsys, path, "--json")
    record = json.loads(out)
    assert code == 3 and record["code"] == "unit"  # m3 m-3 of leaf area
    assert [problem["code"] for problem in record["problems"]] == ["unit", "file-form", "file-form", "variable"]
    assert {key: record["problems"][0][key] for key in ("what", "where")} == {k: record[k] for k in ("what", "where")}
    code, _, err = check(capsys, path)
    assert code == 3
    assert all(word in err for word in ("gone.zarr", "html.nc is an HTML page", "a source lacks a variable"))
    assert err.startswith("error [unit]: ") and err.count("\nalso: ") == 3 and "Traceback" not in err
    # What others do not hand out is listed, and the catalog is valid.
    code, out, _ = check(capsys, write(tmp_path, **{k: yaml.safe_load(path.read_text())["sources"][k]
                                                    for k in ("good", "elsewhere")}))  # fmt: skip
    assert code == 0 and "SMCLOUD_PLACE is not set" in out and "1 could not be reached" in out


def test_what_a_host_does_not_have_is_listed_as_unreachable(
    tmp_path: Path, http: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    base = http(tmp_path)
    (tmp_path / "html.nc").write_text("<!doctype html>")
    files = {"driver": "netcdf", "args__xarray_kwargs": {}}
    absent = {"a": changed(args__urlpath=f"{base}/a.zarr"), "b": changed(args__urlpath=f"{base}/b.nc", **files)}
    code, out, _ = check(capsys, write(tmp_path, **absent))
    assert code == 0 and out.count("unreachable: ") == 2
    code, out, _ = check(
        capsys, write(tmp_path, **absent, page=changed(args__urlpath=f"{base}/html.nc", **files)), "--json"
    )
    assert code == 3 and json.loads(out)["what"] == "html.nc is an HTML page"


def test_permissions_are_no_bad_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.nc").write_bytes(b"x")

    def closed(*_: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("smcloud.catalog.readers.netcdf_files.local_form", closed)
    files = changed(driver="netcdf", args__urlpath=str(tmp_path / "a.nc"), args__xarray_kwargs={})
    code, out, _ = check(capsys, write(tmp_path, a=files))
    assert code == 0 and "unreachable: PermissionError" in out
