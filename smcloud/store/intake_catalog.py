"""``catalog.yaml``: the newest release as an intake catalog, for people, and its digest, for the next run."""

from __future__ import annotations

from smcloud.store.chain import named_in_catalog, record_digest, require_newest
from smcloud.store.layout import CATALOG, Store
from smcloud.store.objects import put
from smcloud.store.records import Release
from smcloud.store.release import latest_release, newest_release


def catalog_of(record: Release, digest: str) -> bytes:
    """Render ``catalog.yaml``, an intake catalog of a release for people; ``digest`` is the sha256 of its record."""
    import yaml

    entries = {"cube": record.cube.as_json()} | {name: product.as_json() for name, product in record.products.items()}
    sources = {
        name: {
            "driver": "zarr",
            "description": f"{name} of release {record.number}",
            "args": {"urlpath": "{{ CATALOG_DIR }}/" + entry["url"], "chunks": {}},
            "metadata": {key: value for key, value in entry.items() if key != "url"},
        }
        for name, entry in entries.items()
    }
    metadata = {"release": record.number, "created": record.created, "record_sha256": digest}
    return yaml.safe_dump({"metadata": metadata, "sources": sources}, sort_keys=False, width=120).encode()


def write_catalog(store: Store) -> str:
    """Write ``catalog.yaml`` of the newest release, and return its URL."""
    while True:
        record = newest_release(store)
        url = put(store, CATALOG, catalog_of(record, record_digest(store, record.number)))
        if latest_release(store) == record.number:  # else another run's catalog may have been replaced
            return url


def complete_catalog(store: Store) -> None:
    """Write ``catalog.yaml`` where it is behind the newest release: a run may have ended between the two.

    Raises :class:`IntegrityError` where it names a later one: that release is lost, and nothing else tells.
    """
    named, latest = named_in_catalog(store), latest_release(store)
    require_newest(store, latest)
    if named is None or named[0] < latest:
        write_catalog(store)
