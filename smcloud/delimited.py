"""Comma-separated text that other programs read back to the last bit: commented header, exact numbers, no formulas.

The first lines begin with ``#``. Below them ``pandas.read_csv(path, comment="#")`` and R's ``read.csv(path,
comment.char="#")`` find plain CSV: text is quoted, numbers are not, what is missing is an empty cell.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from smcloud.secrecy import printable, told

if TYPE_CHECKING:
    import pyarrow as pa

# A spreadsheet takes a cell that begins with one of these for a formula, the wide forms too.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
LONGEST = 20_000
WIDEST = 0.04  # m3 m-3 yr-1: +-0.02 a year is +-0.4 m3 m-3 in two decades, all that soil can hold


def no_formula(text: str) -> str:
    """Return ``text`` as one line that no spreadsheet runs: an apostrophe before what would begin a formula.

    Control characters and line breaks are spelled out. All other text stays as it is.
    """
    return printable(f"'{text}" if text.startswith(FORMULA) else text)


def described(name: str, attrs: Mapping[str, str]) -> str:
    """Describe a column in one line: its name, unit in brackets, meaning and codes, as far as it has them."""
    codes = zip(attrs.get("flag_values", "").split(), attrs.get("flag_meanings", "").split(), strict=False)
    more = "; ".join(f"{code} is {meaning}" for code, meaning in codes)
    about = ". ".join(filter(None, (attrs.get("long_name", ""), more and f"Codes: {more}", attrs.get("comment", ""))))
    unit = f" [{attrs['units']}]" if "units" in attrs else ""
    return f"{name}{unit}" + (f": {about}" if about else "")


def comment(lines: Iterable[str]) -> bytes:
    """Return ``lines`` as comments, each on one line, whatever it holds."""
    return "".join(f"# {told(line, LONGEST)}\n" for line in lines).encode()


def write(sink: IO[bytes], header: Iterable[str], schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write commented ``header``, the names of the columns, and the rows of ``batches`` as they come.

    A float32 is written as the double that it equals, so that no reader has to know its type. Null and NaN are empty.
    """
    from pyarrow import csv

    sink.write(comment(header))
    plain = _plain_schema(schema)
    with csv.CSVWriter(sink, plain, write_options=csv.WriteOptions(quoting_style="needed")) as writer:
        for batch in batches:
            writer.write_batch(_plain(batch, plain))


def table_bytes(header: Iterable[str], columns: Mapping[str, Sequence[Any]]) -> bytes:
    """Return a small table, its columns by name, as :func:`write` writes it; None is missing."""
    import pyarrow as pa

    table = pa.table({name: pa.array(list(values), from_pandas=True) for name, values in columns.items()})
    sink = io.BytesIO()
    write(sink, header, table.schema, table.to_batches())
    return sink.getvalue()


def _plain_schema(schema: pa.Schema) -> pa.Schema:
    import pyarrow as pa

    def plain(kind: pa.DataType) -> pa.DataType:
        if pa.types.is_floating(kind):
            return pa.float64()
        return pa.string() if pa.types.is_timestamp(kind) or pa.types.is_null(kind) else kind

    return pa.schema([pa.field(field.name, plain(field.type)) for field in schema])


def _plain(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_arrays(list(_plain_columns(batch, schema)), schema=schema)


def _plain_columns(batch: pa.RecordBatch, schema: pa.Schema) -> Iterator[pa.Array]:
    import pyarrow as pa
    import pyarrow.compute as pc

    for column, field in zip(batch.columns, schema, strict=True):
        if pa.types.is_timestamp(column.type):
            yield pc.strftime(column, format="%Y-%m-%dT%H:%M:%S")
        elif pa.types.is_string(column.type):
            known = column.dictionary_encode()
            yield pa.array([no_formula(text) for text in known.dictionary.to_pylist()], pa.string()).take(known.indices)
        elif pa.types.is_floating(column.type):
            wide = column.cast(pa.float64())
            yield pc.if_else(pc.is_nan(wide), pa.scalar(None, pa.float64()), wide)
        else:
            yield column.cast(field.type)
