"""The plan against hand arithmetic and against what a run really does; budgets."""

import json
from functools import cache

import numpy as np
import pytest
from dask.callbacks import Callback

from smcloud import cli, pipeline
from smcloud import plan as plans
from smcloud.config import Budget, load_config, parse_config
from smcloud.config.strict_yaml import read_yaml
from smcloud.cube import CubeInputs, month_range, open_sources
from smcloud.errors import BudgetError, ConfigurationError, TooFewYearsError
from smcloud.pipeline.planning.budget import require_within
from smcloud.pipeline.planning.compute import pools_of
from smcloud.pipeline.planning.examples import SIZES, plan_size, sources_of
from smcloud.pipeline.planning.plan import stages_of
from smcloud.plan import Array, Machine, Plan, Stage, touched

GIB = 2**30


def test_an_array_is_its_whole_chunks():
    array = Array((264, 720, 1440), (12, 180, 180), 4)
    assert (array.chunks, array.bytes) == (22 * 4 * 8, 264 * 720 * 1440 * 4)
    assert Array((13, 181, 10), (12, 180, 10), 8).bytes == 4 * 12 * 180 * 10 * 8  # the last chunks are padded


@pytest.mark.parametrize(
    ("window", "chunk", "count"), [((0, 12), 12, 1), ((11, 13), 12, 2), ((5, 5), 12, 0), ((3, 40), 1, 37)]
)
def test_chunks_touched(window, chunk, count):
    assert touched(window, chunk) == count


planned = cache(plan_size)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_sizes_by_hand():
    cells = {0.25: 720 * 1440, 0.05: 3600 * 7200}
    blocks = {0.25: 4 * 8, 0.05: 20 * 40}
    for name, size in SIZES.items():
        stage = planned(name).stages[1]
        # Arrays of months for each role and the days of soil moisture, two static, and the marks of the months.
        arrays, years = len(size.steps) + 1, size.years
        assert stage.chunks == blocks[size.resolution] * (arrays * years + 2) + years, name
        month = cells[size.resolution] * 4
        cube = month * (arrays * 12 * years + 2) + 12 * years
        assert stage.bytes_written == cube
        steps = {"month": 12 * years, "day": 365.25 * years, "hour": 24 * 365.25 * years}
        source = month * (sum(steps[step] for step, _ in size.steps.values()) + 2)
        assert stage.bytes_read - cube == pytest.approx(source, rel=0.02)  # chunks of 16 days span the ends of tiles
        assert stage.bytes_read - cube >= 0.9999 * source  # 365.25 days are a mean
    coarse, fine, daily, hourly = (planned(name) for name in SIZES)
    assert coarse.total("bytes_written") * 25 * 40 / 22 == pytest.approx(fine.total("bytes_written"), rel=0.2)
    assert fine.stages[2] == daily.stages[2]  # the products of one cube
    # A thread holds 3.6 times a run of 12 months of a block, 12 bytes for each cell and month, and two chunks; 20
    # workers keep a year of the leaf area, in float64, where its blocks are not the whole grid.
    for plan, block, chunk, kept in (
        (coarse, 720 * 1440, 12, 0),
        (fine, 900 * 900, 12, 3600 * 7200 * 12 * 8),
        (daily, 900 * 900, 16, 3600 * 7200 * 12 * 8),
    ):
        thread = block * 12 * 12 * 3.6 + 2 * block * chunk * 4
        assert plan.stages[1].worker_memory == pytest.approx(400 * 2**20 + 2 * thread + kept / 20, rel=1e-6)
        assert plan.stages[1].graphs == 1 and plan.stages[1].tasks < 200_000
    assert daily.total("tasks") == fine.total("tasks")  # the days of a run of months are read inside its task
    assert fine.total("tasks") > 10 * coarse.total("tasks")
    assert daily.minutes > hourly.minutes > fine.minutes > coarse.minutes > 0


@pytest.mark.slow
def test_a_static_role_in_one_chunk_is_held_whole():
    """A land mask of 0.05 degrees held 26 bytes for each of its cells while its only chunk was made."""
    size = SIZES["0.05-monthly-40"]
    config, catalog, datasets = sources_of(size, "peng2023", size.cluster)
    datasets["static"] = datasets["static"].chunk(-1)
    months = month_range(config.period.start, config.period.end)
    opened = CubeInputs(datasets, open_sources(config, catalog, datasets), months)
    _, ingest = stages_of(config, opened, products=False)
    kept = 3600 * 7200 * 12 * 8 / 20
    assert ingest.worker_memory == pytest.approx(400 * 2**20 + 2 * 3600 * 7200 * 26 + kept, rel=1e-6)


