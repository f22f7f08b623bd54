"""The specification curve of a sealed cube: computed series by series, and written into a folder as a whole."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

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

ZARR, PARQUET, CSV, FIGURE, SENTENCES = (
    "sensitivity.zarr", "sensitivity.parquet", "sensitivity.csv", "sensitivity.png", "sentences.txt",
)  # fmt: skip


def sensitivity(config: RunConfig, job: Job) -> xr.Dataset:
    """Compute the product ``sensitivity`` of the job's sealed cube on a cluster of its own; in memory.

    Raises :class:`NothingPublishedError` where there is no cube, :class:`TooFewYearsError` for too short a period.
    """
    from smcloud.products import Publication
    from smcloud.products.curve import curve
    from smcloud.report.curve_sentences import curve_sentences

    require_years(config, job)
    require_cube(job)
    store = Store.open(job.store)
    with reaching(NETWORK, store.url), open_cluster(config.cluster):
        prefix = sealed_prefix(store, cube_path(job.cube_id)) or Prefix(store, cube_path(job.cube_id))
        cube = for_computing(prefix.open(chunking.TILES))
        out = curve(cube, config, lambda ds: ds.compute())
    out = out.assign_attrs({f"sentence_{at}": text for at, text in enumerate(curve_sentences(out), start=1)})
    return Publication(config, facts_of(job), cells_of(cube))("sensitivity", out)


def write_sensitivity(ds: xr.Dataset, out: Path) -> dict[str, str]:
    """Write the product, its table twice, figure and sentences into the folder ``out``; return their paths.

    The folder appears as a whole; one of an earlier call is replaced. Raises :class:`NotAStoreError` where ``out``
    holds anything else.
    """
    from smcloud.report.curve_figure import curve_png
    from smcloud.report.curve_section import curve_frame
    from smcloud.report.curve_sentences import curve_sentences

    require_own(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as place:
        made = Path(place) / "made"
        made.mkdir()
        prefix = Prefix(Store.open(str(made)), ZARR)
        prefix.stage(ds)
        prefix.seal(map(str, ds.variables))
        frame = curve_frame(ds)
        frame.to_parquet(made / PARQUET, index=False)
        frame.to_csv(made / CSV, index=False)
        (made / FIGURE).write_bytes(curve_png(ds))
        (made / SENTENCES).write_text("\n".join(curve_sentences(ds)) + "\n", encoding="utf-8")
        if out.exists():
            out.rename(Path(place) / "before")
        made.rename(out)
    return {name.rpartition(".")[2]: str(out / name) for name in (ZARR, PARQUET, CSV, FIGURE, SENTENCES)}


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
