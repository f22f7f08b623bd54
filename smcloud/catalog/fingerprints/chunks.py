"""The time chunks of the variables of a Zarr group, however its chunks are listed."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from smcloud.catalog.fingerprints.objects import DOCUMENTS

TIME = ("time", "valid_time")


@dataclass(frozen=True)
class Chunks:
    """Digest of each time chunk of a variable, ``steps`` steps long; without a time axis one digest, and 0 steps."""

    steps: int
    digests: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """Layout of an array: names of the axes; position, length and chunk length of time; number of all objects."""

    dims: tuple[str, ...]
    time: int | None
    length: int
    steps: int
    objects: int
    digest: str

    @property
    def count(self) -> int:
        """Number of time chunks."""
        return 1 if self.time is None else math.ceil(self.length / self.steps)

    def chunk_of(self, position: tuple[int, ...] | list[int]) -> int:
        """Return the number of the time chunk that holds the chunk at ``position``."""
        return 0 if self.time is None else position[self.time]

    def chunks(self, marks: Mapping[str, str] | None) -> Chunks:
        """Digest each time chunk by the ``marks`` of the variable's objects, by key; None: nothing is known of them."""
        marks_of_chunk: dict[int, list[str]] = {}
        for key, mark in (marks or {}).items():
            position = [int(number) for number in re.findall(r"\d+", key.partition("/")[2])]
            if len(position) == len(self.dims) and key.rpartition("/")[2] not in DOCUMENTS:
                marks_of_chunk.setdefault(self.chunk_of(position), []).append(mark)
        digests = ("" if marks is None else digest_of(marks_of_chunk.get(i, [])) for i in range(self.count))
        return Chunks(0 if self.time is None else self.steps, tuple(digests))


def layout(metadata: Mapping[str, str]) -> Layout | None:
    """Read the layout of an array from its metadata documents; None where these describe no array with named axes."""
    documents = {name: json.loads(text) for name, text in metadata.items()}
    if documents.get("zarr.json", {}).get("node_type") == "array":
        array = documents["zarr.json"]
        dims, sizes = array.get("dimension_names"), array["chunk_grid"]["configuration"]["chunk_shape"]
    elif ".zarray" in documents:
        array = documents[".zarray"]
        dims, sizes = documents.get(".zattrs", {}).get("_ARRAY_DIMENSIONS"), array["chunks"]
    else:
        return None
    shape = array["shape"]
    if not dims or len(dims) != len(shape):
        return None
    time = next((i for i, dim in enumerate(dims) if dim in TIME), None)
    still = [size for i, size in enumerate(shape) if i != time]
    rest = {key: value for key, value in array.items() if key not in ("shape", "consolidated_metadata")}
    digest = digest_of([json.dumps([still, rest, documents.get(".zattrs")], sort_keys=True)])
    length, steps = (0, 0) if time is None else (shape[time], sizes[time])
    objects = math.prod(math.ceil(n / size) for n, size in zip(shape, sizes, strict=True))
    return Layout(tuple(map(str, dims)), time, length, steps, objects, digest)


def digest_of(lines: Iterable[str]) -> str:
    """Return the first 16 hex digits of the sha256 of ``lines``."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
