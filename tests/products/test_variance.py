"""The variance by choice, against tables whose parts are known."""

import itertools

import numpy as np
import pytest
import xarray as xr

from smcloud.products.variance import REST, variance_by_choice

TESTS = [("t", "ols"), ("mk", "ols"), ("mk", "sen"), ("3pw", "ols"), ("3pw", "sen")]
ZONES = [("ai", "in"), ("ai", "out"), ("two", "in")]
OTHERS = [("p", "bh"), ("4", "6", "8"), ("first", "+1")]


def made(value) -> xr.Dataset:
    """A table of all pairs of these options, ``value`` of each by name, and one void row."""
    combinations = itertools.product(TESTS, ZONES, *OTHERS)
    names = [(*test, *zone, *others) for test, zone, *others in combinations]
    columns = ("test", "estimator", "zones", "transition", "significance", "annual", "start")
    rows = [dict(zip(columns, row, strict=True)) for row in names]
    rows.append(rows[0] | {"estimator": "sen"})
    coords = {column: ("combination", np.array([row[column] for row in rows])) for column in columns}
    excess = np.array([*(value(row) for row in rows[:-1]), np.nan])
    void = np.array([*[""] * len(names), "why"])
    return xr.Dataset({"ddww_excess": ("combination", excess), "void": ("combination", void)}, coords)


def shares(value) -> dict[str, float]:
    found = variance_by_choice(made(value))
    return dict(zip(found["choice"].values.tolist(), found["variance_share"].values.tolist(), strict=True))


@pytest.mark.parametrize("choice", ["test", "zones", "significance", "annual", "start"])
def test_one_choice_that_decides_has_all_of_it(choice: str) -> None:
    found = shares(lambda row: hash_of(row[choice]))
    assert found.pop(choice) == pytest.approx(1) and max(found.values()) < 1e-12


@pytest.mark.parametrize(("inner", "outer"), [("estimator", "mk"), ("transition", "ai")])
def test_what_differs_within_one_option_is_the_inner_choice(inner: str, outer: str) -> None:
    first = {"estimator": "test", "transition": "zones"}[inner]
    found = shares(lambda row: (row[inner] in ("sen", "out")) * 2.0 - 1 if row[first] == outer else 0.0)
    assert found[inner] == pytest.approx(1)


def test_shares_add_up_and_two_choices_that_cross_are_together() -> None:
    found = shares(lambda row: ((row["start"] == "first") * 2 - 1) * ((row["significance"] == "p") * 2 - 1))
    assert found[REST] == pytest.approx(1) and sum(found.values()) == pytest.approx(1)
    rng = np.random.default_rng(5)
    assert sum(shares(lambda row: rng.normal()).values()) == pytest.approx(1)


def test_against_an_analysis_of_variance_by_least_squares() -> None:
    rng = np.random.default_rng(8)
    table = made(lambda row: rng.normal() + hash_of(row["annual"]) + 2 * hash_of(row["zones"] + row["transition"]))
    found = variance_by_choice(table)["variance_share"]
    kept = table.isel(combination=table["void"].values == "")
    y = kept["ddww_excess"].values - kept["ddww_excess"].values.mean()
    for names in (("annual",), ("start",), ("zones", "transition"), ("test", "estimator")):
        group = np.array(["/".join(row) for row in zip(*(kept[name].values for name in names), strict=True)])
        fitted = sum((group == name) * y[group == name].mean() for name in set(group))
        assert float(found.sel(choice=list(names)).sum()) == pytest.approx((fitted**2).sum() / (y**2).sum())


def test_options_without_values_are_left_out_and_named() -> None:
    table = made(lambda row: np.nan if row["test"] == "3pw" and row["significance"] == "bh" else hash_of(row["start"]))
    found = variance_by_choice(table)
    assert (
        found.attrs["variance_left_out"] == "ols/3pw, sen/3pw" or found.attrs["variance_left_out"] == "sen/3pw, ols/3pw"
    )
    used = table.isel(combination=found["balanced"].values == 1)
    assert used.sizes["combination"] == 3 * 3 * 12 and used["ddww_excess"].notnull().all()
    assert float(found["variance_share"].sel(choice="start")) == pytest.approx(1)


def test_nothing_that_differs_is_not_known() -> None:
    assert all(np.isnan(share) for share in shares(lambda row: 0.25).values())
    assert all(np.isnan(share) for share in shares(lambda row: np.nan).values())


def hash_of(name: str) -> float:
    return float(sum(map(ord, name)) % 17)
