"""DDWW in sentences: the share by both denominators, the odds ratio, and what chance gives."""

from __future__ import annotations

from typing import Any

import xarray as xr

from smcloud.report.labels import label
from smcloud.report.language import tell
from smcloud.report.rounding import Table, figures, hundredths, percent
from smcloud.report.sentences import area
from smcloud.report.values import plain


def ddww(product: xr.Dataset, table: Table) -> list[str]:
    """Write DDWW and its opposite with both denominators, and the expectation by chance."""
    shares = ddww_shares(product, table)
    if not shares["changed"]:
        return [tell("No zone has a significant change, so there is no DDWW share.")]
    lines = [
        tell(
            "“Dry gets drier, wet gets wetter” (DD + WW) holds on {of_change} of {changed} ({area}), which is "
            "{of_land} "
            "of the land with a valid trend and a zone.",
            of_change=ddww_share(product, "change", shares["of_change"], method=True), changed=changed_land(product),
            area=area(shares["changed"]), of_land=ddww_share(product, "land", shares["of_land"]),
        )
    ]  # fmt: skip
    lines += _odds(product)
    values = {"of_change": percent(shares["opposite_of_change"]), "of_land": percent(shares["opposite_of_land"])}
    if shares["by_chance"] is None:
        return [
            *lines,
            tell("The opposite (DW + WD) covers {of_change} of the changed area and {of_land} of that land.", **values),
        ]
    return [
        *lines,
        tell(
            "The opposite (DW + WD) covers {of_change} of the changed area and {of_land} of that land; if zone and "
            "change had nothing to do with each other, DDWW would hold on {chance} of the changed area.",
            chance=percent(shares["by_chance"]), **values,
        ),
    ]  # fmt: skip


def _odds(product: xr.Dataset) -> list[str]:
    """The odds ratio with its interval, and the range of the share where the directions know nothing of the zones."""
    lines, odds = [], attribute(product, "odds_ratio")
    if odds is not None:
        lower, upper = attribute(product, "odds_ratio_lower"), attribute(product, "odds_ratio_upper")
        if lower is None or upper is None:
            lines.append(
                tell("The odds ratio DD × WW / (DW × WD), by area, is {odds}; 1 is no association.", odds=figures(odds))
            )
        else:
            lines.append(
                tell(
                    "The odds ratio DD × WW / (DW × WD), by area, is {odds} ({level} interval {lower} to {upper}); 1 "
                    "is "
                    "no association.",
                    odds=figures(odds), level=_level(product), lower=figures(lower), upper=figures(upper),
                )
            )  # fmt: skip
    lower, upper = attribute(product, "ddww_null_lower"), attribute(product, "ddww_null_upper")
    if lower is not None and upper is not None:
        lines.append(
            tell(
                "Where directions of change go together in space but know nothing of the zones, the DDWW share lies "
                "between {lower} and {upper} in 95 % of simulations.",
                lower=percent(lower), upper=percent(upper),
            )
        )  # fmt: skip
    return lines


def attribute(product: xr.Dataset, name: str) -> float | None:
    """Return a number among the attributes of ``product``, None where it is missing or not finite."""
    return plain(product.attrs[name]) if name in product.attrs else None


def _level(product: xr.Dataset) -> str:
    return f"{100 * (1 - float(product.attrs.get('alpha', 0.05))):g} %"


def changed_land(product: xr.Dataset) -> str:
    """What shares of the change are of."""
    said = product.attrs.get("ddww_share_of_change_denominator", "the area with a significant change and a zone")
    return label(str(said))


def ddww_share(product: xr.Dataset, base: str, share: float | None, method: bool = False) -> str:
    """A DDWW share of the change, or of the land, with its interval where the run has one, and how that was made."""
    lower, upper = (attribute(product, f"ddww_share_of_{base}_{limit}") for limit in ("lower", "upper"))
    if lower is None or upper is None:
        return percent(share)
    values = {"share": percent(share), "level": _level(product), "lower": hundredths(lower), "upper": percent(upper)}
    if method:
        return tell("{share} ({level} interval {lower} to {upper}, by a bootstrap of 20-degree tiles)", **values)
    return tell("{share} ({level} interval {lower} to {upper})", **values)


def ddww_shares(product: xr.Dataset, table: Table) -> dict[str, Any]:
    """Return DDWW shares 0..1 of the changed area and of land with a trend; its opposite's, chance's; changed km2."""
    rows = {row["class"]: row for row in table}

    def together(names: tuple[str, str], key: str) -> float | None:
        values = [rows[name].get(key) for name in names if name in rows]
        known = [value for value in values if value is not None]
        return sum(known) if len(known) == 2 else None

    return {
        "of_change": attribute(product, "ddww_share_of_change"),
        "of_land": attribute(product, "ddww_share_of_land"),
        "opposite_of_change": together(("DW", "WD"), "share_of_change"),
        "opposite_of_land": together(("DW", "WD"), "share_of_land"),
        "by_chance": together(("DD", "WW"), "expected_share"),
        "changed": sum(row["area_km2"] or 0.0 for row in table if row["share_of_change"] is not None),
    }
