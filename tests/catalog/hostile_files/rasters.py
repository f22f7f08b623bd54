"""HDF4 and rasters: external elements, VRT, names that are addresses, notes beside an image."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import rasterio
from pyhdf.SD import SD, SDC

from tests.catalog.hostile_files.cases import CASES, SECRET, case

STRUCTURE = """GROUP=GRID_1\nXDim=4\nYDim=3\nUpperLeftPointMtrs=(-180.0,90.0)\nLowerRightMtrs=(180.0,-90.0)
Projection=GCTP_GEO\nDataFieldName="sm"\nEND_GROUP=GRID_1\n"""


@case("an external element of HDF4", metadata__reader="hdf4")
def external_element(folder: Path) -> str:
    file = SD(str(folder / "X.A2000001.hdf"), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    file.attr("StructMetadata.0").set(SDC.CHAR, STRUCTURE)
    array = file.create("sm", SDC.FLOAT32, (3, 4))
    array.setexternalfile(str(folder.parent / "private" / "big"), 0)
    array[:] = np.full((3, 4), SECRET, "f4")
    array.endaccess()
    file.end()
    return "*.hdf"


# ------------------------------------------------------------------------------------------------------ rasters

STATIC = {
    "metadata__reader": "geotiff",
    "metadata__variables": {"x": {"name": "band_1", "units": "1", "period": "static", "valid_range": [0, 1]}},
}
VRT = """<VRTDataset rasterXSize="4" rasterYSize="3"><SRS>EPSG:4326</SRS><GeoTransform>0, 1, 0, 3, 0, -1</GeoTransform>
<VRTRasterBand dataType="Float32" band="1" subClass="{kind}">{source}</VRTRasterBand></VRTDataset>"""
SIMPLE = "<SimpleSource><SourceFilename>{}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>"


def tiff(path: Path, value: float = 0.25) -> Path:
    place = rasterio.transform.from_origin(0, 3, 1, 1)
    with rasterio.open(
        path, "w", "GTiff", 4, 3, 1, crs="EPSG:4326", transform=place, dtype="float32", compress="deflate"
    ) as file:
        file.write(np.full((1, 3, 4), value, "f4"))
    return path


@case("an XML document", **STATIC)
def raw_values_of_a_vrt(folder: Path) -> str:
    source = f"<SourceFilename>{folder.parent}/private/little</SourceFilename><ImageOffset>0</ImageOffset>"
    (folder / "a.tif").write_text(VRT.format(kind="VRTRawRasterBand", source=source))
    return "a.tif"


@case("an XML document", **STATIC)
def vrt_of_an_image_elsewhere(folder: Path) -> str:
    tiff(folder.parent / "private" / "a.tif", SECRET)
    source = SIMPLE.format(folder.parent / "private" / "a.tif")
    (folder / "a.tif").write_text(VRT.format(kind="VRTSourcedRasterBand", source=source))
    return "a.tif"


@case("an XML document", **STATIC)
def vrt_that_asks_a_host(folder: Path) -> str:
    source = SIMPLE.format("/vsicurl/http://127.0.0.1:9/a.tif")
    (folder / "a.tif").write_text(VRT.format(kind="VRTSourcedRasterBand", source=source))
    return "a.tif"


@case("Protocol not known", **STATIC, args__urlpath="/vsicurl/http://127.0.0.1:9/a.tif")
def name_that_asks_a_host(folder: Path) -> str:
    return ""


@case("no file at", **STATIC)
def name_inside_a_zip(folder: Path) -> str:
    tiff(folder / "a.tif", SECRET)
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.write(folder / "a.tif", "a.tif")
    CASES["name_inside_a_zip"][1]["args__urlpath"] = f"/vsizip/{folder}/a.zip/a.tif"
    return ""


@case("Scale", **STATIC)
def notes_beside_an_image_that_scale_it(folder: Path) -> str:
    tiff(folder / "a.tif")
    (folder / "a.tif.aux.xml").write_text(
        f"<PAMDataset><PAMRasterBand band='1'><Scale>{SECRET / 0.25}</Scale></PAMRasterBand></PAMDataset>"
    )
    return "a.tif"


@case("a mask", **STATIC)
def mask_beside_an_image(folder: Path) -> str:
    tiff(folder / "a.tif")
    tiff(folder.parent / "m.tif", 0).rename(folder / "a.tif.msk")
    return "a.tif"
