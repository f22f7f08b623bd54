"""A server that hands out objects by their names and lists nothing, as an object store does to anybody.

It is a process of its own, as GDAL keeps Python from answering while it waits: ``python unlisted_server.py FOLDER``
prints its address.
"""

from __future__ import annotations

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Unlisted(SimpleHTTPRequestHandler):
    """Objects whole, or a range of their bytes."""

    def list_directory(self, path: Any) -> None:
        self.send_error(403)

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        asked = self.headers.get("Range", "")
        path = Path(self.translate_path(self.path))
        if not asked.startswith("bytes=") or not path.is_file():
            super().do_GET()
            return
        content = path.read_bytes()
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, len(content) - int(last))
        end = min(int(last) + 1, len(content)) if first and last else len(content)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        self.wfile.write(content[start:end])


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Unlisted, directory=sys.argv[1]))
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
