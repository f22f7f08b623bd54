"""The command line: a thin face over the pipeline."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from smcloud.errors import InterruptedRunError, SmcloudError, UnexpectedError

INTERRUPTED = 130  # what typer answers to a KeyboardInterrupt
signals: list[int] = []  # what has asked this process to stop
app = typer.Typer(
    name="smcloud",
    help="Soil-moisture trends, their drivers and the DDWW question: from a catalog to published Zarr.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
catalog_app = typer.Typer(help="Work with catalogs of sources.", no_args_is_help=True)
app.add_typer(catalog_app, name="catalog")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, for errors too.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML configuration of the run.")]
StoreUrl = Annotated[str, typer.Argument(metavar="STORE", help="Path, gs:// or s3:// of a store.")]


@app.command(epilog="Example: smcloud run study.yaml --json")
def run(config: ConfigFile, json_: Json = False, debug: Debug = False) -> None:
    """Run the whole job: sources to cube, products, release and report. The same work twice is done once."""
    _show_run(_run(config), json_)


@app.command(epilog="Example: smcloud demo --out ./smcloud-demo --seed 7")
def demo(
    out: Annotated[Path, typer.Option("--out", help="The store; inputs go beside it.")] = Path("smcloud-demo"),
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of the sample world's weather.")] = None,
    resolution: Annotated[float, typer.Option("--resolution", help="Cell size in degrees, 5 or finer.")] = 5.0,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Run the whole job on an invented world whose truth is known, and score the result against it."""
    from smcloud.sample.demo import SEED, prepare_demo

    began = time.perf_counter()
    inputs = out.absolute().with_name(f"{out.absolute().name}-inputs")
    config, truth = prepare_demo(inputs, out.absolute(), SEED if seed is None else seed, resolution)
    written = time.perf_counter() - began
    result = _run(config, truth=str(truth))
    result["seconds"] = {"sample world": round(written, 2)} | result["seconds"]
    _show_run(result, json_)


@app.command(epilog="Example: smcloud ingest study.yaml")
def ingest(config: ConfigFile, json_: Json = False, debug: Debug = False) -> None:
    """Bring the sources to one sealed monthly cube, or an earlier one up to date; nothing is published."""
    from smcloud import pipeline
    from smcloud.cluster import open_cluster
    from smcloud.config import load_config

    settings = load_config(config)
    job = pipeline.check(settings)
    cube = pipeline.found_cube(job)
    if cube is None:
        with open_cluster(settings.cluster):
            cube = pipeline.ingest(settings, job)
    _show(cube, json_)


@app.command(epilog="Example: smcloud compute study.yaml")
def compute(config: ConfigFile, json_: Json = False, debug: Debug = False) -> None:
    """Compute, seal and publish the products of a cube that is there (smcloud ingest makes it)."""
    from smcloud import pipeline, published
    from smcloud.cluster import open_cluster
    from smcloud.config import load_config

    began = time.perf_counter()
    settings = load_config(config)
    job = pipeline.check(settings)
    release = pipeline.released(job)
    status = "already published"
    if release is None:
        with open_cluster(settings.cluster):
            cube = pipeline.require_cube(job)
            products = pipeline.compute(settings, job)
        release = pipeline.publish(settings, job, cube, products)
        status = "published"
    if not published.has_report(release, job.store):
        pipeline.report(release, job.store)
    _show(published.summary(status, release, job.store, {"total": time.perf_counter() - began}), json_)


@app.command(epilog="Example: smcloud products gs://my-bucket/smcloud")
def products(store: StoreUrl, json_: Json = False, debug: Debug = False) -> None:
    """List the releases of a store, newest first."""
    from smcloud.store import Store, list_releases, require_store

    place = Store.open(store)
    require_store(place)
    releases = list_releases(place)
    if json_:
        print(json.dumps(releases, indent=1))
        return
    for release in releases:
        period = " to ".join(release["cube"]["period"])
        print(f"release {release['number']}  {release['created']}  {period}")
        for name, product in release["products"].items():
            print(f"  {name:<9} {place.url_of(product['url'])}")
    if not releases:
        print(f"nothing is published in {place.url} yet; next: smcloud run CONFIG")


