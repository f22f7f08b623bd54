"""Products as tidy tables: one table for each set of dims, read in blocks of rows that do not grow with the record."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.chunking import CHUNK
from smcloud.delimited import WIDEST, described
from smcloud.products.variables import VARIABLES

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 2**18  # of a block: a band of 180 rows of a global 0.25 degree grid
LABEL = "_label"
SAID_FIRST = ("title", "note", "summary", "product_version", "date_issued", "citation", "license", "acknowledgement")
SAID_OF_A_VARIABLE = (
    "units", "long_name", "standard_name", "cell_methods", "flag_values", "flag_meanings", "comment",
)  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column of a table: ``variable`` is where its values are; ``edge`` 0 or 1 of bounds; ``label`` of the codes."""

    name: str
    variable: str
    attrs: Mapping[str, str]
    edge: int | None = None
    label: bool = False

    @property
    def said(self) -> dict[str, str]:
        """``attrs`` as a header tells them: the codes stand with the code, not once more with its label."""
        return {name: it for name, it in self.attrs.items() if not (self.label and name.startswith("flag_"))}


@dataclass(frozen=True)
class Table:
    """A table of ``ds``: a row for each combination of ``dims``, the last of them running fastest."""

    name: str
    ds: xr.Dataset
    dims: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return math.prod(self.ds.sizes[dim] for dim in self.dims)

    @cached_property
    def schema(self) -> pa.Schema:
        """Types of the columns as they are stored, with units and meaning, and the attributes of the product."""
        import pyarrow as pa

        fields = []
        for column in self.columns:
            kind = pa.string() if column.label else self._type(column)
            fields.append(pa.field(column.name, kind, metadata=dict(column.attrs)))
        return pa.schema(fields, metadata=attributes(self.ds))

    def header(self) -> list[str]:
        """What the table is about, in lines: the attributes of the product, then what a row and each column is."""
        about = [f"{name}: {text}" for name, text in attributes(self.ds).items()]
        about += [f"table: {self.name}, one row for each {', '.join(self.dims)}; an empty cell is a missing value"]
        if {"slope_lower", "slope_upper"} <= {column.name for column in self.columns}:
            about += [
                f"an interval of a slope that is wider than {WIDEST:g} m3 m-3 yr-1 (what soil can lose or gain) bounds "
                "nothing; its limits are those of the product"
            ]
        return about + [f"column {described(column.name, column.said)}" for column in self.columns]

    def batches(self, rows: int = ROWS) -> Iterator[pa.RecordBatch]:
        """Read the table in blocks of at most ``rows`` rows, in order; one block is in memory at a time."""
        import pyarrow as pa

        names = list(dict.fromkeys(column.variable for column in self.columns if column.variable in self.ds))
        used = self.ds[names]
        for index in blocks(self.dims, self.ds.sizes, rows):
            part = used.isel({dim: cut for dim, cut in index.items() if dim in used.dims}).compute()
            shape = tuple(cut.stop - cut.start for cut in index.values())
            arrays = [self._values(column, part, index, shape) for column in self.columns]
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _type(self, column: Column) -> pa.DataType:
        import pyarrow as pa

        if column.variable not in self.ds:
            return pa.int64()
        dtype = self.ds[column.variable].dtype
        if dtype.kind in "USOT":
            return pa.string()
        return pa.timestamp("s") if dtype.kind == "M" else pa.from_numpy_dtype(dtype)

    def _values(self, column: Column, part: xr.Dataset, index: Mapping[str, slice], shape: tuple[int, ...]) -> pa.Array:
        import pyarrow as pa

        if column.variable not in part:  # a dim without a coordinate
            cut = index[column.variable]
            own = xr.Variable((column.variable,), np.arange(cut.start, cut.stop) + 1)
        else:
            own = part[column.variable].variable
        if column.edge is not None:
            own = own.isel({own.dims[-1]: column.edge})
        order = [dim for dim in self.dims if dim in own.dims]
        own = own.transpose(*order)
        if own.dtype.kind in "USOT":  # text is stored once, rows point to it
            text = pa.array([str(value) for value in np.asarray(own.values, dtype=object).ravel()], pa.string())
            where = np.arange(own.size).reshape(own.shape)
            return text.take(pa.array(self._spread(where, order, shape)))
        values = self._spread(own.values, order, shape)
        if column.label:
            return labels(values, column.attrs)
        return pa.array(values, self.schema.field(column.name).type, from_pandas=True)

    def _spread(self, values: npt.NDArray[Any], order: Sequence[str], shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """``values`` over the dims ``order``, repeated along the other dims of the table, a value for each row."""
        sizes = iter(values.shape)
        return np.broadcast_to(values.reshape([next(sizes) if d in order else 1 for d in self.dims]), shape).ravel()


def labels(codes: npt.NDArray[Any], attrs: Mapping[str, str]) -> pa.Array:
    """Meanings of ``codes``; null where a code has none, or is missing."""
    import pyarrow as pa

    known = np.array([float(code) for code in attrs["flag_values"].split()])
    order = np.argsort(known)
    place = np.searchsorted(known[order], codes).clip(0, known.size - 1)
    found = known[order][place] == codes
    return pa.array(attrs["flag_meanings"].split(), pa.string()).take(pa.array(order[place], mask=~found))


def blocks(dims: Sequence[str], sizes: Mapping[Any, int], rows: int) -> Iterator[dict[str, slice]]:
    """Cut a table over ``dims`` into blocks of at most ``rows`` rows, so that they follow each other in its order.

    Where a block can hold whole stored chunks along the dim that is cut, it does.
    """
    inner, at = 1, len(dims)
    while at and inner * sizes[dims[at - 1]] <= rows:
        at -= 1
        inner *= sizes[dims[at]]
    outer = dims[: max(at - 1, 0)]
    for place in itertools.product(*(range(sizes[dim]) for dim in outer)):
        one = {dim: slice(i, i + 1) for dim, i in zip(outer, place, strict=True)}
        rest = {dim: slice(0, sizes[dim]) for dim in dims[at:]}
        if not at:
            yield rest
            continue
        cut = dims[at - 1]
        step = max(rows // inner, 1)
        step = step - step % CHUNK if step >= CHUNK else step
        for start in range(0, sizes[cut], step):
            yield one | {cut: slice(start, min(start + step, sizes[cut]))} | rest


def tables(product: str, ds: xr.Dataset) -> list[Table]:
    """All tables of ``product``, whose dataset is ``ds``: one for each set of dims that a variable has.

    Cells are the pairs of ``lat`` and ``lon``: ``trend_cells`` has a row for each of them, ``drivers_cells_driver`` one
    for each driver and cell. A flag has its code and, in ``<name>_label``, the meaning. A dim without a coordinate is
    numbered from 1. The edges of the cells stand in the table of cells.
    """
    edges = {bounds_of(ds[name]): str(name) for name in ds.coords if bounds_of(ds[name]) in ds.variables}
    known = list(VARIABLES.get(product, {}))
    shapes: dict[tuple[str, ...], list[str]] = {}
    for name in map(str, ds.data_vars):
        dims = tuple(map(str, ds[name].dims))
        if dims and name not in edges:
            same = next((held for held in shapes if {*held} == {*dims}), dims)
            shapes.setdefault(same, []).append(name)
    made = []
    for dims, names in shapes.items():
        names.sort(key=lambda name: known.index(name) if name in known else len(known))
        columns = [
            column for dim in dims for name in _coordinates(ds, dim) for column in _columns(ds, name, edges, dims)
        ]
        columns += [column for name in names for column in _columns(ds, name, edges, dims)]
        made.append(Table(table_name(product, dims), ds, dims, tuple(columns)))
    return sorted(made, key=lambda table: len(table.dims))


def table_name(product: str, dims: Sequence[str]) -> str:
    """Name the table of ``product`` over ``dims``: ``annual_cells_year``."""
    others = [dim for dim in dims if dim not in ("lat", "lon")]
    return plain_name("_".join([product, *(["cells"] if len(others) < len(dims) else []), *others]))


def plain_name(text: str) -> str:
    """Return ``text`` as the name of a file, which leads into no other folder."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).lstrip(".-") or "x"


def bounds_of(da: xr.DataArray) -> str:
    """The name of the variable that holds the bounds of a coordinate, empty where it has none."""
    return str(da.attrs.get("bounds") or da.encoding.get("bounds") or "")


def _coordinates(ds: xr.Dataset, dim: str) -> list[str]:
    """``dim`` itself, then the other coordinates along it."""
    edges = {bounds_of(ds[name]) for name in ds.coords}
    return [dim, *(str(name) for name in ds.coords if ds[name].dims == (dim,) and name not in (dim, *edges))]


def _columns(ds: xr.Dataset, name: str, edges: Mapping[str, str], dims: Sequence[str]) -> Iterator[Column]:
    if name not in ds:
        yield Column(name, name, {"units": "1", "long_name": f"number of the {name}, from 1"})
        return
    attrs = texts(ds[name].attrs)
    yield Column(name, name, attrs)
    if "flag_values" in attrs and "flag_meanings" in attrs:
        yield Column(f"{name}{LABEL}", name, _without_units(attrs) | {"long_name": f"meaning of {name}"}, label=True)
    bounds = next((held for held, of in edges.items() if of == name), "")
    if bounds and {*dims} == {"lat", "lon"}:
        for edge in (0, 1):
            about = {"units": attrs.get("units", "1"), "long_name": f"edge of the cell in {name}"}
            yield Column(f"{bounds}_{edge}", bounds, about, edge=edge)


def _without_units(attrs: Mapping[str, str]) -> dict[str, str]:
    """``attrs`` of a code as those of its meaning, which is a text."""
    return {name: it for name, it in attrs.items() if name != "units"}


def texts(attrs: Mapping[Any, Any]) -> dict[str, str]:
    """The attributes of a variable that say what its values are, as text."""
    return {name: text(attrs[name]) for name in SAID_OF_A_VARIABLE if name in attrs}


def attributes(ds: xr.Dataset) -> dict[str, str]:
    """The attributes of a product as text: title, release, citation and licence first."""
    names = [name for name in SAID_FIRST if name in ds.attrs]
    return {name: text(ds.attrs[name]) for name in [*names, *(str(key) for key in ds.attrs if key not in names)]}


def text(value: Any) -> str:
    """An attribute as text; several values are separated by blanks."""
    if isinstance(value, list | tuple | np.ndarray):
        return " ".join(str(item) for item in np.asarray(value).ravel().tolist())
    return str(value)
