"""An object that shows whether another process sees the same store."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from smcloud.errors import ConfigurationError
from smcloud.store import Store, can_read, create_only, probe, require_create_only, require_store
from smcloud.store.objects import write_whole


def test_it_is_seen_while_it_lasts_and_only_in_this_store(tmp_path: Path) -> None:
    store, other = Store.open(tmp_path / "a" / "store"), Store.open(tmp_path / "other")
    with probe(store) as path:
        assert can_read(store, path) == ""
        assert "another store" in can_read(other, path)
        require_store(store)  # it is no foreign object
    assert "another store" in can_read(store, path)
    assert not [found for found in (tmp_path / "a").rglob("*") if found.is_file()]


def test_what_a_worker_cannot_do_is_its_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = can_read(Store("nothing://bucket/store"), ".smcloud-probe-x")
    assert found and "another store" not in found


def test_a_store_that_creates_once_is_accepted_and_left_as_it_was(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store")
    require_create_only(store)
    assert not [found for found in tmp_path.rglob("*") if found.is_file()]


@pytest.mark.parametrize("kind", ["overwrites", "forgets", "keeps nothing"])
def test_a_store_that_ignores_preconditions_is_refused(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(store: Store, path: str, content: bytes) -> bool:
        if kind == "overwrites" or (kind == "forgets" and not Path(store.join(path)).exists()):
            write_whole(store, path, content if kind == "overwrites" else b"second")
            return True
        return False

    monkeypatch.setattr(import_module("smcloud.store.probe"), "create_only", faulty)
    with pytest.raises(ConfigurationError, match="releases would be lost") as caught:
        require_create_only(Store.open(tmp_path / "store"))
    assert "If-None-Match" in caught.value.next
    assert not [found for found in tmp_path.rglob("*") if found.is_file()]


def test_an_answer_that_was_lost_is_no_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked_again(store: Store, path: str, content: bytes) -> bool:
        create_only(store, path, content)
        return False

    monkeypatch.setattr(import_module("smcloud.store.probe"), "create_only", asked_again)
    require_create_only(Store.open(tmp_path / "store"))


def test_a_bucket_that_ignores_preconditions_is_refused(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real client, whose condition is taken out on the way as a proxy might."""
    import s3fs

    store, real = Store.open(f"s3://{bucket}/store"), s3fs.S3FileSystem._call_s3
    require_create_only(store)

    async def plain(self: s3fs.S3FileSystem, method: str, *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("IfNoneMatch", None)
        return await real(self, method, *args, **kwargs)

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", plain)
    with pytest.raises(ConfigurationError, match=r"\(True, True\), and second is there"):
        require_create_only(store)
