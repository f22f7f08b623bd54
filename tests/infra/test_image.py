"""The image: built from the lock, not root, written nowhere but /tmp; hadolint where it is installed."""

import re
import shutil
import subprocess

import pytest

from tests.infra.places import INFRA, ROOT


@pytest.fixture(scope="module")
def instructions():
    """(instruction, arguments) of the Dockerfile, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (INFRA / "Dockerfile").read_text(), flags=re.M).replace("\\\n", " ")
    return [tuple(re.split(r"\s+", line.strip(), maxsplit=1)) for line in text.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def final(instructions):
    last = max(at for at, (name, _) in enumerate(instructions) if name == "FROM")
    return instructions[last:]


def test_packages_come_from_the_lock_by_hash_only(instructions):
    installs = [
        found for name, text in instructions if name == "RUN" for found in re.findall(r"pip install[^&]*", text)
    ]
    assert len(installs) == 2
    assert "--require-hashes --requirement infra/requirements.lock" in installs[0]
    assert "--no-deps" in installs[1]


def test_it_does_not_run_as_root_and_its_files_belong_to_root(final):
    (user,) = [text for name, text in final if name == "USER"]
    assert user == "1000"
    copies = [text for name, text in final if name == "COPY"]
    assert copies
    assert all("--chown=root:root" in text for text in copies)


def test_what_programs_write_goes_to_tmp(final):
    (text,) = [text for name, text in final if name == "ENV"]
    environment = dict(re.findall(r"(\w+)=(\S+)", text))
    for name in ("HOME", "PREFECT_HOME", "DASK_TEMPORARY_DIRECTORY", "MPLCONFIGDIR"):
        assert environment[name].startswith("/tmp"), name
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"


def test_the_python_of_the_image_is_the_one_of_the_lock(instructions):
    bases = {text.split()[0] for name, text in instructions if name == "FROM"}
    assert bases == {"python:3.12-slim-bookworm"}
    assert "--python-version 3.12" in (ROOT / "Makefile").read_text()


def test_what_is_copied_exists_and_is_sent_to_the_builder(instructions):
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source for name, text in instructions if name == "COPY" and "--from" not in text for source in text.split()[:-1]
    }
    assert copied == sent
    assert all((ROOT / source).exists() for source in copied)


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not on PATH")
def test_hadolint_has_nothing_to_say():
    ran = subprocess.run(["hadolint", INFRA / "Dockerfile"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
