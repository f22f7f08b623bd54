"""The cases run small: the peers' numbers are ours. No time is judged here."""

import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from smcloud.cube.calendar import month_range
from smcloud.cube.flags import where_usable
from smcloud.cube.monthly import monthly
from tests.benchmarks import run
from tests.benchmarks.cases import all_cases
from tests.benchmarks.full_grid import cdo_trend, trend_of_file, write_grid
from tests.benchmarks.ingest import daily_store, decoded, hourly_store, steps_of
from tests.benchmarks.refresh import refresh_bytes

pytestmark = pytest.mark.slow

MAKERS = all_cases(small=True)


@pytest.mark.parametrize("number", range(len(MAKERS)))
def test_every_peer_finds_our_numbers(number: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        case = MAKERS[number]()
        found = {peer.name: peer.run() for peer in case.peers}
        case.check(case.ours(), found)
        # A check that passes whatever it gets would let the cases rot.
        broken = next(iter(found))
        with pytest.raises((AssertionError, TypeError, KeyError, AttributeError, IndexError, ValueError)):
            case.check(case.ours(), {**found, broken: None})


def test_the_trend_of_a_file_is_that_of_cdo(tmp_path: Path) -> None:
    write_grid(tmp_path / "grid.nc", 30, 6, 8)
    ours = trend_of_file(tmp_path / "grid.nc")
    assert ours.status.sum() == 0 and ours.n.min() < 30
    if shutil.which("cdo"):
        np.testing.assert_allclose(ours.slope, cdo_trend(tmp_path / "grid.nc", tmp_path), rtol=1e-3, atol=1e-7)


@pytest.mark.e2e
def test_memory_is_measured_in_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.peak", "264", "96", "96", "48"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    assert found["block_set"] == 4 * 264 * 48 * 48 * 4
    assert found["above"] > 0


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="the bytes of a process are counted by Linux only")
def test_a_refresh_by_one_month_takes_a_twentieth_of_the_bytes() -> None:
    found = refresh_bytes(264, 60, 120)
    assert found["refresh"]["status"] == "refreshed" and found["full"]["status"] == "built"
    assert found["refresh"]["new"] == ["2022-01"] and found["refresh"]["recomputed"] == []
    stored = 3 * 265 * 60 * 120 * 4  # what there is to read and to write, at the least, before compression
    for key in ("read", "written"):
        refreshed, full = int(str(found["refresh"][key])), int(str(found["full"][key]))
        assert full > 0.8 * stored and 0 < refreshed <= full / 20, key


def test_the_stores_of_ingest_hold_months_of_their_steps(tmp_path: Path) -> None:
    hourly = hourly_store(tmp_path, 26, 20, 40)
    np.testing.assert_array_equal(hourly[24:], hourly[:2])  # links to the first ones
    sm, flag = daily_store(tmp_path, 59, 20, 40)
    assert hourly.data.numblocks == (26, 1, 1) and sm.data.numblocks == (4, 1, 2)
    decoded(hourly, sm, flag)
    value, hours = monthly(where_usable(sm, flag), steps_of(sm), month_range("2001-01", "2001-02"))
    kept = sm.where(flag != 1).load()
    np.testing.assert_array_equal(hours, 24 * kept.groupby("time.month").count())
    np.testing.assert_allclose(value, kept.groupby("time.month").mean(), rtol=1e-6)
    value, hours = monthly(hourly, steps_of(hourly), month_range("2001-01", "2001-01"), total=True)
    np.testing.assert_allclose(value[0], hourly.sum("time"), rtol=1e-6)
    assert (hours == 26).all()


def test_the_table_says_what_is_reached() -> None:
    assert [run.verdict(ratio, 60, 120) for ratio in (59, 60, 120)] == ["no", "at least", "aim"]
    assert run.verdict(5000, 3000, 0) == "at least"
    assert [run.amount(value) for value in (2.0, 3e-3, 4e-6)] == ["2 s", "3 ms", "4 us"]
