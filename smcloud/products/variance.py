"""Which choice matters: how the variance of the excess over all combinations divides between the choices."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

FloatArray = npt.NDArray[np.float64]

# Choices of which only some pairs of options go together are one factor, so that the factors cross; within it, the
# second is what differs at one option of the first.
FACTORS = (("test", "estimator"), ("significance",), ("zones", "transition"), ("annual",), ("start",))
REST = "together"
COMMENT = (
    "First-order sums of squares over the total one, of ddww_excess over the balanced part of the table, where every "
    "option meets every other. Pairs of slope and test, and of zones and transition zone, count as one factor each, as "
    "some pairs are void; estimator is what slopes differ by under one test, transition what its place differs by in "
    f"one scheme of zones. {REST}: what several choices do only together. Options that lack a value somewhere "
    "are left out, the emptiest first, until the rest is complete."
)


def variance_by_choice(table: xr.Dataset, name: str = "ddww_excess") -> xr.Dataset:
    """Divide the variance of ``name`` (combination) by choice, as :data:`COMMENT` says.

    Returns ``variance_share`` (choice, and :data:`REST` last), adding up to 1; ``effect`` (choice), the largest less
    the smallest mean of its options; ``balanced`` (combination; 1 or 0), the rows that these rest on; and attributes:
    ``variance_left_out``, the options left out. NaN where fewer than two rows, or nothing that differs, is left.
    """
    values = np.asarray(table[name].to_numpy(), np.float64)
    columns = {choice: table[choice].to_numpy().astype(str) for factor in FACTORS for choice in factor}
    live = table["void"].to_numpy().astype(str) == ""
    cube, levels = _crossed(values, columns, live)
    left_out = []
    while cube.size and np.isnan(cube).any():
        axis, place = _emptiest(cube)
        left_out.append("/".join(reversed(levels[axis].pop(place))))
        cube = np.delete(cube, place, axis)
    shares, effects = _shares(cube, levels)
    choices = [choice for factor in FACTORS for choice in factor]
    balanced = live.copy()
    for factor, kept in zip(FACTORS, levels, strict=True):
        own = list(zip(*(columns[choice] for choice in factor), strict=True))
        balanced &= np.array([pair in kept for pair in own])
    out = xr.Dataset(
        {
            "variance_share": ("choice", [shares[choice] for choice in (*choices, REST)]),
            "effect": ("choice", [effects.get(choice, np.nan) for choice in (*choices, REST)]),
            "balanced": ("combination", (balanced & bool(cube.size)).astype("uint8")),
        },
        {"choice": [*choices, REST]},
    )
    return out.assign_attrs(variance_comment=COMMENT, variance_left_out=", ".join(left_out) or "none")


def _crossed(
    values: FloatArray, columns: dict[str, Any], live: npt.NDArray[np.bool_]
) -> tuple[FloatArray, list[list[tuple[str, ...]]]]:
    """The values by the levels of :data:`FACTORS`, and these levels; NaN where a level meets no value."""
    pairs = [list(zip(*(map(str, columns[choice]) for choice in factor), strict=True)) for factor in FACTORS]
    levels = [list(dict.fromkeys(pair for pair, used in zip(own, live, strict=True) if used)) for own in pairs]
    cube = np.full([len(level) for level in levels], np.nan)
    places = [{pair: at for at, pair in enumerate(level)} for level in levels]
    for at in np.flatnonzero(live):
        cube[tuple(place[own[at]] for place, own in zip(places, pairs, strict=True))] = values[at]
    return cube, levels


def _emptiest(cube: FloatArray) -> tuple[int, int]:
    """Axis and place of the level with the largest share of missing values; of equals, the one of fewest values."""
    missing = np.isnan(cube)
    shares = [
        (
            missing.mean(axis=tuple(other for other in range(cube.ndim) if other != axis))[place],
            cube.shape[axis],
            -axis,
            place,
        )
        for axis in range(cube.ndim)
        for place in range(cube.shape[axis])
    ]
    _, _, axis, place = max(shares)
    return -axis, place


def _shares(cube: FloatArray, levels: list[list[tuple[str, ...]]]) -> tuple[dict[str, float], dict[str, float]]:
    """Share of the sum of squares and reach of the means, by choice."""
    choices = [choice for factor in FACTORS for choice in factor]
    deviation = cube - cube.mean() if cube.size else cube
    total = float((deviation**2).sum())
    if cube.size < 2 or not total > 0:
        return dict.fromkeys((*choices, REST), float("nan")), {}
    shares, effects = {}, {}
    for axis, factor in enumerate(FACTORS):
        others = tuple(other for other in range(cube.ndim) if other != axis)
        means, weight = deviation.mean(axis=others), cube.size / cube.shape[axis]
        outer = np.array([pair[0] for pair in levels[axis]])
        by_outer = {name: float(means[outer == name].mean()) for name in dict.fromkeys(outer)}
        between = np.array([by_outer[name] for name in outer])
        shares[factor[0]] = float(weight * (between**2).sum()) / total
        effects[factor[0]] = max(by_outer.values()) - min(by_outer.values())
        if len(factor) > 1:
            within = means - between
            shares[factor[1]] = float(weight * (within**2).sum()) / total
            effects[factor[1]] = max((float(np.ptp(means[outer == name])) for name in by_outer), default=float("nan"))
    shares[REST] = max(0.0, 1.0 - sum(shares.values()))
    return shares, effects
