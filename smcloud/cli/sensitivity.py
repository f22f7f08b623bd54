"""The command ``smcloud sensitivity``."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from smcloud.cli.console import say
from smcloud.cli.options import ConfigFile, Debug, Json


def sensitivity(
    config: ConfigFile,
    out: Annotated[Path, typer.Option("--out", help="The folder that it writes.")] = Path("smcloud-sensitivity"),
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Show how each choice (slope, test, zones, annual values ...) changes the result, from an existing cube.

    Every combination of choices is one row: a Zarr store, the same table as Parquet and CSV, a figure, and three
    sentences. Nothing is published.
    """
    from smcloud import pipeline
    from smcloud.config import load_config
    from smcloud.pipeline.sensitivity import require_own, write_sensitivity
    from smcloud.pipeline.sensitivity import sensitivity as compute

    began = time.perf_counter()
    settings = load_config(config)
    require_own(out)
    product = compute(settings, pipeline.check(settings))
    files = write_sensitivity(product, out.absolute())
    sentences = [text for at in (1, 2, 3) if (text := product.attrs.get(f"sentence_{at}"))]
    void = product["void"].values
    rows, seconds = int((void == "").sum()), round(time.perf_counter() - began, 1)
    if json_:
        record = {"status": "written", "combinations": rows, "void": int((void != "").sum()), "sentences": sentences}
        print(json.dumps(record | {"files": files, "seconds": seconds}, indent=1))
        return
    for sentence in sentences:
        say(sentence)
    say(f"{rows:,} combinations, {int((void != '').sum()):,} void, in {seconds:.1f} s")
    for name, path in files.items():
        say(f"  {name:<9} {path}")
