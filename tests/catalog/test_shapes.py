"""Files of polygons: GeoJSON and shapefiles, zipped or not, projected, with names; what is none is refused."""

import io
import json
import zipfile
from pathlib import Path

import pytest
import rasterio.warp
import shapefile
import shapely

from smcloud.catalog.shapes import read_polygons, region_identity
from smcloud.config import Region, parse_config
from smcloud.errors import ConfigurationError, FileFormError, GridError, SmcloudError

NORTH, SOUTH = shapely.box(10, 45, 14, 48), shapely.box(11, 40, 13, 45)
WGS84 = (
    'GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]],'
    'PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]]'
)


def geojson(path, features, **more):
    made = [
        {"type": "Feature", "properties": properties, "geometry": shapely.geometry.mapping(geometry)}
        for properties, geometry in features
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": made, **more}))
    return str(path)


def shp(folder, features, prj=WGS84, zipped=False, stem="basins"):
    parts = {end: io.BytesIO() for end in ("shp", "shx", "dbf")}
    with shapefile.Writer(**parts, shapeType=shapefile.POLYGON) as writer:
        writer.field("NAME", "C", size=40)
        for name, geometry in features:
            writer.record(name)
            writer.shape(shapely.geometry.mapping(geometry))
    held = {f"{stem}.{end}": part.getvalue() for end, part in parts.items()} | {f"{stem}.prj": prj.encode()}
    if zipped:
        with zipfile.ZipFile(folder / f"{stem}.zip", "w") as archive:
            for name, content in held.items():
                archive.writestr(f"inside/{name}", content)
            archive.writestr("__MACOSX/inside/._basins.shp", b"x")
        return str(folder / f"{stem}.zip")
    for name, content in held.items():
        (folder / name).write_bytes(content)
    return str(folder / f"{stem}.shp")


def same(made, expected):
    assert list(made) == list(expected)
    for name, geometry in expected.items():
        assert made[name].symmetric_difference(geometry).area < 1e-6 * geometry.area, name


def test_geojson_of_any_form(tmp_path):
    path = geojson(tmp_path / "a.geojson", [({"id": 7}, NORTH), ({"id": 8}, SOUTH), ({"id": 7}, SOUTH)])
    same(read_polygons(Region(shape=path, field="id")), {"7": shapely.union(NORTH, SOUTH), "8": SOUTH})
    same(read_polygons(Region(shape=path, field="id", names=[8])), {"8": SOUTH})
    same(read_polygons(Region(shape=path)), {"polygon 1": NORTH, "polygon 2": SOUTH, "polygon 3": SOUTH})
    for name, held in (("b", shapely.geometry.mapping(NORTH)), ("c", {"type": "Feature", "properties": None})):
        document = held if name == "b" else held | {"geometry": shapely.geometry.mapping(NORTH)}
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
        same(read_polygons(Region(shape=str(tmp_path / f"{name}.json"))), {"polygon 1": NORTH})


@pytest.mark.parametrize("zipped", [False, True])
def test_shapefiles_zipped_or_not(tmp_path, zipped):
    path = shp(tmp_path, [("Ä north", NORTH), ("south", SOUTH)], zipped=zipped)
    same(read_polygons(Region(shape=path, field="NAME")), {"Ä north": NORTH, "south": SOUTH})
    chosen = Region(shape=path, field="NAME", names=["south", "Ä north"])
    same(read_polygons(chosen), {"south": SOUTH, "Ä north": NORTH})


def test_projected_polygons_are_turned_to_degrees_and_broken_ones_mended(tmp_path):
    utm = shapely.geometry.shape(
        rasterio.warp.transform_geom("EPSG:4326", "EPSG:32632", shapely.geometry.mapping(NORTH.segmentize(0.1)))
    )
    path = geojson(tmp_path / "a.geojson", [({}, utm)], crs={"properties": {"name": "urn:ogc:def:crs:EPSG::32632"}})
    made = read_polygons(Region(shape=path))["polygon 1"]
    assert made.symmetric_difference(NORTH).area < 1e-4 * NORTH.area
    bow = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    made = read_polygons(Region(shape=geojson(tmp_path / "b.geojson", [({}, bow)])))["polygon 1"]
    assert made.is_valid and made.area == pytest.approx(2)


def test_the_ar6_regions_of_the_ipcc(test_data):
    path = str(test_data / "static" / "IPCC-WGI-reference-regions-v4.zip")
    made = read_polygons(Region(shape=path, field="Acronym", names=["CNA", "WNA"]))
    assert list(made) == ["CNA", "WNA"] and made["CNA"].bounds == (-105, 25, -90, 50)
    assert len(read_polygons(Region(shape=path, field="Acronym"))) == 58


def refused(region):
    with pytest.raises(SmcloudError) as err:
        read_polygons(region)
    assert all(err.value.record().values())
    return err.value


def cut_short(folder):
    path = shp(folder, [("a", NORTH)])
    (folder / "basins.shp").write_bytes((folder / "basins.shp").read_bytes()[:130])
    return Region(shape=path)


def test_what_is_no_polygon_or_not_there_is_refused_by_its_name(tmp_path):
    path = geojson(tmp_path / "a.geojson", [({"NAME": "a"}, NORTH)])
    err = refused(Region(shape=path, field="NAME", names=["a", "b"]))
    assert isinstance(err, ConfigurationError) and err.found == "b" and err.expected == "a"
    err = refused(Region(shape=path, field="name"))
    assert "region.field" in err.where and err.expected == "NAME"
    missing = refused(Region(shape=str(tmp_path / "none.geojson")))
    assert missing.found == "no file" and f"counts from {Path.cwd()}" in missing.next
    assert isinstance(
        refused(Region(shape=geojson(tmp_path / "p.geojson", [({}, shapely.Point(1, 2))]))), FileFormError
    )
    (tmp_path / "text.geojson").write_text("<html>log in</html>")
    assert isinstance(refused(Region(shape=str(tmp_path / "text.geojson"))), FileFormError)
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04" + b"x" * 90)
    assert isinstance(refused(Region(shape=str(tmp_path / "cut.zip"))), FileFormError)
    with pytest.warns(Warning, match="file size"):
        assert isinstance(refused(cut_short(tmp_path)), FileFormError)
    (tmp_path / "x.gpkg").write_bytes(b"SQLite")
    assert ".gpkg" in refused(Region(shape=str(tmp_path / "x.gpkg"))).found
    metres = geojson(tmp_path / "m.geojson", [({}, shapely.box(4e5, 5e6, 5e5, 5.1e6))])
    assert isinstance(refused(Region(shape=metres)), GridError)
    many = geojson(tmp_path / "many.geojson", [({}, shapely.box(0, i / 3, 1, i / 3 + 0.2)) for i in range(201)])
    assert "region.field" in refused(Region(shape=many)).next


def test_an_archive_that_unpacks_to_too_much_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("smcloud.catalog.shapes.MAX_BYTES", 2**20)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.geojson", b" " * 2**22)
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *args: pytest.fail("it was unpacked"))
    assert "MiB" in refused(Region(shape=str(tmp_path / "bomb.zip"))).found


