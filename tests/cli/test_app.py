"""Every bad input ends with one clear message, the exit code of its class and an untouched store."""

import json
import sys

import pytest
import yaml

from smcloud import cli


def call(capsys, *arguments):
    """Exit code, stdout and stderr of a command in this process."""
    with pytest.raises(SystemExit) as done:
        cli.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return done.value.code, out, err


def edit(path, **changes):
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))
    return path


def poisoned(ds):
    ds["lai"][5, 1, 1] = 25.5
    return ds


# what is wrong -> how the world, the catalog entry and the configuration change, exit code, error code, words
BAD = {
    "missing key": ({}, {"catalog": None}, 2, "configuration", ["catalog"]),
    "too few years": ({}, {"years": {"min_years": 15}}, 3, "too-few-years", ["8", "15", "smcloud ingest CONFIG"]),
    "value out of range": ({"change": poisoned}, {}, 3, "valid-range", ["lai", "25.5", "0 to 10"]),
    "missing source": (
        {"entry": lambda e: e["args"].update(urlpath="{{ CATALOG_DIR }}/gone.zarr")},
        {}, 3, "file-form", ["gone.zarr"],
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD)
def test_bad_input(name, small_world, tmp_path, capsys):
    world, overrides, exit_code, code, words = BAD[name]
    config = small_world(**world, **overrides)
    # Years are asked for by what computes a trend; a cube may be short.
    command = "compute" if code == "too-few-years" else "ingest"
    got, out, _ = call(capsys, command, config, "--json")
    error = json.loads(out)
    assert (got, error["code"]) == (exit_code, code), error
    text = " ".join(error.values())
    assert not [word for word in words if word not in text], error
    assert error["what"] and error["where"] and error["found"] and error["expected"] and error["next"], error
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


def test_a_path_that_holds_something_else_stays_as_it_is(small_world, tmp_path, capsys):
    config = small_world()
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "thesis.tex").write_text("precious")
    code, _, err = call(capsys, "ingest", config)
    assert code == 5
    assert "thesis.tex" in err and "Traceback" not in err
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["thesis.tex"]


@pytest.mark.slow
def test_a_failed_run_leaves_the_last_release_as_it_was(published, small_world, tmp_path, capsys):
    before = {p: p.read_bytes() for p in (tmp_path / "store").rglob("*") if p.is_file()}
    code, _, _ = call(capsys, "ingest", small_world(change=poisoned))
    assert code == 3
    after = {p: p.read_bytes() for p in before}
    assert after == before
    code, out, _ = call(capsys, "products", tmp_path / "store", "--json")
    assert code == 0 and [release["number"] for release in json.loads(out)] == [1]
    code, _, _ = call(capsys, "verify", tmp_path / "store")
    assert code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "nowhere.yaml"],
        ["sing"],
        ["run", "x.yaml", "--loud"],
        ["catalog", "check", "no.yaml"],
        ["run", "x.yaml", "--allow-older"],
        ["compute", "x.yaml", "--reason", "late"],
        ["run", "x.yaml", "--allow-older", "--reason", " "],
    ],
)
def test_usage_errors_exit_with_2(arguments, capsys):
    code, out, _ = call(capsys, *arguments, "--json")
    assert code == 2
    assert json.loads(out)["what"]


@pytest.mark.parametrize(
    "command", ["run", "demo", "plan", "ingest", "compute", "products", "verify", "report", "catalog check"]
)
def test_help_shows_an_example(command, capsys):
    code, out, _ = call(capsys, *command.split(), "--help")
    assert code == 0
    assert f"Example: smcloud {command}" in " ".join(out.split())


@pytest.mark.slow
def test_compute_without_a_cube_names_the_next_command(small_world, capsys):
    code, _, err = call(capsys, "compute", small_world())
    assert code == 2
    assert "smcloud ingest" in err


@pytest.mark.slow
@pytest.mark.parametrize(("complete", "expected"), [(True, (3, "source-read")), (False, (3, "no-data"))])
def test_a_lost_chunk_of_a_complete_source_is_not_taken_for_missing_values(
    small_world, capsys, tmp_path, complete, expected
):
    config = small_world(entry=lambda e: e["metadata"].update(complete=complete))
    lost = [path for path in (tmp_path / "world.zarr" / "lai" / "c").rglob("*") if path.is_file()]
    for path in lost:
        path.unlink()
    code, out, err = call(capsys, "ingest", config, "--json")
    error = json.loads(out)
    assert (code, error["code"]) == expected, error
    assert "lai" in error["where"] and "Traceback" not in err
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


@pytest.mark.slow
def test_ingest_then_compute_then_nothing(small_world, capsys, tmp_path):
    config = small_world()
    assert json.loads(call(capsys, "ingest", config, "--json")[1])["status"] == "built"
    assert json.loads(call(capsys, "ingest", config, "--json")[1])["status"] == "already there"
    assert json.loads(call(capsys, "compute", config, "--json")[1])["status"] == "published"
    again = json.loads(call(capsys, "compute", config, "--json")[1])
    assert (again["status"], again["release"]) == ("already published", 1)
    page = tmp_path / "store" / "reports" / again["run_id"] / "index.html"
    (page.parent / "trend.png").write_bytes(b"of an earlier version")
    told = json.loads(call(capsys, "report", tmp_path / "store", "--lang", "zh", "--json")[1])["report"]
    chinese = page.with_name("index.zh.html")
    assert told == str(chinese) and "土壤水分" in chinese.read_text() and (page.parent / "zh-trend.svg").exists()
    assert not (page.parent / "trend.png").exists()
    assert call(capsys, "verify", tmp_path / "store", "--all")[0] == 0
    code, out, _ = call(capsys, "report", tmp_path / "store")
    assert code == 0 and "index.html" in out and page.stat().st_size > 5000
    assert not list(page.parent.glob("*zh*")) and call(capsys, "verify", tmp_path / "store", "--all")[0] == 0


@pytest.mark.slow
def test_an_interrupted_run_says_how_to_go_on(small_world, capsys, monkeypatch, tmp_path):
    config = small_world()

    def interrupted(*arguments, **keywords):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["smcloud.pipeline.ingest"], "validate_counters", interrupted)
        code, _, err = call(capsys, "ingest", config)
    assert code == 6
    assert f"smcloud ingest {config}" in err
    assert call(capsys, "products", tmp_path / "store", "--json")[1].strip() == "[]"
    assert json.loads(call(capsys, "ingest", config, "--json")[1])["status"] == "built"


@pytest.mark.slow
def test_a_run_that_would_step_back_is_refused_unless_it_says_why(published, small_world, tmp_path, capsys):
    shorter = small_world(period={"start": "2000-01", "end": "2006-12"})
    assert json.loads(call(capsys, "ingest", shorter, "--json")[1])["status"] == "refreshed"
    code, out, _ = call(capsys, "compute", shorter, "--json")
    error = json.loads(out)
    assert (code, error["code"]) == (5, "release-conflict") and "to 2006-12 for 2000-01 to 2007-12" in error["found"]
    code, out, _ = call(capsys, "compute", shorter, "--allow-older", "--reason", "sensors withdrawn", "--json")
    assert (code, json.loads(out)["release"]) == (0, 2)
    newest = json.loads(call(capsys, "products", tmp_path / "store", "--json")[1])[0]
    assert newest["allowed_older"] == "sensors withdrawn"
