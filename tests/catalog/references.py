"""A web server of references, and the references of a small store."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from smcloud.catalog import Catalog
from tests.catalog.entries import catalog_of, changed, small, write_store

CANARY = "canary-7d1f"
POLL_SECONDS = 0.02  # how soon a server notices that it is to end, half a second if nothing is said


class Web:
    """Servers on the loopback that note every request; ``pages`` maps paths to contents or to redirects."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.pages: dict[str, bytes | str] = {}
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.asked.append(f"{self.server.server_port}{self.path} {self.headers}")  # type: ignore[attr-defined]
                page = web.pages.get(self.path.partition("?")[0])
                if isinstance(page, str):
                    self.send_response(302)
                    self.send_header("Location", page)
                    self.end_headers()
                    return
                start, _, stop = (self.headers.get("Range") or "").removeprefix("bytes=").partition("-")
                body = page if page is None or not stop else page[int(start) : int(stop) + 1]
                self.send_response(404 if body is None else 206 if stop else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            do_HEAD = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
        for server in self.servers:
            threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
        self.own, self.foreign = (f"http://127.0.0.1:{server.server_port}" for server in self.servers)

    def close(self) -> None:
        for server in self.servers:
            server.shutdown()
            server.server_close()


def documents(folder: Path) -> dict[str, Any]:
    """References of a small store: its documents, and its chunks at ``chunks/...`` of the server."""
    write_store(folder / "a.zarr", small(), zarr_format=2, mode="w")
    files = [path for path in (folder / "a.zarr").rglob("*") if path.is_file()]
    return {
        (key := path.relative_to(folder / "a.zarr").as_posix()): path.read_text()
        if path.name.startswith(".z")
        else [f"OWN/chunks/{key}"]
        for path in files
    }


def serve(web: Web, folder: Path) -> dict[str, Any]:
    refs = documents(folder)
    for key, value in refs.items():
        if isinstance(value, list):
            web.pages[f"/chunks/{key}"] = (folder / "a.zarr" / key).read_bytes()
            value[0] = value[0].replace("OWN", web.own)
    return refs


def reference_catalog(web: Web, folder: Path, document: Any, **args: Any) -> Catalog:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    web.pages["/thredds/refs.json"] = text
    options = {"fo": f"{web.own}/thredds/refs.json", "remote_protocol": "http"} | args.pop("options", {})
    return catalog_of(folder, changed(args__urlpath="reference://", args__storage_options=options,
                                      **{f"args__{key}": value for key, value in args.items()}))  # fmt: skip
