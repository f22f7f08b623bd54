"""The values and manifests of infra/ with the names of one installation put in, as infra/render.sh does."""

import os
import subprocess

import pytest

from tests.infra.places import INFRA

NAMES = {"PROJECT": "acme-soil", "REGION": "us-central1", "DOMAIN": "acme.example", "DIGEST": "sha256:" + "0a" * 32}


@pytest.fixture(scope="session")
def rendered(tmp_path_factory):
    out = tmp_path_factory.mktemp("rendered")
    subprocess.run(["sh", INFRA / "render.sh", out], check=True, env=os.environ | NAMES)
    return out
