"""Every test here speaks to a real Prefect server."""

import pytest


@pytest.fixture(autouse=True)
def _server(prefect_server):
    """The server of this process."""
