"""A release as files in a form that other programs read: what is written, where, and what is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import xarray as xr

from smcloud.conventions.invented import NOTE, is_invented
from smcloud.errors import ExportError
from smcloud.export import atomic, geotiff
from smcloud.export.files import write_csv, write_parquet
from smcloud.export.frames import bounds_of, plain_name, tables
from smcloud.export.netcdf import write_netcdf
from smcloud.export.selection import Region, on_grid, select
from smcloud.export.workbook import require_rows, write_workbook
from smcloud.products.overviews import without_overviews
from smcloud.secrecy import masked
from smcloud.store import Release, Store, newest_release, open_product, read_release

Form = Literal["csv", "parquet", "netcdf", "geotiff", "xlsx"]
FORMS = get_args(Form)
SUFFIXES: dict[str, tuple[str, ...]] = {
    "csv": (".csv",), "parquet": (".parquet",), "netcdf": (".nc",), "geotiff": (".tif", ".tiff"), "xlsx": (".xlsx",),
}  # fmt: skip
Write = Callable[[Path], None]


@dataclass(frozen=True)
class Exported:
    """What an export wrote: ``out``, a folder or a file; sizes of the files by name; notes on what was left out."""

    release: int
    form: str
    out: Path
    files: Mapping[str, int]
    notes: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "status": "exported",
            "release": self.release,
            "form": self.form,
            "out": str(self.out),
            "files": dict(self.files),
            "notes": list(self.notes),
        }


@dataclass
class _Plan:
    """Files by name, what writes each, and what is left out."""

    files: dict[str, Write] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def export_release(
    store: str,
    form: Form,
    out: Path | None = None,
    products: Sequence[str] = (),
    release: int | None = None,
    region: Region | None = None,
    force: bool = False,
    colours: geotiff.Colours = lambda name, meanings: {},
) -> Exported:
    """Write products of a release of ``store`` in ``form`` to ``out``, which appears when all of it is written.

    Values, types and coordinates are those of the products; see the module of each form. ``out`` is a folder with
    ``smcloud-export.json`` beside the files; a name that ends in the suffix of the form is a file, for an export that
    is one. A table that has no cells (by region, stratum or class) is of the whole run: with a ``region`` it is left
    out, and refused where ``products`` names it.

    Raises
    ------
    ExportError
        A product cannot be had in this form or for a region, or ``out`` exists and not ``force``.
    OutsideGridError
        ``region`` holds no cell.
    NotAStoreError
        ``force`` would delete what no export wrote.
    ConfigurationError, NothingPublishedError, IntegrityError, UnreachableError
        As of :func:`smcloud.open_product`.
    """
    place = Store.open(store)
    record = newest_release(place) if release is None else read_release(place, release)
    target = _target(place, record, form, out, products, region)
    single = target.suffix in SUFFIXES[form]
    atomic.require_free(target, force, single)
    plan = _Plan()
    said = {"note": NOTE} if is_invented(entry.version for entry in record.inputs.values()) else {}
    plan.notes += said.values()
    for product in dict.fromkeys(products) or record.products:
        ds = without_overviews(open_product(store, product, record.number)).assign_attrs(said)
        _add(plan, product, ds, form, region, colours, asked=bool(products))
    if not plan.files:
        raise _refusal(f"nothing of this release can be written as {form}", "; ".join(plan.notes), form)
    if single and len(plan.files) != 1:
        raise ExportError(
            "the export is more than one file",
            where=f"--out {target}",
            found=f"{len(plan.files)} files: {', '.join(list(plan.files)[:3])} ...",
            expected="a folder",
            next=f"--out {target.with_suffix('')}",
        )
    about = _about(place, record, form, products, region, plan.notes)
    with atomic.appearing(target, force, one_file=single) as folder:
        for name, write in plan.files.items():
            write(folder / (target.name if single else name))
        sizes = atomic.sizes(folder)
        if not single:
            atomic.write_manifest(folder, about, sizes)
    return Exported(record.number, form, target, sizes, plan.notes)


def _target(
    store: Store, record: Release, form: str, out: Path | None, products: Sequence[str], region: Region | None
) -> Path:
    name = store.url.rstrip("/").rpartition("/")[2] or "smcloud"
    parts = [name, f"release-{record.number}", *products, *(["region"] if region is not None else []), form]
    return (out or Path(plain_name("-".join(parts)))).absolute()


def _add(
    plan: _Plan,
    product: str,
    ds: xr.Dataset,
    form: str,
    region: Region | None,
    colours: geotiff.Colours,
    asked: bool,
) -> None:
    """Add the files of ``product`` to ``plan``, or say why there are none; raises where it was asked for by name."""
    if not on_grid(ds) and (region is not None or form == "geotiff"):
        why = f"{product} has no maps" if region is None else f"{product} is of the whole run, not of a region"
        if asked:
            raise _refusal(why, product, form, region)
        plan.notes.append(f"{why}: left out")
        return
    part, bounds = ds, {bounds_of(ds[name]) for name in ds.coords}
    whole = [str(name) for name in ds.data_vars if ds[name].dims and not {"lat", "lon"} & {*ds[name].dims}]
    whole = [name for name in whole if name not in bounds]
    if region is not None:
        part = select(ds, region).drop_vars(whole)
        lost = {dim for name in whole for dim in ds[name].dims} - _used(part)
        part = part.drop_vars([name for name in part.coords if lost & {*part[name].dims}])
    if whole and (region is not None or form == "geotiff"):
        why = "are no maps" if region is None else "are of the whole run, not of a region"
        plan.notes.append(f"{product}: {', '.join(whole)} {why}: left out")
    if form == "netcdf":
        plan.files[f"{product}.nc"] = partial(write_netcdf, part)
    elif form == "geotiff":
        grid = geotiff.raster_grid(ds, part)
        for one in geotiff.maps(product, part):
            plan.files[f"{one.name}.tif"] = partial(_write_map, part, one, grid, colours)
    elif form == "xlsx":
        made = tables(product, part)
        require_rows(made)
        plan.files[f"{product}.xlsx"] = partial(write_workbook, made)
    else:
        write = write_csv if form == "csv" else write_parquet
        for table in tables(product, part):
            plan.files[f"{table.name}{SUFFIXES[form][0]}"] = partial(write, table)


def _used(ds: xr.Dataset) -> set[Any]:
    return {dim for da in ds.data_vars.values() for dim in da.dims} | {"lat", "lon"}


def _write_map(ds: xr.Dataset, one: geotiff.Map, grid: geotiff.Grid, colours: geotiff.Colours, path: Path) -> None:
    geotiff.write_map(ds, one, grid, path, colours)


def _refusal(what: str, found: str, form: str, region: Region | None = None) -> ExportError:
    if region is not None:
        return ExportError(
            what,
            where="--region",
            found=found,
            expected="products that have cells: annual, trend, drivers, ddww",
            next=f"smcloud export STORE --to {form} --product {found}, without --region",
        )
    return ExportError(
        what,
        where=f"--to {form}",
        found=found,
        expected="products that have cells: annual, trend, drivers, ddww",
        next=f"smcloud export STORE --to csv --product {found} (or xlsx, netcdf, parquet)",
    )


def _about(
    store: Store, record: Release, form: str, products: Iterable[str], region: Region | None, notes: list[str]
) -> dict[str, Any]:
    return {
        "made_with": "smcloud export",
        "store": masked(store.url),
        "release": record.number,
        "run_id": record.run_id,
        "form": form,
        "products": list(products) or list(record.products),
        "region": None if region is None else str(region),
        "notes": notes,
    }
