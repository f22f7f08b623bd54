"""Objects that people open by their address: written whole, with the media type that a browser needs."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping

from smcloud.io_errors import STORE, reaching
from smcloud.store.layout import Store
from smcloud.store.links import key_inside
from smcloud.store.objects import write_all

PLAIN = "text/plain; charset=utf-8"
TYPES = {".html": "text/html; charset=utf-8", ".json": "application/json", ".yaml": PLAIN, ".cff": PLAIN}
_ARGUMENT = {"gs": "content_type", "s3": "ContentType"}


def media_type(path: str) -> str:
    """Return the media type of the object at ``path``, by the end of its name."""
    ending = path[path.rfind(".") :] if "." in path.rpartition("/")[2] else ""
    return TYPES.get(ending) or mimetypes.types_map.get(ending, "application/octet-stream")


def write_shown(store: Store, objects: Mapping[str, bytes]) -> None:
    """Write or replace objects so that nobody sees a part of one; object stores hand them out with their media type."""
    argument = _ARGUMENT.get(store.protocol)
    if argument is None:
        write_all(store, objects)
        return
    by_type: dict[str, dict[str, bytes]] = {}
    for path, content in objects.items():
        by_type.setdefault(media_type(path), {})[key_inside(store, path)] = content
    for kind, keys in by_type.items():
        with reaching(STORE, store.url):
            store.fs.pipe(keys, **{argument: kind})
