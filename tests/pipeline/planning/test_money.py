"""Money of a plan: sums by hand, who is billed for what, and files of prices."""

import json

import pytest
import yaml

from smcloud import cli
from smcloud import plan as plans
from smcloud.cli.results import print_plan
from smcloud.config import Cluster
from smcloud.errors import ConfigurationError
from smcloud.pipeline.planning.examples import SIZES, bill_size
from smcloud.pipeline.planning.money import OTHER_ENDPOINTS, OWN_PRICES, bill, load_prices
from smcloud.plan import Array, Machine, Plan, Stage

GIB = 2**30
INGEST = Stage(
    "ingest", tasks=10, bytes_read=300 * GIB, bytes_written=40 * GIB, get_requests=9000, put_requests=2000,
    worker_memory=3 * GIB, seconds=1000, source_bytes=260 * GIB, source_requests=5000,
)  # fmt: skip
COMPUTE = Stage(
    "compute", tasks=5, bytes_read=60 * GIB, bytes_written=10 * GIB, get_requests=3000, put_requests=500,
    worker_memory=6 * GIB, seconds=780,
)  # fmt: skip
PLAN = Plan("x", (INGEST, COMPUTE, Stage("report", seconds=20)), Machine(20, 2))
GATEWAY = Cluster(kind="gateway", workers=20, worker_cores=2, worker_memory="16 GiB")
LOCAL = Cluster(kind="local", workers=2)


@pytest.fixture(autouse=True)
def _no_other_endpoint(monkeypatch):
    for names in OTHER_ENDPOINTS.values():
        for name in names:
            monkeypatch.delenv(name, raising=False)


def own(tmp_path, change=lambda data: data):
    """A file of round prices, changed."""
    amounts = {
        "storage_gib_month": 0.5, "put_1000": 4.0, "get_1000": 2.0, "egress_gib": 0.25, "core_hour": 3.0,
        "memory_gib_hour": 0.125,
    }  # fmt: skip
    more = {"level": "own", "as_of": "2026-01-31", "source": "the contract"}
    place = {"provider": "ours", "region": "here"} | {name: {"price": it} | more for name, it in amounts.items()}
    data = {"currency": "EUR", "sources_gib": {"price": 0} | more, "places": {"gs": place}}
    (tmp_path / "prices.yaml").write_text(yaml.safe_dump(change(data)))
    return tmp_path / "prices.yaml"


def test_a_gateway_pays_requests_and_nodes_and_no_egress(tmp_path):
    found = bill(PLAN, GATEWAY, "gs://bucket/store", load_prices(own(tmp_path)), own=True)
    # 12,000 GETs, 5,000 of them to sources; 1,800 s of 20 workers of 2 cores and 16 GiB.
    assert found.once == {"requests": 2500 * 0.004 + 7000 * 0.002, "nodes": 20 * 0.5 * (2 * 3.0 + 16 * 0.125)}
    assert found.each_month == {"storage": 50 * 0.5}
    assert found.total == 24.0 + 80.0 and found.place == "ours, here"
    record = found.record()
    assert record["once_total"] == 104.0 and record["currency"] == "EUR"
    assert record["prices"]["core_hour"] == {
        "price": 3.0, "level": "own", "as_of": "2026-01-31", "source": "the contract",
    }  # fmt: skip
    assert "egress_gib" not in record["prices"] and "null" not in json.dumps(record)


def test_what_sources_answer_is_a_part_of_what_is_read():
    cube = (Array((12, 4, 4), (12, 4, 4), 4),)
    work = plans.IngestWork([(3, 100), (2, 50)], cube, tasks=9, graphs=1, held=0, kept=0, seal_tasks=1)
    stage = plans.ingest_stage(work, Machine(1, 1))
    assert (stage.source_requests, stage.source_bytes) == (5, 400)
    assert stage.bytes_read == 400 + 12 * 16 * 4 and stage.get_requests == 5 + 1 + 1 + plans.INGEST_GETS + 1
    total = Plan("x", (stage, COMPUTE), Machine(1, 1)).record()["total"]
    assert (total["source_requests"], total["source_bytes"]) == (5, 400)


def test_a_worker_without_a_size_is_billed_for_what_it_needs(tmp_path):
    cluster = Cluster(kind="gateway", workers=4)
    found = bill(PLAN, cluster, "gcs://bucket", load_prices(own(tmp_path)), own=True)
    assert found.once["nodes"] == 4 * 0.5 * (3.0 + 6 * 0.125)
    assert any("worker_memory is not set" in note for note in found.notes)


def test_a_local_cluster_pays_for_what_it_reads_of_a_bucket(tmp_path):
    found = bill(PLAN, LOCAL, "gs://bucket", load_prices(own(tmp_path)), own=True)
    assert found.once == {"requests": 24.0, "egress": 100 * 0.25}  # 360 GiB are read, 260 of them from sources
    assert found.each_month == {"storage": 25.0} and any("no node hours" in note for note in found.notes)


def test_sources_that_let_their_readers_pay(tmp_path):
    prices = load_prices(own(tmp_path, lambda data: data | {"sources_gib": data["sources_gib"] | {"price": 0.5}}))
    assert bill(PLAN, GATEWAY, "gs://bucket", prices, own=True).once["egress of sources"] == 130.0
    alone = bill(PLAN, LOCAL, "/disk/store", prices, own=True)
    assert alone.once == {"egress of sources": 130.0} and alone.each_month == {}


