"""What a store says of its documents: absent ones are left out, faults are not taken for absence."""

import pytest

from smcloud.catalog.fingerprints import objects


class Remote:
    """A store that answers with these contents or errors, and with FileNotFoundError for all else."""

    protocol = "gs"

    def __init__(self, answers):
        self.answers = answers

    def cat(self, paths, on_error):
        assert on_error == "return"
        return {path: self.answers.get(path.rpartition("/")[2], FileNotFoundError(path)) for path in paths}


def test_documents_that_are_absent_are_left_out():
    assert objects.metadata(Remote({"zarr.json": b"{}"}), "bucket/a.zarr") == {"zarr.json": "{}"}
    refused = dict.fromkeys((".zgroup", ".zattrs"), PermissionError("no right to list"))
    assert objects.metadata(Remote(refused | {"zarr.json": b"{}"}), "bucket/a.zarr") == {"zarr.json": "{}"}
    assert objects.metadata(Remote({}), "bucket/a.zarr") == {}


@pytest.mark.parametrize("fault", [OSError("503"), TimeoutError(), ConnectionResetError()])
def test_a_fault_of_the_store_is_not_an_absent_document(fault):
    with pytest.raises(type(fault)):
        objects.metadata(Remote({"zarr.json": b"{}", ".zmetadata": fault}), "bucket/a.zarr")


def test_a_store_that_refuses_all_is_no_empty_one():
    refused = dict.fromkeys(objects.DOCUMENTS, PermissionError("credentials"))
    with pytest.raises(PermissionError):
        objects.metadata(Remote(refused), "bucket/a.zarr")
