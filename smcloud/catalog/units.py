"""Units as files spell them: one reading of every spelling, before pint sees it.

Pint reads ``degrees Celsius`` as an angle times a temperature and a month as 30.44 days. Here a unit is a number times
powers of words from a closed list; whatever holds another word is not known, and nothing is guessed from it.
"""

from __future__ import annotations

import logging
import math
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

LONGEST = 80  # characters of a unit
ANGLES = ("degree", "radian")
SCALES = ("degC", "degF")  # their zero is not that of kelvin
TIMES = ("s", "min", "h", "day", "week", "month", "year")
WORDS = {
    "m": "metre metres meter meters gpm", "mm": "MM millimetre millimetres millimeter millimeters",
    "cm": "centimetre centimetres centimeter centimeters", "dm": "decimetre decimeter",
    "km": "kilometre kilometres kilometer kilometers", "inch": "in inches", "ft": "foot feet",
    "L": "l litre litres liter liters", "kg": "Kg KG kilogram kilograms", "g": "gram grams gr",
    "mg": "milligram milligrams", "s": "sec secs second seconds", "min": "minute minutes", "h": "hr hrs hour hours",
    "day": "d days", "week": "weeks wk", "month": "months mon mo mth", "year": "years yr yrs y a annum",
    "K": "kelvin kelvins", "degC": "celsius", "degF": "fahrenheit", "%": "percent percents percentage pct",
    "degree": "degrees deg °", "radian": "radians rad", "class": "", "J": "joule joules", "kJ": "", "MJ": "",
    "W": "watt watts", "Pa": "pascal pascals", "hPa": "hectopascal hectopascals mb mbar millibar millibars",
    "kPa": "kilopascal kilopascals",
}  # fmt: skip
WORD_OF = {spelling: word for word, spellings in WORDS.items() for spelling in (word, *spellings.split())}
NUMBERS = (
    "", "-", "--", "~", "[]", "none", "n/a", "na", "unitless", "no unit", "no units", "dimensionless",
    "non-dimensional", "nondimensional", "adimensional", "unity", "ratio", "fraction", "fractional", "proportion",
    "numeric", "index", "0-1", "0 - 1", "0 to 1", "(0-1)", "(0 - 1)", "(0,1)", "(0, 1)", "[0-1]", "[0,1]", "[0, 1]",
)  # fmt: skip
CODES = ("class", "classes", "class number", "class code", "concept", "category", "categorical", "code", "flag")
SHARES = ("vol %", "vol. %", "vol%", "% vol", "%vol", "volume %", "volumetric %")
HEIGHTS = ("m a.s.l.", "m.a.s.l.", "m asl", "masl", *(f"{m} above sea level" for m in ("m", "meters", "metres")))
PHRASES = {
    phrase: word
    for word, phrases in {"1": NUMBERS, "class": CODES, "%": SHARES, "m": HEIGHTS}.items()
    for phrase in phrases
}
SAME_SIGN = str.maketrans({"º": "°", "˚": "°", "−": "-", "–": "-", "·": " ", "⋅": " ", "∙": " ", "×": " ", "_": " ",
                           "Â": "", "$": "", "{": "", "}": "", "\xa0": " "})  # fmt: skip
SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
TEMPERATURE = re.compile(
    r"(?:deg(?:ree)?s?|°|o(?=c))?[\s.-]*"
    r"(?:(?P<degC>c|cel[sc]ius|centigrade)|(?P<K>k|kelvins?)|(?P<degF>f|fahrenheit|farenheit))(?: scale)?"
)
WATER = re.compile(r"(?i)\b(?:of )?(?:liquid )?(?:water(?:[ -]equivalent)?|h2o|w\.e\.|we\b)(?!\w)")
SCALED = re.compile(
    r"(?:10(?:\^|\*\*)(?P<ten>-?\d+)|(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?))(?=[\s*/%°A-Za-z]|$)\s*\*?\s*"
)
TOKEN = re.compile(
    r"(?P<over>/|per\b)|(?P<open>\()|(?P<close>\))|\s+|"
    r"(?P<word>[A-Za-z]+|%|°)(?:\^\s*\(?(?P<raised>[+-]?\d+)\)?|(?P<power>[+-]?\d+)|\s+(?P<apart>-\d+))?"
)


@dataclass(frozen=True)
class Unit:
    """A unit: ``factor`` times the ``powers`` of words of :data:`WORDS`, in the order in which they were written."""

    factor: float
    powers: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        words = " ".join(word if power == 1 else f"{word}{power}" for word, power in self.powers)
        return (words or "1") if self.factor == 1 else f"{self.factor:g} {words}".strip()

    @property
    def per(self) -> str:
        """The word of time that it is divided by; empty for what is no rate."""
        return next((word for word, power in self.powers if word in TIMES and power < 0), "")

    def without(self, word: str) -> Unit:
        """Return this unit without its ``word`` (which it is divided by)."""
        return Unit(self.factor, tuple(part for part in self.powers if part != (word, -1)))


