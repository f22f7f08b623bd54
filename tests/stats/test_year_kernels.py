"""Years from months: the same bits as numpy adds them, month after month."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from smcloud.stats.engine.year_kernels import year_sums


def by_numpy(months: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """The sums from January to December, in float64, of what is not NaN; and how much that is."""
    years = months.reshape(-1, 12, *months.shape[1:])
    total = np.zeros((len(years), *months.shape[1:]))
    for month in range(12):
        total += np.where(np.isnan(years[:, month]), 0.0, years[:, month])
    return total, (~np.isnan(years)).sum(axis=1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", ["contiguous", "time last", "every other cell"])
def test_sums_are_those_of_numpy(dtype: str, layout: str, rng: np.random.Generator) -> None:
    months = rng.normal(scale=10.0 ** rng.integers(-6, 6, (36, 7, 10)), size=(36, 7, 10)).astype(dtype)
    months[rng.random(months.shape) < 0.3] = np.nan
    months[0:12, 0, 0], months[3, 1, 1], months[4, 1, 1] = np.nan, np.inf, -0.0
    if layout == "time last":
        months = np.moveaxis(np.ascontiguousarray(np.moveaxis(months, 0, -1)), -1, 0)
    elif layout == "every other cell":
        months = months[:, :, ::2]
    sums, count = year_sums(months)
    wanted, number = by_numpy(months)
    assert sums.tobytes() == wanted.tobytes()
    assert count.dtype == np.uint8 and np.array_equal(count, number)


def test_integers_are_added_exactly() -> None:
    sums, count = year_sums(np.arange(24, dtype=np.int32).reshape(24, 1))
    assert sums.ravel().tolist() == [66.0, 210.0] and count.ravel().tolist() == [12, 12]
