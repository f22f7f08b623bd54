"""Checks that a catalog runs no code and holds no secret: the addresses, storage options and templates allowed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator

from smcloud.config.strict_yaml import STEERING, invalid_value
from smcloud.secrecy import is_secret_name, on_this_machine

SCHEMES = ("file", "gs", "gcs", "s3", "https", "http", "reference", "memory")
TARGET_SCHEMES = ("file", "gs", "gcs", "s3", "https", "http", "memory")
URL_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
TEMPLATE = re.compile(r"\{\{\s*(CATALOG_DIR|env\((SMCLOUD_[A-Z0-9_]+)\))\s*\}\}")
REFERENCE_OPTIONS = ("fo", "remote_protocol", "remote_options", "target_protocol", "target_options")
STORAGE_OPTIONS = (
    "anon", "token", "project", "requester_pays", "endpoint_url", "region_name", "client_kwargs", "asynchronous",
    *REFERENCE_OPTIONS,
)  # fmt: skip
NESTED = ("client_kwargs", "remote_options", "target_options")
# How values are masked and scaled, which of them are times or coordinates and how files are joined is decided here, so
# xarray's words for it are not: without its coordinates a source would not tell what is provisional.
XARRAY_ARGUMENTS = ("engine", "group", "consolidated", "drop_variables")
ENGINES = ("netcdf4", "h5netcdf", "zarr", "scipy")
MARKS = ("expver",)  # which steps are provisional
SWITCHES = ("anon", "requester_pays", "asynchronous")
SECRET = re.compile(r"secret|passw|token|key|credential|auth|sas|header|cookie|user", re.IGNORECASE)


# A power of a power, and one of three digits: ``9**9**9**9`` has more digits than a memory holds.
TOWER = re.compile(r"(?:\^|\*\*)[^A-Za-z]*(?:\^|\*\*)|(?:\^|\*\*)\W*\d{3}")


def is_plain_unit(text: str) -> bool:
    """Return whether ``text`` may be given to a parser of units, which computes what it reads."""
    whole = text.count("(") == text.count(")") <= 2
    return len(text) <= 100 and text.isprintable() and whole and not TOWER.search(text)


def _require_plain_unit(text: str) -> str:
    if not is_plain_unit(text):
        raise invalid_value("a unit, for example m3 m-3", text)
    return text


Unit = Annotated[str, AfterValidator(_require_plain_unit)]


def strings(node: Any) -> Iterator[str]:
    """Iterate over every string in nested mappings and lists, keys included."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from strings(key)
            yield from strings(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from strings(value)


def forbidden_template(node: Any) -> str | None:
    """Find the first string with braces other than the two templates allowed, which intake would expand.

    ``env()`` may not name a variable that holds a secret: the catalog says to whom its value goes.
    """
    return next((text for text in strings(node) if re.search("[{}]", TEMPLATE.sub(_left_over, text))), None)


def _left_over(match: re.Match[str]) -> str:
    return match[0] if match[2] and is_secret_name(match[2]) else ""


def require_scheme(url: str, schemes: tuple[str, ...], key: str = "") -> None:
    """Refuse an address of another scheme, a chain of schemes, and one with a user or a secret in it.

    So is one that programs read in different ways: with a control character, or with a backslash in a URL.
    """
    match = URL_SCHEME.match(url)
    scheme = match[1] if match else ""
    if "::" in url or (scheme and scheme not in schemes):
        raise invalid_value(f"a local path or one of {', '.join(f'{s}://' for s in schemes)}", url.split("//")[0], key)
    if STEERING.search(url) or "\n" in url or (match and "\\" in url):
        raise invalid_value("an address without control characters and backslashes", url, key)
    if match and "@" in url.split("//")[-1].split("/")[0]:
        raise invalid_value(
            "an address without a user or a secret, which come from the environment", f"{scheme}://...@", key
        )


def require_options(options: Mapping[str, Any], above: str = "") -> None:
    """Refuse keys that are not allow-listed, at any depth, secrets, and addresses of schemes that are not allowed."""
    for name, value in options.items():
        key = f"{above}{name}"
        if name not in STORAGE_OPTIONS:
            if SECRET.search(str(name)):
                raise invalid_value("no secret: secrets come from the environment, never from a catalog", name, key)
            raise invalid_value(f"one of {', '.join(STORAGE_OPTIONS)}", name, key)
        if name == "token" and value != "anon":
            raise invalid_value("anon: secrets come from the environment, never from a catalog", "another token", key)
        if name in ("remote_protocol", "target_protocol") and value not in TARGET_SCHEMES:
            raise invalid_value(" or ".join(TARGET_SCHEMES), value, key)
        if name in SWITCHES and not isinstance(value, bool):
            raise invalid_value("true or false", value, key)  # any word would count as true
        if name == "endpoint_url" and not (isinstance(value, str) and ("{{" in value or _is_endpoint(value))):
            raise invalid_value("https://..., or http:// to this machine", value, key)
        if name == "asynchronous" and not above.startswith(("remote_options.", "target_options.")):
            raise invalid_value("remote_options.asynchronous, for the chunks of references", value, key)
        if name == "fo" and not isinstance(value, str):
            raise invalid_value("the address of a reference file", type(value).__name__, key)
        if isinstance(value, Mapping) != (name in NESTED):
            raise invalid_value("a mapping" if name in NESTED else "a plain value", type(value).__name__, key)
        if isinstance(value, Mapping):
            require_options(value, f"{key}.")
        elif isinstance(value, str):
            require_scheme(value, TARGET_SCHEMES, key)
        elif not isinstance(value, bool | int | float):
            raise invalid_value("a plain value", type(value).__name__, key)


def require_arguments(arguments: Mapping[str, Any]) -> None:
    """Refuse arguments of xarray that are not listed or of another type, and a group outside the source."""
    for key, setting in arguments.items():
        if key not in XARRAY_ARGUMENTS:
            raise invalid_value(f"one of {', '.join(XARRAY_ARGUMENTS)}", key, key)
        if key == "consolidated" and not isinstance(setting, bool):
            raise invalid_value("true or false", setting, key)  # any word would count as true
        if key == "group" and not isinstance(setting, str):
            raise invalid_value("the name of a group", setting, key)
        if key == "group" and ".." in str(setting).split("/"):
            raise invalid_value("a group of the source itself", setting, key)
        if key == "drop_variables":
            names = [setting] if isinstance(setting, str) else setting
            if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
                raise invalid_value("a list of names", setting, key)
            if kept := [name for name in names if name in MARKS]:
                raise invalid_value("other names: this one says which steps are provisional", kept[0], key)
    if arguments.get("engine", "zarr") not in ENGINES:
        raise invalid_value(" or ".join(ENGINES), arguments["engine"], "engine")


def _is_endpoint(url: str) -> bool:
    """Whether what is sent there is encrypted on its way, or does not leave this machine."""
    return url.startswith("https://") or (url.startswith("http://") and on_this_machine(url))