@cache
def unit_of(text: str) -> Unit:
    """Read a unit as a file spells it; raises ValueError, with the reason, where it is not known."""
    if len(text) > LONGEST:
        raise ValueError("it is too long for a unit")
    plain = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+", lambda run: "^" + run[0].translate(SUPERSCRIPT), text.translate(SAME_SIGN))
    plain = " ".join(unicodedata.normalize("NFKC", plain).split())
    if plain.casefold() in PHRASES:
        return _one(PHRASES[plain.casefold()])
    plain = re.sub(r"^\[(.*)\]$|^\(([^()]*)\)$", lambda whole: whole[1] or whole[2] or "", plain)
    factor, scaled = 1.0, SCALED.match(plain)
    if scaled:
        factor = 10.0 ** int(scaled["ten"]) if scaled["ten"] else float(scaled["number"])
        plain = plain[scaled.end() :]
    if not 0 < factor < math.inf:
        raise ValueError("its factor is not positive and finite")
    if not plain and scaled:
        return Unit(factor, ())
    unit = _one(PHRASES[plain.casefold()]) if plain.casefold() in PHRASES else _unscaled(plain)
    return Unit(factor, unit.powers)


def _one(word: str) -> Unit:
    return Unit(1.0, () if word == "1" else ((word, 1),))


def _unscaled(plain: str) -> Unit:
    temperature = TEMPERATURE.fullmatch(plain.casefold())
    if temperature:
        return _one(str(temperature.lastgroup))
    plain = re.sub("(?i)^(?:number|no) of ", "", re.sub(r"(?i)per ?cent(?=\W|$)", "percent", plain))
    plain = WATER.sub(" ", plain).replace("**", "^").replace("*", " ").replace(".", " ").strip()
    powers: list[tuple[str, int]] = []
    at, sign, group = 0, 1, 0  # ``group``: the sign of what stands in parentheses
    while at < len(plain):
        token = TOKEN.match(plain, at)
        if token is None or (token["over"] and sign < 0) or (token["open"] and group) or (token["close"] and not group):
            raise ValueError(f"{plain[at:]!r} in it is not understood")
        at = token.end()
        if token["over"]:
            sign = -1
        elif token["open"]:
            sign, group = 1, sign
        elif token["close"]:
            sign, group = 1, 0
        elif token["word"]:
            power = int(token["raised"] or token["power"] or token["apart"] or 1)
            powers.append((_word(token["word"]), sign * (group or 1) * power))
            sign = 1
    if not powers or sign < 0 or group:
        raise ValueError("it is not complete")
    if len(powers) > 1 and any(word in SCALES for word, _ in powers):
        raise ValueError("a scale of temperature is no factor")
    return Unit(1.0, tuple(powers))


def _word(spelling: str) -> str:
    word = WORD_OF.get(spelling) or (WORD_OF.get(spelling.casefold()) if len(spelling) > 2 else None)
    if word is None:
        raise ValueError(f"{spelling!r} is not known")
    return word


def same_units(left: str, right: str) -> bool:
    """Return whether two unit strings mean the same (``m^3 m^-3`` and ``m3 m-3``); unknown ones compare as text."""
    if left == right:
        return True
    try:
        one, other = unit_of(left), unit_of(right)
    except ValueError:
        return False
    return one.factor == other.factor and _reduced(one) == _reduced(other) and alike(one, other)


def is_scaled(text: str) -> bool:
    """Return whether a unit holds a number, as ``0.1 degC`` does."""
    try:
        return unit_of(text).factor != 1
    except ValueError:
        return False


def _reduced(unit: Unit) -> dict[str, int]:
    powers: Counter[str] = Counter()
    for word, power in unit.powers:
        powers[word] += power
    return {word: power for word, power in powers.items() if power}


def alike(one: Unit, other: Unit) -> bool:
    """Return whether two units are no ratios of different things: g/g is not m3/m3, but mm/mm is.

    Pint takes all of them for numbers.
    """
    kinds = {kind for kind in (_kind(one), _kind(other)) if kind}
    return len(kinds) < 2 or "[length]" in kinds


def _kind(unit: Unit) -> str:
    """Return the dimension of what a ratio is a share of; empty for a plain number and for what is no ratio."""
    above = " ".join(
        f"{word}{power}" for word, power in unit.powers if power > 0 and word not in ("%", "class", *SCALES)
    )
    if not above or all(power > 0 for _, power in unit.powers):
        return ""
    registry = unit_registry()
    whole = registry.parse_units(str(Unit(1.0, unit.powers)))
    return str(registry.parse_units(above).dimensionality) if whole.dimensionless else ""


@cache
def unit_registry() -> Any:
    """Load pint with the unit words of CF, when a unit is not a plain match for the first time."""
    logging.getLogger("pint.util").setLevel(logging.ERROR)  # it warns of every word that CF redefines
    import cf_xarray.units

    return cf_xarray.units.units
