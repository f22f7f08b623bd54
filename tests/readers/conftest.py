"""What the tests of this folder share."""

from __future__ import annotations

import pytest

from tests.readers.everything import publish_everything


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a store whose release has everything in it."""
    return publish_everything(tmp_path_factory.mktemp("everything"))
