"""Checks of the arguments that many statistics take."""

from __future__ import annotations

from collections.abc import Sequence

from smcloud.errors import ConfigurationError


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise :class:`ConfigurationError` unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ConfigurationError(
            f"unknown {name}", where=name, found=value, expected=" or ".join(choices), next=f'{name}="{choices[0]}"'
        )


def check_alpha(alpha: float) -> None:
    """Raise :class:`ConfigurationError` unless 0 < ``alpha`` < 1."""
    if not 0 < alpha < 1:
        raise ConfigurationError("impossible significance level", where="alpha", found=alpha, expected="0 < alpha < 1")


def check_min_valid(min_valid: int, least: int = 3) -> None:
    """Raise :class:`ConfigurationError` where ``min_valid`` allows fewer samples than the statistic needs."""
    if min_valid < least:
        raise ConfigurationError(
            "too few samples allowed", where="min_valid", found=min_valid, expected=f"{least} or more"
        )
