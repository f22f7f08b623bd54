"""Work that is done is found from the states of its sources, without the array libraries."""

import ast
import json
import shutil
import subprocess
import sys

import pytest
import yaml

from smcloud.config import load_config
from smcloud.config.code import ROOT, code_digest
from smcloud.pipeline import identity

HEAVY = ["dask", "distributed", "numba", "pandas", "prefect", "scipy", "xarray", "zarr"]
FIND = f"""
import json, sys
from smcloud import cli
from smcloud.pipeline import identity
from smcloud.config import load_config
from smcloud.config.code import ROOT, code_digest
release, _ = identity.find(load_config(sys.argv[1]))
print(json.dumps([release and release.number, sorted(set({HEAVY}) & set(sys.modules))]))
"""


def found(path):
    done = subprocess.run([sys.executable, "-c", FIND, str(path)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.e2e
def test_work_is_found_once_it_is_published_and_only_this_work(published, tmp_path):
    path = published
    assert found(path) == [1, []]
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"store": str(tmp_path / "empty")}))
    assert found(elsewhere) == [None, []]
    assert identity.find(load_config(path))[0].number == 1
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"alpha": 0.1}))
    assert identity.find(load_config(path))[0] is None


@pytest.mark.slow
def test_a_changed_source_is_other_work(published, small_world):
    def warmer(ds):
        ds["soil_temperature"] = (ds["soil_temperature"] + 1).assign_attrs(ds["soil_temperature"].attrs)
        return ds

    assert identity.find(load_config(small_world()))[0] is not None
    assert identity.find(load_config(small_world(change=warmer)))[0] is None


# What an import leads to beside the declared modules, and why a change there cannot change a value without changing an
# id: prefixes of modules.
EXEMPT_CODE = {
    "smcloud": "names only",
    "smcloud.catalog": "names only",
    "smcloud.catalog.classic_netcdf": "refuses files",
    "smcloud.catalog.elsewhere": "refuses files",
    "smcloud.catalog.arguments": "what an entry says is hashed as it is read",
    "smcloud.catalog.fingerprints": "digests that are in the record of a cube themselves",
    "smcloud.store.attribution": "attributes in memory: no value, nothing stored",
    "smcloud.catalog.hosts": "asks whether a host answers",
    "smcloud.catalog.loading": "what an entry says is hashed as it is read",
    "smcloud.catalog.schema": "what an entry says is hashed as it is read",
    "smcloud.catalog.security": "refuses entries",
    "smcloud.catalog.time_keys": "what an entry says is hashed as it is read",
    "smcloud.cluster": "where and in which order the work is done, never what",
    "smcloud.config": "hashed by its values",
    "smcloud.errors": "ends a run",
    "smcloud.conventions.invented": "a sentence beside numbers",
    "smcloud.io_errors": "ends a run",
    "smcloud.pipeline": "names only",
    "smcloud.pipeline.findings": "ends a run",
    "smcloud.pipeline.identity": "ids themselves",
    "smcloud.pipeline.incremental": "months are taken over by digests that are in the record, with its schema",
    "smcloud.pipeline.job": "ids themselves",
    "smcloud.pipeline.planning": "what a run costs",
    "smcloud.pipeline.tiling": "how the work is divided: tested not to change a bit",
    "smcloud.plan": "what a run costs",
    "smcloud.secrecy": "what people are told",
    "smcloud.store": "names only",
    "smcloud.store.arrays": "names and places of chunks",
    "smcloud.store.attempts": "names the folder that is written",
    "smcloud.store.chain": "records of what is sealed",
    "smcloud.store.disk": "whole objects, compared with their digests",
    "smcloud.store.integrity": "checks and hashes what is written",
    "smcloud.store.doors": "pages for people",
    "smcloud.store.inventory": "checks and hashes what is written",
    "smcloud.store.layout": "names and places of prefixes",
    "smcloud.store.leases": "says who is at work",
    "smcloud.store.links": "refuses paths",
    "smcloud.store.objects": "whole objects, compared with their digests",
    "smcloud.store.older": "ends a run",
    "smcloud.store.pages": "pages for people",
    "smcloud.store.pointers": "names the folder that is sealed",
    "smcloud.store.probe": "looks for an object",
    "smcloud.store.records": "hashed by their values",
    "smcloud.store.record_checks": "compares hashes",
    "smcloud.store.release": "records of what is sealed",
    "smcloud.store.sealed": "compares hashes",
    "smcloud.store.shown": "pages for people",
    "smcloud.store.tiles": "markers of what is written",
    "smcloud.store.verify": "compares hashes",
}
EXEMPT_LIBRARIES = {
    "aiohttp": "hands over bytes",
    "fsspec": "hands over bytes, which codecs with checksums and digests watch over",
    "pydantic": "what it reads is hashed by its values",
    "yaml": "what it reads is hashed by its values",
}
PACKAGES = {"cf_xarray": "cf-xarray", "shapefile": "pyshp", "intake_xarray": "intake-xarray", "zarr_cm": "zarr-cm"}


