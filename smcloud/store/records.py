"""The records of a store, as models: a release, the cube and the products that it names, a cube's lineage."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from smcloud.secrecy import masked, masked_values

RELEASE_SCHEMA = 2
RELEASE_SCHEMAS = (1, 2)  # 1: without digests of the cube and of the record before
LINEAGE_SCHEMA = 2
INVENTORY, MADE_FROM, RELEASES = "inventory.json", "made-from.json", "releases"
# Below an array, which every grid has: in the listing of the group itself it would confuse readers.
MARKERS = "lat/.tiles"
# Records are small; a larger one is not ours, and is not read into memory.
LARGEST = {RELEASES: 16 * 2**20, MADE_FROM: 256 * 2**20, INVENTORY: 1024 * 2**20}
STEP = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")


def require_inside(path: str) -> str:
    """Return ``path`` if it is one that smcloud gives to an object: relative, normalised, of plain letters.

    ValueError for anything that could lead out of the store: ``..``, an absolute path, a scheme, a backslash, an empty
    step, a control character.
    """
    if not all(STEP.fullmatch(step) for step in path.split("/")):
        raise ValueError(f"{path!r} is not relative to the store, normalised and of plain letters")
    return path


def largest(path: str) -> int | None:
    """Return the largest number of bytes that the record ``path`` may have; None for what is no record."""
    return LARGEST.get(path.rpartition("/")[2]) or LARGEST.get(path.partition("/")[0])


def _below(folder: str) -> AfterValidator:
    def check(path: str) -> str:
        if not require_inside(path).startswith(f"{folder}/"):
            raise ValueError(f"{path!r} does not lie in {folder}/")
        return path

    return AfterValidator(check)


def _plain(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.:+-]*", name):
        raise ValueError(f"{name!r} is no plain name")
    return name


PlainName = Annotated[str, AfterValidator(_plain)]  # it comes into catalog.yaml, where braces would be filled
Told = Annotated[str, AfterValidator(masked)]


class Record(BaseModel):
    """A frozen record, read and written as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def as_json(self) -> dict[str, Any]:
        """Return plain values, under the names that are stored."""
        return self.model_dump(mode="json", by_alias=True)


class CubeEntry(Record):
    """The cube of a release: ``url`` relative to the store, first and last month, months on provisional input."""

    id: PlainName
    url: Annotated[str, _below("cube")]
    period: tuple[PlainName, PlainName]
    provisional: tuple[PlainName, ...] = ()
    inventory_sha256: PlainName | None = Field(default=None, exclude_if=lambda value: value is None)


class ProductEntry(Record):
    """A product of a release: ``url`` relative to the store, and the sha256 of its inventory."""

    url: Annotated[str, _below("products")]
    run_id: PlainName
    inventory_sha256: PlainName


class Pointer(Record):
    """Names the sealed prefix of the id at ``of``: its path in the store, and the sha256 of its inventory."""

    of: Annotated[str, AfterValidator(require_inside)]
    url: Annotated[str, AfterValidator(require_inside)]
    inventory_sha256: PlainName

    def as_bytes(self) -> bytes:
        """Return the object that is stored."""
        return self.model_dump_json(indent=1).encode()


class InputEntry(Record):
    """Source of a role: entry of the catalog, state of the source, and where it ended (``source``)."""

    entry: Told
    version: Told
    state: Told
    licence: Told
    citation: Told
    source: Mapping[str, Told] = Field(default_factory=dict)


class ReleaseContent(Record):
    """What a run publishes; the store adds number, time and writer."""

    cube: CubeEntry
    products: Mapping[PlainName, ProductEntry]
    report: Annotated[str, _below("reports")]
    inputs: Mapping[str, InputEntry]
    config: Annotated[Mapping[str, Any], AfterValidator(masked_values)]
    code: Mapping[str, str]

    @property
    def prefixes(self) -> list[CubeEntry | ProductEntry]:
        """All prefixes that the release names: the cube, then the products."""
        return [self.cube, *self.products.values()]


class Release(ReleaseContent):
    """A numbered release; ``supersedes`` is the number of the one before, beside the sha256 of its record.

    ``allowed_older`` is the reason why it may step back behind that one. What another version added is kept.
    """

    model_config = ConfigDict(extra="allow")

    schema_: int = Field(alias="schema")
    number: int
    write_id: PlainName
    created: PlainName
    supersedes: int | None
    supersedes_sha256: PlainName | None = Field(default=None, exclude_if=lambda value: value is None)
    allowed_older: Told | None = Field(default=None, exclude_if=lambda value: value is None)

    @property
    def run_id(self) -> str:
        """The run that made the products: one for all of them."""
        return next(iter(self.products.values())).run_id

    def as_json(self) -> dict[str, Any]:
        """Return plain values: who and when first, then what, then the release before."""
        values = super().as_json()
        first = ("schema", "number", "write_id", "created")
        last = [key for key in ("supersedes", "supersedes_sha256", "allowed_older") if key in values]
        ends = {key: values.pop(key) for key in last}
        return {key: values.pop(key) for key in first} | values | ends


class Lineage(Record):
    """What a cube is made from, month by month; cubes of equal lineage are equal to the last bit.

    ``basis`` is what all months share (harmonisation, code, libraries); ``roles`` holds a digest for each month of a
    role, or a single one of a static role; ``provisional`` the months that are marked so. The rest is remembered of a
    cube without making it another one: ``sources`` says for people how far each source reached, ``files`` the first
    and last stamp of every file, ``counters`` what the gate counted.
    """

    schema_: int = Field(default=LINEAGE_SCHEMA, alias="schema")
    basis: str
    period: tuple[str, str]
    roles: Mapping[str, str | tuple[str, ...]]
    provisional: tuple[str, ...]
    sources: Mapping[str, Mapping[str, Told]] = Field(default_factory=dict)
    files: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    counters: Mapping[str, Any] | None = Field(default=None, exclude_if=lambda value: value is None)

    def identity(self) -> dict[str, Any]:
        """Return the values that identify the cube: where one differs, it is another cube."""
        return self.model_dump(mode="json", by_alias=True, exclude={"sources", "files", "counters"})
