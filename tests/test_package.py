"""What ships, and what the lock says."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_wheel_holds_catalogs_flows_and_data(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    names = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    for needed in (
        "smcloud/py.typed",
        "smcloud/config/presets/peng2023.yaml",
        "smcloud/report/page.html.j2",
        "smcloud/report/locale/zh/LC_MESSAGES/messages.po",
        "catalogs/public.yaml",
        "catalogs/sample.yaml",
        "flows/pipeline.py",
    ):
        assert needed in names
    assert not [name for name in names if name.startswith("tests/") or "node_modules" in name]
    built = {f"smcloud/explorer/built/{path.name}" for path in (ROOT / "smcloud/explorer/built").glob("*")}
    assert built <= names


def test_the_lock_pins_by_hash_and_names_no_host():
    text = (ROOT / "infra" / "requirements.lock").read_text()
    assert not re.search(r"https?://|index-url|find-links", text)
    pins = re.findall(r"^[A-Za-z0-9_.\[\]-]+==.*?(?=^\S|\Z)", text, flags=re.M | re.S)
    assert len(pins) > 100
    assert not [pin.split()[0] for pin in pins if "--hash=sha256:" not in pin]


def test_importing_smcloud_is_light():
    heavy = {"numba", "prefect", "matplotlib", "xskillscore", "distributed", "numpy", "xarray", "fsspec", "pydantic"}
    code = f"import sys, smcloud, smcloud.cli; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert found.strip() == "[]"
