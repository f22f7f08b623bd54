"""A run that can find nothing does not start, and one that found nothing is not published."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from smcloud import cli, pipeline
from smcloud import store as stores
from smcloud.config import load_config, parse_config
from smcloud.errors import NoDataError, TooFewYearsError
from smcloud.pipeline.findings import require_findings, require_years, warn_of_mixed_pools, whole_years
from smcloud.products.variables import TREND

ROLES = ("soil_moisture", "precipitation", "soil_temperature", "lai")
STATUS = {key: TREND["status"][key] for key in ("flag_values", "flag_meanings")}


def config_of(**more):
    base = {"preset": "peng2023", "period": {"start": "2000-01"}, "catalog": "c", "store": "s"}
    return parse_config(base | {"inputs": dict.fromkeys(ROLES, "world")} | more)


def job_of(start, end):
    """What is asked of a job: its months, and the period in words."""
    months = np.arange(start, np.datetime64(end, "M") + np.timedelta64(1, "M"), dtype="datetime64[M]")
    return SimpleNamespace(opened=SimpleNamespace(months=months), period=(start, end))


@pytest.mark.parametrize(
    ("start", "end", "years"),
    [("2000-01", "2007-12", 8), ("2000-02", "2007-12", 7), ("1999-12", "2008-01", 8), ("2000-03", "2000-11", 0)],
)
def test_only_whole_calendar_years_count(start, end, years):
    assert whole_years(job_of(start, end).opened.months) == years


ANOMALIES = {"method": "anomalies", "min_climatology_years": 10}
MONTHLY = {"monthly": True, "names": ["lai"]}
# of 8 years: what is asked for -> the keys that are named; nothing: it can find something
ASKED = [
    ({"years": {"min_years": 8}}, []),
    ({"years": {"min_years": 9}}, ["years.min_years"]),
    ({"years": {"min_years": 5}, "annual": ANOMALIES}, ["annual.min_climatology_years"]),
    ({"years": {"min_years": 5}, "annual": ANOMALIES | {"min_climatology_years": 8}}, []),
    ({"years": {"min_years": 5}, "drivers": MONTHLY}, ["annual.min_climatology_years"]),
    ({"years": {"min_years": 5}, "drivers": MONTHLY, "annual": {"min_climatology_years": 8}}, []),
    ({"years": {"min_years": 5, "ends": {"span": 12, "min_years": 9}}}, ["years.ends.min_years"]),
    ({"years": {"min_years": 5, "ends": {"span": 12, "min_years": 8}}}, []),
    ({"years": {"min_years": 9}, "annual": ANOMALIES}, ["years.min_years", "annual.min_climatology_years"]),
    ({"preset": "rigorous"}, ["years.min_years", "annual.min_climatology_years", "annual.min_climatology_years"]),
]


@pytest.mark.parametrize(("more", "keys"), ASKED)
def test_what_asks_for_more_years_than_there_are_is_named_at_once(more, keys):
    config, job = config_of(**more), job_of("2000-01", "2007-12")
    if not keys:
        require_years(config, job)
        return
    with pytest.raises(TooFewYearsError) as caught:
        require_years(config, job)
    problems = [caught.value, *caught.value.others]
    assert [problem.expected.split("(")[1].rstrip(")") for problem in problems] == keys
    assert caught.value.exit_code == 3
    for problem in problems:
        assert "8 whole years, 2000-01 to 2007-12" in problem.found and problem.next and problem.where == "period"


@pytest.mark.parametrize(
    ("test", "years", "enough"),
    [("mann_kendall", 4, False), ("mann_kendall", 5, True), ("3pw", 5, False), ("3pw", 6, True), ("ols", 3, True)],
)
def test_a_test_whose_p_cannot_fall_below_alpha(test, years, enough):
    """Five values in order have p = 0.027, four 0.089; prewhitening loses one."""
    config = config_of(years={"min_years": 3}, trend={"test": test}, drivers={"names": ["lai"]})
    job = job_of("2000-01", f"{1999 + years}-12")
    if enough:
        require_years(config, job)
    else:
        with pytest.raises(TooFewYearsError, match=r"p value below 0\.05"):
            require_years(config, job)


def test_partial_correlations_need_degrees_of_freedom():
    config = config_of(years={"min_years": 3}, drivers={"detrend": True})
    with pytest.raises(TooFewYearsError, match="partial correlations") as caught:
        require_years(config, job_of("2000-01", "2004-12"))
    assert caught.value.expected == "at least 6 (drivers.names)"
    require_years(config, job_of("2000-01", "2005-12"))


def maps(status, p):
    cells = ("lat", "lon")
    slope = np.where(np.isfinite(p), 0.0, np.nan)
    data = {"slope": (cells, slope), "p_value": (cells, np.array(p)), "status": (cells, np.array(status, "u1"), STATUS)}
    return xr.Dataset(data).chunk()


def test_the_counts_say_why_nothing_was_found():
    nothing = [[np.nan] * 3] * 2
    with pytest.raises(NoDataError) as caught:
        require_findings(config_of(), {"trend": maps([[2, 2, 8], [7, 7, 7]], nothing)})
    error = caught.value
    assert (error.exit_code, error.found) == (3, "of 6: 3 not land, 2 too short, 1 ends not covered")
    assert "years.min_years" in error.next and all(error.record().values())
    with pytest.raises(NoDataError, match="valid trend") as caught:  # a constant has a slope and p = 1
        require_findings(config_of(), {"trend": maps([[3, 1, 1]], [[1.0, np.nan, np.nan]])})
    assert caught.value.found == "of 3: 2 empty, 1 constant"
    one = maps([[0, 1, 1]], [[0.9, np.nan, np.nan]])
    require_findings(config_of(), {"trend": one})
    with pytest.raises(NoDataError, match="partial correlation") as caught:
        require_findings(config_of(), {"trend": one, "drivers": maps([[5, 5, 1]], [[np.nan] * 3])})
    assert caught.value.found == "of 3: 2 dropped, 1 empty" and "drivers.floors" in caught.value.next
    require_findings(config_of(), {"trend": one, "drivers": one})


def test_every_reason_has_a_remedy():
    for name in str(STATUS["flag_meanings"]).split():
        code = STATUS["flag_values"][str(STATUS["flag_meanings"]).split().index(name)]
        with pytest.raises(NoDataError) as caught:
            require_findings(config_of(), {"trend": maps([[code]], [[np.nan]])})
        assert caught.value.next, name


@pytest.mark.slow
@pytest.mark.parametrize("command", ["plan", "run"])
def test_rigorous_on_eight_years_is_refused_before_anything_is_written(command, small_world, capsys, tmp_path):
    path = small_world(preset="rigorous", period={"start": "2000-01", "end": "2007-12"}, years={"min_years": 8})
    with pytest.raises(SystemExit) as done:
        cli.main([command, str(path), "--json"])
    error = json.loads(capsys.readouterr().out)
    assert (done.value.code, error["code"]) == (3, "too-few-years")
    assert "annual.min_climatology_years" in error["expected"]
    assert not (tmp_path / "store").exists()


@pytest.mark.slow
def test_a_run_without_a_valid_trend_publishes_nothing_and_readers_see_what_was_there(published, small_world):
    """Every cell lacks four of the eight years, and five are needed."""
    before = pipeline.released(pipeline.check(load_config(published)))

    def gaps(ds):
        ds["soil_moisture"][np.isin(ds.time.dt.year, [2001, 2003, 2004, 2006])] = np.nan
        return ds

    config = load_config(small_world(change=gaps, entry=allow_empty_months))
    job = pipeline.check(config)
    pipeline.ingest(config, job)
    with pytest.raises(NoDataError) as caught:
        pipeline.compute(config, job)
    assert caught.value.found == "of 24: 23 too short, 1 not land"
    store = stores.Store.open(job.store)
    assert [release.number for release in stores.list_releases(store)] == [before.number]
    paths = [stores.product_path(name, job.run_id) for name in ("annual", "trend")]
    assert not any(stores.Prefix(store, path).is_sealed for path in paths)


def allow_empty_months(entry):
    entry["metadata"]["variables"]["soil_moisture"]["coverage_change"] = 1.0


def test_pools_that_are_not_of_one_kind_are_logged_where_the_test_rests_on_them(caplog):
    mixed, pooled = {"mixed_pools_share": 0.12345}, {"preset": "rigorous"}
    for config, attrs, told in (
        (pooled, mixed, 1),
        (pooled, {}, 0),
        (pooled, {"mixed_pools_share": 0.0}, 0),
        ({}, mixed, 0),
    ):
        caplog.clear()
        warn_of_mixed_pools(config_of(**config), attrs)
        assert len(caplog.records) == told
        assert not told or "on 12.3 % of the tested land" in caplog.text
