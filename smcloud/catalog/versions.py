"""Versions of a data set in the names of its files, so that two of them are never mixed unnoticed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from smcloud.errors import CalendarError

Version = tuple[int, ...]
# v04.5, fv07.1, V60, v02r03; a group of more than two digits is a date (v4.07.1901), as is v20200101.
NAMED = re.compile(r"(?<![A-Za-z0-9])f?v(\d{1,6}(?:\.\d{1,2}(?!\d))*)(?:r(\d{1,2}))?(?!\d)", re.IGNORECASE)
COLLECTION = re.compile(r"\.A\d{7}\.(?:h\d\dv\d\d\.)?(\d{3})\.")  # of MODIS: 006, 061


def version_in(file: str) -> Version | None:
    """Read the version from a file's name, as numbers: v4.07 is (4, 7); None where it states none."""
    name = file.rsplit("/", 1)[-1]
    match = COLLECTION.search(name) or NAMED.search(name)
    if match is None:
        return None
    numbers = [int(number) for group in match.groups() if group for number in group.split(".")]
    while len(numbers) > 1 and not numbers[-1]:  # v2.0 is v2
        numbers.pop()
    return tuple(numbers)


def require_one_version(files: Sequence[str], where: str) -> None:
    """Raise :class:`CalendarError` where the names of ``files`` state more than one version; it names both."""
    first: dict[Version, str] = {}
    for file in files:
        version = version_in(file)
        if version is not None:
            first.setdefault(version, file.rsplit("/", 1)[-1])
    if len(first) > 1:
        (old, _), (new, _) = sorted(first.items())[:2]
        raise CalendarError(
            "the files of an entry are of several versions",
            where=where,
            found=" and ".join(first[version] for version in (old, new)),
            expected="files of one version",
            next="name the files of one version in urlpath, or add versions: {prefer: newest} to metadata of the entry",
        )


def newest(files: Mapping[int, str]) -> int:
    """Return the number of the file whose name states the highest version; none counts as the lowest."""
    return max(sorted(files), key=lambda number: version_in(files[number]) or ())
