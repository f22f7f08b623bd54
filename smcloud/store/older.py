"""Whether a release would step back: a run that began before another, and is published after it, may hold less."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smcloud.errors import ReleaseConflictError
from smcloud.store.records import Release, ReleaseContent

if TYPE_CHECKING:
    import numpy as np

# Parts of a configuration that may differ between two runs of one study.
PASSING = ("period", "store", "cluster", "budget", "catalog", "levels", "changed")
ENDS = ("valid_end", "provisional_end")


def same_study(content: ReleaseContent, release: Release) -> bool:
    """Return whether the configurations are one, but for what may differ between two runs of a study."""
    ours, theirs = ({k: v for k, v in each.config.items() if k not in PASSING} for each in (content, release))
    return ours == theirs


def steps_back(content: ReleaseContent, newest: Release) -> list[str]:
    """Say in words how ``content`` is older than ``newest``; empty where it is not, or is another study."""
    if not same_study(content, newest):
        return []
    said = []
    (first, last), (their_first, their_last) = content.cube.period, newest.cube.period
    if first > their_first or last < their_last:
        said.append(f"a record of {first} to {last} for {their_first} to {their_last}")
    for role, entry in content.inputs.items():
        before = newest.inputs.get(role, entry)
        for end in ENDS:
            now, then = _date(entry.source.get(end)), _date(before.source.get(end))
            if now is not None and then is not None and now < then:
                said.append(f"{role} to {now} for {then}")
    final = sorted(
        month
        for month in set(content.cube.provisional) - set(newest.cube.provisional)
        if their_first <= month <= their_last
    )
    if final:
        said.append(f"{', '.join(final[:3])} provisional for final")
    return said


def _date(text: str | None) -> np.datetime64 | None:
    import numpy as np

    try:
        return None if text is None else np.datetime64(text)
    except ValueError:  # a snapshot's name, or what another version wrote
        return None


def require_not_older(content: ReleaseContent, newest: Release, where: str) -> None:
    """Raise :class:`ReleaseConflictError` where ``content`` steps back behind ``newest``."""
    said = steps_back(content, newest)
    if said:
        raise ReleaseConflictError(
            f"the run would step back behind release {newest.number}",
            where=where,
            found="; ".join(said),
            expected="inputs and a record that reach at least as far",
            next='take what the sources hold now, or say why it may: smcloud run CONFIG --allow-older --reason "..."',
        )
