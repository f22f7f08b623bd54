"""HDF4 files with the structure of GLASS and MODIS."""

from pyhdf.SD import SD, SDC

LAI = {"name": "LAI", "units": "m2 m-2", "period": "8day", "valid_range": [0, 10]}
TYPES = {"int8": SDC.INT8, "int16": SDC.INT16, "uint8": SDC.UINT8}
STRUCTURE = """GROUP=SwathStructure
END_GROUP=SwathStructure
GROUP=GridStructure
\tGROUP=GRID_1
\t\tGridName="{grid}"
\t\tXDim={nx}
\t\tYDim={ny}
\t\tUpperLeftPointMtrs=({corners[0]})
\t\tLowerRightMtrs=({corners[1]})
\t\tProjection={projection}
\t\tGROUP=Dimension
\t\t\tOBJECT=Dimension_1
\t\t\t\tDimensionName="YDim"
\t\t\t\tSize={ny}
\t\t\tEND_OBJECT=Dimension_1
\t\tEND_GROUP=Dimension
\t\tGROUP=DataField
\t\t\tOBJECT=DataField_1
\t\t\t\tDataFieldName="{name}"
\t\t\t\tDataType=DFNT_{dtype}
\t\t\t\tDimList=("YDim","XDim")
\t\t\tEND_OBJECT=DataField_1
\t\tEND_GROUP=DataField
\tEND_GROUP=GRID_1
END_GROUP=GridStructure
GROUP=PointStructure
END_GROUP=PointStructure
END
"""


PACKED = ("-180000000.000000,90000000.000000", "180000000.000000,-90000000.000000")  # degrees, minutes, seconds


def write(
    path, raw, name="LAI", dtype="int8", grid="GLASS01B01", corners=PACKED, projection="GCTP_GEO", size=None, **attrs
):
    """An HDF-EOS2 file of one array, with the attributes given."""
    ny, nx = size or raw.shape
    file = SD(str(path), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    structure = STRUCTURE.format(
        grid=grid, nx=nx, ny=ny, corners=corners, projection=projection, name=name, dtype=dtype.upper()
    )
    file.attr("StructMetadata.0").set(SDC.CHAR, structure)
    array = file.create(name, TYPES[dtype], raw.shape)
    for axis, dim in enumerate(("YDim", "XDim")):
        array.dim(axis).setname(f"{dim}:{grid}")
    array[:] = raw
    for key, value in attrs.items():
        kind = SDC.CHAR if isinstance(value, str) else SDC.FLOAT64 if isinstance(value, float) else SDC.INT32
        array.attr(key).set(kind, value)
    array.endaccess()
    file.end()
    return str(path)
