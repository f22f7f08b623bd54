"""The product ``sensitivity`` of a cube: computed series by series, so that few fields are held at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import batched, pairwise

import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import REGION_ATTRIBUTES, annual
from smcloud.products.attributes import to_storage_dtype
from smcloud.products.choice_grid import LEAST_MONTHS
from smcloud.products.choice_maps import AMOUNTS, ROLES
from smcloud.products.sensitivity import Series, all_series, may_hold_values, series_figures, series_of, years_of
from smcloud.products.shared_null import own_signs, shared_null
from smcloud.products.specification import specification

# Series of one graph, which share what they read, and the cells that they may have together: they are held as fields.
AT_ONCE, MOST_CELLS = 4, 4_200_000


def curve(cube: xr.Dataset, config: RunConfig, compute: Callable[[xr.Dataset], xr.Dataset]) -> xr.Dataset:
    """Make the product ``sensitivity`` of the monthly ``cube``; in memory.

    ``compute`` loads small Datasets: the signs of the run's own change, then the figures of some series at a time. The
    product is that of :func:`~smcloud.products.specification.specification`. Raises what
    :func:`~smcloud.products.annual.annual` raises.
    """
    amounts = [name for name in AMOUNTS if name in cube]
    alone = amounts if len(amounts) < len(AMOUNTS) else []  # zones need both of them
    cube = cube.drop_vars([name for name in cube.data_vars if name not in ROLES or name in alone])
    first, years = years_of(cube, config)
    own = annual(cube.drop_vars([name for name in amounts if name in cube]), config)
    few = {"signs": own_signs(to_storage_dtype(own), config), "cells": may_hold_values(cube)}
    loaded = compute(xr.Dataset(few | {"alike": alike(own["n_months"])}))
    null = shared_null(loaded["signs"], loaded["cells"], config)
    made_as = one_of_alike(all_series(config, years), loaded["alike"].to_numpy().tolist())
    found: dict[Series, xr.Dataset] = {}
    for part in batches(list(dict.fromkeys(made_as.values())), at_once(cube.sizes["lat"] * cube.sizes["lon"])):
        figures = compute(series_figures(series_of(cube, config, part), null))
        found |= {each: figures.isel(series=at, drop=True) for at, each in enumerate(part)}
    found = {each: found[other] for each, other in made_as.items()}
    region = {name: cube.attrs[name] for name in REGION_ATTRIBUTES if name in cube.attrs}
    return specification(found, config, first, years, null).assign_attrs(region)


def alike(n_months: xr.DataArray) -> xr.DataArray:
    """Whether two neighbours of :data:`LEAST_MONTHS` give the same annual values everywhere (neighbours); lazy.

    They do where no year of a cell has a number of months, ``n_months``, that only one of them takes. A record without
    gaps is the commonest case.
    """
    limits = pairwise(LEAST_MONTHS.values())
    differ = [((n_months >= least) & (n_months < more)).any() for least, more in limits]
    return ~xr.concat(differ, "neighbours")


def one_of_alike(series: Sequence[Series], same: Sequence[bool]) -> dict[Series, Series]:
    """Return for each of the ``series`` the one whose values are its own too; ``same`` is :func:`alike`, loaded."""
    first = {name: name for name in LEAST_MONTHS}
    for (name, other), equal in zip(pairwise(LEAST_MONTHS), same, strict=True):
        first[other] = first[name] if equal else other
    return {each: each._replace(annual=first.get(each.annual, each.annual)) for each in series}


def batches(series: Sequence[Series], most: int) -> Iterator[tuple[Series, ...]]:
    """Divide ``series`` into those worked on together: at most so many, of one first year, to share what is read."""
    for start in dict.fromkeys(each.start for each in series):
        yield from batched((each for each in series if each.start == start), most)


def at_once(cells: int) -> int:
    """Return how many series are worked on together on a grid of so many ``cells``: they are held as fields."""
    return max(1, min(AT_ONCE, MOST_CELLS // cells))
