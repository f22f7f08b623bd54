"""Running totals that begin anew at other hours than midnight, or several times a day: found, named, and undone."""

import dask
import numpy as np
import pytest
import xarray as xr

from smcloud.cube import accumulation, reset_hours
from smcloud.cube.calendar import Steps, month_range
from smcloud.cube.reduction import reduce_months
from smcloud.errors import AccumulationError, CatalogError
from tests.cube.test_accumulation import judged, rain, spec, steps_from


def since(amounts, resets, hours=1):
    """The totals of ``amounts`` (step, cell), of ``hours`` each from midnight on, since the last of ``resets``."""
    total = np.array(amounts, np.float64)
    for i in range(1, len(total)):
        if i * hours % 24 not in resets:
            total[i] += total[i - 1]
    return total


@pytest.mark.parametrize("hours", [(0,), (6,), (23,), (6, 18), (1, 13), (0, 6, 12, 18)])
@pytest.mark.parametrize("chunks", [1, 7, 24, 60])
def test_totals_become_amounts_over_every_seam(hours, chunks):
    units = rain("plain", 4, 1, 3, 5)
    made_of = spec(accumulation={"reset": "day", "hour": list(hours)})
    total = since(units, hours)
    steps = steps_from("2000-02-27", len(units))
    da = xr.DataArray(total, {"time": steps.start.astype("M8[ns]")}, ["time", "cell"]).chunk(time=chunks)
    made = accumulation.amounts(da, steps, made_of, 0.0).compute(scheduler="synchronous")
    want = units.copy()
    if 0 not in hours:
        want[0] = np.nan  # the total before the record is not known
    np.testing.assert_allclose(made, want, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hours", "length"),
    [((6,), 1), ((13,), 1), ((6, 18), 1), ((0, 12), 3), ((6,), 6), ((3, 15), 3), ((0, 6, 12, 18), 1),
     ((2, 8, 14, 20), 1), (tuple(range(0, 24, 3)), 1)],
)  # fmt: skip
def test_the_gate_names_the_hours_that_it_saw(hours, length):
    found, _, err = judged(since(rain("plain", 60, length, 12, 2), hours, length), length)
    assert found
    expected = f"hour: {hours[0] if len(hours) == 1 else list(hours)}}}"
    assert f"accumulation: {{reset: day, {expected} and stamp: end" in err.next
    assert f"{hours[0]:02d}" in err.found and "UTC" in err.found


def declared(totals, hours, length=1, first="2001-05-01", **keys):
    """What the gate says of ``totals`` that the catalog calls totals since ``hours``; None where it lets them pass."""
    period = {1: "hour", 3: "3hour", 6: "6hour"}[length]
    of = spec(period=period, stamp="end", **({"accumulation": {"reset": "day", "hour": list(hours)}} | keys))
    steps = steps_from(first, len(totals), length)
    da = xr.DataArray(totals, {"time": steps.start.astype("M8[ns]")}, ["time", "cell"]).chunk(time=37)
    pattern = reset_hours.pattern_of(of, accumulation.rounding_of(da, of), 0)
    ((numbers,),) = reduce_months([da], steps, month_range(first[:7], steps.start[-1]), [pattern])
    counted = dask.compute(reset_hours.by_reset(numbers, pattern.declared), scheduler="synchronous")[0]
    try:
        reset_hours.judge_hours("rain", {key: dict(enumerate(da.values)) for key, da in counted.items()}, "here")
    except AccumulationError as err:
        assert all(err.record().values())
        return err.next
    return None


def fluxes(days, cells, seed=0):
    """Evaporation, negative as in ERA5, behind dew at night that is positive: totals fall in between as well."""
    rng = np.random.default_rng(seed)
    hour = np.arange(24 * days)[:, None]
    sun = np.maximum(0, np.sin(2 * np.pi * (hour - 6) / 24)) * rng.uniform(0.5, 1, (24 * days, cells))
    return (0.02 * (sun == 0) - 0.3 * sun) * 1e-3


TRUE = [(0,), (6,), (6, 18), (0, 12), (0, 6, 12, 18)]


@pytest.mark.slow
@pytest.mark.parametrize("named", TRUE)
@pytest.mark.parametrize("true", TRUE)
def test_rain_that_begins_anew_at_other_hours_than_the_catalogs_is_found(true, named):
    said = declared(since(rain("plain", 40, 1, 20, 3) * 1e-3, true), named, valid_range=(0, 0.05))
    if true == named:
        assert said is None
    else:
        assert said and reset_hours._key(list(true)) in said, said


@pytest.mark.slow
@pytest.mark.parametrize("named", TRUE)
@pytest.mark.parametrize("true", TRUE)
def test_so_are_fluxes_of_both_signs_where_no_hour_is_right(true, named):
    """What falls at the hours that are named may fall in between as well: dew that dries is no reset."""
    said = declared(since(fluxes(40, 20), true), named, valid_range=(-0.05, 0.05))
    assert said is None if true == named else said or set(true) & set(named)


@pytest.mark.slow
@pytest.mark.parametrize("length", [1, 3, 6])
@pytest.mark.parametrize("true", [(0,), (6,), (18,), (0, 12), (6, 18)])
@pytest.mark.parametrize("dew", [0.0, 0.1, 1.0])
def test_right_hours_of_both_signs_pass_whatever_the_step(length, true, dew):
    """The first sun takes back the night's dew, and dew takes a little of the day's total: neither is a reset."""
    amounts = fluxes(40, 12, seed=1)
    amounts = np.where(amounts > 0, dew * amounts, amounts).reshape(-1, length, 12).sum(axis=1)
    assert declared(since(amounts, true, length), true, length, valid_range=(-0.05, 0.05)) is None


def test_a_record_without_totals_is_not_judged():
    assert declared(np.zeros((60 * 24, 3)), (6,)) is None
    assert declared(np.full((3, 2), 0.5), (6,)) is None


@pytest.mark.parametrize(
    ("accumulation_key", "period"),
    [
        ({"reset": "month", "hour": 6}, "day"),
        ({"reset": "day", "hour": 24}, "hour"),
        ({"reset": "day", "hour": -1}, "hour"),
        ({"reset": "day", "hour": []}, "hour"),
        ({"reset": "day", "hour": "6"}, "hour"),
        ({"reset": "day", "hour": True}, "hour"),
        ({"reset": "day", "hour": [0, 6, 12, 18]}, "6hour"),
    ],
)
def test_hours_that_cannot_be(accumulation_key, period):
    with pytest.raises((ValueError, CatalogError)):
        spec(accumulation=accumulation_key, period=period)


def test_an_hour_at_which_no_step_begins_is_refused():
    six = spec(accumulation={"reset": "day", "hour": 3}, period="6hour")
    with pytest.raises(AccumulationError) as caught:
        accumulation.require_resets(steps_from("2000-01-01", 8, 6), six, "here")
    assert "03:00" in caught.value.expected and "00:00, 06:00" in caught.value.found
    accumulation.require_resets(steps_from("2000-01-01T03", 8, 6), six, "here")
    both = spec(accumulation={"reset": "day", "hour": [3, 6]}, period="6hour")
    with pytest.raises(AccumulationError):
        accumulation.require_resets(steps_from("2000-01-01", 8, 6), both, "here")
    steps = steps_from("2000-01-01", 3)
    accumulation.require_resets(Steps(steps.start, steps.end), spec("month"), "here")
