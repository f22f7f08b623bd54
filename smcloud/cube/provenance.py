"""The parts of a source that each month of a role is made from, as one digest per month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from smcloud.catalog.fingerprints import SourceFingerprint, digest_of
from smcloud.cube.calendar import Steps, Times
from smcloud.cube.provisional import provisional_months
from smcloud.cube.sources import Source


def month_inputs(
    source: Source, parts: SourceFingerprint, months: Times, spans: Mapping[str, Sequence[str]]
) -> list[str] | str:
    """Digest what each of ``months`` of ``source`` is made from; a single digest where it is static.

    It covers how the source is read, the steps that overlap the month, and every part that holds one of them:
    time chunks, or files by their ``spans`` (first and last stamp by digest; a file without them belongs to every
    month). A source without parts makes every month depend on the whole. Of a provisional month the ends that the
    source states count too: once it states others, what was provisional may have been revised. Two equal digests:
    equal values.
    """
    spec = source.spec
    role = spec.model_dump_json()
    names = filter(None, (spec.name, spec.flag, spec.sensor, spec.uncertainty))
    chunks_of = {name: parts.chunks[name] for name in names if name in parts.chunks}
    if source.steps is None:
        return digest_of(
            [role, parts.reading, *(d for chunks in chunks_of.values() for d in chunks.digests), *parts.files]
        )
    if not chunks_of and not parts.files:
        role += parts.extent
    stamps = _even(source.values["time"].values, spec.period)
    files = [(digest, _positions(stamps, spans[digest], spec.period)) for digest in parts.files]
    provisional = _provisional(source, source.steps, months)
    digests = []
    for month in range(len(months)):
        window = source.steps.within(months[month : month + 1])
        if spec.accumulation:  # the first amount is the difference from the total before
            window = slice(max(window.start - 1, 0), window.stop)
        lines = [role, parts.reading, _text(source.steps.select(window))]
        for name, chunks in chunks_of.items():
            # Positions tell the chunks where the source has its steps in order; else any of them may hold the month.
            traced = chunks.steps and source.in_order
            part = slice(window.start // chunks.steps, -(-window.stop // chunks.steps)) if traced else slice(None)
            lines += [name, *chunks.digests[part]]
        lines += [digest for digest, (first, stop) in files if first < window.stop and stop > window.start]
        if provisional[month]:
            lines += map(str, source.limits or ())
        digests.append(digest_of(lines))
    return digests


def _provisional(source: Source, steps: Steps, months: Times) -> Sequence[bool]:
    """Find the months that use a provisional step; none where only the values show it: the parts cover these."""
    if not isinstance(source.provisional, np.ndarray):
        return [False] * len(months)
    return [bool(flag) for flag in provisional_months(source.provisional, steps, months).values]


def _positions(stamps: Times, span: Sequence[str], period: str) -> tuple[int, int]:
    """First position, and the one behind the last, of the steps that a file holds."""
    if not span:
        return 0, len(stamps)
    first, last = _even(np.array(span, "datetime64[ns]"), period)
    return int(np.searchsorted(stamps, first, side="left")), int(np.searchsorted(stamps, last, side="right"))


def _even(stamps: Times, period: str) -> Times:
    """Whole hours, or days of a monthly source: readers correct the stamps of files by less than that."""
    if period == "month":  # to the second first: some decode to a little before midnight
        return (stamps.astype("datetime64[ms]") + np.timedelta64(500, "ms")).astype("datetime64[D]")
    return (stamps.astype("datetime64[s]") + np.timedelta64(1800, "s")).astype("datetime64[h]")


def _text(steps: Steps) -> str:
    return " ".join(map(str, [*steps.start, *steps.end]))