def imported(module):
    """Modules that the text of ``module`` imports, wherever it does so: ours, and the packages of others."""
    place = ROOT.joinpath(*module.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    ours, others = set(), set()
    tree = ast.parse(file.read_text())
    tree.body = [
        node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if not name.startswith("smcloud"):
                others.add(name.partition(".")[0])
            elif is_module(name):
                ours.add(name)
    return ours, others - set(sys.stdlib_module_names)


def is_module(name):
    place = ROOT.joinpath(*name.split("."))
    return (place / "__init__.py").is_file() or place.with_suffix(".py").is_file()


def below(name, prefixes):
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("root", "code", "libraries"),
    [
        ("smcloud.pipeline.ingest", identity.CUBE_CODE, identity.CUBE_LIBRARIES),
        ("smcloud.pipeline.compute", identity.PRODUCT_CODE, identity.PRODUCT_LIBRARIES),
    ],
)
def test_every_module_behind_a_value_is_declared_or_exempt(root, code, libraries):
    # What makes the cube is behind a product by the cube's id, and a product's code comes after the cube.
    other_half = {*identity.CUBE_CODE, *identity.PRODUCT_CODE} - set(code)
    seen, ahead, packages = set(), [root], set()
    while ahead:
        name = ahead.pop()
        if name not in seen and not below(name, other_half):
            seen.add(name)
            ours, others = imported(name)
            ahead += ours
            if below(name, code):
                packages |= {PACKAGES.get(other, other) for other in others}
    assert {name for name in seen if not below(name, code) and not exempt(name)} == set()
    assert packages - set(libraries) - set(EXEMPT_LIBRARIES) == set()


def exempt(name):
    """Packages that hold names only are exempt by themselves, not with what lies below them."""
    whole = [prefix for prefix, reason in EXEMPT_CODE.items() if reason != "names only"]
    return name in EXEMPT_CODE or below(name, whole)


def test_what_is_declared_is_there():
    for name in (*identity.CUBE_CODE, *identity.PRODUCT_CODE, *EXEMPT_CODE):
        assert is_module(name), name


@pytest.fixture
def copied_code(tmp_path):
    """A copy of the code, and what an edit of one of its files does to the two digests."""
    shutil.copytree(ROOT / "smcloud", tmp_path / "smcloud", ignore=shutil.ignore_patterns("__pycache__"))

    def digests():
        code_digest.cache_clear()
        return tuple(code_digest(code, tmp_path) for code in (identity.CUBE_CODE, identity.PRODUCT_CODE))

    before = digests()

    def edit(file, old, new):
        text = (tmp_path / file).read_text()
        assert old in text
        (tmp_path / file).write_text(text.replace(old, new, 1))
        return tuple(one != other for one, other in zip(before, digests(), strict=True))

    yield edit
    code_digest.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("smcloud/cube/units.py", '"""Units of', '"""Physical units of', (False, False)),
        ("smcloud/cube/units.py", "WATER_DENSITY =", "# of fresh water\nWATER_DENSITY  =", (False, False)),
        ("smcloud/cube/units.py", "1000 kg m-3", "1025 kg m-3", (True, False)),
        ("smcloud/catalog/readers/daily_images.py", "FORM = ", "FORM = 'x' or ", (True, False)),
        ("smcloud/catalog/joining.py", '.dt.floor("D")', '.dt.floor("h")', (True, False)),
        ("smcloud/catalog/units.py", "cf_xarray.units.units", "pint.UnitRegistry()", (True, False)),
        ("smcloud/chunking.py", "CHUNK = 180", "CHUNK = 90", (True, True)),
        ("smcloud/jit/__init__.py", "nogil=True", "nogil=True, fastmath=True", (True, True)),
        ("smcloud/report/page.py", "def ", "def _", (False, False)),
    ],
)
def test_an_id_follows_what_the_code_does(copied_code, file, old, new, changed):
    assert copied_code(file, old, new) == changed


def test_an_id_follows_the_versions_of_the_libraries(monkeypatch):
    before = identity.cube_code(), identity.product_code()
    installed = identity._version
    monkeypatch.setattr(identity, "_version", lambda name: "0" if name == "pint" else installed(name))
    assert identity.cube_code() != before[0] and identity.product_code() == before[1]