@app.command(epilog="Example: smcloud verify ./smcloud-demo")
def verify(
    store: StoreUrl,
    release: Annotated[
        int | None, typer.Option("--release", help="Number of the release; the newest by default.")
    ] = None,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Check every published byte of a release against its seal."""
    from smcloud.store import Store, require_store
    from smcloud.store import verify as verify_release

    place = Store.open(store)
    require_store(place)
    _show({"status": "verified"} | verify_release(place, release), json_)


@app.command(epilog="Example: smcloud report ./smcloud-demo --release 1")
def report(
    store: StoreUrl,
    release: Annotated[
        int | None, typer.Option("--release", help="Number of the release; the newest by default.")
    ] = None,
    truth: Annotated[
        str | None, typer.Option("--truth", help="The sample world's truth.zarr, for a scorecard.")
    ] = None,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Render the report of a release again."""
    from smcloud import pipeline
    from smcloud.sample.demo import truth_beside
    from smcloud.store import Store, newest_release, read_release, require_store

    place = Store.open(store)
    require_store(place)
    record = newest_release(place) if release is None else read_release(place, release)
    page = pipeline.report(record, place.url, truth=truth or truth_beside(place.url))
    _show({"status": "rendered", "release": record["number"], "report": page["report"]}, json_)


@catalog_app.command("check", epilog="Example: smcloud catalog check catalogs/public.yaml")
def catalog_check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A catalog of sources.")],
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Check a catalog against its schema without running anything from it, and say what could not be reached."""
    from smcloud.catalog import check_entries, load_catalog

    entries = check_entries(load_catalog(file))
    if json_:
        print(json.dumps({"status": "valid", "entries": entries}, indent=1))
        return
    for name, state in entries.items():
        print(f"{name:<24} {state}")
    unreached = sum(state.startswith("unreachable") for state in entries.values())
    later = sum(state.startswith("reader") for state in entries.values())
    print(f"{file} is valid: {len(entries)} entries, {unreached} could not be reached, {later} wait for a reader")


def _run(config: Path, truth: str | None = None) -> dict[str, Any]:
    """The flow in this process, unless the work is published already: that is known before anything heavy starts."""
    from smcloud import published
    from smcloud.config import load_config

    began = time.perf_counter()
    settings = load_config(config)
    release = published.find(settings)
    if release is not None:
        if not published.has_report(release, settings.store):
            from smcloud import pipeline

            pipeline.report(release, settings.store, truth=truth)
        return published.summary("already published", release, settings.store, {"check": time.perf_counter() - began})
    from smcloud import pipeline

    pipeline.check(settings)  # a bad input ends here, before Prefect starts
    with tempfile.TemporaryDirectory(prefix="smcloud-prefect-", ignore_cleanup_errors=True) as home:
        _prefect_environment(home)
        log.info("starting Prefect ...")
        start = time.perf_counter()
        from flows.pipeline import run as flow

        _quiet()  # again: Prefect sets levels when it is imported
        result: dict[str, Any] = flow(str(config), truth)
        total = time.perf_counter() - start
    result["seconds"]["prefect and cluster"] = round(total - sum(result["seconds"].values()), 2)
    return result


def _quiet() -> None:
    """Silence what prints pages of tracebacks before, and instead of, our message; ``--debug`` shows that one's own."""
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")  # it sets its levels when it is imported
    for name in ("asyncio", "gcsfs", "distributed", "distributed.worker.state_machine", "prefect._internal"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _prefect_environment(home: str) -> None:
    """A Prefect of its own for runs in this process, so that two runs never share a database file."""
    if "PREFECT_API_URL" not in os.environ:
        os.environ.setdefault("PREFECT_HOME", home)
    for key, value in {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_CLIENT_MAX_RETRIES": "2",
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    }.items():
        os.environ.setdefault(key, value)


log = logging.getLogger("smcloud")


def _show_run(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(result, indent=1))
        return
    print(f"{result['status']}: release {result['release']} (run {result['run_id']}, cube {result['cube_id']})")
    for name, url in result["products"].items():
        print(f"  {name:<9} {url}")
    print(f"  {'report':<9} {result['report']}")
    if result.get("scorecard"):
        from smcloud.report import markdown, scorecard_table

        print("\nscorecard against the known truth\n" + markdown(scorecard_table(result["scorecard"])))
    print("\nseconds: " + ", ".join(f"{stage} {spent:.1f}" for stage, spent in result["seconds"].items()))


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(result, indent=1))
        return
    width = max(map(len, result))
    for key, value in result.items():
        if isinstance(value, dict):
            print(key)
            for name, part in value.items():
                print(f"  {name:<{width}} {part}")
        else:
            print(f"{key:<{width}} {', '.join(value) if isinstance(value, list) else value}")


def main(arguments: list[str] | None = None) -> NoReturn:
    """Entry point: every error becomes one message and the exit code of its class."""
    warnings.simplefilter("ignore", SyntaxWarning)  # old escapes in a dependency's docstrings say nothing to a user
    given = sys.argv[1:] if arguments is None else arguments
    as_json, debug = "--json" in given, "--debug" in given
    if not debug:
        _quiet()
    if sys.stderr.isatty() or debug:
        logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
        log.setLevel(logging.DEBUG if debug else logging.INFO)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        code = app(args=given, standalone_mode=False)
    except SmcloudError as err:
        _fail(err, as_json, debug)
    except Exception as err:
        if signals:  # Ctrl-C reaches Prefect's server too, and its client may fail before we are through
            _fail_interrupted(given, as_json, debug)
        usage = getattr(err, "format_message", None)  # click's usage errors
        if usage is None:
            if debug:
                raise
            _fail(
                UnexpectedError(f"{type(err).__name__}: {err}", next="run again with --debug for the traceback"),
                as_json,
                debug,
            )
        _fail_usage(usage(), getattr(err, "exit_code", 2), as_json)
    if code == INTERRUPTED:
        _fail_interrupted(given, as_json, debug)
    sys.exit(code or 0)


def _stop(number: int, frame: object) -> NoReturn:
    signals.append(number)
    _quiet()
    raise KeyboardInterrupt


def _fail_interrupted(given: list[str], as_json: bool, debug: bool) -> NoReturn:
    err = InterruptedRunError(
        "the run was interrupted; what is sealed stays, and nothing unfinished is visible",
        where="this process",
        found="Ctrl-C or a termination signal",
        expected="a run to its end",
        next=f"smcloud {' '.join(given)}",
    )
    _fail(err, as_json, debug)


def _fail(err: SmcloudError, as_json: bool, debug: bool) -> NoReturn:
    if debug:
        logging.exception("traceback")
    _print_error(err.record(), f"error [{err.code}]: {err}", as_json)
    sys.exit(err.exit_code)


def _fail_usage(message: str, code: int, as_json: bool) -> NoReturn:
    remedy = "smcloud --help"
    record = {"code": "usage", "what": message, "where": "", "found": "", "expected": "", "next": remedy}
    _print_error(record, f"error [usage]: {message}\n  next:     {remedy}", as_json)
    sys.exit(code)


def _print_error(record: dict[str, str], text: str, as_json: bool) -> None:
    print(json.dumps(record) if as_json else text, file=sys.stdout if as_json else sys.stderr)


if __name__ == "__main__":
    main()
