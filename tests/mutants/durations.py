"""A plugin of pytest: how long each test took, with its fixtures, in the file named by ``DURATIONS``."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

seconds: dict[str, float] = defaultdict(float)


def pytest_runtest_logreport(report: Any) -> None:
    """Add up a test's set-up, call and end."""
    seconds[report.nodeid] += report.duration


def pytest_sessionfinish() -> None:
    """Write them all."""
    Path(os.environ["DURATIONS"]).write_text(json.dumps(seconds))
