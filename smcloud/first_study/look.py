"""From places to drafted entries: each group of files by itself, and what is left out with its reason."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from smcloud.catalog.arguments import Args
from smcloud.config.strict_yaml import problems_of
from smcloud.errors import CatalogError, FileFormError, SmcloudError, UnreachableError
from smcloud.first_study.drafts import Draft, draft_of
from smcloud.first_study.headers import header_of
from smcloud.first_study.places import REMEDIES, Group, LeftOut, client_settings, found_in, pattern_of
from smcloud.first_study.record import examine
from smcloud.first_study.roles import roles_in
from smcloud.first_study.writing import require_plain

if TYPE_CHECKING:
    import xarray as xr

ALL_HEADERS = 40  # of a group of more files the first, the middle and the last are looked at


@dataclass
class Looked:
    """What was found at ``places``: entries as drafts, and what is left out."""

    places: tuple[str, ...]
    drafts: list[Draft] = field(default_factory=list)
    left: list[LeftOut] = field(default_factory=list)


def look(
    places: Sequence[str], out: Path, asked: Mapping[str, str], anonymous: bool = False, endpoint: str = ""
) -> Looked:
    """Look at folders, files and stores and draft an entry for each record; ``out`` is where the catalog will lie.

    ``asked`` are the roles that are wanted, with a pattern of the variable's name or ''. Raises
    :class:`FileFormError` where nothing can be used, with the reason of each file; :class:`UnreachableError` and
    :class:`CatalogError` for an address, :class:`VariableError` where a pattern fits several variables of a file.
    """
    looked = Looked(tuple(places))
    for place in places:
        options = client_settings(place, anonymous, endpoint)
        groups, left = found_in(_address(place, options), options)
        known = {file for draft in looked.drafts for file in draft.group.files}
        groups = [group for group in groups if not known & {*group.files}]  # of a place that lies in another one
        looked.left += left
        everything = [file for group in groups for file in group.files] + [one.name for one in left]
        for group in groups:
            _look_at(group, everything, out, asked, looked)
    if not looked.drafts:
        raise _nothing(looked)
    return looked


def _address(place: str, options: Mapping[str, Any]) -> str:
    """A local path from the root on; an address as it is, if a catalog may hold it."""
    try:
        Args(urlpath=place, storage_options=options)
    except ValidationError as err:
        _, _, found, expected = problems_of(err, Args)[0]
        raise CatalogError(
            "an address that a catalog may not hold",
            where=place,
            found=found,
            expected=expected,
            next="correct it: credentials come from the environment, an endpoint begins with https://",
        ) from err
    return place if "://" in place else os.path.abspath(place)


def _nothing(looked: Looked) -> FileFormError:
    first = sorted(looked.left, key=lambda one: one.next in REMEDIES.values())[:6]  # what came near comes first
    more = f"; and {len(looked.left) - 6} more" if len(looked.left) > 6 else ""
    return FileFormError(
        "nothing here can be read as a grid",
        where=", ".join(looked.places),
        found="; ".join(f"{one.name.rstrip('/').rpartition('/')[2]}: {one.why}" for one in first) + more or "no file",
        expected="NetCDF, Zarr, Icechunk, HDF4 or GeoTIFF with latitude and longitude, and a variable of a known role",
        next=next((one.next for one in first if one.next), "smcloud init FOLDER, with the folder of the files"),
    )


def _look_at(group: Group, everything: Sequence[str], out: Path, asked: Mapping[str, str], looked: Looked) -> None:
    kinds: dict[tuple[tuple[str, str], ...], list[str]] = {}
    headers = {}
    chosen = group.files
    if len(chosen) > ALL_HEADERS:
        chosen = tuple(dict.fromkeys(chosen[i] for i in (0, len(chosen) // 2, -1)))
    for file in chosen:
        try:
            headers[file] = header_of(group, file)
        except UnreachableError:  # a network or credentials: it is not the file that is wrong
            raise
        except SmcloudError as err:
            looked.left.append(LeftOut(file, err.what, err.next))
            continue
        aliases = {"band_1": Path(file).stem} if group.form == "geotiff" else {}
        found = roles_in(headers[file], asked, aliases, file)
        if not found:
            looked.left.append(_no_role(file, headers[file]))
            continue
        kinds.setdefault(tuple((role, ",".join(names)) for role, names in found.items()), []).append(file)
    for kind, files in kinds.items():
        whole = len(kinds) == 1 and len(chosen) < len(group.files)
        part = Group(group.form, group.files if whole else tuple(files), group.root, group.options)
        others = [name for name in everything if name not in part.files]
        found = {role: names.split(",") for role, names in kind}
        try:
            draft = draft_of(_free(part.title, looked), part, headers[files[0]], found, pattern_of(part.files, others))
            require_plain(draft.args["urlpath"].value, out)
            examine(draft)
        except (SmcloudError, ValidationError, ValueError) as err:
            looked.left += _refused(part, err)
            continue
        looked.drafts.append(draft)


def _no_role(file: str, header: xr.Dataset) -> LeftOut:
    names = ", ".join([str(name) for name in header.data_vars][:8])
    if not names:
        return LeftOut(
            file, "no variable at its top", "if it has groups: an entry by hand with xarray_kwargs: {group: ...}"
        )
    if not any(da.ndim > 1 for da in header.data_vars.values()):
        return LeftOut(file, f"series without latitude and longitude ({names})", REMEDIES["a table"])
    return LeftOut(
        file, f"no variable of a known role ({names})", "name it: smcloud init ... --role soil_moisture=NAME"
    )


def _refused(group: Group, err: Exception) -> list[LeftOut]:
    if isinstance(err, SmcloudError):
        why, remedy = f"{err.what}: {err.found}", err.next
    elif isinstance(err, ValidationError):
        what, _, found, expected = problems_of(err, Args)[0]
        why, remedy = f"{what}: {found}, expected {expected}", ""
    else:
        why, remedy = str(err), ""
    more = f" and {len(group.files) - 1} more" if len(group.files) > 1 else ""
    return [LeftOut(f"{group.files[0]}{more}", why, remedy)]


def _free(title: str, looked: Looked) -> str:
    taken = {draft.name for draft in looked.drafts}
    return next(name for name in (title, *(f"{title}_{n}" for n in range(2, len(taken) + 3))) if name not in taken)
