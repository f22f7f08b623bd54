"""`make cloud-demo`: the whole job as it runs in the cloud, on this machine and with the real programs.

An object store, a Dask Gateway, a Prefect server and its worker are started; the sample world and a configuration are
put into the bucket; flows/prefect.yaml is deployed; the deployment runs twice: it publishes, then finds its work done.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import fsspec
import yaml

from infra.local.servers import POOL, QUEUE, ROOT, cloud, counted, environment, prefect, worker
from smcloud.sample.demo import configuration, prepare_demo

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PAGE_MS = 20_000  # of the page's own time: it asks its server for what it shows


def put_world(bucket: str, folder: Path, resolution: float) -> dict[str, str]:
    """The sample world, its truth and a configuration in the bucket: the variables that lead a flow to them."""
    prepare_demo(folder / "world", folder / "nowhere", resolution=resolution)
    fs, root = fsspec.core.url_to_fs(bucket)
    fs.put(f"{folder / 'world'}/", f"{root}/world/", recursive=True)
    settings = configuration(f"{bucket}/store") | {
        "cluster": {"kind": "gateway", "workers": 2, "worker_cores": 1, "worker_memory": "2 GiB", "wait_seconds": 120}
    }
    fs.pipe_file(f"{root}/demo.yaml", yaml.safe_dump(settings).encode())
    return {"SMCLOUD_SAMPLE": f"{bucket}/world", "SMCLOUD_CONFIG": f"{bucket}/demo.yaml"}


def deploy() -> None:
    """The deployments of flows/prefect.yaml, on the pool of this machine."""
    names = {"SMCLOUD_HOME": str(ROOT), "SMCLOUD_WORK_POOL": POOL, "SMCLOUD_QUEUE": QUEUE}
    prefect("deploy", "--all", "--prefect-file", ROOT / "flows" / "prefect.yaml", variables=names)


def run_deployment(
    name: str, timeout: float = 600, pictures: Path | None = None, **parameters: Any
) -> tuple[str, dict[str, Any]]:
    """Trigger a deployment and wait for its end: the state's name, and the record that the flow returned.

    Prefect's page of the run is drawn into the folder ``pictures``, where one is given.
    """
    from prefect.deployments import run_deployment as trigger

    run = cast("FlowRun", trigger(name, parameters=parameters, timeout=timeout, poll_interval=0.5))
    if run.state is None or not run.state.is_final():
        raise TimeoutError(f"{name} did not end within {timeout} s: {run.state}")
    if pictures is not None:
        base = os.environ["PREFECT_API_URL"].removesuffix("/api")
        draw_page(f"{base}/runs/flow-run/{run.id}", pictures / "prefect-run.png")
    if not run.state.is_completed():
        return str(run.state.name), {"message": run.state.message}
    record: Any = run.state.result(raise_on_failure=False)
    return str(run.state.name), record


def draw_page(url: str, file: Path) -> None:
    """Draw a page with a Chromium of this machine, without a window; raises where there is none."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise FileNotFoundError(f"no Chromium on PATH ({', '.join(BROWSERS)})")
    with tempfile.TemporaryDirectory(prefix="smcloud-browser-") as profile:
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}",
            "--window-size=1280,980", f"--virtual-time-budget={PAGE_MS}", f"--screenshot={file}", url,
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=180)


def summary(record: dict[str, Any]) -> list[str]:
    """What a run made, for the terminal."""
    if "status" not in record:
        return [str(record.get("message"))]
    lines = [f"{record['status']}: release {record['release']}", *record["products"].values(), str(record["report"])]
    if card := record.get("scorecard"):
        recall = min(each["score"] for each in card["recall"].values())
        detectable, driver = (card[name]["score"] for name in ("detectable", "driver"))
        lines.append(f"scores: detectable {detectable:.3f}, driver {driver:.3f}, recall {recall:.3f} at least")
    if tasks := record.get("tasks"):
        lines.append("tasks: " + ", ".join(f"{stage} {number}" for stage, number in tasks.items()))
    return [*lines, "seconds: " + ", ".join(f"{stage} {spent:.1f}" for stage, spent in record["seconds"].items())]


def passed(bucket: str, before: dict[str, int]) -> str:
    """What the object store has served since ``before``, for the terminal."""
    since = {name: number - before[name] for name, number in counted(bucket).items()}
    return f"bytes: read {since['read']:,}, written {since['written']:,} in {since['requests']:,} requests"


def stop(number: int, frame: object) -> None:
    """The contexts unwind at the first signal, and no other one disturbs them."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    print("\nstopping every server ...", file=sys.stderr, flush=True)
    sys.exit(128 + number)


def main() -> None:
    """Run the demo and print what it made; everything that was started is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=("gcs", "s3"), default="gcs", help="which kind of object store")
    parser.add_argument("--resolution", type=float, default=5.0, help="degrees of the sample world")
    parser.add_argument("--pictures", type=Path, help="folder for a picture of Prefect's page of the first run")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="smcloud-cloud-") as name, ExitStack() as stack:
        folder, pictures = Path(name), options.pictures
        bucket = stack.enter_context(cloud(folder, options.store, pages=pictures is not None))
        with environment(put_world(bucket, folder, options.resolution)), worker(folder):
            print(f"inputs        {bucket}/world ({time.perf_counter() - began:.0f} s so far)", flush=True)
            deploy()
            for _ in range(2):
                start, before = time.perf_counter(), counted(bucket)
                state, record = run_deployment(
                    "smcloud-run/products", pictures=pictures, truth=f"{bucket}/world/truth.zarr"
                )
                pictures = None
                print(f"\ndeployment smcloud-run/products: {state} in {time.perf_counter() - start:.0f} s")
                print("\n".join([*summary(record), passed(bucket, before)]), flush=True)
                if state != "Completed":
                    sys.exit(1)
    print(f"\nall in all    {time.perf_counter() - began:.0f} s; every server was stopped")


if __name__ == "__main__":
    main()
