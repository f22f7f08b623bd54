"""moto's S3 in a thread of this process, for tests on loopback."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def serving() -> Iterator[str]:
    """The address of an empty server, and credentials for it in the environment."""
    import pytest
    import s3fs
    from moto.backends import get_backend
    from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it tells every request
    get_backend("s3").reset()  # buckets belong to the process: another server's would still be there
    # moto's own server looks for the service of each request in a listing of its modules, under one lock, which takes
    # longer than to answer; this one knows one service.
    app = create_backend_app("s3")
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
    ends_within = 0.02  # seconds; its own half a second would be waited for at the end of each test
    thread = threading.Thread(target=server.serve_forever, args=(ends_within,), daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        # Instances are cached by their arguments and would keep another server's address.
        s3fs.S3FileSystem.clear_instance_cache()
        yield f"http://127.0.0.1:{server.server_port}"
        s3fs.S3FileSystem.clear_instance_cache()
    server.shutdown()
    server.server_close()
    thread.join()
