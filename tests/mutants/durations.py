"""A plugin of pytest: the processor seconds of each test, with its fixtures, in the file named by ``DURATIONS``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

seconds: dict[str, float] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: Any) -> Iterator[None]:
    """Take the time of this process and of those that it waited for: what else the machine does is none of it."""
    before = sum(os.times()[:4])
    result = yield
    seconds[item.nodeid] = sum(os.times()[:4]) - before
    return result


def pytest_sessionfinish() -> None:
    """Write them all."""
    Path(os.environ["DURATIONS"]).write_text(json.dumps(seconds))
