"""The matrix: every trait of strangers' files times every form of source that can hold it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from smcloud.errors import SmcloudError
from tests.strangers import traits
from tests.strangers.forms import FORMS, Values


@dataclass(frozen=True)
class Right:
    """The months of a role are these (NaN where missing), computed by plain numpy; ``rtol`` is that of float32."""

    values: Values
    rtol: float = 2e-6
    atol: float = 0.0


@dataclass(frozen=True)
class Refused:
    """An error of this ``code`` whose text holds each of ``words``: the variable, the file, the key that cures it."""

    code: str
    words: tuple[str, ...] = ()


Outcome = Right | Refused


@dataclass(frozen=True)
class Trait:
    """One trait of files.

    ``line`` names the kind of fault that it belongs to, ``name`` what the file is like. ``attempt(form, folder)``
    writes such a file, builds its cube and returns the months of the role, or raises. ``expect`` is the outcome, or a
    function of the form that gives it. ``forms`` can hold it; ``cannot`` says why the others cannot.
    """

    line: str
    name: str
    attempt: Callable[[str, Path], Values]
    expect: Outcome | Callable[[str], Outcome]
    forms: tuple[str, ...] = FORMS
    cannot: str = ""

    def outcome(self, form: str) -> Outcome:
        """Return what is expected of ``form``."""
        return self.expect(form) if callable(self.expect) else self.expect

    def hold(self, form: str, folder: Path) -> None:
        """Try the trait in ``form``; raises AssertionError where the outcome is another one."""
        wanted = self.outcome(form)
        try:
            values = self.attempt(form, folder)
        except SmcloudError as err:
            assert isinstance(wanted, Refused), f"refused: {err}"
            assert err.code == wanted.code, f"{err.code}: {err}"
            assert all(err.record().values()), err.record()
            text = str(err)
            assert not (missing := [word for word in wanted.words if word not in text]), f"{missing} not in: {text}"
        else:
            assert isinstance(wanted, Right), f"not refused: {np.ravel(values)[:4]}"
            np.testing.assert_allclose(values, wanted.values, rtol=wanted.rtol, atol=wanted.atol)


@dataclass(frozen=True)
class Switch:
    """How the check of a line is switched off: ``target`` (dotted) is replaced; at least one of its cells turns red."""

    line: str
    target: str
    replacement: Any
    form: str = "zarr3"
    also: Mapping[str, Any] = field(default_factory=dict)


def all_traits() -> list[Trait]:
    """Collect ``TRAITS`` of every module in :mod:`tests.strangers.traits`."""
    return [trait for module in _modules() for trait in module.TRAITS]


def all_switches() -> list[Switch]:
    """Collect ``SWITCHES`` of every module in :mod:`tests.strangers.traits`."""
    return [switch for module in _modules() for switch in module.SWITCHES]


def _modules() -> list[Any]:
    names = sorted(info.name for info in pkgutil.iter_modules(traits.__path__))
    return [importlib.import_module(f"{traits.__name__}.{name}") for name in names]
