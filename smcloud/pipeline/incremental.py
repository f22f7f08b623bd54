"""What a cube is made from, month by month, and what of an earlier cube still holds. Records only, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from smcloud import chunking
from smcloud import store as stores
from smcloud.catalog.fingerprints import SourceFingerprint
from smcloud.config import RunConfig
from smcloud.cube import Source, Times, month_inputs, month_range
from smcloud.pipeline import identity

SCHEMA = 2
# What is remembered of a cube without making it another one.
ASIDE = ("files", "sources", "counters")
Spans = Mapping[str, Mapping[str, list[str]]]
Counters = Mapping[str, Mapping[str, Any]]


class CubeUpdate(NamedTuple):
    """What a cube differs in from the one at ``previous``.

    ``new`` months it has not, ``recomputed`` months whose input changed, and ``runs``, the half-open ranges of
    positions to compute: whole time chunks. All else is equal to the last bit.
    """

    previous: str
    new: list[str]
    recomputed: list[str]
    runs: list[tuple[int, int]]


def lineage(
    config: RunConfig,
    sources: Mapping[str, Source],
    parts: Mapping[str, SourceFingerprint],
    spans: Spans,
    months: Times,
    provisional: xr.DataArray,
) -> dict[str, Any]:
    """The record of everything that shapes a cube, JSON-able; ``parts`` and ``spans`` by catalog entry.

    ``basis`` is what all months share (harmonisation, code); ``roles`` holds the digests of :func:`month_inputs`.
    ``sources`` says for people how far each source reached, and what its store calls that state.
    ``provisional`` lists the months that are marked so; where that is lazy it follows from the roles' parts.
    """
    harmonisation = config.harmonisation() | {"period": config.period.start}
    marked = months[provisional.values == 1] if provisional.chunks is None else months[:0]
    return {
        "schema": SCHEMA,
        "basis": stores.content_id(harmonisation, identity.cube_code()),
        "period": [str(months[0]), str(months[-1])],
        "roles": {
            role: month_inputs(source, parts[source.entry], months, spans.get(source.entry, {}))
            for role, source in sources.items()
        },
        "provisional": [str(month) for month in marked],
        "sources": {role: reach(source, parts[source.entry]) for role, source in sources.items()},
        "files": {digest: span for held in spans.values() for digest, span in held.items()},
    }


def reach(source: Source, parts: SourceFingerprint) -> dict[str, str]:
    """How far a source reached when it was looked at, and the snapshot or ETag that it had; the end of its last step
    where it states no valid end."""
    if source.limits is not None:
        ends = {"valid_end": source.limits.final, "provisional_end": source.limits.provisional}
    else:
        ends = {"valid_end": None if source.steps is None else str(source.steps.end[-1])}
    return {key: end for key, end in ends.items() if end is not None} | dict(parts.version)


def cube_id(record: Mapping[str, Any]) -> str:
    """The id of the cube that ``record`` describes."""
    return stores.content_id({key: value for key, value in record.items() if key not in ASIDE})


def known_files(records: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """First and last stamp of every file that an earlier cube was made from, by digest."""
    return {digest: span for record in records.values() for digest, span in record.get("files", {}).items()}


def counters_record(counters: Counters) -> dict[str, dict[str, Any]]:
    """The counters of the gate, by role, as JSON: months, and numbers that are not finite, as text."""
    return {
        role: {
            key: {str(month): _as_json(n) for month, n in value.items()}
            if isinstance(value, Mapping)
            else _as_json(value)
            for key, value in counted.items()
        }
        for role, counted in counters.items()
    }


def _as_json(number: float) -> float | str:
    return float(number) if isfinite(number) else str(number)


def counters_of(record: Counters) -> dict[str, dict[str, Any]]:
    """What :func:`counters_record` was given."""
    return {
        role: {
            key: {np.datetime64(month, "M"): float(n) for month, n in value.items()}
            if isinstance(value, Mapping)
            else float(value)
            for key, value in counted.items()
        }
        for role, counted in record.items()
    }


def all_counters(before: Counters, counted: Counters, months: Times) -> dict[str, dict[str, Any]]:
    """The counters of a refreshed cube: of ``months`` that were computed the new ones, else those of ``before``.

    A copied month that is compared with a recomputed one keeps the comparison that it had.
    """
    inside = set(months)
    out: dict[str, dict[str, Any]] = {}
    for role, kept in before.items():
        new = counted.get(role, {})
        out[role] = {
            key: {month: n for month, n in value.items() if month in inside} | new.get(key, {})
            if isinstance(value, Mapping)
            else value
            for key, value in kept.items()
        }
    return out


def best_update(record: Mapping[str, Any], records: Mapping[str, Mapping[str, Any]]) -> CubeUpdate | None:
    """The change from the cube, of those by path in ``records``, that leaves least to compute; None: all of it."""
    found = [change for path in sorted(records) if (change := compare(record, path, records[path])) is not None]
    return min(found, key=_cost, default=None)


def _cost(change: CubeUpdate) -> tuple[int, int]:
    """Months to compute; of equal ones the nearest cube has the fewest that differ."""
    return sum(stop - start for start, stop in change.runs), len(change.new) + len(change.recomputed)


def compare(record: Mapping[str, Any], path: str, before: Mapping[str, Any]) -> CubeUpdate | None:
    """What ``record`` changes of ``before``; None where nothing of the cube at ``path`` can be taken over."""
    if before["schema"] != record["schema"] or before["basis"] != record["basis"]:
        return None
    static = [role for role, digest in record["roles"].items() if isinstance(digest, str)]
    if any(record["roles"][role] != before["roles"].get(role) for role in static):
        return None
    ours, theirs = _by_month(record), _by_month(before)
    months = list(ours)
    old = list(theirs)
    changed = [
        start
        for start in range(0, len(months), chunking.TIME_CHUNK)
        if (chunk := months[start : start + chunking.TIME_CHUNK]) != old[start : start + chunking.TIME_CHUNK]
        or any(ours[month] != theirs[month] for month in chunk)
    ]
    if len(changed) * chunking.TIME_CHUNK >= len(months):
        return None
    runs = []
    for _, neighbours in groupby(enumerate(changed), key=lambda pair: pair[1] - chunking.TIME_CHUNK * pair[0]):
        starts = [start for _, start in neighbours]
        runs.append((starts[0], min(starts[-1] + chunking.TIME_CHUNK, len(months))))
    return CubeUpdate(
        path,
        [month for month in months if month not in theirs],
        [month for month in months if month in theirs and ours[month] != theirs[month]],
        runs,
    )


def _by_month(record: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """For each month what it is made from."""
    months = [str(month) for month in month_range(*record["period"])]
    moving = [digests for _, digests in sorted(record["roles"].items()) if not isinstance(digests, str)]
    marks = np.isin(months, record["provisional"])
    return dict(zip(months, zip(*moving, map(bool, marks), strict=True), strict=True))
