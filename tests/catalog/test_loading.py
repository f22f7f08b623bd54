"""Where a catalog is looked for."""

import pytest

from smcloud.catalog import load_catalog
from smcloud.errors import CatalogError


def test_a_catalog_that_is_not_there_is_looked_for_from_a_folder_that_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CatalogError) as refused:
        load_catalog("mine/catalog.yaml")
    assert f"counts from {tmp_path}" in refused.value.expected
