"""Three sentences of a specification curve: which choice matters, how far the excess goes, and the study's share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.products.choice_grid import BY_NAME
from smcloud.products.variance import REST
from smcloud.report.labels import label
from smcloud.report.language import message, tell
from smcloud.report.rounding import MINUS

FloatArray = npt.NDArray[np.float64]

# Choices as a sentence names them.
NAMES = {
    "zones": message("the zones"), "test": message("the test"), "estimator": message("the slope"),
    "significance": message("the rule for many tests"), "transition": message("the place of the transition zone"),
    "annual": message("the annual values"), "start": message("the first year"),
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
    if not shares:
        return tell("Which choice matters cannot be told: too few combinations have a DDWW share.")
    (name, share, reach), *others = shares
    rest = [
        tell("{choice} {share}", choice=_label(other), share=_percent(part)) for other, part, _ in others[:2]
    ]  # fmt: skip
    left = str(ds.attrs.get("variance_left_out", "none"))
    values = {
        "choice": _label(name), "share": _percent(share), "reach": _points(reach), "others": tell(", ").join(rest),
        "together": _percent(float(ds["variance_share"].sel(choice=REST))), "rows": int(ds["balanced"].sum()),
    }  # fmt: skip
    if left == "none":
        return tell(
            "The choice that matters most is {choice}: {share} of the variance of the excess over chance goes with it, "
            "and the means of its options lie {reach} apart; next are {others}, and {together} goes with several "
            "choices only together ({rows} balanced combinations).",
            **values,
        )
    return tell(
        "The choice that matters most is {choice}: {share} of the variance of the excess over chance goes with it, and "
        "the means of its options lie {reach} apart; next are {others}, and {together} goes with several choices only "
        "together ({rows} balanced combinations; left out, as some of their combinations have no DDWW share: {left}).",
        left=left, **values,
    )  # fmt: skip


def _how_far(ds: xr.Dataset) -> str:
    excess, total = live(ds, "ddww_excess"), int((ds["void"].values == "").sum())
    if not excess.size:
        return tell(
            "None of the {total} combinations that are not void has a DDWW share: nothing changes significantly.",
            total=total,
        )
    share, lower, upper = (live(ds, f"ddww_{name}") for name in ("share_of_change", "null_lower", "null_upper"))
    ranged = np.isfinite(lower)
    values = {
        "lowest": _points(excess.min()), "highest": _points(excess.max()),
        "median": _points(float(np.median(excess))), "count": int(excess.size), "total": total,
    }  # fmt: skip
    if not ranged.any():
        return tell(
            "The excess of the DDWW share over its own chance runs from {lowest} to {highest}, with a median of "
            "{median}, over {count} of {total} combinations that are not void; no combination has a range by chance.",
            **values,
        )
    above, below = ((part & ranged).sum() / ranged.sum() for part in (share > upper, share < lower))
    return tell(
        "The excess of the DDWW share over its own chance runs from {lowest} to {highest}, with a median of {median}, "
        "over {count} of {total} combinations that are not void; {above} of the combinations lie above their range by "
        "chance, {below} below it and {within} within.",
        above=_percent(above), below=_percent(below), within=_percent(1 - above - below), **values,
    )  # fmt: skip


def _the_study(ds: xr.Dataset) -> str:
    expected = live(ds, "ddww_expected_share")
    if not expected.size:
        return tell("Whether the study's 41.06 % is more than chance cannot be told here.")
    return tell(
        "Chance alone gives between {lowest} and {highest} by the choices made, so the study's 41.06 % would be more "
        "than chance in {above} of these combinations and less in the others: without its zones and its denominator "
        "that figure says nothing.",
        lowest=_percent(expected.min()), highest=_percent(expected.max()),
        above=_percent(float((expected < STUDY_SHARE).mean())),
    )  # fmt: skip


def _label(name: str) -> str:
    return tell(NAMES[name]) if name in NAMES else label(BY_NAME[name].label)


def _percent(share: Any) -> str:
    return f"{100 * float(share):.0f} %"


def _points(excess: Any) -> str:
    return tell("{number} points", number=f"{100 * float(excess):.1f}".replace("-", MINUS))
