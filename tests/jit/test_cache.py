"""Kernels on disk: never stale, never half written, and nothing but faster."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from smcloud.jit import cache

pytestmark = pytest.mark.slow

CODE = """
import hashlib, logging, sys
logging.basicConfig(level=logging.DEBUG, format="%(message)s", stream=sys.stderr)
logging.getLogger("numba").setLevel(logging.WARNING)
import numpy as np
from smcloud.stats.engine.arrays import _lanes_of_float32, _lanes_of_float64  # of one function
from smcloud.stats.engine.short_series import score_of_lanes
from smcloud.stats.engine.student import _two_sided
t, df, out = np.linspace(-4, 4, 64), np.linspace(3, 40, 64), np.empty(64)
compiled = [kernel.compile() for kernel in (_two_sided, score_of_lanes, _lanes_of_float32, _lanes_of_float64)]
_two_sided(t, df, out)
hits = sum(sum(each.stats.cache_hits.values()) for each in compiled)
print(hits, hashlib.sha256(out.tobytes()).hexdigest())
"""


def start(folder, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", CODE], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "SMCLOUD_CACHE_DIR": str(folder), **environment},
    )  # fmt: skip


def outcome(process):
    """Kernels that came from disk, digest of the results, what was logged."""
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    hits, digest = out.split()
    return int(hits), digest, err


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder that a first process filled, and the digest of its results."""
    folder = tmp_path_factory.mktemp("kernels")
    hits, digest, log = outcome(start(folder))
    assert (hits, log) == (0, "")
    return folder, digest


def files(folder):
    return sorted(folder.rglob("*.kernel"))


@pytest.mark.e2e
def test_a_second_process_compiles_nothing_and_computes_the_same(kept):
    folder, digest = kept
    assert outcome(start(folder)) == (4, digest, "")
    assert len(files(folder)) == 4 and not list(folder.rglob("*.tmp"))


@pytest.mark.e2e
def test_two_processes_may_begin_at_once(kept, tmp_path):
    both = [start(tmp_path), start(tmp_path)]
    assert {outcome(process)[1] for process in both} == {kept[1]}
    assert outcome(start(tmp_path))[:2] == (4, kept[1])


@pytest.mark.e2e
@pytest.mark.parametrize("damage", [lambda raw: raw[:-1000], lambda raw: raw[:5000] + b"\x00" * 8 + raw[5008:],
                                    lambda raw: b""])  # fmt: skip
def test_a_damaged_file_is_compiled_anew_and_mended(kept, tmp_path, damage):
    folder = shutil.copytree(kept[0], tmp_path / "copy")
    broken = max(files(folder), key=lambda file: file.stat().st_size)
    whole = broken.read_bytes()
    broken.write_bytes(damage(whole))
    assert broken.read_bytes() != whole
    hits, digest, log = outcome(start(folder))
    assert (hits, digest) == (3, kept[1]) and log.count("\n") == 1 and "is damaged" in log
    assert outcome(start(folder)) == (4, kept[1], "")


@pytest.mark.e2e
def test_where_nothing_can_be_written_kernels_are_compiled_and_it_is_said_once(kept):
    hits, digest, log = outcome(start("/proc/no-such-place"))
    assert (hits, digest) == (0, kept[1]) and log.count("what was made before is not kept") == 1


@pytest.mark.e2e
def test_a_folder_that_others_may_write_into_is_not_used(kept, tmp_path):
    folder = shutil.copytree(kept[0], tmp_path / "copy")
    files(folder)[0].parent.chmod(0o777)
    hits, digest, log = outcome(start(folder))
    assert (hits, digest) == (0, kept[1]) and "can be written by others" in log


@pytest.mark.e2e
def test_a_folder_that_is_full_and_read_only_serves(kept, tmp_path):
    folder = shutil.copytree(kept[0], tmp_path / "copy")
    files(folder)[0].parent.chmod(0o555)  # root may write all the same: whatever it does, this must not differ
    assert outcome(start(folder))[:2] == (4, kept[1])


def test_a_changed_callee_in_another_file_is_another_folder(tmp_path):
    root = shutil.copytree(cache.ROOT, tmp_path / "smcloud", ignore=shutil.ignore_patterns("__pycache__"))
    before = cache.digest(root)
    assert before == cache.digest(cache.ROOT)
    callee = root / "stats" / "engine" / "kernels.py"
    callee.write_text(callee.read_text() + "\n# changed\n")
    assert cache.digest.__wrapped__(root) != before


def test_another_processor_is_another_folder(monkeypatch):
    before = cache.digest.__wrapped__()
    monkeypatch.setattr("numba.core.codegen.CPUCodegen.magic_tuple", lambda self: ("x", "another", ""))
    assert cache.digest.__wrapped__() != before


def test_all_that_a_kernel_is_made_of_is_in_the_digest():
    sources = {file for pattern in cache.SOURCES for file in cache.ROOT.glob(pattern)}
    kernels = {file for file in cache.ROOT.rglob("*.py") if "from smcloud.jit import" in file.read_text()}
    kernels -= {cache.ROOT / "pipeline" / "warmup.py"}
    assert len(kernels) > 15 and kernels <= sources
    for file in kernels:
        for node in ast.parse(file.read_text()).body:  # what is imported inside a function is no kernel's
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("smcloud"):
                place = cache.ROOT.parent.joinpath(*node.module.split("."))
                found = {place.with_suffix(".py"), place / "__init__.py"} & sources
                assert found, f"{Path(file).name} imports {node.module}"
