"""Buckets and objects in memory, as Google's object store has them, and the faults that are to come."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

import google_crc32c
from aiohttp import web

MAX_PAGE = 1000


class Refusal(Exception):
    """An error of the API: status and reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass
class Blob:
    """One object."""

    bucket: str
    name: str
    content: bytes
    generation: int
    content_type: str = "application/octet-stream"
    metadata: dict[str, str] = field(default_factory=dict)
    created: float = field(default_factory=time.time)
    metageneration: int = 1

    def resource(self, base: str) -> dict[str, Any]:
        """The object as the API describes it."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(self.created))
        path = f"{self.bucket}/o/{urllib.parse.quote(self.name, safe='')}"
        return {
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.generation}",
            "selfLink": f"{base}/storage/v1/b/{path}",
            "mediaLink": f"{base}/download/storage/v1/b/{path}?generation={self.generation}&alt=media",
            "name": self.name,
            "bucket": self.bucket,
            "generation": str(self.generation),
            "metageneration": str(self.metageneration),
            "contentType": self.content_type,
            "storageClass": "STANDARD",
            "size": str(len(self.content)),
            "md5Hash": base64.b64encode(hashlib.md5(self.content).digest()).decode(),
            "crc32c": base64.b64encode(struct.pack(">I", google_crc32c.value(self.content))).decode(),
            "etag": f"C{self.generation}/{self.metageneration}",
            "timeCreated": stamp,
            "updated": stamp,
            "metadata": self.metadata,
        }


@dataclass
class Fault:
    """What goes wrong, for the next ``times`` requests whose method and path match, after ``after`` that do not."""

    kind: str  # 429, 503, 401, slow, truncated, reset, lost (done, but the answer never comes)
    method: str = ".*"
    path: str = ".*"
    times: int = 1
    after: int = 0
    seconds: float = 0.0

    def hits(self, request: web.Request) -> bool:
        """True where this request is to suffer; counts it."""
        if self.times <= 0 or not re.fullmatch(self.method, request.method):
            return False
        if not re.search(self.path, request.path_qs):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True


class ObjectStore:
    """Buckets, objects, uploads that are under way, faults to come, and what was asked."""

    def __init__(self) -> None:
        self.buckets: dict[str, dict[str, Blob]] = {}
        self.uploads: dict[str, dict[str, Any]] = {}
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.read = self.written = 0  # bytes of bodies, as they passed
        self._generation = int(time.time() * 1e6)

    # ------------------------------------------------------------------------------------------ objects
    def bucket(self, name: str) -> dict[str, Blob]:
        """The objects of a bucket."""
        if name not in self.buckets:
            raise Refusal(404, f"The specified bucket does not exist: {name}")
        return self.buckets[name]

    def blob(self, bucket: str, name: str, query: Any = None) -> Blob:
        """An object, if it is there and the preconditions hold."""
        found = self.bucket(bucket).get(name)
        wanted = (query or {}).get("generation")
        if found is None or (wanted and int(wanted) != found.generation):
            raise Refusal(404, f"No such object: {bucket}/{name}")
        require(found, query or {})
        return found

    def put(self, bucket: str, name: str, content: bytes, query: Any, **keys: Any) -> Blob:
        """Create or replace an object, if the preconditions hold."""
        held = self.bucket(bucket)
        require(held.get(name), query)
        self._generation += 1
        held[name] = Blob(bucket, name, content, self._generation, **{k: v for k, v in keys.items() if v is not None})
        return held[name]

    def listing(self, bucket: str, query: Any, base: str) -> dict[str, Any]:
        """A page of the objects under a prefix."""
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        size = min(int(query.get("maxResults") or MAX_PAGE), MAX_PAGE)
        entries: dict[str, Blob | None] = {}
        for name, blob in sorted(self.bucket(bucket).items()):
            if not name.startswith(prefix) or name < query.get("startOffset", ""):
                continue
            if query.get("endOffset") and name >= query["endOffset"]:
                continue
            cut = name.find(delimiter, len(prefix)) if delimiter else -1
            entries[name if cut < 0 else name[: cut + len(delimiter)]] = blob if cut < 0 else None
        after = base64.urlsafe_b64decode(query.get("pageToken", "")).decode()
        names = [name for name in entries if name > after]
        page, rest = names[:size], names[size:]
        items = [blob.resource(base) for name in page if (blob := entries[name]) is not None]
        answer: dict[str, Any] = {"kind": "storage#objects", "items": items}
        if prefixes := [name for name in page if entries[name] is None]:
            answer["prefixes"] = prefixes
        if rest:
            answer["nextPageToken"] = base64.urlsafe_b64encode(page[-1].encode()).decode()
        return answer


def require(blob: Blob | None, query: Any) -> None:
    """Raise 412 (or 304) where a precondition of ``query`` does not hold for what is there."""
    generation = blob.generation if blob else 0
    meta = blob.metageneration if blob else 0
    for key, found in (("Generation", generation), ("Metageneration", meta)):
        if (wanted := query.get(f"if{key}Match")) is not None and int(wanted) != found:
            raise Refusal(412, "At least one of the pre-conditions you specified did not hold.")
        if (unwanted := query.get(f"if{key}NotMatch")) is not None and int(unwanted) == found:
            raise Refusal(412 if query.get("_write") else 304, "Not Modified")