def test_what_nobody_bills_has_no_amount(capsys):
    for store in ("store", "/disk/store", "file:///disk/store"):
        record = bill(PLAN, LOCAL, store, load_prices()).record()
        assert set(record) == {"notes"}
        assert record["notes"][0] == "store and cluster are this machine's: no money for either"
    print_plan(PLAN.record() | {"money": record}, False)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("money:")]
    assert lines and not any("0.00" in line or "USD" in line for line in lines)
    assert "no price" in bill(PLAN, GATEWAY, "/shared/store", load_prices()).record()["notes"][0]
    done = Plan("x", (Stage("ingest"), Stage("compute")), Machine(20, 2))
    assert bill(done, GATEWAY, "gs://bucket", load_prices()).record() == {
        "notes": ["there is nothing to do: this run adds nothing to the bill"]
    }


@pytest.mark.parametrize(
    ("store", "variable"), [("gs://b", "STORAGE_EMULATOR_HOST"), ("s3://b", "AWS_ENDPOINT_URL_S3"),
                            ("s3://b", "AWS_ENDPOINT_URL")]
)  # fmt: skip
def test_a_store_on_other_machines_has_no_list_price(store, variable, monkeypatch, tmp_path):
    monkeypatch.setenv(variable, "http://127.0.0.1:4443")
    found = bill(PLAN, GATEWAY, store, load_prices())
    assert (found.once, found.each_month) == ({}, {}) and variable in found.notes[0]
    if store == "gs://b":
        assert bill(PLAN, GATEWAY, store, load_prices(own(tmp_path)), own=True).total == 104.0


def test_the_prices_that_smcloud_brings_say_where_they_are_from():
    prices = load_prices()
    assert set(prices.places) == {"gs", "s3"}
    for scheme, place in prices.places.items():
        each = [getattr(place, name) for name in type(place).model_fields if name not in ("provider", "region")]
        assert len(each) == 6 and all(price.price > 0 and price.source for price in each)
        assert {price.level for price in each} <= {"assumed", "read"}
        found = bill(PLAN, GATEWAY, f"{scheme}://bucket", prices)
        hours = 20 * 1800 / 3600
        assert found.once["nodes"] == pytest.approx(hours * (2 * each[4].price + 16 * each[5].price))
        assert found.once["requests"] == pytest.approx(2.5 * each[1].price + 7 * each[2].price)
        assert found.each_month["storage"] == pytest.approx(50 * each[0].price)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda data: data | {"currency": 3}, "currency"),
        (lambda data: data | {"price": 1}, "price"),
        (lambda data: data | {"sources_gib": data["sources_gib"] | {"price": -1}}, "sources_gib.price"),
        (lambda data: data | {"sources_gib": data["sources_gib"] | {"as_of": "last year"}}, "sources_gib.as_of"),
        (lambda data: data | {"sources_gib": {"price": 1}}, "sources_gib"),
        (lambda data: data | {"places": {"gs": {"provider": "ours"}}}, "places.gs"),
        (lambda data: data | {"places": {"az": data["places"]["gs"]}}, "places"),
    ],
)  # fmt: skip
def test_a_wrong_file_of_prices_names_its_key(change, key, tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        load_prices(own(tmp_path, change))
    assert key in caught.value.where and "prices.yaml" in caught.value.where


def test_a_file_of_prices_that_is_missing_or_lacks_the_provider(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_prices(tmp_path / "none.yaml")
    with pytest.raises(ConfigurationError) as caught:
        bill(PLAN, GATEWAY, "s3://bucket", load_prices(own(tmp_path)), own=True)
    assert caught.value.where == "places.s3"


def test_a_bill_is_printed_with_its_prices(capsys):
    record = bill(PLAN, GATEWAY, "gs://bucket", load_prices()).record()
    print_plan(PLAN.record() | {"money": record}, False)
    out = capsys.readouterr().out
    assert f"money: about {record['once_total']:.2f} USD once (requests " in out
    assert "about 1.00 USD a month (storage)" in out and "(2 assumed, 3 read), written down 2026-11-29" in out


def test_small_amounts_are_not_printed_as_nothing(capsys):
    plan = Plan("x", (Stage("ingest", tasks=1, put_requests=1, seconds=1),), Machine(1, 1))
    print_plan(plan.record() | {"money": bill(plan, LOCAL, "gs://b", load_prices()).record()}, False)
    assert "requests below 0.01" in capsys.readouterr().out


def test_sizes_are_billed_as_in_a_bucket():
    (name, size), *_ = SIZES.items()
    assert bill_size(name, PLAN, load_prices()).record() == bill(PLAN, size.cluster, "gs://b", load_prices()).record()


@pytest.mark.slow
def test_the_command_takes_prices(capsys, small_world, tmp_path):
    path = small_world()
    with pytest.raises(SystemExit) as done:
        cli.main(["plan", str(path), "--prices", str(OWN_PRICES), "--json"])
    record = json.loads(capsys.readouterr().out)
    assert done.value.code == 0 and "no money" in record["money"]["notes"][0]
    ingest = record["stages"]["ingest"]
    assert record["total"]["source_bytes"] == ingest["bytes_read"] - ingest["bytes_written"] > 0
    prices = own(tmp_path, lambda data: data | {"sources_gib": data["sources_gib"] | {"price": 2}})
    with pytest.raises(SystemExit):
        cli.main(["plan", str(path), "--prices", str(prices), "--json"])
    money = json.loads(capsys.readouterr().out)["money"]
    assert money["once"]["egress of sources"] == round(2 * record["total"]["source_bytes"] / GIB, 6)
    with pytest.raises(SystemExit) as done:
        cli.main(["plan", str(path), "--prices", str(tmp_path / "none.yaml"), "--json"])
    assert done.value.code == 2 and json.loads(capsys.readouterr().out)["code"] == "configuration"
