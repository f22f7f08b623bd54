import numpy as np
import pytest
import xarray as xr

from smcloud.products.texture import CLASSES, texture


def name(clay: float, sand: float) -> str | None:
    code = texture(xr.DataArray(float(clay)), xr.DataArray(float(sand))).item()
    return CLASSES[code - 1] if code else None


@pytest.mark.parametrize(
    ("clay", "sand", "expected"),
    [
        (5, 92, "sand"), (5, 82, "loamy sand"), (10, 65, "sandy loam"), (5, 60, "sandy loam"), (18, 40, "loam"),
        (15, 20, "silt loam"), (5, 35, "silt loam"), (6, 7, "silt"), (27, 60, "sandy clay loam"), (34, 33, "clay loam"),
        (34, 10, "silty clay loam"), (42, 52, "sandy clay"), (47, 7, "silty clay"), (60, 20, "clay"), (100, 0, "clay"),
        (0, 100, "sand"), (0, 0, "silt"),
    ],
)  # fmt: skip
def test_known_points(clay: float, sand: float, expected: str) -> None:
    assert name(clay, sand) == expected


@pytest.mark.parametrize(
    ("clay", "sand", "expected"),
    [
        (40, 45, "clay"), (39.9, 45, "clay loam"), (40, 20, "silty clay"), (39.9, 20, "silty clay loam"),
        (27, 20, "silty clay loam"), (27, 20.1, "clay loam"), (26.9, 20, "silt loam"), (35, 45.1, "sandy clay"),
        (20, 52.1, "sandy clay loam"), (19.9, 52.1, "sandy loam"), (12, 8, "silt loam"), (11.9, 8, "silt"),
    ],
)  # fmt: skip
def test_points_on_the_lines(clay: float, sand: float, expected: str) -> None:
    assert name(clay, sand) == expected


def test_the_triangle_is_covered_and_every_class_occurs() -> None:
    clay, sand = (xr.DataArray(v) for v in np.meshgrid(np.arange(0, 100.25, 0.25), np.arange(0, 100.25, 0.25)))
    code = texture(clay, sand)
    inside = (clay + sand <= 101).values
    assert (code.values[inside] > 0).all() and (code.values[~inside] == 0).all()
    assert set(np.unique(code)) == set(range(13))
    # Areas of the polygons by geometry, of a triangle with legs of 100: 5000 in all.
    true = code.values[(clay + sand <= 100).values]
    for kind, expected in {"clay": 1487.5, "sand": 75, "silt": 12 * 20 - 72, "sandy clay": 200}.items():
        assert np.mean(true == CLASSES.index(kind) + 1) == pytest.approx(expected / 5000, abs=0.003), kind


def test_missing_or_impossible_is_no_class() -> None:
    for clay, sand in ((np.nan, 20), (20, np.nan), (-1, 20), (80, 30)):
        assert name(clay, sand) is None
    assert name(50, 50.5) == "sandy clay"
