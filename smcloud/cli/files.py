"""Commands for those who do not read Zarr: a release as files, and one cell in words."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smcloud.cli.console import say
from smcloud.cli.options import Debug, Json, ReleaseNumber, StoreUrl, opened, reading, tell_amounts
from smcloud.cli.results import print_record
from smcloud.plan import size

if TYPE_CHECKING:
    from smcloud.export import Region

FORMS = ("csv", "parquet", "netcdf", "geotiff", "xlsx")


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    app.command(
        "export", epilog="Example: smcloud export ./smcloud-demo --to csv --product trend --region=-20,0,50,40"
    )(export)
    # A latitude such as -10 is no option.
    app.command(
        "point",
        epilog="Example: smcloud point ./smcloud-demo 47.5 12.5",
        context_settings={"ignore_unknown_options": True},
    )(point)


def export(
    store: StoreUrl,
    to: Annotated[
        str,
        typer.Option("--to", metavar="FORM", help=f"One of {', '.join(FORMS)}.", autocompletion=lambda: list(FORMS)),
    ],
    product: Annotated[
        list[str] | None, typer.Option("--product", help="A product, such as trend; may be repeated. All by default.")
    ] = None,
    release: ReleaseNumber = None,
    region: Annotated[
        str, typer.Option("--region", metavar="W,S,E,N", help="Cells whose centres lie in this box, in degrees.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="A new folder, or a file; by default a folder beside you.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what an earlier export wrote there.")] = False,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Write a release as CSV, Parquet, NetCDF, GeoTIFF (COG) or Excel files, with units and citation inside."""
    from smcloud.export import FORMS, export_release
    from smcloud.report import flag_colours

    form = next((form for form in FORMS if form == to), None)
    if form is None:
        raise typer.BadParameter(f"--to {to}: choose one of {', '.join(FORMS)}")
    place = opened(store)
    tell_amounts("export reads at most", place, release, products=product or [])
    with reading(place):
        done = export_release(
            place.url, form, out, product or (), release, _region(region), force=force, colours=flag_colours
        )
    if json_:
        print_record(done.as_json(), True)
        return
    width = max(map(len, done.files))
    for name, written in done.files.items():
        say(f"{name:<{width}} {size(written):>10}")
    for note in done.notes:
        say(f"note: {note}")
    count = "1 file" if len(done.files) == 1 else f"{len(done.files)} files"
    say(f"release {done.release} as {done.form}: {count}, {size(sum(done.files.values()))}, in {done.out}")


def _region(text: str) -> Region | None:
    from smcloud.export import Region

    try:
        return Region.of(text) if text else None
    except ValueError as err:
        raise typer.BadParameter(f"--region {err}") from err


def point(
    store: StoreUrl,
    lat: Annotated[float, typer.Argument(metavar="LAT", min=-90, max=90, help="Latitude in degrees, north positive.")],
    lon: Annotated[
        float, typer.Argument(metavar="LON", min=-360, max=360, help="Longitude in degrees, east positive.")
    ],
    release: ReleaseNumber = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print the annual series as CSV instead.")] = False,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Tell what a release says about the cell of a point: series, trend, drivers and class, or why there is none."""
    from smcloud.export import point as read_point
    from smcloud.report import point_table, point_words

    if csv and json_:
        raise typer.BadParameter("give either --csv or --json")
    place = opened(store)
    with reading(place):
        found = read_point(place.url, lat, lon, release)
    if json_:
        print(json.dumps(found.record, indent=1, allow_nan=False))
        return
    if csv:
        sys.stdout.write(found.as_csv().decode())
        return
    for line in point_words(found.record):
        say(line)
    print()
    for line in point_table(found.record):
        say(line)
    print()
    units = [f"{name} {attrs.get('units', '1')}" for name, attrs in found.columns.items() if name != "year"]
    say(f"units: {'; '.join(units)}")
    say(f"release {found.record['release']} of {found.record['store']}; cite as: {found.record['citation']}")