@pytest.mark.slow
def test_a_plan_prints_as_json_without_a_value_that_is_none(capsys, small_world):
    path = small_world()
    with pytest.raises(SystemExit) as done:
        cli.main(["plan", str(path), "--json"])
    assert done.value.code == 0
    text = capsys.readouterr().out
    assert "NaN" not in text and "null" not in text
    record = json.loads(text)
    assert set(record["stages"]) == {"start", "ingest", "compute", "publish", "report"}
    with pytest.raises(SystemExit):
        cli.main(["run", str(path), "--dry-run", "--json"])
    assert json.loads(capsys.readouterr().out) == record
    with pytest.raises(SystemExit):
        cli.main(["plan", str(path)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].split()[:2] == ["ingest", f"{record['stages']['ingest']['chunks']:,}"]


@pytest.mark.slow
def test_a_plan_opens_metadata_only_and_writes_nothing(small_world, tmp_path):
    config = load_config(small_world())
    for role in config.inputs:
        for chunk in (tmp_path / "world.zarr" / role / "c").rglob("*"):  # nobody may read them
            if chunk.is_file():
                chunk.write_bytes(b"not zstd")
    job = pipeline.check(config)
    assert pipeline.plan(config, job).total("tasks") > 0
    assert not (tmp_path / "store").exists()


class Tasks(Callback):
    """Counts the tasks that dask runs."""

    def __init__(self):
        super().__init__(posttask=self.add)
        self.count = 0

    def add(self, *arguments):
        self.count += 1


def with_short_years(ds):
    """A year from July of 5 months in one cell, one of 7 in another: no two ways to annual means are the same."""
    ds["soil_moisture"][11:18, 0, 0] = np.nan
    ds["soil_moisture"][24:29, 1, 1] = np.nan
    return ds


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_tasks_of_a_run_are_those_of_its_plan(small_world, monkeypatch):
    asked = {"annual": {"first_month": 7, "seasons": ["DJF", "growing"]}, "attribution": {"lags": [0, 1]}}
    path = small_world(change=with_short_years, **asked)
    config = load_config(path)
    job = pipeline.check(config)
    _, ingest, compute, *_ = pipeline.plan(config, job).stages
    with Tasks() as ran:
        pipeline.ingest(config, job)
    assert ingest.tasks == pytest.approx(ran.count, rel=0.3)
    assert pipeline.plan(config, job).stages[1] == Stage("ingest")  # it is there
    with Tasks() as ran:
        pipeline.compute(config, job)
    assert compute.tasks == pytest.approx(ran.count, rel=0.05)
    curve = parse_config(
        read_yaml(path.read_bytes(), str(path), ConfigurationError) | {"sensitivity": {"publish": True}}
    )
    other = pipeline.check(curve)
    more = pipeline.plan(curve, other).stages[2]
    with Tasks() as ran_more:
        pipeline.compute(curve, other)
    assert more.tasks == pytest.approx(ran_more.count, rel=0.05) and more.tasks > 2.2 * compute.tasks
    monkeypatch.setattr("smcloud.pipeline.planning.plan.released", lambda job: {"number": 1})
    done = pipeline.plan(config, job)
    assert (done.total("tasks"), done.minutes) == (0, 0) and "already published" in done.note


def test_a_budget_is_kept():
    plan = Plan("x", (Stage("ingest", tasks=60, bytes_read=3 * GIB, seconds=61, worker_memory=2 * GIB),), Machine(4, 2))
    require_within(plan, Budget(), None)
    require_within(plan, Budget(tasks=60, bytes="3 GiB", minutes=2), 2 * GIB)
    for budget, memory, where, knob in (
        (Budget(tasks=59), None, "budget.tasks", "period"),
        (Budget(bytes="2.9 GiB"), None, "budget.bytes", "grid.resolution"),
        (Budget(minutes=1), None, "budget.minutes", "cluster.workers"),
        (Budget(), GIB, "cluster.worker_memory", "cluster.worker_cores"),
    ):
        with pytest.raises(BudgetError) as caught:
            require_within(plan, budget, memory)
        assert caught.value.where == where and knob in caught.value.next


@pytest.mark.slow
@pytest.mark.parametrize("command", ["run", "ingest"])
def test_a_run_beyond_its_budget_does_not_begin(command, small_world, capsys, tmp_path):
    with pytest.raises(SystemExit) as done:
        cli.main([command, str(small_world(budget={"tasks": 3})), "--json"])
    error = json.loads(capsys.readouterr().out)
    assert (done.value.code, error["code"], error["where"]) == (2, "budget", "budget.tasks")
    assert not (tmp_path / "store").exists()


@pytest.mark.slow
def test_a_worker_too_small_for_a_block_is_told_before_the_run(small_world):
    config = load_config(small_world(cluster={"worker_memory": "100 MiB"}))
    with pytest.raises(BudgetError, match="memory"):
        pipeline.require_budget(config, pipeline.check(config))


@pytest.mark.slow
def test_a_cube_alone_is_planned_without_products_that_it_is_too_short_for(small_world):
    period = {"start": "2000-01", "end": "2001-12"}
    config = load_config(small_world(period=period, cluster={"worker_memory": "8 GiB"}))
    job = pipeline.check(config)
    pipeline.require_budget(config, job, products=False)
    assert [stage.name for stage in pipeline.plan(config, job, products=False).stages] == ["start", "ingest"]
    with pytest.raises(TooFewYearsError):
        pipeline.plan(config, job)


def test_a_client_too_small_is_told_before_the_run():
    plan = Plan("x", (Stage("compute", client_memory=9 * GIB),), Machine(4, 2))
    require_within(plan, Budget(), None, 9 * GIB)
    with pytest.raises(BudgetError, match="this process") as caught:
        require_within(plan, Budget(), None, 6 * GIB)
    assert "9.0 GiB" in caught.value.found


def test_bytes_in_words():
    assert [plans.size(count) for count in (12, 1536, 3 * GIB, 5000 * 1024 * GIB)] == [
        "12 B", "1.5 KiB", "3.0 GiB", "5000.0 TiB",
    ]  # fmt: skip


def test_the_tasks_of_pools_are_planned_by_hand():
    """0.05 degrees, 40 years, pools of 1500 km: few tasks, each of many rows, in which most cores have no part."""
    lat, lon, years = 3600, 7200, 40
    around = int(np.degrees(1500 / 6371.0072) / 0.05)
    pools = pools_of(1500.0, np.arange(-89.975, 90, 0.05))
    # Bands of 900 rows; those at the poles reach over one edge, the two others over both.
    assert pools == (4, 2 * around + 1, 4 * 900 + 6 * around, 900 + 2 * 360)
    assert pools_of(1500.0, np.arange(36.0, 45, 0.05)) == (1, 180, 180, 180)
    assert pools_of(1500.0, np.array([0.0])) == (1, 1, 1, 1)
    work = plans.ComputeWork([], [], 0, 0, 0, 5, True, lat * lon, lat, years, pools, "rigorous", 0)
    land = lat * lon * 34 // 100
    task = lat * lon * 1620 // lat * (8 * years + 150) + land * pools.reached // lat * 736
    stage = plans.compute_stage(work, Machine(20, 2))
    assert stage.worker_memory == plans.PROCESS_BYTES + 2 * task + 5 and 5 * GIB < task < 7 * GIB
    assert stage.client_memory == plans.PROCESS_BYTES + 40 * lat * lon < 2 * GIB
    assert plans.compute_stage(work._replace(loaded=False), Machine(20, 2)).client_memory == plans.PROCESS_BYTES
    alone = land * (plans.POOL_CELL_NS * pools.fitted / lat + plans.POOL_ROW_NS * pools.reached) / 1e9
    more = plans.compute_stage(work, Machine(40, 2))
    shared = land * years**2 * plans.CELL_YEAR_PAIR_NS / 1e9
    start = plans.COMPUTE_SECONDS["rigorous"]
    assert stage.seconds == pytest.approx(start + alone / 4 + shared / 40, abs=2)
    assert more.seconds == pytest.approx(start + alone / 4 + shared / 80, abs=2)
    assert plans.compute_stage(work, Machine(1, 2)).seconds == pytest.approx(start + alone / 2 + shared / 2, abs=2)
