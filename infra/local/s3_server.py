"""moto's S3 server with a count of what passed: ``python -m infra.local.s3_server PORT``, the count at ``/counted``."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple


class Counting:
    """A WSGI application that counts requests and the bytes of their bodies, before another one."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self.application = application
        self.counted = {"requests": 0, "read": 0, "written": 0}
        self.lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        """The other application's answer, or the count."""
        if environ["PATH_INFO"] == "/counted":
            start_response("200 OK", [("Content-Type", "application/json")])
            yield json.dumps(self.counted).encode()
            return
        self._add(requests=1, written=int(environ.get("CONTENT_LENGTH") or 0))
        for part in self.application(environ, start_response):
            self._add(read=len(part))
            yield part

    def _add(self, **counts: int) -> None:
        with self.lock:
            for name, count in counts.items():
                self.counted[name] += count


if __name__ == "__main__":
    server = Counting(DomainDispatcherApplication(create_backend_app))
    run_simple("127.0.0.1", int(sys.argv[1]), server, threaded=True)
