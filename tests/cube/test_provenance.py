"""Which files a month is made from, where the reader corrected their stamps."""

import numpy as np
import pytest

from smcloud.cube.provenance import _even, _positions

DAYS = np.array(["2000-01-01", "2000-01-02", "2000-01-03"], "datetime64[ns]")
MONTHS = np.array(["2000-01-01", "2000-02-01", "2000-03-01"], "datetime64[ns]")


@pytest.mark.parametrize(
    ("stamps", "span", "period", "want"),
    [
        (DAYS, ["2000-01-02T00:00:00"] * 2, "day", (1, 2)),
        (DAYS, ["2000-01-01T23:59:59.999959"] * 2, "day", (1, 2)),  # v02.2
        (MONTHS, ["2000-01-01T06:00:00", "2000-02-01T06:00:00"], "month", (0, 2)),  # totals of the Climate Data Store
        (MONTHS, ["2000-03-01T00:00:00"] * 2, "month", (2, 3)),
        (MONTHS, ["2000-01-31T23:59:59.999957", "2000-02-29T23:59:59.999957"], "month", (1, 3)),
        (MONTHS, [], "month", (0, 3)),
    ],
)
def test_the_steps_of_a_file(stamps, span, period, want):
    assert _positions(_even(stamps, period), span, period) == want
