"""What the tests find at 22 years by simulation: the tables of the science page, to set a score beside."""

from __future__ import annotations

from smcloud.config import RunConfig

YEARS = 22
ALPHA = 0.05
PHI = (0.0, 0.2, 0.4, 0.6)
Rates = tuple[float, float, float, float]

# Share of series without a trend that are rejected at 5 %, by autocorrelation.
FALSE_ALARMS: dict[str, Rates] = {
    "ols": (0.050, 0.105, 0.188, 0.311),
    "mann_kendall": (0.049, 0.094, 0.171, 0.282),
    "prewhitening": (0.045, 0.046, 0.051, 0.063),
    "3pw": (0.030, 0.040, 0.049, 0.063),
    "effective": (0.034, 0.051, 0.063, 0.072),
    "effective_pooled": (0.051, 0.054, 0.048, 0.045),
}
# Share of series with a trend of so many standard errors that are rejected at 5 %.
POWER: dict[str, dict[float, Rates]] = {
    "ols": {3: (0.81, 0.89, 0.95, 0.97), 4: (0.97, 0.99, 0.99, 1.0), 6: (1.0, 1.0, 1.0, 1.0)},
    "mann_kendall": {3: (0.77, 0.86, 0.93, 0.96), 4: (0.95, 0.98, 0.99, 0.99), 6: (1.0, 1.0, 1.0, 1.0)},
    "3pw": {3: (0.40, 0.33, 0.27, 0.28), 4: (0.51, 0.40, 0.33, 0.35), 6: (0.55, 0.43, 0.41, 0.52)},
    "effective": {3: (0.70, 0.66, 0.58, 0.48), 4: (0.90, 0.83, 0.73, 0.59), 6: (0.98, 0.94, 0.84, 0.69)},
    "effective_pooled": {4: (0.96, 0.96, 0.96, 0.95)},
}
# The same after Benjamini-Hochberg where 30 % of the cells have such a trend: of effective_pooled on fields with
# neighbours that go together (autocorrelation smooth in space), of the others on independent cells.
POWER_AFTER_BH: dict[str, dict[float, Rates]] = {
    "ols": {4: (0.89, 0.96, 0.98, 1.0)},
    "3pw": {4: (0.0, 0.0, 0.0, 0.0)},
    "effective": {4: (0.72, 0.65, 0.53, 0.41)},
    "effective_pooled": {3: (0.5, 0.5, 0.5, 0.5), 4: (0.85, 0.85, 0.85, 0.85), 6: (1.0, 1.0, 1.0, 1.0)},
}


SERIES = "many simulated series of 22 years"
# The world's blocks of one autocorrelation are smaller than a pool, and its drivers have no memory.
MIXED = "; there neighbours have one autocorrelation, here they have not"
CELLS = "1,000 simulated cells, of which 30 % have such a trend; where more have one, more is found"
FIELDS = "simulated fields of 2,500 cells, of which 30 % have such a trend; where more have one, more is found"


def expected_power(config: RunConfig, delta: float, phi: float) -> dict[str, float | str]:
    """``expected`` share of trends of ``delta`` standard errors that the rule of ``config`` finds, and its source.

    Empty where it was not simulated.
    """
    test: str = config.trend.test
    if config.trend.significance == "p_value":
        return _at(config, POWER.get(test, {}).get(delta), phi, SERIES + MIXED * (test == "effective_pooled"))
    source = FIELDS + MIXED if test == "effective_pooled" else CELLS
    return _at(config, POWER_AFTER_BH.get(test, {}).get(delta), phi, source)


def expected_false_alarms(config: RunConfig, phi: float) -> dict[str, float | str]:
    """``expected`` share of land without a trend that the rule of ``config`` calls, and its source.

    Empty where it was not simulated, as after a correction for many cells: that depends on all other cells.
    """
    test: str = config.trend.test
    rates = FALSE_ALARMS.get(test) if config.trend.significance == "p_value" else None
    return _at(config, rates, phi, SERIES + MIXED * (test == "effective_pooled"))


def _at(config: RunConfig, rates: Rates | None, phi: float, source: str) -> dict[str, float | str]:
    """The entry for ``phi``: what lies between the simulated ones is not guessed."""
    if rates is None or config.alpha != ALPHA or phi not in PHI:
        return {}
    return {"expected": rates[PHI.index(phi)], "expected_from": source}
