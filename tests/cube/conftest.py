"""What the tests of this folder share."""

import pytest

from tests.cube.quirky_sources import DATA, computed, cube_of, write


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write(tmp_path_factory.mktemp("world"), DATA)


@pytest.fixture(scope="module")
def built(world):
    """The sources, the lazy cube, and its computed dataset and counters."""
    cube, sources = cube_of(world)
    ds, counters = computed(cube)
    return sources, cube, ds, counters
