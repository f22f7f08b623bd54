"""An export appears as a whole, replaces only exports, and leaves nothing when it ends early."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from smcloud.errors import ExportError, NotAStoreError, UnreachableError
from smcloud.export import export_release
from smcloud.export.atomic import MANIFEST, TEMPORARY, appearing, sizes, write_manifest

KILLED = """
import os, signal, sys
from pathlib import Path
from smcloud.export import export_release, release
real, count = release.write_csv, 0
def write(table, path):
    global count
    count += 1
    if count == 3:
        path.write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
    real(table, path)
release.write_csv = write
export_release(sys.argv[1], "csv", Path(sys.argv[2]), force=len(sys.argv) > 3)
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(TEMPORARY))


def make(target, content="new", force=False):
    with appearing(target, force) as folder:
        (folder / "a.csv").write_text(content)
        write_manifest(folder, {}, sizes(folder))


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.parametrize("force", [False, True])
def test_what_is_killed_leaves_nothing_that_looks_like_an_export(store, tmp_path, force):
    out = tmp_path / "out"
    before = []
    if force:
        export_release(store, "csv", out, ["ddww"])
        before = [(path.name, path.read_bytes()) for path in sorted(out.iterdir())]
    arguments = [sys.executable, "-c", KILLED, store, str(out), *(["force"] if force else [])]
    done = subprocess.run(arguments, cwd=Path(__file__).parents[2], check=False, timeout=600)
    assert done.returncode == -signal.SIGKILL
    assert names(tmp_path) == (["out"] if force else [])
    assert len(list(tmp_path.glob(f"{TEMPORARY}*"))) == 1
    if force:
        assert [(path.name, path.read_bytes()) for path in sorted(out.iterdir())] == before
    assert export_release(store, "csv", out, force=force).files  # the same command does it


def test_what_fails_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), appearing(tmp_path / "out") as folder:
        (folder / "a.csv").write_text("half")
        raise KeyboardInterrupt
    assert [*tmp_path.iterdir()] == []


def test_nothing_is_visible_before_the_end_and_all_is_durable(tmp_path, monkeypatch):
    synced = []
    real = os.fsync

    def noted(handle):
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        real(handle)

    monkeypatch.setattr(os, "fsync", noted)
    with appearing(tmp_path / "out") as folder:
        (folder / "a.csv").write_text("x")
        assert names(tmp_path) == []
    assert names(tmp_path / "out") == ["a.csv"]
    assert synced[0].endswith("/a.csv") and synced[-1] == str(tmp_path) and len(synced) == 3


def test_one_file_takes_its_companions_along(tmp_path):
    with appearing(tmp_path / "x.tif", one_file=True) as folder:
        (folder / "x.tif").write_text("map")
        (folder / "x.tif.aux.xml").write_text("names")
    assert names(tmp_path) == ["x.tif", "x.tif.aux.xml"]


def test_what_exists_is_refused_with_the_next_command(tmp_path):
    make(tmp_path / "out", "old")
    with pytest.raises(ExportError) as refused:
        make(tmp_path / "out")
    assert refused.value.exit_code == 2 and "--force" in refused.value.next
    assert (tmp_path / "out" / "a.csv").read_text() == "old"
    make(tmp_path / "out", "new", force=True)
    assert (tmp_path / "out" / "a.csv").read_text() == "new" and names(tmp_path) == ["out"]
    assert not list(tmp_path.glob(f"{TEMPORARY}*"))


def test_force_replaces_exports_only(tmp_path):
    make(tmp_path / "out", "old")
    (tmp_path / "out" / "thesis.tex").write_text("precious")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.csv").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    (tmp_path / "lies").mkdir()
    (tmp_path / "lies" / MANIFEST).write_text(json.dumps({"files": 3}))
    for name, found in (("out", "thesis.tex"), ("mine", "no readable"), ("link", "a link"), ("lies", "no readable")):
        with pytest.raises(NotAStoreError) as refused:
            make(tmp_path / name, force=True)
        assert refused.value.exit_code == 5 and found in refused.value.found
    assert (tmp_path / "out" / "thesis.tex").exists() and (tmp_path / "mine" / "a.csv").read_text() == "precious"
    (tmp_path / "file").write_text("precious")
    with pytest.raises(NotAStoreError, match="nothing else"):
        make(tmp_path / "file", force=True)
    with pytest.raises(NotAStoreError, match="nothing else"), appearing(tmp_path / "mine", True, one_file=True):
        pass
    with appearing(tmp_path / "file", force=True, one_file=True) as folder:
        (folder / "file").write_text("new")
    assert (tmp_path / "file").read_text() == "new"
    (tmp_path / "empty").mkdir()
    make(tmp_path / "empty", force=True)


def test_a_folder_that_is_not_there_and_a_disk_that_refuses(tmp_path, monkeypatch):
    with pytest.raises(ExportError, match="does not exist") as refused:
        make(tmp_path / "no" / "out")
    assert refused.value.next == f"mkdir -p {tmp_path / 'no'}"

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UnreachableError) as refused:
        make(tmp_path / "out")
    assert refused.value.exit_code == 4 and "room" in refused.value.next
    assert [*tmp_path.iterdir()] == []
