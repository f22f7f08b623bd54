"""What is told to people: secrets masked, control characters spelled out, long texts cut.

Texts of strangers reach messages, logs, records and pages: addresses with a password or a signature in them, answers of
clients that repeat such an address, names and attributes with escape codes. All of it passes through here.
"""

from __future__ import annotations

import logging
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit

HIDDEN = "***"
LONGEST = 2000
# Loggers whose lines hold what clients say: ours, and those through which dask and Prefect tell how a run ended.
LOGGERS = (
    "smcloud", "distributed.worker", "distributed.scheduler", "distributed.core", "prefect.flow_runs",
    "prefect.task_runs", "prefect.engine",
)  # fmt: skip
SECRET_NAME = re.compile(
    r"SECRET|PASSW|PASSPHRASE|TOKEN|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|AUTH_STRING|AUTHORIZATION|"
    r"CONNECTION_(STRING|URL)|(^|_)SAS(_|$)|(^|_)KEY$",
    re.IGNORECASE,
)
NO_SECRET_NAME = re.compile(r"_(FILE|DIR|PATH|TYPE|EXPIRATION)$", re.IGNORECASE)  # where a secret lies, not the secret
# Settings of smcloud itself, which no catalog needs.
OWN_SETTING = re.compile(r"SMCLOUD_(CACHE_DIR|CONFIG|HOME|QUEUE|WORK_POOL|GATEWAY_(PROXY_)?PORT|TEST_\w+)")
PLAIN_VALUES = {"anon", "anonymous", "auto", "default", "false", "google_default", "none", "null", "true"}
SHORTEST, CERTAIN = 4, 12  # a value of fewer letters is no secret, one of as many is found inside words too

_NAMES = (
    r"[\w.-]{0,40}(?:secret|passw(?:or)?d|passphrase|token|signature|credential|account-?_?key|access-?_?key|api-?_?key)"
    r"[\w-]{0,20}|awsaccesskeyid|googleaccessid|sig|sas|pwd"
)
_KEY = r"[A-Z ]{0,20}PRIVATE KEY-----"
_RULES = (
    (re.compile(rf"-----BEGIN {_KEY}(?s:.*?)(?:-----END {_KEY}|\Z)"), HIDDEN),
    (re.compile(r"(?<=://)[^\s/\"'<>]{0,300}@"), f"{HIDDEN}@"),
    (re.compile(r"(?<=://)[^\s/@:\"'<>]{1,100}:(?!\d{1,5}[/?#])[^\s\"'<>@]{0,300}@"), f"{HIDDEN}@"),
    (re.compile(r"(?i)(\bauthorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?)(?:[a-z]+\s{1,3})?[^\s\"',}]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer\s{1,3})[\w.~+/=-]{8,}"), rf"\1{HIDDEN}"),
    (re.compile(rf"(?i)(?<![\w.-])((?:{_NAMES})(?:=|%3D|[\"']\s{{0,3}}[:=]\s{{0,3}}|\s{{0,3}}:\s{{1,3}}(?=\S{{16}})))"
                rf"([\"']?)(?!\*\*\*)[^\s&;,\"'<>{{}})\]#]+"), rf"\1\2{HIDDEN}"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bya29\.[\w-]+|\bgh[oprsu]_\w{20,}"), HIDDEN),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), HIDDEN),
)  # fmt: skip
_BREAK = re.compile(r"[ ]*[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+[ ]*")


def is_secret_name(name: str) -> bool:
    """Return whether a variable of the environment of this name holds a secret: a password, a key, a token."""
    return bool(SECRET_NAME.search(name)) and not NO_SECRET_NAME.search(name)


def holds_secret(text: str) -> bool:
    """Return whether ``text`` itself shows a secret: a user with a password, a signed query, a key; whatever is set."""
    return _by_form(text) != text


def masked(text: str) -> str:
    """Return ``text`` without secrets.

    Passwords in addresses, signed queries, keys and tokens become ``***``. The value of a variable of the environment
    that holds a secret, or that a catalog may ask for (``SMCLOUD_*``), becomes the variable's name: ``$SMCLOUD_PLACE``.
    """
    for value, name in _kept_values(tuple(os.environ.items())):
        if value in text:
            found = re.escape(value)
            pattern = found if len(value) >= CERTAIN else rf"(?<!\w){found}(?!\w)"
            text = re.sub(pattern, f"${name}", text)
    return _by_form(text)


def on_this_machine(url: str) -> bool:
    """Return whether what is sent to ``url`` stays on this machine, by the host's name or number alone."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def masked_values(node: Any) -> Any:
    """Return ``node`` with every string in nested mappings and lists masked; keys stay."""
    if isinstance(node, Mapping):
        return {key: masked_values(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [masked_values(value) for value in node]
    return masked(node) if isinstance(node, str) else node


def printable(text: str, keep: str = "") -> str:
    """Return ``text`` with its control, bidirectional and invisible characters spelled out: ``\\x1b`` for an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if letter in keep or not hidden(letter) else _spelled(letter) for letter in text)


def hidden(letter: str) -> bool:
    """Return whether a terminal obeys ``letter``, or shows nothing for it, in place of showing it."""
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def told(text: object, longest: int = LONGEST) -> str:
    """Return ``text`` as one line that may be shown to anybody: masked, printable, not longer than ``longest``."""
    # What is cut off is looked at too, so that no half of a secret remains; more than that is not.
    line = printable(_BREAK.sub(" ", masked(str(text)[: 4 * longest])))
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def told_lines(text: object) -> str:
    """Return ``text`` of several lines as it may be shown to anybody: masked and printable, its line breaks kept."""
    return printable(masked(str(text)), keep="\n\t")


class Discretion(logging.Filter):
    """Lets every line of a log pass, without secrets and control characters; a traceback too."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace what ``record`` says by what may be shown."""
        record.msg, record.args = told_lines(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text, record.exc_info = told_lines(record.exc_text), None
        return True


def _spelled(letter: str) -> str:
    return letter.encode("unicode_escape", "backslashreplace").decode()


def _by_form(text: str) -> str:
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text


@lru_cache(maxsize=1)  # the environment seldom changes, and every text of a run passes here
def _kept_values(environment: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """The values of the environment that are not told, longest first, with the names of their variables."""
    return sorted(set(_values(environment)), key=lambda pair: (-len(pair[0]), pair))


def _values(environment: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    for name, value in environment:
        asked_for = name.startswith("SMCLOUD_") and not OWN_SETTING.fullmatch(name)
        if not (asked_for or is_secret_name(name)) or value.lower() in PLAIN_VALUES:
            continue
        value = value.rstrip("/") or value
        for form in (value, value.partition("://")[2], quote(value, safe=""), quote(value)):
            if len(form) >= SHORTEST:
                yield form, name


def watch_logs(*places: logging.Filterer | None) -> None:
    """Put :class:`Discretion` on ``places``, loggers or handlers; more than once is once."""
    for place in filter(None, places):
        if not any(isinstance(known, Discretion) for known in place.filters):
            place.addFilter(Discretion())


watch_logs(*map(logging.getLogger, LOGGERS), logging.lastResort)
