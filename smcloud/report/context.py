"""Facts about a run that the report shows besides its products."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from smcloud.conventions.invented import is_invented
from smcloud.report.language import tell
from smcloud.report.rounding import Table
from smcloud.secrecy import told

CREDIT = 400  # letters


@dataclass(frozen=True)
class ReportContext:
    """The facts of one run, as its release records them.

    ``config`` is the run's configuration as a nested mapping; ``inputs`` maps each role to
    ``entry, version, state, licence, citation``; ``seconds`` each stage to its time; ``missing`` are
    the roles that have no input; ``scorecard`` and ``presets`` (false alarms and finds of every preset)
    are given for the sample world only;
    ``land_mask`` is (lat, lon), above 0 on land, or None where the run has none; ``region_share`` is
    (lat, lon), the share of each cell in a region of polygons, else None; ``resolution`` is in degrees, None for a
    native grid; ``explorer`` is the address of the maps in the browser, None without them;
    ``release`` is the number of the release, None where it has none.
    """

    title: str
    created: str
    run_id: str
    cube_id: str
    config: Mapping[str, Any]
    inputs: Mapping[str, Mapping[str, Any]]
    seconds: Mapping[str, float] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    scorecard: Mapping[str, Any] | None = None
    presets: Table = field(default_factory=list)
    land_mask: xr.DataArray | None = None
    region_share: xr.DataArray | None = None
    resolution: float | None = None
    explorer: str | None = None
    release: int | None = None

    @property
    def invented(self) -> bool:
        """Whether the run is on the sample world, whose catalog entries carry that version, and not on the Earth."""
        return self.scorecard is not None or is_invented(entry.get("version") for entry in self.inputs.values())

    @property
    def credit(self) -> str:
        """What a figure is from: release, run and the sources with their versions."""
        sources = {
            f"{record.get('entry') or '?'} {record.get('version') or ''}".strip() for record in self.inputs.values()
        }
        values = {"run": self.run_id, "sources": told(", ".join(sorted(sources)), CREDIT)}
        if self.release is None:
            return tell("smcloud, run {run}. Data: {sources}.", **values)
        return tell("smcloud, release {release}, run {run}. Data: {sources}.", release=self.release, **values)

    @property
    def has_polygons(self) -> bool:
        """Whether the run is of polygons, so that some cells of its grid lie outside of its region."""
        return bool((self.config.get("region") or {}).get("shape"))

    @property
    def alpha(self) -> float:
        """The level of the tests."""
        return float(self.config.get("alpha", 0.05))

    @property
    def level(self) -> str:
        """The level of the intervals in per cent, ``95 %`` for alpha 0.05."""
        return f"{100 * (1 - self.alpha):g} %"

    @property
    def trend_test(self) -> str:
        """How ``significant`` of the trend product was decided, in words for a caption."""
        return self._test("trend", "significance")

    @property
    def driver_test(self) -> str:
        """How a driver qualifies for ``dominant_driver``, in words for a caption."""
        return self._test("drivers", "dominant")

    @property
    def adjusts_trend(self) -> bool:
        """Whether ``significant`` of the trend product allows for the number of cells."""
        return dict(self.config.get("trend", {})).get("significance") == "p_adjusted"

    @property
    def pools_trend(self) -> bool:
        """Whether the trend was tested under the autocorrelation that neighbours share."""
        return dict(self.config.get("trend", {})).get("test") == "effective_pooled"

    @property
    def grid(self) -> str:
        """The grid in words."""
        if not self.resolution:
            return tell("native grid")
        return tell("{degrees}° grid", degrees=f"{self.resolution:g}")

    def period(self, products: Mapping[str, xr.Dataset]) -> str:
        """Return the years that were analysed, from the annual product, else from the configuration."""
        annual = products.get("annual")
        if annual is not None and annual.sizes.get("year", 0):
            years = annual["year"].values
            return f"{int(years.min())}–{int(years.max())}"
        period = self.config.get("period", {})
        return tell("{start} to {end}", start=period.get("start", "?"), end=period.get("end", "?"))

    def _test(self, section: str, key: str) -> str:
        chosen = dict(self.config.get(section, {})).get(key, "p_value")
        if chosen == "p_adjusted":
            return tell("p ≤ {alpha} after Benjamini–Hochberg", alpha=f"{self.alpha:g}")
        return f"p < {self.alpha:g}"
