"""The command line: a thin layer over the pipeline."""

from __future__ import annotations

import json
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from smcloud.cli import catalogs, configurations
from smcloud.cli import sensitivity as curve
from smcloud.cli.console import call, say
from smcloud.cli.doctor import doctor
from smcloud.cli.files import register
from smcloud.cli.init import init
from smcloud.cli.local_run import run_job
from smcloud.cli.options import (
    AllowOlder,
    App,
    ConfigFile,
    Debug,
    Everything,
    Json,
    Language,
    Reason,
    ReleaseNumber,
    StoreUrl,
    opened,
    reading,
    tell_amounts,
)
from smcloud.cli.plans import plan, show_plan
from smcloud.cli.results import print_record, print_run

app = App(
    name="smcloud",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command("init", epilog="Example: smcloud init ./my-files --out ./study")(init)
register(app)
app.add_typer(catalogs.app, name="catalog")
app.add_typer(configurations.app, name="config")
app.command("doctor", epilog="Example: smcloud doctor study.yaml")(doctor)
app.command("plan", epilog="Example: smcloud plan study.yaml --json")(plan)
app.command("sensitivity", epilog="Example: smcloud sensitivity study.yaml --out ./curve")(curve.sensitivity)


@app.callback()
def smcloud(
    ctx: typer.Context, version: Annotated[bool, typer.Option("--version", help="Show the version and end.")] = False
) -> None:
    """Soil-moisture trends, their drivers and the DDWW question: from a catalog to published Zarr."""
    if version:
        from importlib.metadata import version as installed

        say(f"smcloud {installed('smcloud')}")
        raise typer.Exit()
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())


