"""What a plan costs in money: its bytes, requests and hours at the prices of a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from smcloud.config import Cluster
from smcloud.config.strict_yaml import Model, problems_of, read_yaml
from smcloud.errors import ConfigurationError
from smcloud.plan import Plan

OWN_PRICES = Path(__file__).with_name("prices.yaml")
GIB, HOUR = 2**30, 3600
PLACES = {"gs": "gs", "gcs": "gs", "s3": "s3"}
# Where a store is served by other machines than those of the provider whose scheme its address has.
OTHER_ENDPOINTS = {"gs": ("STORAGE_EMULATOR_HOST",), "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")}


class Price(Model):
    """One price, with where it is from and the day on which it was written down."""

    price: Annotated[float, Field(ge=0)]
    level: Literal["assumed", "read", "own"]
    as_of: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    source: str


class Place(Model):
    """Prices of one provider's region: per GiB and month, 1000 requests, GiB to the internet, hour of a core or GiB."""

    provider: str
    region: str
    storage_gib_month: Price
    put_1000: Price
    get_1000: Price
    egress_gib: Price
    core_hour: Price
    memory_gib_hour: Price


class Prices(Model):
    """A file of prices: by the scheme of a store, and of what is read from sources."""

    currency: str
    sources_gib: Price
    places: Mapping[Literal["gs", "s3"], Place]


@dataclass(frozen=True)
class Bill:
    """What a run costs once and, for what it leaves in the store, each month; ``notes`` say what is not in it.

    Empty amounts: nothing is billed, or there is no price for it, and ``notes`` say which.
    """

    currency: str
    place: str = ""
    once: Mapping[str, float] = field(default_factory=dict)
    each_month: Mapping[str, float] = field(default_factory=dict)
    prices: Mapping[str, Price] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """What is paid once."""
        return sum(self.once.values())

    def record(self) -> dict[str, Any]:
        """The bill as plain numbers and texts; amounts are missing where there are none, never 0."""
        record: dict[str, Any] = {"notes": list(self.notes)}
        if not self.once and not self.each_month:
            return record
        rounded = {name: round(amount, 6) for name, amount in self.once.items()}
        record |= {"currency": self.currency, "place": self.place, "once": rounded, "once_total": round(self.total, 6)}
        record["each_month"] = {name: round(amount, 6) for name, amount in self.each_month.items()}
        return record | {"prices": {name: price.model_dump(mode="json") for name, price in self.prices.items()}}


def load_prices(path: Path | None = None) -> Prices:
    """Read a file of prices, by default smcloud's own; raises :class:`ConfigurationError` that names the key."""
    place = path or OWN_PRICES
    try:
        text = place.read_bytes()
    except OSError as err:
        raise ConfigurationError(
            "the file of prices cannot be read",
            where=str(place),
            found="no file" if isinstance(err, FileNotFoundError) else err.strerror or str(err),
            expected="a YAML file of the form of smcloud/pipeline/planning/prices.yaml",
            next="correct --prices, or leave it out for the prices that smcloud brings",
        ) from err
    try:
        return Prices.model_validate(read_yaml(text, str(place), ConfigurationError))
    except ValidationError as err:
        problems = [
            ConfigurationError(what, where=f"{place}: {key}", found=found, expected=expected, next=f"edit {key}")
            for what, key, found, expected in problems_of(err, Prices)
        ]
        raise problems[0].with_others(problems[1:]) from err


def bill(plan: Plan, cluster: Cluster, store: str, prices: Prices, own: bool = False) -> Bill:
    """Put prices to ``plan``, on ``cluster`` and into ``store`` (an address); ``own``: the prices are the user's.

    Bytes are decoded ones, and stored ones are fewer, so money for bytes is an upper limit. Workers of a gateway are
    taken to stand in the region of the store, where reading it costs requests only; a local cluster to stand outside.
    Requests and hours are those of the plan. Raises :class:`ConfigurationError` where a user's own prices lack the
    provider of the store.
    """
    if not plan.total("tasks"):
        return Bill(prices.currency, notes=("there is nothing to do: this run adds nothing to the bill",))
    used: dict[str, Price] = {}
    once: dict[str, float] = {}
    source_gib = plan.total("source_bytes") / GIB
    if prices.sources_gib.price:
        used["sources_gib"] = prices.sources_gib
        once["egress of sources"] = source_gib * prices.sources_gib.price
    scheme = PLACES.get(store.partition("://")[0].lower() if "://" in store else "")
    at, unpriced = _place(scheme, prices, own)
    if at is None:
        why = unpriced or _nobody_bills(cluster)
        return Bill(prices.currency, "", once, {}, used, (why, *_notes_on_sources(plan, prices)))
    used |= {name: getattr(at, name) for name in ("storage_gib_month", "put_1000", "get_1000")}
    gets = plan.total("get_requests") - plan.total("source_requests")
    once["requests"] = (plan.total("put_requests") * at.put_1000.price + gets * at.get_1000.price) / 1000
    notes = ["bytes are as decoded, so what is stored and sent costs less", *_notes_on_sources(plan, prices)]
    if cluster.kind == "local":
        used["egress_gib"] = at.egress_gib
        once["egress"] = (plan.total("bytes_read") / GIB - source_gib) * at.egress_gib.price
        notes.append("the workers are this machine's: no node hours. What they read of the store leaves its region")
    else:
        used |= {name: getattr(at, name) for name in ("core_hour", "memory_gib_hour")}
        once["nodes"] = _node_hours(plan, cluster) * _node_price(plan, cluster, at)
        notes.append("workers stand in the region of the store: no egress. Scheduler and idle nodes are not counted")
    if cluster.kind == "gateway" and cluster.worker_bytes is None:
        notes.append("cluster.worker_memory is not set: a worker is billed for the memory that the plan says it needs")
    month = {"storage": plan.total("bytes_written") / GIB * at.storage_gib_month.price}
    return Bill(prices.currency, f"{at.provider}, {at.region}", once, month, used, tuple(notes))


def _place(scheme: str | None, prices: Prices, own: bool) -> tuple[Place | None, str]:
    """The prices that hold for stores of a scheme, or None and why not ("": such stores cost nothing)."""
    if scheme is None:
        return None, ""
    endpoint = next((name for name in OTHER_ENDPOINTS[scheme] if os.environ.get(name)), None)
    if endpoint and not own:
        return None, f"the store is where {endpoint} says: no price of it is known; --prices FILE gives yours"
    at = {str(name): place for name, place in prices.places.items()}.get(scheme)
    if at is None:
        raise ConfigurationError(
            "the file of prices lacks the provider of the store",
            where=f"places.{scheme}",
            found=", ".join(prices.places) or "no place",
            expected=scheme,
            next=f"add places.{scheme} to the file of prices",
        )
    return at, ""


def _nobody_bills(cluster: Cluster) -> str:
    if cluster.kind == "local":
        return "store and cluster are this machine's: no money for either"
    return "the store is a folder and does not say whose the cluster's nodes are: no price of either is known"


def _notes_on_sources(plan: Plan, prices: Prices) -> tuple[str, ...]:
    if prices.sources_gib.price or not plan.total("source_bytes"):
        return ()
    return ("what is read from sources is not billed to readers, as the file of prices says (sources_gib)",)


def _node_hours(plan: Plan, cluster: Cluster) -> float:
    return (cluster.workers or 1) * plan.total("seconds") / HOUR


def _node_price(plan: Plan, cluster: Cluster, at: Place) -> float:
    memory = cluster.worker_bytes or plan.total("worker_memory")
    return cluster.worker_cores * at.core_hour.price + memory / GIB * at.memory_gib_hour.price
