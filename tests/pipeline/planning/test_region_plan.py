"""A plan asks sources for the chunks of the region alone."""

from types import SimpleNamespace

import numpy as np

from smcloud.pipeline.planning.ingest import _touched


def test_chunks_along_an_axis_are_those_of_the_cells():
    source = SimpleNamespace(cells={"lon": np.array([0, 1, 2, 10, 11])})
    assert _touched(source, "lon", 12, 3) == 2  # both ends of the axis
    assert _touched(source, "lon", 12, 1) == 5
    assert _touched(source, "lat", 10, 3) == 4
    assert _touched(SimpleNamespace(cells={}), "lon", 12, 3) == 4
