"""Polygons of a region, from GeoJSON or a shapefile, zipped or not: in degrees on WGS 84, by their names."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from smcloud.config import Region
from smcloud.errors import ConfigurationError, FileFormError, GridError, SmcloudError

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

MAX_BYTES = 256 * 2**20  # of all that is read, unpacked
MAX_POLYGONS = 200  # each is a row of the tables
SHAPEFILE, GEOJSON = ".shp", (".geojson", ".json")
BESIDE = (".dbf", ".prj", ".cpg")  # of a shapefile: names, reference system, encoding of the names
WGS84 = "EPSG:4326"

Feature = tuple[Mapping[str, Any], Mapping[str, Any]]  # its properties and its geometry


def region_identity(region: Region) -> dict[str, Any]:
    """Return what makes a region this one: the box, or the digest of the file's bytes, wherever it lies."""
    chosen = region.model_dump(mode="json", exclude={"shape"}, exclude_defaults=True)
    return chosen if region.shape is None else chosen | {"sha256": _digest(_files(region.shape))}


def read_polygons(region: Region) -> dict[str, BaseGeometry]:
    """Read the polygons of ``region.shape`` that count, by name, in the order of the file or of ``region.names``.

    Features of one name are one polygon; without ``field`` each has its number for a name. Edges are straight in
    degrees, or in the file's own projection. Raises :class:`FileFormError` for what is no such file,
    :class:`ConfigurationError` for a field or names that it does not hold, with those that it does, and
    :class:`GridError` for what does not lie on the earth.
    """
    import shapely

    assert region.shape is not None
    where = f"region.shape: {region.shape}"
    files = _files(region.shape)
    suffix = next(suffix for suffix in files if suffix not in BESIDE)
    try:
        features, crs = _of_shapefile(files) if suffix == SHAPEFILE else _of_geojson(files[suffix])
        named: dict[str, list[BaseGeometry]] = {}
        for number, (properties, geometry) in enumerate(features, start=1):
            if region.field is not None and region.field not in properties:
                raise _unknown("region.field", region.field, list(properties), where)
            name = f"polygon {number}" if region.field is None else str(properties[region.field]).strip()
            if not region.names or name in region.names:
                named.setdefault(name, []).extend(_polygons(geometry, crs))
            else:
                named.setdefault(name, [])
    except SmcloudError:
        raise
    except Exception as err:  # libraries raise anything of bytes that are no polygons
        raise _no_shape(where, f"{type(err).__name__}: {err}") from err
    if missing := [name for name in region.names if name not in named]:
        raise _unknown("region.names", ", ".join(missing), list(named), where)
    made = {name: shapely.union_all(named[name]) for name in region.names or named}
    made = {name: geometry for name, geometry in made.items() if not geometry.is_empty}
    _require_some(made, where)
    return made


def _require_some(made: Mapping[str, BaseGeometry], where: str) -> None:
    if not 0 < len(made) <= MAX_POLYGONS:
        raise ConfigurationError(
            "a region has no polygon" if not made else "a region has more polygons than a table has rows for",
            where=where,
            found=len(made),
            expected=f"1 to {MAX_POLYGONS}",
            next="name another file"
            if not made
            else "set region.field, whose features of one name are one polygon, and region.names",
        )
    for name, geometry in made.items():
        west, south, east, north = geometry.bounds
        if min(west, -360) < -360 or east > 540 or max(-south, north) > 90 + 1e-6:
            raise GridError(
                "a polygon does not lie on the earth",
                where=f"{where}: {name}",
                found=f"{west:g} to {east:g}, {south:g} to {north:g}",
                expected="longitudes and latitudes in degrees",
                next=f"write it anew in degrees, with its reference system: ogr2ogr -t_srs {WGS84} degrees.shp FILE",
            )


def _files(path: str) -> dict[str, bytes]:
    """The bytes of a file and of what belongs to it, by suffix; of a ZIP archive those of the one that it holds."""
    place, where = Path(path), f"region.shape: {path}"
    try:
        if place.suffix.lower() == ".zip":
            with zipfile.ZipFile(place) as archive:
                return _unpacked(archive, where)
        suffix = place.suffix.lower()
        if suffix not in (SHAPEFILE, *GEOJSON):
            raise _no_shape(where, suffix or "no suffix")
        if place.exists() and not place.is_file():
            raise OSError("no plain file")
        beside = [place.with_suffix(end) for end in BESIDE] if suffix == SHAPEFILE else []
        found = [place, *(it for it in beside if it.is_file())]
        _require_size(sum(it.stat().st_size for it in found), where)
        return {it.suffix.lower(): it.read_bytes() for it in found}
    except (OSError, RuntimeError, zipfile.BadZipFile, zlib.error) as err:  # a password is a RuntimeError
        missing = isinstance(err, FileNotFoundError)
        raise FileFormError(
            "the file of a region cannot be read",
            where=where,
            found="no file" if missing else str(err),
            expected="GeoJSON (.geojson, .json), a shapefile (.shp beside its .dbf and .prj), or one of them in a .zip",
            next=f"correct region.shape in the configuration; a path without a scheme counts from {os.getcwd()}",
        ) from err


