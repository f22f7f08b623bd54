"""The specification curve of a sealed cube: computed series by series, and written into a folder as a whole."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import batched
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smcloud import chunking
from smcloud.cluster import open_cluster
from smcloud.config import RunConfig
from smcloud.errors import NotAStoreError
from smcloud.io_errors import NETWORK, reaching
from smcloud.pipeline.compute import facts_of
from smcloud.pipeline.findings import require_years
from smcloud.pipeline.ingest import require_cube
from smcloud.pipeline.inputs import cells_of, for_computing
from smcloud.pipeline.job import Job
from smcloud.store import Prefix, Store, cube_path, sealed_prefix

if TYPE_CHECKING:
    import xarray as xr

    from smcloud.products.sensitivity import Series

ZARR, PARQUET, CSV, FIGURE, SENTENCES = (
    "sensitivity.zarr", "sensitivity.parquet", "sensitivity.csv", "sensitivity.png", "sentences.txt",
)  # fmt: skip
# Series of one graph, which share what they read, and the cells that they may have together: some 250 bytes each.
AT_ONCE, MOST_CELLS = 4, 4_200_000


def sensitivity(config: RunConfig, job: Job) -> xr.Dataset:
    """Compute the product ``sensitivity`` of the job's sealed cube on a cluster of its own; in memory.

    Raises :class:`NothingPublishedError` where there is no cube, :class:`TooFewYearsError` for too short a period.
    """
    import dask

    from smcloud.products.annual import annual
    from smcloud.products.attributes import to_storage_dtype
    from smcloud.products.choice_maps import ROLES
    from smcloud.products.sensitivity import (
        all_series,
        may_hold_values,
        series_figures,
        series_of,
        years_of,
    )
    from smcloud.products.shared_null import own_signs, shared_null
    from smcloud.products.specification import specification
    from smcloud.report.curve_sentences import curve_sentences

    require_years(config, job)
    require_cube(job)
    store = Store.open(job.store)
    with reaching(NETWORK, store.url), open_cluster(config.cluster):
        prefix = sealed_prefix(store, cube_path(job.cube_id)) or Prefix(store, cube_path(job.cube_id))
        cube = for_computing(prefix.open(chunking.TILES))
        cube = cube.drop_vars([name for name in cube.data_vars if name not in ROLES])
        first, years = years_of(cube, config)
        own = own_signs(to_storage_dtype(annual(cube, config)), config, cube)
        signs, cells = dask.compute(own, may_hold_values(cube))
        null = shared_null(signs, cells, config)
        found: dict[Series, xr.Dataset] = {}
        for part in batches(all_series(config, years), at_once(cube)):
            made = series_of(cube, config, part)
            found |= dask.compute(series_figures(made, null))[0]
    out = specification(found, config, first, years, null)
    out = out.assign_attrs({f"sentence_{at}": text for at, text in enumerate(curve_sentences(out), start=1)})
    return _published(out, config, job, cube)


def batches(series: list[Series], most: int) -> Iterator[tuple[Series, ...]]:
    """Divide ``series`` into those worked on together: at most so many, of one first year, to share what is read."""
    for start in dict.fromkeys(each.start for each in series):
        yield from batched((each for each in series if each.start == start), most)


def at_once(cube: xr.Dataset) -> int:
    """Return how many series are worked on together: they are held in memory as fields."""
    return max(1, min(AT_ONCE, MOST_CELLS // (cube.sizes["lat"] * cube.sizes["lon"])))


def _published(out: xr.Dataset, config: RunConfig, job: Job, cube: xr.Dataset) -> xr.Dataset:
    from smcloud.products import Publication

    return Publication(config, facts_of(job), cells_of(cube))("sensitivity", out)


def write_sensitivity(ds: xr.Dataset, out: Path) -> dict[str, str]:
    """Write the product, its table twice, figure and sentences into the folder ``out``; return their paths.

    The folder appears as a whole; one of an earlier call is replaced. Raises :class:`NotAStoreError` where ``out``
    holds anything else.
    """
    from smcloud.report.curve_figure import curve_png
    from smcloud.report.curve_sentences import curve_sentences

    require_own(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as place:
        made = Path(place) / "made"
        made.mkdir()
        prefix = Prefix(Store.open(str(made)), ZARR)
        prefix.stage(ds)
        prefix.seal(map(str, ds.variables))
        frame = _frame(ds)
        frame.to_parquet(made / PARQUET, index=False)
        frame.to_csv(made / CSV, index=False)
        (made / FIGURE).write_bytes(curve_png(ds))
        (made / SENTENCES).write_text("\n".join(curve_sentences(ds)) + "\n", encoding="utf-8")
        if out.exists():
            out.rename(Path(place) / "before")
        made.rename(out)
    return {name.rpartition(".")[2]: str(out / name) for name in (ZARR, PARQUET, CSV, FIGURE, SENTENCES)}


def _frame(ds: xr.Dataset) -> Any:
    """The table (combination): choices first, what is by region with the region in the name."""
    import pandas as pd

    columns: dict[str, Any] = {str(name): da.values for name, da in ds.coords.items() if da.dims == ("combination",)}
    for name, da in ds.data_vars.items():
        if da.dims == ("combination",):
            columns[str(name)] = da.values
        elif set(da.dims) == {"combination", "region"}:
            columns |= {f"{name}_{region}": da.sel(region=region).values for region in da["region"].values}
    return pd.DataFrame(
        {name: values.astype(str) if values.dtype.kind in "UTO" else values for name, values in columns.items()}
    )


def require_own(out: Path) -> None:
    """Raise where ``out`` holds what this module has not written."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out.is_dir() and (out / ZARR).is_dir() and (out / CSV).is_file()):
        raise NotAStoreError(
            "the place holds something else",
            where=str(out),
            found="a file" if out.is_file() else ", ".join(sorted(path.name for path in out.iterdir())[:3]),
            expected="nothing, or an earlier curve",
            next="name another folder with --out",
        )
