"""How a run was made: no place on a disk is told, links are links, and what nobody chose is said so."""

import pytest

from smcloud.report import render
from smcloud.report.method import configuration, public, value_text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("/home/me/secret-project/basin.geojson", "basin.geojson"), ("~/data/world.yaml", "world.yaml"),
        ("../elsewhere/x.nc", "x.nc"), ("./store", "store"), ("file:///srv/lab/store", "store"),
        (r"C:\Users\me\store", "store"), (r"\\server\share\store", "store"), ("/", "–"),
        ("gs://bucket/store", "gs://bucket/store"), ("https://a.example/b", "https://a.example/b"),
        ("peng2023", "peng2023"), ("0.5 m3 m-3", "0.5 m3 m-3"), ("2000-01", "2000-01"),
    ],
)  # fmt: skip
def test_a_place_on_a_disk_is_told_by_its_name_alone(value, shown):
    assert public(value) == shown


def test_a_place_inside_of_a_list_or_a_mapping_is_no_better():
    assert value_text(["/a/b", 1, None, True]) == "b, 1, –, yes" and value_text([]) == value_text({}) == "–"
    assert value_text({"at": "/a/b", "none": None}) == "at: b"


def test_no_local_path_is_on_the_page_or_in_its_tables(products, new_context, context):
    config = dict(context.config) | {
        "store": "/work/SECRET/store", "catalog": "/home/SECRET/sample.yaml",
        "region": {"shape": "../SECRET/basin.geojson", "names": ["/SECRET/x"]},
    }  # fmt: skip
    files = render({"ddww": products["ddww"]}, new_context(config=config))
    assert not [name for name, content in files.items() if b"SECRET" in content]
    assert ("region.shape", "basin.geojson") in configuration(config)
