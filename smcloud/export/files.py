"""Tables as files: CSV and Parquet, written block by block."""

from __future__ import annotations

from pathlib import Path

from smcloud import delimited
from smcloud.export.frames import Table


def write_csv(table: Table, path: Path) -> None:
    """Write ``table`` as UTF-8 text with a commented header: title, citation, licence, and unit of each column."""
    with path.open("wb") as sink:
        delimited.write(sink, table.header(), table.schema, table.batches())


def write_parquet(table: Table, path: Path) -> None:
    """Write ``table`` with units in the metadata of its columns, and citation and licence in those of the file.

    A block is a row group. What is missing is null.
    """
    from pyarrow import parquet

    with parquet.ParquetWriter(path, table.schema, compression="zstd") as writer:
        for batch in table.batches():
            writer.write_batch(batch)
