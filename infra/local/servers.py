"""The cloud on one machine: object store, Dask Gateway, Prefect server and worker, each a process on loopback.

Every server is a context manager: it has started when the context begins, and is gone, with all its children, when it
ends, whatever happens.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
BUCKET = "smcloud"
POOL, QUEUE = "smcloud", "store"
UP_SECONDS, END_SECONDS = 240, 20  # the first on a machine that is busy


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def process(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None, **keywords: int
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, its words in ``log``; it and all its children are ended with the context."""
    with log.open("ab") as out:
        started = subprocess.Popen(
            [str(part) for part in command],
            env=os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment or {}),  # this checkout's code, everywhere
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=keywords.get("stdout", out),
            stderr=out,
            start_new_session=True,  # Ctrl-C is for us: we end it
        )
    try:
        yield started
    finally:
        end(started)


def end(started: subprocess.Popen[bytes]) -> None:
    """Ask the process to end, then end what is left of it and its children by force."""
    family: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        family = psutil.Process(started.pid).children(recursive=True)
    if started.poll() is None:
        started.send_signal(signal.SIGTERM)
    try:
        started.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()
    for child in family:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    if started.stdout:
        started.stdout.close()


def wait_for(url: str, started: subprocess.Popen[bytes], log: Path) -> None:
    """Return when ``url`` answers; raises RuntimeError with the last words of the log where it does not."""
    deadline = time.monotonic() + UP_SECONDS
    while time.monotonic() < deadline and started.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError:  # it answers
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer; the end of {log}:\n{log.read_text(errors='replace')[-2000:]}")


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process, and put back what was there."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def gcs(folder: Path) -> Iterator[str]:
    """An object store that speaks the JSON API of Google's, with an empty bucket: its address for fsspec."""
    log = folder / "object-store.log"
    with process([sys.executable, "-m", "tests.cloud.gcs"], log, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        url = started.stdout.readline().decode().strip()
        if not url:
            raise RuntimeError(f"the object store did not start:\n{log.read_text(errors='replace')[-2000:]}")
        request = urllib.request.Request(f"{url}/storage/v1/b", b'{"name": "%s"}' % BUCKET.encode(), method="POST")
        with urllib.request.urlopen(request):
            pass
        # Without the second, gcsfs asks a service that is not there which kind of bucket it is.
        with environment({"STORAGE_EMULATOR_HOST": url, "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}):
            yield f"gs://{BUCKET}"


@contextmanager
def s3(folder: Path) -> Iterator[str]:
    """moto's S3 server with an empty bucket: its address for fsspec."""
    port, log = free_port(), folder / "object-store.log"
    with process([sys.executable, "-m", "infra.local.s3_server", str(port)], log) as started:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/counted", started, log)
        with urllib.request.urlopen(urllib.request.Request(f"{url}/{BUCKET}", method="PUT")):
            pass
        names = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
        with environment(names | {"AWS_ENDPOINT_URL": url}):
            yield f"s3://{BUCKET}"


def counted(bucket: str) -> dict[str, int]:
    """Requests to the object store of ``bucket``, and the bytes that were read and written by them, since it began."""
    url = os.environ["STORAGE_EMULATOR_HOST" if bucket.startswith("gs://") else "AWS_ENDPOINT_URL"]
    with urllib.request.urlopen(f"{url}/counted") as answer:
        counts: dict[str, int] = json.load(answer)
        return counts


@contextmanager
def gateway(folder: Path) -> Iterator[str]:
    """A Dask Gateway with a password, named to its clients by ``DASK_GATEWAY__*``: its address."""
    port, proxy, password, log = free_port(), free_port(), secrets.token_hex(16), folder / "gateway.log"
    ours = {
        "SMCLOUD_GATEWAY_PORT": str(port),
        "SMCLOUD_GATEWAY_PROXY_PORT": str(proxy),
        "SMCLOUD_GATEWAY_PASSWORD": password,
    }
    address = f"http://127.0.0.1:{port}"
    command = [str(BIN / "dask-gateway-server"), "-f", str(ROOT / "infra" / "gateway" / "local_config.py")]
    with process(command, log, ours) as started:
        wait_for(f"{address}/api/health", started, log)
        clients = {
            "DASK_GATEWAY__ADDRESS": address,
            "DASK_GATEWAY__PROXY_ADDRESS": f"tls://127.0.0.1:{proxy}",
            "DASK_GATEWAY__AUTH__TYPE": "basic",
            "DASK_GATEWAY__AUTH__KWARGS__USERNAME": "smcloud",
            "DASK_GATEWAY__AUTH__KWARGS__PASSWORD": password,
        }
        with environment(clients):
            yield address


@contextmanager
def prefect_server(folder: Path, pages: bool = False) -> Iterator[str]:
    """A Prefect server on sqlite, named to its clients by ``PREFECT_API_URL``: the address of its API.

    Its ``pages`` are for people only, and take a second to start.
    """
    port, log = free_port(), folder / "prefect-server.log"
    url = f"http://127.0.0.1:{port}/api"
    ours = {
        "PREFECT_API_URL": url,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    with environment(ours):
        command = [str(BIN / "prefect"), "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        command += [] if pages else ["--no-ui"]
        with process(command, log) as started:
            wait_for(f"{url}/health", started, log)
            yield url


@contextmanager
def worker(folder: Path) -> Iterator[None]:
    """A process work pool, the queue of what writes to a store, one at a time, and a worker that runs their flows."""
    prefect("work-pool", "create", POOL, "--type", "process", "--overwrite")
    prefect("work-queue", "create", QUEUE, "--pool", POOL, "--limit", "1")
    command = [str(BIN / "prefect"), "worker", "start", "--pool", POOL, "--type", "process", "--limit", "2"]
    with process(command, folder / "worker.log"):
        yield


def prefect(*arguments: str | Path, variables: Mapping[str, str] | None = None) -> str:
    """Run a command of Prefect's command line; raises RuntimeError with its words where it fails."""
    command = [str(BIN / "prefect"), "--no-prompt", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | dict(variables or {}), capture_output=True, text=True, timeout=120
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


@contextmanager
def cloud(folder: Path, store: str = "gcs", say: Callable[[str], None] = print, pages: bool = False) -> Iterator[str]:
    """All servers, and the bucket's URL; clients find them through the environment of this process.

    A :func:`worker` is started when what its flows need is in that environment too: they inherit it.
    """
    with ExitStack() as stack:
        bucket = stack.enter_context({"gcs": gcs, "s3": s3}[store](folder))
        say(f"object store  {bucket}")
        say(f"dask gateway  {stack.enter_context(gateway(folder))}")
        say(f"prefect       {stack.enter_context(prefect_server(folder, pages))}")
        yield bucket
