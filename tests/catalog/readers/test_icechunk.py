"""ERA5 as an Icechunk repository: real repositories, on disk and behind an S3 server."""

import json

import icechunk
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smcloud.catalog import load_catalog
from smcloud.catalog.fingerprints import source_state
from smcloud.errors import CatalogError, ChunkError, FileFormError, UnreachableError

TP = {"name": "tp", "units": "m", "period": "hour", "stamp": "end", "aggregate": "sum", "valid_range": [-0.0001, 1]}
STL1 = {"name": "stl1", "units": "K", "period": "hour", "stamp": "end", "valid_range": [180, 350]}


def era5(seed=0, hours=24 * 31):
    """Names, dims, order and units of Earthmover's ERA5: latitude 90 to -90, longitude from 0, valid_time hourly."""
    rng = np.random.default_rng(seed)
    dims, shape = ("valid_time", "latitude", "longitude"), (hours, 5, 8)
    return xr.Dataset(
        {
            "tp": (dims, rng.uniform(0, 1e-3, shape).astype("float32"), {"units": "m"}),
            "stl1": (dims, rng.uniform(250, 300, shape).astype("float32"), {"units": "K"}),
        },
        coords={
            "valid_time": pd.date_range("2000-01-01T01", periods=hours, freq="h"),
            "latitude": np.linspace(90, -90, 5),
            "longitude": np.arange(0.0, 360, 45),
        },
    )


def commit(repository, ds, group="single/temporal", branch="main"):
    session = repository.writable_session(branch)
    ds.to_zarr(session.store, group=group, mode="w", zarr_format=3, consolidated=False)
    return session.commit("hours of ERA5")


@pytest.fixture
def repository(tmp_path):
    made = icechunk.Repository.create(icechunk.local_filesystem_storage(str(tmp_path / "era5")))
    commit(made, era5())
    return made


@pytest.fixture
def hourly(tmp_path, entry):
    """A function that makes the entry of the repository, with ``args`` changed."""

    def make(urlpath=None, group="single/temporal", **args):
        args = {"chunks": {}, "xarray_kwargs": {"group": group}} | args
        variables = {"precipitation": TP, "soil_temperature": STL1}
        return entry(urlpath or str(tmp_path / "era5"), variables, driver="zarr", reader="icechunk", args=args)

    return make


def test_a_group_of_the_branch_opens_lazily(repository, opened, hourly):
    ds = opened(hourly())
    assert ds["tp"].chunks is not None
    xr.testing.assert_identical(ds.load(), era5())


def test_months_of_it_are_sums_and_means(repository, cube, hourly):
    source = hourly()
    source["metadata"]["variables"]["soil_moisture"] = STL1 | {"units": "m3 m-3", "attr_units": "K", "scale": 0.001}
    made = cube(source, "2000-01", "2000-01", ("soil_moisture", "precipitation", "soil_temperature"))
    ds = made.dataset.isel(time=0)
    want = era5().isel(latitude=slice(None, None, -1)).roll(longitude=4)
    np.testing.assert_array_equal(ds["lon"], np.arange(-180.0, 180, 45))
    total = want["tp"].astype("float64").sum("valid_time") * 1000
    np.testing.assert_allclose(ds["precipitation"], total, rtol=1e-6)
    np.testing.assert_allclose(ds["soil_temperature"], want["stl1"].astype("float64").mean("valid_time"), rtol=1e-6)
    assert made.dataset["provisional"].values.tolist() == [0]


def test_a_snapshot_pins_what_is_read(repository, opened, hourly, catalog):
    first = repository.lookup_branch("main")
    pinned = hourly(snapshot=first)
    states = [source_state(catalog(source=source), "source") for source in (hourly(), pinned)]
    commit(repository, era5(seed=1, hours=48))
    xr.testing.assert_identical(opened(pinned).load(), era5())
    xr.testing.assert_identical(opened(hourly()).load(), era5(seed=1, hours=48))
    assert source_state(catalog(source=hourly()), "source") != states[0]
    assert source_state(catalog(source=pinned), "source") == states[1]


def test_another_branch_and_another_group(repository, opened, hourly):
    repository.create_branch("trial", repository.lookup_branch("main"))
    commit(repository, era5(seed=2, hours=24), branch="trial")
    commit(repository, era5(seed=3, hours=24), group="single/spatial")
    xr.testing.assert_identical(opened(hourly(branch="trial")).load(), era5(seed=2, hours=24))
    xr.testing.assert_identical(opened(hourly(group="single/spatial")).load(), era5(seed=3, hours=24))