def test_a_region_is_what_its_file_holds_wherever_it_lies(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    one = Region(shape=shp(tmp_path, [("a", NORTH)]), field="NAME")
    other = Region(shape=shp(tmp_path / "elsewhere", [("a", NORTH)], stem="renamed"), field="NAME")
    changed = Region(shape=shp(tmp_path, [("a", SOUTH)], stem="changed"), field="NAME")
    assert region_identity(one) == region_identity(other) != region_identity(changed)
    assert region_identity(one) != region_identity(one.model_copy(update={"names": ("a",)}))
    assert region_identity(Region(bbox=[1, 2, 3, 4])) == {"bbox": [1, 2, 3, 4]}


@pytest.mark.parametrize(
    ("region", "told"),
    [
        ({}, "bbox, or shape"),
        ({"bbox": [0, 0, 1, 1], "shape": "a.geojson"}, "bbox, or shape"),
        ({"bbox": [0, 10, 1, 1]}, "south below north"),
        ({"bbox": [0, 0, 400, 1]}, "west, south, east, north"),
        ({"bbox": [0, 0, 1]}, "region.bbox"),
        ({"shape": "https://example.org/a.geojson"}, "nothing is downloaded"),
        ({"shape": "a.geojson", "names": ["a"]}, "holds these names"),
        ({"bbox": [0, 0, 1, 1], "field": "NAME"}, "shape beside it"),
        ({"box": [0, 0, 1, 1]}, "region.box"),
    ],
)
def test_a_region_that_cannot_be_is_refused_with_its_key(region, told):
    base = {
        "preset": "peng2023", "period": {"start": "2000-01"}, "catalog": "c.yaml", "inputs": {"soil_moisture": "e"},
        "store": "s",
    }  # fmt: skip
    with pytest.raises(ConfigurationError) as err:
        parse_config(base | {"region": region})
    assert told in str(err.value) and "region" in str(err.value)
