"""What a cube is made from, month by month, and what of an earlier cube is still valid. Records only, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
from smcloud.store import Lineage

Spans = Mapping[str, Mapping[str, list[str]]]
Counters = Mapping[str, Mapping[str, Any]]


class CubeUpdate(NamedTuple):
    """Differences of a cube from the one at ``previous``.

    ``new`` months it has not, ``recomputed`` months whose input changed, and ``runs``, the half-open ranges of
    positions to compute: whole time chunks. All else is equal to the last bit.
    """

    previous: str
    new: list[str]
    recomputed: list[str]
    runs: list[tuple[int, int]]


def lineage_of(
    config: RunConfig,
    sources: Mapping[str, Source],
    parts: Mapping[str, SourceFingerprint],
    spans: Spans,
    months: Times,
    provisional: xr.DataArray,
) -> Lineage:
    """Record what the cube of ``months`` is made from; ``parts`` and ``spans`` by catalog entry.

    Digests of months are those of :func:`month_inputs`. Where ``provisional`` is lazy the marks follow from the roles'
    parts, and none is listed.
    """
    harmonisation = identity.harmonisation(config) | {"period": config.period.start}
    marked = months[provisional.values == 1] if provisional.chunks is None else months[:0]
    roles = {
        role: month_inputs(source, parts[source.entry], months, spans.get(source.entry, {}))
        for role, source in sources.items()
    }
    return Lineage(
        basis=stores.content_id(harmonisation, identity.cube_code()),
        period=(str(months[0]), str(months[-1])),
        roles={role: digests if isinstance(digests, str) else tuple(digests) for role, digests in roles.items()},
        provisional=tuple(str(month) for month in marked),
        sources={role: reach(source, parts[source.entry]) for role, source in sources.items()},
        files={digest: tuple(span) for spans_of_entry in spans.values() for digest, span in spans_of_entry.items()},
    )


def reach(source: Source, parts: SourceFingerprint) -> dict[str, str]:
    """Return where a source ended when it was fingerprinted, and its snapshot or ETag; the end of its last step
    where it states no valid end."""
    if source.limits is not None:
        ends = {"valid_end": source.limits.final, "provisional_end": source.limits.provisional}
    else:
        ends = {"valid_end": None if source.steps is None else str(source.steps.end[-1])}
    return {key: end for key, end in ends.items() if end is not None} | dict(parts.version)


def cube_id(lineage: Lineage) -> str:
    """Return the id of the cube of this lineage."""
    return stores.content_id(lineage.identity())


def known_files(lineages: Iterable[Lineage]) -> dict[str, list[str]]:
    """Collect the first and last time stamp of every file that an earlier cube was made from, by digest."""
    return {digest: list(span) for lineage in lineages for digest, span in lineage.files.items()}


def counters_record(counters: Counters) -> dict[str, dict[str, Any]]:
    """Convert the counters of the value checks, by role, to JSON: months, and numbers that are not finite, as text."""
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
    """Convert a record of :func:`counters_record` back to the counters."""
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
    """Merge the counters of a refreshed cube: the new ones for ``months`` that were computed, else those of ``before``.

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


def best_update(lineage: Lineage, earlier: Mapping[str, Lineage]) -> CubeUpdate | None:
    """Find the update that leaves least to compute, among the ``earlier`` cubes by path; None: compute all of it."""
    updates = [update for path in sorted(earlier) if (update := compare(lineage, path, earlier[path])) is not None]
    return min(updates, key=_cost, default=None)


def _cost(update: CubeUpdate) -> tuple[int, int]:
    """Count the months to compute; of equal counts the nearest cube has the fewest that differ."""
    return sum(stop - start for start, stop in update.runs), len(update.new) + len(update.recomputed)


def compare(lineage: Lineage, path: str, before: Lineage) -> CubeUpdate | None:
    """Compare ``lineage`` with ``before``: what changes; None where nothing of the cube at ``path`` can be reused."""
    if before.schema_ != lineage.schema_ or before.basis != lineage.basis:
        return None
    static = [role for role, digest in lineage.roles.items() if isinstance(digest, str)]
    if any(lineage.roles[role] != before.roles.get(role) for role in static):
        return None
    ours, theirs = _by_month(lineage), _by_month(before)
    months, old = list(ours), list(theirs)
    step = chunking.TIME_CHUNK
    changed = [
        start
        for start in range(0, len(months), step)
        if (chunk := months[start : start + step]) != old[start : start + step]
        or any(ours[month] != theirs[month] for month in chunk)
    ]
    if len(changed) * step >= len(months):
        return None
    runs = []
    for _, neighbours in groupby(enumerate(changed), key=lambda pair: pair[1] - step * pair[0]):
        starts = [start for _, start in neighbours]
        runs.append((starts[0], min(starts[-1] + step, len(months))))
    return CubeUpdate(
        path,
        [month for month in months if month not in theirs],
        [month for month in months if month in theirs and ours[month] != theirs[month]],
        runs,
    )


def _by_month(lineage: Lineage) -> dict[str, tuple[Any, ...]]:
    """Return for each month what it is made from."""
    months = [str(month) for month in month_range(*lineage.period)]
    moving = [digests for _, digests in sorted(lineage.roles.items()) if not isinstance(digests, str)]
    marks = np.isin(months, list(lineage.provisional))
    return dict(zip(months, zip(*moving, map(bool, marks), strict=True), strict=True))
