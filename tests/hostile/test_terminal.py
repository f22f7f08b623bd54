"""What strangers write reaches the terminal and the log as text: no escape code, no secret."""

from __future__ import annotations

import json
import logging
import os
import pty
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from smcloud import cli
from smcloud.cli.results import print_record, print_run
from tests.catalog.entries import ENTRY, changed, small, write_store

STEERING = "\x1b[2J\x1b]0;title\x07\u202egnp.exe\x00\x9b31m\r"
SECRET = "https://me:CANARY-1@h.example/a?sig=CANARY-2"


def clean(text: str) -> bool:
    return not any(letter in text for letter in "\x1b\x07\u202e\x00\x9b\r") and "CANARY" not in text


def ended(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(list(arguments))
    return int(str(caught.value.code)), *capfd.readouterr()


@pytest.mark.parametrize("option", [[], ["--json"], ["--debug"], ["--json", "--debug"]])
def test_errors_that_quote_a_file_do_not_steer(
    place: Path, capfd: pytest.CaptureFixture[str], option: list[str]
) -> None:
    (place / f"c{STEERING[:4]}.yaml").write_text(json.dumps({"sources": {"a": changed(description=SECRET)}}))
    code, out, err = ended(capfd, "catalog", "check", str(place / f"c{STEERING[:4]}.yaml"), *option)
    assert code == 2 and clean(out + err) and "\\x1b[2J" in (json.loads(out)["where"] if "--json" in option else err)


@pytest.mark.parametrize("option", [[], ["--json"], ["--debug"]])
def test_arguments_and_defects_do_not_steer(
    place: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, option: list[str]
) -> None:
    code, out, err = ended(capfd, f"nonsense\x1b[2J{SECRET}", *option)
    assert code == 2 and clean(out + err)

    def broken(path: Any) -> None:
        raise RuntimeError(f"{STEERING} {SECRET}")

    monkeypatch.setattr("smcloud.catalog.load_catalog", broken)
    code, out, err = ended(capfd, "catalog", "check", "c.yaml", *option)
    assert code == 1 and clean(out + err) and "unexpected" in out + err
    assert ("Traceback" in err) == ("--debug" in option)


def test_names_and_attributes_of_a_source_do_not_steer(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_store(place / "a.zarr", small().rename(sm="other\x1b[2J"))
    (place / "c.yaml").write_text(json.dumps({"sources": {"a": ENTRY}}))
    code, out, err = ended(capfd, "catalog", "check", str(place / "c.yaml"))
    assert code == 3 and clean(out + err) and "other\\x1b[2J" in err
    ds = small()
    ds["sm"].attrs["units"] = STEERING
    write_store(place / "b.zarr", ds)
    (place / "c.yaml").write_text(json.dumps({"sources": {"a": changed(args__urlpath=str(place / "b.zarr"))}}))
    code, out, err = ended(capfd, "catalog", "check", str(place / "c.yaml"))
    assert code == 3 and clean(out + err) and "\\x1b[2J" in err, out + err


def test_results_do_not_steer_nor_add_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_record(
        {"status": f"ok{STEERING}\nforged", "periods": ["2000-01", STEERING], "parts": {"a\x1b": STEERING}}, False
    )
    result = {"status": "x", "release": 1, "run_id": STEERING, "cube_id": "\nforged", "products": {"\x1b[2J": STEERING},
              "report": STEERING, "seconds": {"check": 1.0}}  # fmt: skip
    print_run(result, False)
    out = capsys.readouterr().out
    assert clean(out) and not any(line.startswith("forged") for line in out.splitlines())


def test_warnings_and_logs_of_libraries_do_not_steer(
    place: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def noisy(path: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            message = warnings.formatwarning(UserWarning(f"{STEERING}{SECRET}"), UserWarning, "file.py", 1)
        print(message, file=sys.stderr)
        logging.getLogger("smcloud").warning("%s %s", STEERING, SECRET)
        assert logging.lastResort is not None
        logging.lastResort.handle(logging.makeLogRecord({"msg": STEERING + SECRET, "levelno": logging.WARNING}))
        raise ValueError("end")

    monkeypatch.setattr("smcloud.catalog.load_catalog", noisy)
    code, out, err = ended(capfd, "catalog", "check", "c.yaml")
    assert code == 1 and clean(out + err) and "UserWarning: \\x1b[2J" in err and err.count("title") >= 2


@pytest.mark.e2e
def test_a_terminal_gets_text(place: Path) -> None:
    """The same on a real terminal, where logs are shown too."""
    path = place / "c.yaml"
    path.write_text(json.dumps({"sources": {f"a\x1b[2J{SECRET}": ENTRY}}).replace("\\u001b", "?") + f"# {SECRET}")
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "smcloud.cli", "catalog", "check", str(path)], stdout=child, stderr=child, stdin=child
    )
    os.close(child)
    got = b""
    while True:
        try:
            part = os.read(parent, 4096)
        except OSError:
            break
        if not part:
            break
        got += part
    os.close(parent)
    assert process.wait() == 2
    assert b"CANARY" not in got and b"\x1b" not in got and b"error [catalog]" in got
