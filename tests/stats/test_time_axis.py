import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smcloud.errors import CalendarError, VariableError
from smcloud.stats.time_axis import as_numbers, require_complete, time_series


def test_numbers_are_taken_as_they_are() -> None:
    for values in (np.array([3, 5, 6]), np.array([2000.5, 2001.5], "float32"), np.array([0, 1], "uint8")):
        found = as_numbers(pd.Index(values))
        assert found.dtype == np.float64 and found.tolist() == values.tolist()


def test_dates_are_the_year_and_its_elapsed_part() -> None:
    for unit in ("ns", "s"):
        stamps = pd.DatetimeIndex(["2000-01-01", "2000-07-02", "2001-07-02T12:00", "1969-12-31T12:00"]).as_unit(unit)
        expected = [2000.0, 2000 + 183 / 366, 2001.5, 1969 + 364.5 / 365]
        np.testing.assert_allclose(as_numbers(stamps), expected, rtol=1e-15)


def test_other_calendars_have_their_own_years() -> None:
    stamps = xr.date_range("2000-01-01", periods=13, freq="MS", calendar="360_day", use_cftime=True)
    np.testing.assert_allclose(as_numbers(stamps), 2000 + np.arange(13) / 12, rtol=1e-15)


@pytest.mark.parametrize(
    "index",
    [
        pd.date_range("2000-01-01", "2021-12-01", freq="MS"),
        pd.date_range("2000-01-31", "2021-12-31", freq="ME"),
        pd.date_range("2000-01-01", periods=22, freq="YS"),
        pd.date_range("2000-01-01", periods=60, freq="D"),
        pd.date_range("2000-01-01", periods=46, freq="8D"),
        pd.date_range("2000-01-15", periods=8, freq="QS"),
        xr.date_range("2000-01-01", periods=30, freq="MS", calendar="noleap", use_cftime=True),
        xr.date_range("2000-01-01", periods=400, freq="D", calendar="360_day", use_cftime=True),
        pd.Index(np.arange(2000, 2022)),
        pd.Index((2000 + (np.arange(264) + 0.5) / 12).astype("float32")),
        pd.Index([5.0, 1.0]),
    ],
    ids=str,
)
def test_complete_axes_pass_and_a_missing_step_does_not(index: pd.Index) -> None:
    require_complete(index)
    if len(index) > 2:
        require_complete(index[::-1])
        with pytest.raises(CalendarError, match="not complete"):
            require_complete(index.delete(len(index) // 2))


def line(index: object) -> xr.DataArray:
    size = len(index)  # type: ignore[arg-type]
    return xr.DataArray(np.arange(float(size)), dims="time", coords={"time": index}, name="sm")


@pytest.mark.parametrize(
    ("index", "found"),
    [
        ([2000, 2001, 2001], "2001 after 2001"),
        ([2000, 2002, 2001], "2001 after 2002"),
        ([2000.0, np.nan, 2002.0], "position 1"),
        ([2001, 2001, 2002], "2001 after 2001"),
        (pd.DatetimeIndex(["2000-01-01", "NaT", "2002-01-01"]), "position 1"),
    ],
)
def test_bad_axes_are_named(index: object, found: str) -> None:
    with pytest.raises(CalendarError) as caught:
        time_series(line(index), "time")
    assert found in caught.value.found


def test_axes_without_times_are_an_error() -> None:
    with pytest.raises(CalendarError, match="no coordinate"):
        time_series(xr.DataArray(np.zeros(3), dims="time"), "time")
    with pytest.raises(CalendarError, match="neither numbers nor dates"):
        time_series(line(["a", "b", "c"]), "time")
    with pytest.raises(VariableError):
        time_series(xr.Dataset({"a": line([1, 2]), "b": 3.0}), "time")


def test_a_descending_axis_is_turned_round() -> None:
    series, numbers = time_series(line([3, 2, 1]), "time")
    assert numbers.tolist() == [1, 2, 3] and series.values.tolist() == [2, 1, 0]
    assert numbers.flags.c_contiguous
