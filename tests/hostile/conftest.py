"""What a hostile text may not do is watched: connections, opened files, started programs, and what is told."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smcloud import cli

CANARY = "CANARY"  # every secret of these tests begins with it, and no other text does
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": f"{CANARY}-aws-0001",
    "AWS_SESSION_TOKEN": f"{CANARY}/session+0002",
    "DASK_GATEWAY__AUTH__KWARGS__PASSWORD": f"{CANARY}-gateway-0003",
    "SMCLOUD_GATEWAY_PASSWORD": f"{CANARY}-gateway-0004",
    "SMCLOUD_PLACE": f"s3://{CANARY.lower()}-bucket-0005/data",
    "SMCLOUD_SIGNED": f"https://host.invalid/a.zarr?sig={CANARY}-0006",
}
events: list[str] = []
watching = False


def _hook(name: str, arguments: tuple[Any, ...]) -> None:
    if not watching:
        return
    if name in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
        events.append(f"{name} {arguments[1:] if name == 'socket.connect' else arguments[:2]}")
    elif name == "open" and isinstance(arguments[0], str | bytes) and "canary" in os.fsdecode(arguments[0]):
        events.append(f"open {arguments[0]!r}")


sys.addaudithook(_hook)  # for good: an audit hook cannot be taken away; it sleeps but in these tests


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a secret file beside it; secrets in the environment; no network; all of it watched."""
    global watching
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "canary.txt").write_text(f"{CANARY}-file-0007\n")
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def refuse(*given: Any, **more: Any) -> Any:
        events.append(f"network {given[:1]}")
        raise OSError("no network here")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    events.clear()
    watching = True
    try:
        yield folder
    finally:
        watching = False
        for number, handler in handlers.items():
            signal.signal(number, handler)


@pytest.fixture
def seen(place: Path) -> list[str]:
    """What has happened: connections, programs, and secret files that were opened."""
    return events


Told = tuple[int, dict[str, str]]


@pytest.fixture
def command(place: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """Run a command and return its exit code and error, after checking that nothing else has happened."""

    def run(*arguments: str) -> Told:
        with pytest.raises(SystemExit) as ended:
            cli.main([*arguments, "--json"])
        told = capfd.readouterr()
        assert events == []
        assert not (place / "ran").exists() and not (place.parent / "ran").exists()
        assert CANARY not in told.out + told.err, told.out + told.err
        assert f"{CANARY.lower()}-bucket" not in told.out + told.err, told.out + told.err
        assert told.err == ""
        record = json.loads(told.out)  # one object, nothing else
        for each in [{key: part for key, part in record.items() if key != "problems"}, *record.pop("problems", [])]:
            assert set(each) == {"code", "what", "where", "found", "expected", "next"}, each
            assert all(isinstance(part, str) and part.strip() for part in each.values()), each
            assert all(part.isprintable() and len(part) <= 2000 for part in each.values()), each
        return int(str(ended.value.code)), record

    return run
