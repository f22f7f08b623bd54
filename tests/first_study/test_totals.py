"""Running totals are told from amounts by a few days of values."""

import numpy as np
import pytest
import xarray as xr

from smcloud.catalog import VariableSpec
from smcloud.cube.calendar import Steps
from smcloud.first_study.totals import total_lines

SPEC = VariableSpec.model_validate(
    {"name": "tp", "units": "m", "period": "hour", "aggregate": "sum", "valid_range": [0, 1], "stamp": "start"}
)


def hourly(days=3, reset=None, seed=0):
    """Rain of each hour (time, lat, lon), or its total since the hour ``reset``, stamped at the end of the hour."""
    rng = np.random.default_rng(seed)
    rain = rng.gamma(0.3, 1e-3, (24 * days, 5, 6)) * (rng.random((24 * days, 5, 6)) < 0.4)
    end = np.datetime64("2000-01-01T01", "s") + np.arange(24 * days) * np.timedelta64(3600, "s")
    if reset is not None:
        since = (np.arange(24 * days) - reset) // 24
        rain = np.concatenate([np.cumsum(rain[since == day], axis=0) for day in np.unique(since)])
    steps = Steps(end, end + np.timedelta64(3600, "s"))  # as a stamp is read that is taken for a start
    return xr.DataArray(rain, dims=("time", "lat", "lon")), steps


@pytest.mark.parametrize(("reset", "key"), [(0, {"reset": "day"}), (6, {"reset": "day", "hour": 6})])
def test_a_running_total_is_told_with_its_hour(reset, key):
    lines = total_lines(*hourly(reset=reset), SPEC)
    assert lines["accumulation"].value == key and lines["accumulation"].note.startswith("a guess")
    assert lines["stamp"].value == "end"


@pytest.mark.parametrize("seed", range(5))
def test_rain_of_each_hour_is_none(seed):
    assert total_lines(*hourly(seed=seed), SPEC) == {}


def test_means_and_days_are_not_looked_at():
    values, steps = hourly(reset=0)
    assert total_lines(values, steps, SPEC.model_copy(update={"aggregate": "mean"})) == {}
    assert total_lines(values, steps, SPEC.model_copy(update={"period": "day"})) == {}
    assert total_lines(values[:3], steps, SPEC) == {}
