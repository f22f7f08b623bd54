"""How often a whole run asks an object store, by the chunks that it reads and writes."""

import re

import fsspec

from smcloud import pipeline
from smcloud.config import load_config


def test_a_small_run_asks_for_little_more_than_its_arrays(gcs, small_world, tmp_path):
    """Each array of this world is one chunk, so documents and seals weigh most: a bound on what is asked again."""
    store = gcs[1]
    store.buckets["bucket"] = {}
    path = small_world(
        entry=lambda entry: entry["args"].update(urlpath="gs://bucket/world.zarr"), store="gs://bucket/store"
    )
    fsspec.filesystem("gs").put(f"{tmp_path}/world.zarr/", "bucket/world.zarr/", recursive=True)
    store.requests.clear()
    config = load_config(path)
    job = pipeline.check(config)
    documents = [request for request in store.requests if re.search(r"world\.zarr(%2F\w+)?%2Fzarr\.json", request)]
    assert len(documents) == 2 * 6 + 3  # fingerprint and opening, once each; axes are only opened
    release = pipeline.publish(config, job, pipeline.ingest(config, job), pipeline.compute(config, job))
    published = len(store.requests)
    pipeline.report(release, job.store)
    asked, report = len(store.requests), len(store.requests) - published
    chunks = sum(bool(re.search(r"/c(/\d+)*$", name)) for name in store.buckets["bucket"])
    assert asked <= 11.5 * chunks  # 10.9, where all of it was asked again 15.8
    assert report <= 2.3 * chunks  # 2.1, and 3.2
