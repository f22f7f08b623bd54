"""What is damaged is computed again to the same bytes, and where that cannot be, it is said and nothing is touched."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from smcloud import pipeline
from smcloud.config import load_config
from smcloud.errors import IntegrityError
from smcloud.pipeline.repair import repair
from smcloud.store import Prefix, Store, verify, verify_all
from tests.conftest import copy_of


@pytest.fixture(scope="module")
def paged(published_once, tmp_path_factory):
    """A world, its configuration and its store, whose release has its page."""
    folder = tmp_path_factory.mktemp("paged") / "world"
    config = load_config(copy_of(published_once, folder))
    pipeline.report(pipeline.released(pipeline.check(config)), config.store)
    return folder


@pytest.fixture
def release(paged, tmp_path):
    """A release with its page, and its record."""
    config = load_config(copy_of(paged, tmp_path))
    return Store.open(config.store), pipeline.released(pipeline.check(config))


def files(store):
    return {str(path): path.read_bytes() for path in Path(store.url).rglob("*") if path.is_file()}


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()  # other names of the same bytes stay as they are
    path.write_bytes(content)


# Each kind to a product of its own, and what takes most of one with it.
DAMAGE = {
    "a little of each": {
        "trend": lambda prefix: flip(prefix / "slope/c/0/0"),
        "drivers": lambda prefix: (prefix / "n/c/0/0").unlink(),
        "annual": lambda prefix: (prefix / "inventory.json").unlink(),
        "ddww": lambda prefix: [
            (prefix / name).unlink() for name in ("inventory.json", "zone/c/0/0", "ddww_class/c/0/0")
        ],
        "regional": lambda prefix: (prefix / "zarr.json").write_text("{"),
        "strata": shutil.rmtree,
    },
    "much": {"trend": lambda prefix: [path.unlink() for path in prefix.glob("p_*/c/**/0") if path.is_file()]},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", DAMAGE)
def test_a_product_is_repaired_to_the_same_bytes(release, kind):
    store, record = release
    before = files(store)
    for product, damage in DAMAGE[kind].items():
        damage(Path(store.join(record.products[product].url)))
        assert files(store) != before, product
    with pytest.raises(IntegrityError):
        verify(store)
    done = repair(store)
    assert {path.split("/")[1] for path in done.repaired} == DAMAGE[kind].keys() and not done.left
    assert files(store) == before
    assert verify_all(store)["releases"] == 1


@pytest.mark.slow
def test_a_cube_and_its_products_are_repaired(release):
    store, record = release
    before = files(store)
    cube = Path(store.join(record.cube.url))
    flip(cube / "soil_moisture/c/0/0/0")
    (cube / "lai/c/1/0/0").unlink()
    flip(Path(store.join(record.products["drivers"].url)) / "n/c/0/0")
    assert len(repair(store).repaired) == 3
    assert files(store) == before
    assert repair(store) == ([], [], [])


@pytest.mark.slow
def test_pages_and_names_are_completed(release):
    store, record = release
    pipeline.report(record, store.url)  # the references of its Icechunk repository name where the store lies
    pointer = Path(store.join(record.products["trend"].url).replace(".zarr", ".1.sealed"))
    before = files(store)
    pointer.write_text("{")
    Path(store.join("catalog.yaml")).unlink()
    Path(store.join(record.report)).unlink()
    assert set(repair(store).repaired) == {"catalog.yaml", record.report, str(pointer.relative_to(store.url))}
    after = files(store)
    assert after.keys() == before.keys()
    assert [path for path in after if after[path] != before[path] and "/reports/" not in path] == []


@pytest.mark.slow
def test_a_cube_of_other_sources_is_left_as_it_is(small_world, tmp_path):
    config = load_config(small_world())
    job, store = pipeline.check(config), Store.open(config.store)
    record = pipeline.publish(config, job, pipeline.ingest(config, job), pipeline.compute(config, job))
    chunk = Path(store.join(record.cube.url)) / "lai/c/1/0/0"
    flip(chunk)
    source = zarr.open_array(tmp_path / "world.zarr" / "lai", mode="r+")
    source[3, 1, 1] = source[3, 1, 1] + np.float32(1)
    before = files(store)
    done = repair(store)
    assert done.repaired == [] and done.left == [f"{record.cube.url}/lai/c/1/0/0"]
    assert "sources, code or libraries are others" in done.why[0]
    assert files(store) == before


@pytest.mark.slow
def test_products_of_other_code_are_left_as_they_are(release, monkeypatch):
    store, record = release
    (Path(store.join(record.products["trend"].url)) / "slope/c/0/0").unlink()
    monkeypatch.setattr("smcloud.pipeline.identity.product_code", lambda: "another version")
    before = files(store)
    done = repair(store)
    assert done.repaired == [] and "code or libraries" in done.why[0]
    assert files(store) == before


@pytest.mark.slow
def test_what_is_foreign_is_named_and_stays(release):
    store, record = release
    prefix = Prefix(store, record.products["trend"].url)
    prefix.write("extra/zarr.json", b"{}")
    done = repair(store)
    assert done.left == [f"{prefix.path}/extra/zarr.json"] and "foreign" in done.why[0]
    assert prefix.read("extra/zarr.json") == b"{}"


@pytest.mark.slow
def test_a_record_that_was_edited_is_believed_in_nothing(release):
    """The release says another digest of the inventory: no object can be put back under it."""
    store, record = release
    (Path(store.join(record.products["trend"].url)) / "slope/c/0/0").unlink()
    file = Path(store.join("releases/00000001.json"))
    edited = json.loads(file.read_text())
    edited["products"]["trend"]["inventory_sha256"] = "0" * 64
    file.write_text(json.dumps(edited))
    done = repair(store)
    assert not done.repaired and done.left


@pytest.mark.slow
def test_a_cube_that_was_never_named_is_repaired_and_not_removed(small_world):
    """Its run was killed between seal and name; the next one published it."""
    config = load_config(small_world())
    job, store = pipeline.check(config), Store.open(config.store)
    cube = pipeline.ingest(config, job)
    Path(store.join(cube.url.replace(".zarr", ".1.sealed"))).unlink()
    Path(store.join(cube.url.replace(".zarr", ".attempt-1-1.json"))).write_text("{}")
    record = pipeline.publish(config, job, pipeline.ingest(config, job), pipeline.compute(config, job))
    pipeline.report(record, store.url)
    assert Path(store.join(cube.url.replace(".zarr", ".1.sealed"))).exists()
    before = files(store)
    Path(store.join(cube.url, "inventory.json")).unlink()
    assert repair(store).repaired == [f"{cube.url}/inventory.json"]
    assert files(store) == before
