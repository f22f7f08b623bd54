"""What a run needs, tried one by one: this machine, the configuration, its sources, the store, the cluster.

Each check says what it found, and what to do where that will not do. None ends the others.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from packaging.requirements import Requirement

from smcloud import store as stores
from smcloud.catalog import Catalog, check_entries, load_catalog
from smcloud.cluster import open_cluster, threads_of
from smcloud.cluster.health import on_each_worker
from smcloud.config import Cluster, RunConfig, load_config
from smcloud.config.cache_folder import cache_folder, folder_for, keep, read_kept
from smcloud.errors import ConfigurationError, SmcloudError, UnexpectedError, UnreachableError
from smcloud.io_errors import STORE, brief, reaching
from smcloud.pipeline.tiling import memory_here
from smcloud.plan import size
from smcloud.store import Store

SHOWN = ("smcloud", "dask", "xarray", "zarr", "numba", "prefect")
SERVER_SECONDS = 5
# The files that clients of a bucket look into, beside the variables of the environment, which are named only.
SECRETS = {
    "s3": (("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"), "~/.aws/credentials"),
    "gs": (
        ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"),
        "~/.config/gcloud/application_default_credentials.json",
    ),
}


@dataclass(frozen=True)
class Check:
    """One thing that was tried: what was ``found`` of it, or the ``error`` that says what to do."""

    name: str
    found: str = ""
    error: SmcloudError | None = None

    def record(self) -> dict[str, object]:
        """The check as plain values; ``error`` is None where all is well."""
        return {"name": self.name, "found": self.found, "error": self.error.record() if self.error else None}


def examine(asked: str | None) -> Iterator[Check]:
    """Check this machine, and what ``asked`` names: a configuration, or a store alone; each when it is done."""
    yield _tried("versions", _versions)
    yield _tried("cache", _cache)
    yield _tried("machine", lambda: f"{os.cpu_count()} cores, {size(memory_here())} for a process")
    yield _tried("prefect", _prefect)
    if asked is None:
        return
    if not (asked.endswith((".yaml", ".yml")) or Path(asked).is_file()):
        yield from _of_store(asked)
        return
    try:
        config = load_config(asked)
    except SmcloudError as err:
        yield Check("configuration", error=err)
        return
    yield Check("configuration", f"{asked}: preset {config.preset}, {len(config.inputs)} roles")
    yield from _of_sources(config)
    yield from _of_store(config.store)
    if config.cluster.kind == "gateway":
        yield _tried("gateway", lambda: _gateway(config.cluster, config.store))
    else:
        yield Check("cluster", f"local, {threads_of(config.cluster)} threads")


def _tried(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, check())
    except SmcloudError as err:
        return Check(name, error=err)
    except Exception as err:  # a check that fails is what was asked for
        return Check(name, error=UnexpectedError(brief(err), where=name, next="smcloud doctor --debug"))


def _versions() -> str:
    wanted = [Requirement(text) for text in metadata.requires("smcloud") or ()]
    bad = []
    for requirement in wanted:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            version = "nothing"
        if version == "nothing" or not requirement.specifier.contains(version, prereleases=True):
            bad.append((requirement, version))
    if bad:
        raise ConfigurationError(
            "packages are missing, or of another version than smcloud needs",
            where=sys.prefix,
            found=", ".join(f"{requirement.name} {version}" for requirement, version in bad),
            expected=", ".join(f"{requirement.name}{requirement.specifier}" for requirement, _ in bad),
            next=f"{sys.executable} -m pip install smcloud",
        )
    named = ", ".join(f"{name} {metadata.version(name)}" for name in SHOWN)
    return f"Python {'.'.join(map(str, sys.version_info[:3]))}, {named}"


def _cache() -> str:
    place = cache_folder()
    folder = folder_for(place)
    probe = place / f"probe-{os.getpid()}"
    kept = None
    if folder is not None:
        keep(probe, b"kept")
        kept = read_kept(probe)
        probe.unlink(missing_ok=True)
    if kept is None:
        raise ConfigurationError(
            "nothing can be kept in the cache folder: each process compiles its kernels again",
            where=str(place),
            found="a folder that cannot be written, or that others can write into",
            expected="a folder that this user alone may write into",
            next="correct its permissions, or name another folder in SMCLOUD_CACHE_DIR",
        )
    kernels = sum(1 for _ in place.glob("kernels/*/*.kernel"))
    return f"{place}, {kernels} compiled kernels" if kernels else f"{place}, empty: the first run compiles its kernels"


def _prefect() -> str:
    url = os.environ.get("PREFECT_API_URL")
    if not url:
        return "PREFECT_API_URL is not set: smcloud run starts a server of its own"
    try:
        with urlopen(f"{url.rstrip('/')}/health", timeout=SERVER_SECONDS):
            return url
    except (URLError, OSError, ValueError) as err:
        raise UnreachableError(
            "the Prefect server does not answer",
            where=f"PREFECT_API_URL: {url}",
            found=brief(err),
            expected="a running server",
            next="start it, correct PREFECT_API_URL, or leave that out: smcloud run then starts a server of its own",
        ) from err


def _of_sources(config: RunConfig) -> Iterator[Check]:
    try:
        catalog = load_catalog(config.catalog)
        for role, reference in config.inputs.items():
            catalog.spec(role, reference)
    except SmcloudError as err:
        yield Check("catalog", error=err)
        return
    used = sorted({reference.partition(":")[0] for reference in config.inputs.values()})
    yield Check("catalog", f"{config.catalog}: {len(used)} of {len(catalog.sources)} entries are used")
    for entry in used:
        yield _tried(f"source {entry}", lambda entry=entry: _source(catalog, entry))  # type: ignore[misc]


def _source(catalog: Catalog, entry: str) -> str:
    answer = check_entries(catalog.model_copy(update={"sources": {entry: catalog.sources[entry]}}))[entry]
    if answer != "ok":
        raise UnreachableError(
            "a source does not answer",
            where=f"entry {entry}",
            found=answer.removeprefix("unreachable: "),
            expected="a source that answers and opens",
            next="check network, address and credentials, and the variables of the environment that the entry names",
        )
    return "opens, with the variables and units of its entry"


def _of_store(url: str) -> Iterator[Check]:
    yield _tried("store", lambda: _read(url))
    protocol = url.partition("://")[0] if "://" in url else "file"
    protocol = "gs" if protocol == "gcs" else protocol
    if protocol in SECRETS:
        yield Check("credentials", _credentials(*SECRETS[protocol]))
    yield _tried("store, writing", lambda: _round_trip(url))


def _credentials(variables: tuple[str, ...], file: str) -> str:
    """Say where a client will find credentials, never what they are; the store says whether they do."""
    found = [name for name in variables if os.environ.get(name)]
    if found:
        return f"from the environment: {', '.join(found)}"
    if Path(file).expanduser().is_file():
        return f"from {file}"
    return f"none in the environment or {file}: those of the machine, where it has some"


def _read(url: str) -> str:
    store = Store.open(url)
    stores.require_store(store, to_write=False)
    releases = stores.list_releases(store)
    return f"{store.url}: " + (f"{len(releases)} releases" if releases else "nothing published yet")


def _round_trip(url: str) -> str:
    """Create an object once and not twice, look for it, remove it; a folder that was not there is not left."""
    store = Store.open(url)
    stores.require_store(store)
    there = store.fs.exists(store.join())
    try:
        with stores.probe(store) as path:
            answer = stores.can_read(store, path)
            if answer:
                raise UnreachableError(
                    "an object that was put into the store is not found there",
                    where=store.url,
                    found=answer,
                    expected="the object",
                    next="name a store that shows an object as soon as it is written",
                )
        stores.require_create_only(store)
    finally:
        if store.protocol == "file" and not there:
            with reaching(STORE, store.url):
                store.fs.rmdir(store.join())
    return "an object was created once, refused to a second writer, read and removed"


def _gateway(cluster: Cluster, url: str) -> str:
    """Open a cluster of one worker, and let it look for an object of this process in the store."""
    one = cluster.model_copy(update={"workers": 1, "adaptive": False})
    store = Store.open(url)
    with open_cluster(one), stores.probe(store) as path:
        (answer,) = on_each_worker(stores.can_read, store, path).values()
    if answer:
        raise UnreachableError(
            "a worker does not see the store as this process does",
            where=store.url,
            found=answer,
            expected="the object that was just put there",
            next="name the endpoint in cluster.forward, and give the workers' account access to the store",
        )
    return "a cluster of one worker came up with the same versions, saw the store, and ended"
