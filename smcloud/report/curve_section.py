"""The part of a page that is about the product ``sensitivity``: its figure, sentences and tables."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

import xarray as xr

from smcloud.report.context import ReportContext
from smcloud.report.curve_figure import curve_figure
from smcloud.report.curve_sentences import curve_sentences
from smcloud.report.figures import Picture, drawn, in_language
from smcloud.report.language import message, tell
from smcloud.report.rounding import Table

if TYPE_CHECKING:
    import pandas as pd

NAME = "sensitivity"
PARQUET = f"table-{NAME}.parquet"
HEADING = message("What each choice does to the answer")
ALT = message(
    "Combinations of choices in the order of the excess of their DDWW share over chance, with the range by chance; "
    "below, which choices each made; right, the share of the variance that goes with each choice."
)
CAPTION = message(
    "Each combination is a run of its own on the same record. They are no independent samples: the curve shows how far "
    "choices move the answer, not how probable it is."
)


class CurveSection(NamedTuple):
    """The figure, three sentences, the table (a row for each combination), and the same as a Parquet file."""

    picture: Picture
    sentences: list[str]
    table: Table
    parquet: bytes


def curve_section(ds: xr.Dataset, context: ReportContext) -> CurveSection:
    """Make the section of a loaded product ``sensitivity``; the same product gives the same bytes."""
    frame, parquet = curve_frame(ds), io.BytesIO()
    frame.to_parquet(parquet, index=False)
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    rows: Table = [{str(name): value for name, value in record.items()} for record in records]
    svg = drawn(curve_figure(ds), context)
    picture = Picture(in_language(f"{NAME}.svg"), NAME, tell(HEADING), tell(ALT), tell(CAPTION), svg)
    return CurveSection(picture, curve_sentences(ds), rows, parquet.getvalue())


def curve_frame(ds: xr.Dataset) -> pd.DataFrame:
    """Tabulate the product by combination: choices first, what is by region with the region in the name."""
    import pandas as pd

    columns = {str(name): da.values for name, da in ds.coords.items() if da.dims == ("combination",)}
    for name, da in ds.data_vars.items():
        if da.dims == ("combination",):
            columns[str(name)] = da.values
        elif set(da.dims) == {"combination", "region"}:
            columns |= {f"{name}_{region}": da.sel(region=region).values for region in da["region"].values}
    return pd.DataFrame(
        {name: values.astype(object) if values.dtype.kind in "UTO" else values for name, values in columns.items()}
    )
