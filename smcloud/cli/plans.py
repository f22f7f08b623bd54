"""The command ``smcloud plan``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from smcloud.cli.options import Debug, Json
from smcloud.cli.results import print_plan


def plan(
    config: Annotated[Path | None, typer.Argument(metavar="[CONFIG]", help="YAML configuration of the run.")] = None,
    sizes: Annotated[bool, typer.Option("--sizes", help="Some sizes of study instead, without any data.")] = False,
    prices: Annotated[Path | None, typer.Option("--prices", help="YAML file of your own prices.")] = None,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Show what a run costs (tasks, bytes, requests, memory, minutes, money), from metadata alone."""
    if sizes == (config is not None):
        raise typer.BadParameter("give either CONFIG or --sizes")
    if config is not None:
        show_plan(config, json_, prices)
        return
    from smcloud.pipeline.planning.examples import SIZES, bill_size, plan_size
    from smcloud.pipeline.planning.money import load_prices

    asked, own = load_prices(prices), prices is not None
    plans = {name: plan_size(name) for name in SIZES}
    records = [it.record() | {"money": bill_size(name, it, asked, own).record()} for name, it in plans.items()]
    if json_:
        print(json.dumps(dict(zip(SIZES, records, strict=True)), indent=1, allow_nan=False))
        return
    for record in records:
        print_plan(record, False)


def show_plan(config: Path, as_json: bool, prices: Path | None = None) -> None:
    """Print the plan of a configuration, with its bill."""
    from smcloud import pipeline
    from smcloud.config import load_config
    from smcloud.pipeline.planning.money import bill, load_prices

    settings, asked = load_config(config), load_prices(prices)
    job = pipeline.check(settings)
    pipeline.require_years(settings, job)
    planned = pipeline.plan(settings, job)
    money = bill(planned, settings.cluster, settings.store, asked, own=prices is not None)
    print_plan(planned.record() | {"money": money.record()}, as_json)