def test_what_is_not_there_is_bad_data_on_this_machine(repository, opened, hourly, tmp_path):
    for source in (
        hourly(str(tmp_path / "none")),
        hourly(branch="none"),
        hourly(snapshot="0" * 20),
        hourly(group="no"),
    ):
        with pytest.raises(FileFormError) as caught:
            opened(source)
        assert len(caught.value.found) < 200
    for url in (["a", "b"], "https://host/repository"):
        with pytest.raises((CatalogError, FileFormError, UnreachableError)) as error:
            opened(hourly(url))
        assert all(error.value.record().values())


def test_a_missing_chunk_is_an_error_where_the_entry_vouches_for_all(repository, opened, hourly):
    session = repository.writable_session("main")
    hole = era5().chunk(valid_time=24)
    hole.to_zarr(session.store, group="hole", zarr_format=3, consolidated=False, compute=False)
    session.commit("metadata without chunks")
    lax, strict = hourly(group="hole"), hourly(group="hole")
    strict["metadata"]["complete"] = True
    assert opened(lax)["tp"].isnull().all()
    with pytest.raises(Exception, match="chunk"):
        opened(strict)["tp"].load()


def test_branch_and_snapshot_are_for_icechunk_only(hourly, catalog, entry):
    for key in ("branch", "snapshot"):
        with pytest.raises(CatalogError) as caught:
            catalog(source=entry("a.zarr", {"precipitation": TP}, driver="zarr", args={key: "x"}))
        assert caught.value.where.endswith(f"sources.source.args.{key}")
    with pytest.raises(CatalogError) as caught:
        catalog(source=hourly() | {"driver": "netcdf"})
    assert caught.value.where.endswith("sources.source.driver")


def test_an_axis_that_does_not_fit_in_memory_is_refused(repository, opened, hourly):
    import zarr

    session = repository.writable_session("main")
    group = zarr.open_group(session.store, path="huge", mode="w")
    for name, dims in (("tp", ["t"]), ("t", ["t"])):
        group.create_array(name, shape=(10**12,), chunks=(10**8,), dtype="f4", dimension_names=dims)
    session.commit("huge")
    with pytest.raises(ChunkError):
        opened(hourly(group="huge"))


@pytest.mark.slow
def test_an_anonymous_bucket_with_an_endpoint_of_its_own(s3_endpoint, monkeypatch, opened, hourly, catalog):
    import boto3

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    client = boto3.client(
        "s3", endpoint_url=s3_endpoint, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    client.create_bucket(Bucket="earth")
    storage = icechunk.s3_storage(
        bucket="earth", prefix="icechunkV2", region="us-east-1", endpoint_url=s3_endpoint, allow_http=True,
        force_path_style=True, access_key_id="a", secret_access_key="b",
    )  # fmt: skip
    commit(icechunk.Repository.create(storage), era5(hours=48))
    options = {"anon": True, "client_kwargs": {"region_name": "us-east-1", "endpoint_url": s3_endpoint}}
    source = hourly("s3://earth/icechunkV2", storage_options=options)
    with pytest.raises(UnreachableError):
        opened(source)  # the bucket is private still
    everyone = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::earth/*"}
    client.put_bucket_policy(Bucket="earth", Policy=json.dumps({"Version": "2012-10-17", "Statement": [everyone]}))
    xr.testing.assert_identical(opened(source).load(), era5(hours=48))
    assert len(source_state(catalog(source=source), "source")) == 16


def test_the_public_entry_reads_anonymously_from_us_east_1(monkeypatch):
    """The options that the public entry hands on, without a network."""
    from smcloud.catalog.readers import icechunk as reader

    asked = {}
    monkeypatch.setattr(icechunk, "s3_storage", lambda **options: asked.update(options))
    public = load_catalog("catalogs/public.yaml").sources["era5_icechunk"]
    reader._storage(public.args, "here")
    assert asked == {
        "bucket": "earthmover-icechunk-era5",
        "prefix": "icechunkV2",
        "anonymous": True,
        "from_env": False,
        "region": "us-east-1",
        "endpoint_url": None,
        "allow_http": False,
        "force_path_style": False,
        "requester_pays": False,
    }