@app.command(epilog="Example: smcloud run study.yaml --json")
def run(
    config: ConfigFile,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, as smcloud plan does, and end.")] = False,
    allow_older: AllowOlder = False,
    reason: Reason = "",
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Run the whole job, from sources to cube, products, release and report, unless it is published already."""
    if dry_run:
        show_plan(config, json_)
    else:
        print_run(run_job(config, allow_older=_reason(allow_older, reason)).as_json(), json_)


@app.command(epilog="Example: smcloud demo --out ./smcloud-demo --seed 7")
def demo(
    out: Annotated[Path, typer.Option("--out", help="The store; inputs go beside it.")] = Path("smcloud-demo"),
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of the sample world's weather.")] = None,
    resolution: Annotated[float, typer.Option("--resolution", help="Cell size in degrees, 5 or finer.")] = 5.0,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Run the whole job on an invented sample world whose true values are known, and score the result against them."""
    from flows.server import own_server
    from smcloud.sample.demo import SEED, prepare_demo

    began = time.perf_counter()
    inputs = out.absolute().with_name(f"{out.absolute().name}-inputs")
    # Where there is no store yet a run will follow, and its server starts while the world is written.
    with nullcontext() if out.exists() else own_server():
        config, truth = prepare_demo(inputs, out.absolute(), SEED if seed is None else seed, resolution)
        written = time.perf_counter() - began
        result = run_job(config, truth=str(truth))
    seconds = {"sample world": round(written, 2)} | dict(result.seconds)
    print_run(result.model_copy(update={"seconds": seconds}).as_json(), json_)


@app.command(epilog="Example: smcloud ingest study.yaml")
def ingest(config: ConfigFile, json_: Json = False, debug: Debug = False) -> None:
    """Build one sealed monthly cube from the sources, or update an earlier one; nothing is published."""
    from smcloud.cluster.progress import telling
    from smcloud.pipeline.runner import Hooks, runner_of

    print_record(runner_of(str(config), Hooks(watch=telling)).cube().as_json(), json_)


@app.command(epilog="Example: smcloud compute study.yaml")
def compute(
    config: ConfigFile, allow_older: AllowOlder = False, reason: Reason = "", json_: Json = False, debug: Debug = False
) -> None:
    """Compute, seal and publish the products of an existing cube (smcloud ingest makes it)."""
    from smcloud.cluster.progress import telling
    from smcloud.pipeline.runner import Hooks, runner_of

    runner = runner_of(str(config), Hooks(watch=telling), allow_older=_reason(allow_older, reason))
    print_record(runner.release(with_cube=False).as_json(), json_)


def _reason(allow_older: bool, reason: str) -> str:
    if allow_older != bool(reason.strip()):
        raise typer.BadParameter("--allow-older and --reason TEXT go together")
    return reason.strip()


@app.command(epilog="Example: smcloud products gs://my-bucket/smcloud")
def products(store: StoreUrl, json_: Json = False, debug: Debug = False) -> None:
    """List the releases of a store, newest first: none of a folder that holds none yet."""
    from smcloud.store import list_releases, newest_release

    place = opened(store)
    releases = list_releases(place)
    if not releases and not place.fs.exists(place.join()):
        newest_release(place)  # raises, as in every command: there is no store
    if json_:
        print(json.dumps([release.as_json() for release in releases], indent=1))
        return
    for release in releases:
        say(f"release {release.number}  {release.created}  {' to '.join(release.cube.period)}")
        for name, product in release.products.items():
            say(f"  {name:<9} {place.url_of(product.url)}")
    if not releases:
        say(f"nothing is published in {place.url} yet; next: smcloud run CONFIG")


@app.command(epilog="Example: smcloud verify ./smcloud-demo --all")
def verify(
    store: StoreUrl,
    release: ReleaseNumber = None,
    everything: Everything = False,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Check every published byte of a release, or of all, against its seal."""
    from smcloud.store import verify as verify_release
    from smcloud.store import verify_all

    if everything and release is not None:
        raise typer.BadParameter("give either --all or --release")
    place = opened(store)
    tell_amounts("verify reads", place, release, everything)
    record = verify_all(place) if everything else verify_release(place, release)
    print_record({"status": "verified"} | record, json_)


@app.command(epilog="Example: smcloud repair ./smcloud-demo --release 1")
def repair(store: StoreUrl, release: ReleaseNumber = None, json_: Json = False, debug: Debug = False) -> None:
    """Compute anew what verify finds damaged of a release, and put back what has the digest that was sealed."""
    from smcloud.errors import IntegrityError
    from smcloud.pipeline.repair import repair as repair_release

    place = opened(store, to_write=True)
    done = repair_release(place, release)
    if done.left:
        raise IntegrityError(
            f"{len(done.left)} objects could not be repaired, {len(done.repaired)} were",
            where=place.url,
            found=", ".join(done.left[:3]),
            expected="objects with the digests that were sealed",
            next=f"{'; '.join(dict.fromkeys(done.why))}. Restore them from a copy of the store",
        )
    print_record({"status": "repaired" if done.repaired else "nothing to repair", "objects": done.repaired}, json_)


@app.command(epilog="Example: smcloud report ./smcloud-demo --release 1")
def report(
    store: StoreUrl,
    release: ReleaseNumber = None,
    truth: Annotated[
        str | None, typer.Option("--truth", help="The sample world's truth.zarr, for a scorecard.")
    ] = None,
    lang: Annotated[
        Language, typer.Option("--lang", help="Language of the page: zh adds index.zh.html beside the English one.")
    ] = Language.en,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Render the report of a release again, in English, or in Chinese too."""
    from smcloud import pipeline
    from smcloud.sample.demo import truth_beside
    from smcloud.store import newest_release, read_release

    place = opened(store, to_write=True)
    record = newest_release(place) if release is None else read_release(place, release)
    with reading(place):
        page = pipeline.report(record, place.url, truth=truth or truth_beside(place.url), languages=[lang.value])
    shown = page.report if lang is Language.en else page.report.replace("index.html", f"index.{lang.value}.html")
    print_record({"status": "rendered", "release": record.number, "report": shown}, json_)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command ``smcloud``: its entry point."""
    call(app, sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    main()
