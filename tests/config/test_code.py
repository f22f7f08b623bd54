"""The digest of code is that of its syntax, and is found again without parsing."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smcloud.config import code


@pytest.fixture
def digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """The digest of a module with some text; it is kept in a folder of its own."""
    monkeypatch.setenv("SMCLOUD_CACHE_DIR", str(tmp_path / "cache"))

    def of(text: str) -> str:
        (tmp_path / "module.py").write_text(text)
        code.code_digest.cache_clear()
        return code.code_digest(("module",), tmp_path)

    yield of
    code.code_digest.cache_clear()


def test_what_code_does_counts_and_how_it_is_written_does_not(digest: Callable[[str], str]) -> None:
    first = digest("LIMIT = 3\n")
    assert digest('"""Said."""\nLIMIT = 3  # why\n') == first
    assert digest("LIMIT = 4\n") != first and digest("LIMIT = 3\n") == first


def test_a_text_that_was_parsed_before_is_not_parsed_again(
    digest: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    parsed: list[bytes] = []
    real = ast.parse
    monkeypatch.setattr(code.ast, "parse", lambda text: parsed.append(text) or real(text))
    first = digest("A = 1\n")
    assert digest("A = 1\n") == first and parsed == [b"A = 1\n"]
    (kept,) = (tmp_path / "cache" / "code").iterdir()
    kept.write_bytes(kept.read_bytes()[:-1] + b"!")  # damaged: made again
    assert digest("A = 1\n") == first and len(parsed) == 2
