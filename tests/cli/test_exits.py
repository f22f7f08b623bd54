"""The same thing has the same exit code in every command: each command in each situation."""

import json
from pathlib import Path

import pytest
import s3fs

from smcloud import cli

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "scripts.md"
READING = ("products", "verify", "verify --all", "repair", "report", "export --to csv", "point 0 0")
CONFIGURED = ("run", "run --dry-run", "plan", "ingest", "compute", "sensitivity", "config check", "doctor")
# Of a place without a store nothing can be read; of one that is there and empty, all releases are listed: none.
EMPTY = dict.fromkeys(READING, 2) | {"products": 0}


@pytest.fixture(autouse=True)
def no_server(monkeypatch):
    """The session names an address for Prefect, where no server listens unless somebody needs one."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def ended(capsys, command, place, *more):
    """Exit code of ``command`` on ``place`` and the code of its error, empty without one; all of it as JSON."""
    name, *options = command.split()
    if name == "config":
        name, options = "config check", []
    with pytest.raises(SystemExit) as done:
        cli.main([*name.split(), str(place), *options, *more, "--json"])
    said = json.loads(capsys.readouterr().out)
    if name == "doctor":
        said = next((check["error"] for check in said["checks"] if check["error"]), said)
    return done.value.code, said.get("code", "") if isinstance(said, dict) else ""


@pytest.mark.parametrize("command", READING)
def test_where_there_is_no_store(command, tmp_path, capsys):
    assert ended(capsys, command, tmp_path / "nowhere") == (2, "nothing-published")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("command", READING)
def test_where_nothing_is_published_yet(command, tmp_path, capsys):
    assert ended(capsys, command, tmp_path)[0] == EMPTY[command]


@pytest.mark.parametrize("command", [*READING, "doctor"])
def test_where_something_else_lies(command, tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("precious")
    assert ended(capsys, command, tmp_path) == (5, "not-a-store")


@pytest.mark.parametrize("command", [*READING, "doctor"])
def test_where_the_store_cannot_be_reached(command, capsys, monkeypatch):
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    for name, value in {"ENDPOINT_URL": "http://127.0.0.1:9", "ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x",
                        "DEFAULT_REGION": "us-east-1", "MAX_ATTEMPTS": "1"}.items():  # fmt: skip
        monkeypatch.setenv(f"AWS_{name}", value)
    s3fs.S3FileSystem.clear_instance_cache()
    assert ended(capsys, command, "s3://bucket/store") == (4, "unreachable")
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.parametrize("command", CONFIGURED)
@pytest.mark.parametrize("text", [None, "preset: peng2023\nperoid: {}\n", "preset: [\n"])
def test_a_bad_configuration(command, text, tmp_path, capsys):
    config = tmp_path / "study.yaml"
    if text is not None:
        config.write_text(text)
    assert ended(capsys, command, config) == (2, "configuration")


@pytest.mark.slow
def test_what_is_asked_for_and_not_there(published, tmp_path, capsys):
    store = tmp_path / "store"
    for command in READING:
        if command not in ("products", "verify --all"):
            assert ended(capsys, command, store, "--release", "99") == (2, "nothing-published"), command
    assert ended(capsys, "export --to csv", store, "--product", "trends") == (2, "nothing-published")
    assert ended(capsys, "export --to words", store) == (2, "usage")
    assert ended(capsys, "point 0 0", store, "--csv") == (2, "usage")


@pytest.mark.slow
def test_damaged_chunks(published, tmp_path, capsys):
    store = tmp_path / "store"
    for path in (store / "products").glob("*/*.zarr/*/c/**/*"):
        if path.is_file():
            whole = path.read_bytes()
            path.write_bytes(whole[: len(whole) // 2] + bytes(8) + whole[len(whole) // 2 + 8 :])
    for command in READING:
        # Releases are listed by their records; what repair does with damage is tested with it.
        if command != "repair":
            wanted = (0, "") if command == "products" else (3, "integrity")
            assert ended(capsys, command, store, *(["--out", "x"] if "export" in command else [])) == wanted, command


def test_the_table_for_people_is_this_one():
    rows = [line.split("|")[1:3] for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    codes = {what.strip(): code.strip() for what, code in rows if code.strip().isdigit()}
    wanted = {"there is no store": 2, "something else lies there": 5, "a damaged chunk": 3,
              "the store does not answer": 4, "a bad configuration": 2, "no such release or product": 2}  # fmt: skip
    assert {what: codes.get(what) for what in wanted} == {what: str(code) for what, code in wanted.items()}
