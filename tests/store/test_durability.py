"""What a power cut leaves: the order in which names and contents reach the disk, recorded."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import pytest
import xarray as xr

from smcloud.store import Attempts, Release, Store
from smcloud.store.disk import make_folders


class Disk:
    """Which files and folders were brought to the disk since their last change, as the calls come."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
        self.unsynced = set[str]()
        self.boundaries: list[tuple[str, set[str]]] = []
        real = {name: getattr(os, name) for name in ("fsync", "link", "replace", "mkdir")}

        def fsync(descriptor: int) -> None:
            self.unsynced.discard(os.readlink(f"/proc/self/fd/{descriptor}"))
            real["fsync"](descriptor)

        def link(source: Any, target: Any) -> None:
            if str(target).endswith((".sealed", "inventory.json")) or "/releases/" in str(target):
                self.boundaries.append((Path(target).name, set(self.dirty())))
            real["link"](source, target)
            self.unsynced.discard(str(source))
            self.changed(Path(target), content=False)

        def replace(source: Any, target: Any) -> None:
            real["replace"](source, target)
            self.changed(Path(target))

        def mkdir(path: Any, *args: Any) -> None:
            real["mkdir"](path, *args)
            self.unsynced |= {str(path), str(Path(path).parent)} if str(path).startswith(str(root)) else set()

        monkeypatch.setattr(os, "mkdir", mkdir)
        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(os, "link", link)
        monkeypatch.setattr(os, "replace", replace)

    def changed(self, target: Path, content: bool = True) -> None:
        self.unsynced |= {str(target), str(target.parent)} if content else {str(target.parent)}

    def dirty(self) -> list[str]:
        """What would be lost, but leases and markers, which nothing rests on."""
        return [name for name in self.unsynced if ".alive" not in name and Path(name).exists()]


def test_data_come_before_the_seal_and_the_seal_before_the_release(
    store: Store,
    product: xr.Dataset,
    sealed_content: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    disk = Disk(monkeypatch, tmp_path)
    with Attempts(store) as attempts:
        attempt = attempts.begin("products/trend/run1.zarr")
        dask.compute(attempt.prefix.stage(product))
        assert any("slope" in name for name in disk.dirty())  # the record does notice what is not synced
        attempt.seal()
    assert [name for name, _ in disk.boundaries] == ["inventory.json", "run1.1.sealed"]
    below = store.join("products/trend/run1.zarr")
    for _, dirty in disk.boundaries:
        assert not [name for name in dirty if name.startswith(below)]


def test_the_record_and_every_new_folder_are_there_after_a_power_cut(
    store: Store, released: Callable[..., Release], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    disk = Disk(monkeypatch, tmp_path)
    released(store)
    prefixes = (store.join("cube"), store.join("products"))
    name, dirty = disk.boundaries[-1]
    assert name == "00000001.json" and not [each for each in dirty if each.startswith(prefixes)]
    assert not [each for each in disk.dirty() if each.startswith((store.join("releases"), *prefixes))]
    assert store.join() not in disk.dirty()


def test_a_new_folder_is_brought_to_the_disk_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr("smcloud.store.disk._sync", lambda path: synced.append(str(path)))
    make_folders(tmp_path / "a" / "b")
    assert synced == [str(tmp_path), str(tmp_path / "a")]
    make_folders(tmp_path / "a" / "b")
    assert len(synced) == 2
