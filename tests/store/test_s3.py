"""One round trip through the S3 protocol, against an independent server in this process."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
import xarray as xr

from smcloud.errors import IntegrityError, NotAStoreError, UnreachableError
from smcloud.store import (
    Release,
    ReleaseContent,
    Store,
    create_only,
    latest_release,
    open_cube,
    open_product,
    publish,
    require_store,
    verify,
)
from tests.plain_doors import write_catalog
from tests.sealed_part import sealed_part

Released = Callable[..., Release]


@pytest.mark.slow
def test_round_trip(bucket: str, released: Released, cube: xr.Dataset, product: xr.Dataset) -> None:
    store = Store.open(f"s3://{bucket}/deep/store")
    require_store(store)
    assert latest_release(store) == 0
    record = released(store)
    assert record.number == latest_release(store) == 1
    assert not create_only(store, "releases/00000001.json", b"{}")
    assert (
        publish(store, ReleaseContent(**{name: getattr(record, name) for name in ReleaseContent.model_fields}))
        == record
    )
    xr.testing.assert_identical(sealed_part(open_product(store.url, "trend").load()), product.compute())
    xr.testing.assert_identical(sealed_part(open_cube(store.url).load()), cube.compute())
    plain = xr.open_zarr(store.url_of(record.products["trend"].url))
    xr.testing.assert_identical(plain.load(), product.compute())
    assert verify(store)["prefixes"] == 2
    assert write_catalog(store) == "s3://bucket/deep/store/catalog.yaml"
    require_store(store)

    chunk = store.join(record.products["trend"].url, "slope/c/0/0")
    store.fs.pipe_file(chunk, store.fs.cat_file(chunk)[:-1] + b"\0")
    with pytest.raises(IntegrityError) as caught:
        verify(store)
    assert "slope/c/0/0" in caught.value.found and caught.value.what.startswith("1 objects")

    store.fs.pipe_file(store.join("thesis.tex"), b"mine")
    with pytest.raises(NotAStoreError) as foreign:
        require_store(store)
    assert foreign.value.found == "thesis.tex"
    with pytest.raises(UnreachableError) as absent:
        require_store(Store.open("s3://no-such-bucket/store"))
    assert "bucket" in absent.value.found


def test_refused_connection_is_unreachable(environment: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{probe.getsockname()[1]}")
        with pytest.raises(UnreachableError) as caught:
            require_store(Store.open("s3://bucket/store"))
    assert caught.value.where == "s3://bucket/store"
    assert caught.value.exit_code == 4
