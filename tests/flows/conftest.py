"""Every test here speaks to a real Prefect server."""

from pathlib import Path

import pytest


def pytest_collection_modifyitems(items):
    """They are whole runs, which the inner loop leaves out."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(autouse=True)
def _server(prefect_server):
    """The server of this process."""
