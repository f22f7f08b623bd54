"""Three sentences of a specification curve: which choice matters, how far the excess goes, and the study's share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.products.choice_grid import BY_NAME
from smcloud.products.variance import REST
from smcloud.report.rounding import MINUS

FloatArray = npt.NDArray[np.float64]

# Choices as a sentence names them.
NAMES = {
    "zones": "the zones", "test": "the test", "estimator": "the slope", "significance": "the rule for many tests",
    "transition": "the place of the transition zone", "annual": "the annual values", "start": "the first year",
}  # fmt: skip
STUDY_SHARE = 0.4106  # of Peng et al. 2023, of the area with a significant change


def curve_sentences(ds: xr.Dataset) -> list[str]:
    """Say in three sentences what a loaded product ``sensitivity`` shows; what is not known is said to be not known.

    The third is of the study's share, which is the globe's: of a region there are two.
    """
    return [_which_matters(ds), _how_far(ds)] + ([] if ds.attrs.get("region_name") else [_the_study(ds)])


def by_share(ds: xr.Dataset) -> list[tuple[str, float, float]]:
    """List the choices by falling share of the variance, with that share and the reach of the means of their options.

    What choices do only together is not among them; empty where there is no variance.
    """
    names = [str(name) for name in ds["choice"].values if str(name) != REST]
    found = [(n, float(ds["variance_share"].sel(choice=n)), float(ds["effect"].sel(choice=n))) for n in names]
    return sorted((it for it in found if np.isfinite(it[1])), key=lambda it: -it[1])


def live(ds: xr.Dataset, name: str) -> FloatArray:
    """Return the column ``name`` of the combinations that have an excess."""
    kept = np.isfinite(ds["ddww_excess"].values)
    values: FloatArray = ds[name].values[kept]
    return values


def _which_matters(ds: xr.Dataset) -> str:
    shares = by_share(ds)
    rows = int(ds["balanced"].sum())
    if not shares:
        return "Which choice matters cannot be told: too few combinations have a DDWW share."
    (name, share, reach), *others = shares
    rest = ", ".join(f"{_label(other)} {_percent(part)}" for other, part, _ in others[:2])
    together = float(ds["variance_share"].sel(choice=REST))
    left = str(ds.attrs.get("variance_left_out", "none"))
    without = "" if left == "none" else f"; left out, as some of their combinations have no DDWW share: {left}"
    return (
        f"The choice that matters most is {_label(name)}: {_percent(share)} of the variance of the excess over chance "
        f"goes with it, and the means of its options lie {_points(reach)} apart; next are {rest}, and "
        f"{_percent(together)} goes with several choices only together ({rows} balanced combinations{without})."
    )


def _how_far(ds: xr.Dataset) -> str:
    excess, total = live(ds, "ddww_excess"), int((ds["void"].values == "").sum())
    if not excess.size:
        return f"None of the {total} combinations that are not void has a DDWW share: nothing changes significantly."
    share, lower, upper = (live(ds, f"ddww_{name}") for name in ("share_of_change", "null_lower", "null_upper"))
    ranged = np.isfinite(lower)
    told = "no combination has a range by chance"
    if ranged.any():
        above, below = ((part & ranged).sum() / ranged.sum() for part in (share > upper, share < lower))
        told = (
            f"{_percent(above)} of the combinations lie above their range by chance, {_percent(below)} below it and "
            f"{_percent(1 - above - below)} within"
        )
    return (
        f"The excess of the DDWW share over its own chance runs from {_points(excess.min())} to "
        f"{_points(excess.max())}, with a median of {_points(float(np.median(excess)))}, over {excess.size} of "
        f"{total} combinations that are not void; {told}."
    )


def _the_study(ds: xr.Dataset) -> str:
    expected = live(ds, "ddww_expected_share")
    if not expected.size:
        return "Whether the study's 41.06 % is more than chance cannot be told here."
    above = float((expected < STUDY_SHARE).mean())
    return (
        f"Chance alone gives between {_percent(expected.min())} and {_percent(expected.max())} by the choices made, so "
        f"the study's 41.06 % would be more than chance in {_percent(above)} of these combinations and less in the "
        "others: without its zones and its denominator that figure says nothing."
    )


def _label(name: str) -> str:
    return NAMES.get(name, BY_NAME[name].label)


def _percent(share: Any) -> str:
    return f"{100 * float(share):.0f} %"


def _points(excess: Any) -> str:
    return f"{100 * float(excess):.1f} points".replace("-", MINUS)