def _unpacked(archive: zipfile.ZipFile, where: str) -> dict[str, bytes]:
    members = [
        name for name in archive.namelist() if not PurePath(name).name.startswith(".") and "__MACOSX" not in name
    ]
    main = [name for name in members if PurePath(name).suffix.lower() in (SHAPEFILE, *GEOJSON)]
    if len(main) != 1:
        raise _no_shape(where, f"a ZIP archive with {', '.join(main[:5]) or 'neither'}")
    stem = main[0][: -len(PurePath(main[0]).suffix)]
    wanted = {f"{stem.lower()}{end}" for end in BESIDE} | {main[0].lower()}
    chosen = [archive.getinfo(name) for name in members if name.lower() in wanted]
    _require_size(sum(info.file_size for info in chosen), where)
    return {PurePath(info.filename).suffix.lower(): archive.read(info) for info in chosen}


def _require_size(size: int, where: str) -> None:
    if size > MAX_BYTES:
        raise _no_shape(where, f"{size / 2**20:.0f} MiB")


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for suffix in sorted(files):
        digest.update(f"{suffix} {len(files[suffix])}\n".encode() + files[suffix])
    return digest.hexdigest()


def _of_shapefile(files: Mapping[str, bytes]) -> tuple[Iterator[Feature], str]:
    """Features, and the reference system as its text, empty where none is stated."""
    import shapefile

    encoding = files.get(".cpg", b"utf-8").decode("ascii", "ignore").strip() or "utf-8"
    parts = {suffix[1:]: io.BytesIO(files[suffix]) for suffix in (SHAPEFILE, ".dbf") if suffix in files}
    reader = shapefile.Reader(**parts, encoding=encoding, encodingErrors="replace")

    def features() -> Iterator[Feature]:
        for index in range(len(reader)):
            properties = reader.record(index).as_dict() if "dbf" in parts else {}
            yield properties, reader.shape(index).__geo_interface__

    return features(), files.get(".prj", b"").decode("utf-8", "ignore").strip()


def _of_geojson(text: bytes) -> tuple[Iterator[Feature], str]:
    held = json.loads(text.decode("utf-8-sig"))
    stated = str(((held.get("crs") or {}).get("properties") or {}).get("name") or "")
    features = held["features"] if held["type"] == "FeatureCollection" else [held]
    pairs = ((it.get("properties") or {}, it["geometry"]) if it["type"] == "Feature" else ({}, it) for it in features)
    return iter(pairs), stated


def _polygons(geometry: Mapping[str, Any] | None, crs: str) -> list[BaseGeometry]:
    """The valid polygons of a feature in degrees; none of one without a geometry."""
    import shapely
    from shapely.geometry import shape

    if not geometry or not (geometry.get("coordinates") or geometry.get("geometries")):
        return []
    made = shapely.force_2d(shape(_in_degrees(geometry, crs)))
    if made.geom_type not in ("Polygon", "MultiPolygon", "GeometryCollection"):
        raise ValueError(f"{made.geom_type} where polygons are needed")
    parts = shapely.get_parts(shapely.make_valid(made))
    return [part for part in parts if part.geom_type in ("Polygon", "MultiPolygon")]


def _in_degrees(geometry: Mapping[str, Any], crs: str) -> Mapping[str, Any]:
    if not crs or "CRS84" in crs:
        return geometry
    from rasterio.crs import CRS
    from rasterio.errors import RasterioError
    from rasterio.warp import transform_geom

    try:
        system = CRS.from_user_input(crs)
        if system.is_geographic:  # of whatever datum: metres do not count here
            return geometry
        turned: Mapping[str, Any] = transform_geom(system, WGS84, geometry)
    except RasterioError as err:
        raise ValueError(f"a reference system that is not known: {crs[:60]}") from err
    return turned


def _unknown(key: str, found: str, known: Sequence[object], where: str) -> ConfigurationError:
    return ConfigurationError(
        "the file of a region does not hold what is asked of it",
        where=f"{where}: {key}",
        found=found,
        expected=" or ".join(map(str, known[:60])) or "nothing: its features have no properties",
        next=f"correct {key} in the configuration",
    )


def _no_shape(where: str, found: str) -> FileFormError:
    return FileFormError(
        "the file of a region does not hold polygons",
        where=where,
        found=found,
        expected="GeoJSON (.geojson, .json), a shapefile (.shp beside its .dbf and .prj), or one of them in a .zip, "
        f"up to {MAX_BYTES // 2**20} MiB",
        next="correct region.shape in the configuration",
    )
