"""What readers are given that is not sealed: the release's number and date, its publisher, its inputs."""

from __future__ import annotations

import pytest
import xarray as xr

from smcloud.store import InputEntry, Prefix, open_cube, open_product, publish
from smcloud.store.attribution import licences, release_attributes

PUBLISHER = {"name": "Water Lab", "institution": "University of Somewhere", "email": "data@example.org"}
ERA5 = InputEntry(entry="era5", version="1", state="x", licence="CC-BY-4.0", citation="Hersbach et al. (2020).")
CCI = InputEntry(entry="cci", version="9", state="y", licence="CC-BY-4.0", citation="Dorigo et al. (2017)")


@pytest.fixture
def released(store, sealed_content):
    content = sealed_content(store)
    inputs = {"soil_moisture": CCI, "precipitation": ERA5, "soil_temperature": ERA5}
    return publish(store, content.model_copy(update={"config": {"publisher": PUBLISHER}, "inputs": inputs}))


def test_products_and_cube_say_who_published_them_when_and_from_what(store, released):
    for ds in (open_product(store.url, "trend"), open_cube(store.url)):
        assert ds.attrs["creator_name"] == ds.attrs["publisher_name"] == "Water Lab"
        assert ds.attrs["institution"] == ds.attrs["creator_institution"] == "University of Somewhere"
        assert ds.attrs["creator_email"] == ds.attrs["publisher_email"] == "data@example.org"
        assert ds.attrs["product_version"] == f"release {released.number}"
        assert ds.attrs["date_issued"] == released.created
        assert ds.attrs["acknowledgement"] == "Made from Dorigo et al. (2017); Hersbach et al. (2020)."
        assert ds.attrs["license"] == "not stated by the publisher; inputs: CC-BY-4.0"
        assert "creator_url" not in ds.attrs


def test_a_citation_names_publisher_year_title_release_and_run(store, released):
    assert open_cube(store.url).attrs["citation"] == (
        f"Water Lab, University of Somewhere ({released.created[:4]}): a test cube, release 1 (run run1), "
        "made with smcloud."
    )


def test_nothing_of_it_is_sealed(store, released):
    assert xr.open_zarr(store.url_of(released.products["trend"].url)).attrs == {}
    assert xr.open_zarr(store.url_of(released.cube.url)).attrs == {"title": "a test cube"}


def test_what_is_sealed_comes_first(store, sealed_content, product):
    import dask

    content = sealed_content(store)
    prefix = Prefix(store, "products/annual/run9.zarr")
    dask.compute(prefix.stage(product.assign_attrs(license="of the product", title="Annual")))
    entry = content.products["trend"].model_copy(
        update={"url": prefix.path, "inventory_sha256": prefix.seal().inventory_sha256}
    )
    publish(store, content.model_copy(update={"products": {"annual": entry}}))
    assert open_product(store.url, "annual").attrs["license"] == "of the product"


def test_the_publisher_s_licence_is_that_of_the_products(released):
    named = released.model_copy(update={"config": {"publisher": {"licence": "CC-BY-SA-4.0"}}})
    attributes = release_attributes(named, "Trend")
    assert attributes["license"] == "CC-BY-SA-4.0" and "creator_name" not in attributes
    assert attributes["citation"].startswith(f"Trend ({released.created[:4]}), release 1")


def test_a_release_without_publisher_and_inputs_says_what_it_knows(store, sealed_content):
    release = publish(store, sealed_content(store).model_copy(update={"inputs": {}, "config": {}}))
    attributes = release_attributes(release, "Trend")
    assert set(attributes) == {"product_version", "date_issued", "date_modified", "project", "citation"}
    assert licences(release) == ""
