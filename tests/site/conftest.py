"""The demo's store and the built site, each made once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "docs/notebooks"


def run(*command, code=0, **options):
    """Run a command as a user of the environment does, to the exit code ``code``; returns what it says."""
    # A user has no server: the session's own is not theirs.
    known = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{known['PATH']}"
    done = subprocess.run(command, capture_output=True, text=True, env=known | {"PATH": path}, **options)
    assert done.returncode == code, f"{command}: {done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="session")
def demo():
    """The store that the notebooks read, where ``make docs`` makes it."""
    run(sys.executable, "-m", "smcloud.cli", "demo", "--out", "smcloud-demo", cwd=NOTEBOOKS)
    return NOTEBOOKS / "smcloud-demo"


@pytest.fixture(scope="session")
def site(demo, tmp_path_factory):
    """The site, built anew with its notebooks executed; a warning fails."""
    out = tmp_path_factory.mktemp("site")
    run(
        sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-E", "-b", "html", "-c", "docs",
        "-d", str(out / "doctrees"), ".", str(out / "html"), cwd=ROOT,
    )  # fmt: skip
    return out / "html"
