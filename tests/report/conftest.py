"""Product datasets as a run publishes them: smooth random fields on a rough globe, every flag in use."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import gaussian_filter

from smcloud.report import ReportContext

CLASSES = ("DD", "DW", "WD", "WW", "TD", "TW")
MEANING = {
    "DD": "dry gets drier", "DW": "dry gets wetter", "WD": "wet gets drier", "WW": "wet gets wetter",
    "TD": "transition gets drier", "TW": "transition gets wetter",
}  # fmt: skip
BLOBS = (  # latitude, longitude, half height, half width in degrees
    (50, -105, 22, 35), (68, -95, 8, 45), (28, -102, 12, 12), (-5, -60, 14, 18), (-30, -66, 26, 9), (72, -40, 12, 14),
    (15, 5, 20, 20), (12, 30, 22, 18), (-15, 25, 20, 13), (52, 30, 14, 40), (58, 95, 16, 50), (32, 95, 16, 32),
    (22, 78, 14, 9), (28, 48, 14, 12), (-25, 134, 12, 20), (-80, 0, 8, 200), (65, 140, 8, 35),
)  # fmt: skip

STATUS = {"flag_values": [0, 1, 2, 7], "flag_meanings": "ok empty too_short not_land"}
Products = dict[str, xr.Dataset]


def land() -> xr.DataArray:
    lat, lon = np.arange(-87.5, 90, 5.0), np.arange(-177.5, 180, 5.0)
    field = np.zeros((lat.size, lon.size), dtype="uint8")
    for y, x, height, width in BLOBS:
        field |= (((lat[:, None] - y) / height) ** 2 + ((lon[None, :] - x) / width) ** 2 < 1).astype("uint8")
    return xr.DataArray(field, coords={"lat": lat, "lon": lon}, dims=("lat", "lon"), name="land_mask")


def smooth(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    field = gaussian_filter(rng.normal(size=shape), 2.2, mode=("nearest", "wrap"))
    return field / field.std()


def cell_area(lat: np.ndarray, n: int) -> np.ndarray:
    sines = np.sin(np.deg2rad(lat + 2.5)) - np.sin(np.deg2rad(lat - 2.5))
    return np.repeat((6371.0072**2 * np.deg2rad(5) * sines)[:, None], n, axis=1)


def build(drivers: Sequence[str], seed: int = 0) -> Products:
    rng = np.random.default_rng(seed)
    mask = land()
    grid = {"lat": mask.lat, "lon": mask.lon}
    shape = mask.shape
    area = cell_area(mask.lat.values, shape[1])
    dims = ("lat", "lon")
    data = (mask.values == 1) & (mask.lat.values[:, None] > -60) & (smooth(rng, shape) < 1.5)
    slope = np.where(data, 1.2e-3 * smooth(rng, shape) - 2e-4, np.nan)
    p = np.where(data, np.exp(-np.abs(slope) / 2.5e-4), np.nan)
    significant = np.where(data, p < 0.05, 0).astype("uint8")
    climatology = np.where(data, 0.22 + 0.07 * smooth(rng, shape), np.nan)
    trend = xr.Dataset(
        {
            "slope": (dims, slope.astype("float32")),
            "p_value": (dims, p),
            "significant": (dims, significant),
            "climatology": (dims, climatology.astype("float32")),
            "minimum_detectable_slope": (dims, 5e-4 + np.abs(slope) * 0.8),
            "status": (dims, np.where(data, 0, np.where(mask.values == 1, 2, 7)).astype("uint8"), STATUS),
        },
        coords=grid,
    )
    slope = trend["slope"].values.astype(float)
    years = np.arange(2000, 2022)
    noise = 0.004 * rng.normal(size=(22, 1, 1)) + 0.01 * rng.normal(size=(22, *shape))
    annual = xr.Dataset(
        {"soil_moisture": (("year", *dims), climatology + slope * (years - 2010.5)[:, None, None] + noise)},
        coords={"year": years, **grid},
    )

    k = len(drivers)
    r = np.where(data, np.tanh(0.5 * np.stack([smooth(rng, shape) for _ in range(k)])), np.nan)
    strongest = np.argmax(np.abs(np.nan_to_num(r)), axis=0)
    best = np.take_along_axis(r, strongest[None], 0)[0]
    dominant = np.where(np.abs(best) > 0.3, strongest + 1, 0)
    dominant[data & (smooth(rng, shape) > 1.7)] = 254
    dominant[~data] = 255
    names = {"driver": list(drivers)}
    driver = xr.Dataset(
        {
            "partial_correlation": (("driver", *dims), r),
            "dominant_driver": (dims, dominant.astype("uint8")),
            "dominant_correlation": (dims, np.where((dominant > 0) & (dominant < 254), best, np.nan)),
        },
        coords={**names, **grid},
    )

    zone = np.where(data, np.digitize(smooth(rng, shape), [-0.3, 0.3]) + 1, 0)
    code = np.zeros(shape, int)
    for number, name in enumerate(CLASSES, start=1):
        code[(zone == "-DTW".index(name[0])) & (significant == 1) & ((slope > 0) == (name[1] == "W"))] = number
    code[~data] = 255
    changed = area[(code > 0) & (code < 255)].sum()
    areas = np.array([area[code == number].sum() for number in range(1, 7)])
    expected = [
        area[data & (zone == "-DTW".index(c[0]))].sum() / area[data].sum()
        * area[(significant == 1) & ((slope > 0) == (c[1] == "W"))].sum() / area[significant == 1].sum()
        for c in CLASSES
    ]  # fmt: skip
    ddww = xr.Dataset(
        {
            "zone": (dims, zone.astype("uint8")),
            "ddww_class": (dims, code.astype("uint8")),
            "area_km2": ("class", areas),
            "share_of_change": ("class", areas / changed),
            "share_of_land": ("class", areas / area[data].sum()),
            "share_of_all_land": ("class", areas / area[mask.values == 1].sum()),
            "expected_share": ("class", np.array(expected)),
        },
        coords={**grid, "class": list(CLASSES)},
        attrs={
            "ddww_share_of_change": (areas[0] + areas[3]) / changed,
            "ddww_share_of_land": (areas[0] + areas[3]) / area[data].sum(),
        },
    )

    def table(dim: str, groups: list[tuple[str, str, str, np.ndarray]], fixed: bool) -> xr.Dataset:
        columns: dict[str, list[float]] = {}
        rs, leads, series = [], [], []
        for _, _, _, inside in groups:
            here = inside & data
            w, total = area[here], area[here].sum()
            mean = float((slope[here] * w).sum() / total) if total else np.nan
            half = 1.5e-4 if total else np.nan
            row = {
                "slope": mean * 1.02, "slope_lower": mean - half, "slope_upper": mean + half,
                "p_value": min(1.0, float(np.exp(-abs(mean) / 4e-5))) if total else np.nan, "mean_of_slopes": mean,
                "area_km2": area[inside & (mask.values == 1)].sum(), "covered_area_km2": total,
                "n_cells": int(here.sum()),
                "drying_share": w[(significant[here] == 1) & (slope[here] < 0)].sum() / total if total else np.nan,
                "wetting_share": w[(significant[here] == 1) & (slope[here] > 0)].sum() / total if total else np.nan,
            }  # fmt: skip
            for number, name in enumerate(drivers):
                row[f"trend_of_{name}"] = (number - 1) * 0.1 * mean * 1e3
            if fixed:
                row |= {f"part_of_whole{end}": row[f"slope{end}"] * 0.3 for end in ("", "_lower", "_upper")}
                row |= {f"latitude_gradient{end}": row[f"slope{end}"] * 0.2 for end in ("", "_lower", "_upper")}
                row |= {"part_of_whole_p_value": row["p_value"], "latitude_gradient_n_cells": row["n_cells"]}
                row |= {f"slope_fixed_cells{end}": row[f"slope{end}"] * 0.9 for end in ("", "_lower", "_upper")}
                row["slope_fixed_cells_p_value"] = row["p_value"] * 0.5
            for name, value in row.items():
                columns.setdefault(name, []).append(value)
            series.append(
                [
                    float((annual["soil_moisture"].values[t][here] * w).sum() / total) if total else np.nan
                    for t in range(22)
                ]
            )
            leads.append([float(w[dominant[here] == j + 1].sum() / total) if total else np.nan for j in range(k)])
            rs.append([float((r[j][here] * w).sum() / total) if total else np.nan for j in range(k)])
        keys, kinds, labels, _ = zip(*groups, strict=True)
        return xr.Dataset(
            {name: (dim, np.array(values)) for name, values in columns.items()}
            | by_driver(dim, np.array(rs), np.array(leads), np.array(columns["n_cells"]), not fixed)
            | {
                "soil_moisture": ((dim, "year"), np.array(series)),
            },
            coords={"year": years, dim: list(keys), "kind": (dim, list(kinds)), "label": (dim, list(labels)), **names},
        )

    def by_driver(dim: str, rs: np.ndarray, leads: np.ndarray, cells: np.ndarray, more: bool) -> dict:
        """Means by driver with limits and numbers of cells; a group of fewer than 30 cells has no limits."""
        out = {}
        means = {
            "partial_correlation": (rs, 0.1),
            "dominant_share": (leads, 0.05),
            "trend_contribution": (rs * 2e-3, 1e-4),
        }
        for name, (values, half) in means.items():
            half = np.where(cells[:, None] < 30, np.nan, half)
            out |= {name: values, f"{name}_lower": values - half, f"{name}_upper": values + half}
            out[f"{name}_n_cells"] = np.repeat(cells[:, None], k, axis=1)
        if more:
            out |= {
                "rising_share": leads * 0.5,
                "falling_share": leads * 0.3,
                "driver_trend_n_cells": out[f"{name}_n_cells"],
            }
        return {name: ((dim, "driver"), values) for name, values in out.items()}

    lat = np.repeat(mask.lat.values[:, None], shape[1], axis=1)
    regions = [
        ("globe", "globe", "Globe", lat < 99), ("north", "hemisphere", "Northern hemisphere", lat > 0),
        ("south", "hemisphere", "Southern hemisphere", lat < 0), ("tropics", "tropics", "Tropics", abs(lat) < 23.5),
    ]  # fmt: skip
    for south in range(-90, 90, 10):
        ends = [f"{abs(v)}{'N' if v > 0 else 'S' if v < 0 else ''}" for v in (south, south + 10)]
        regions.append(("-".join(ends), "band", " to ".join(ends), (lat > south) & (lat < south + 10)))
    cover, height, soil = (smooth(rng, shape) for _ in range(3))
    strata = []
    for kind, field, limits, unit in (
        ("land_cover", cover, {"cropland": -0.8, "savanna": 0, "forest": 0.9, "barren": 9}, ""),
        ("texture", soil, {"sand": -1, "sandy loam": 0, "loam": 1, "clay": 9}, ""),
        ("elevation", height, {"0-200": 0, "200-500": 0.5, "500-1000": 1, "1000-2000": 2, "2000+": 9}, " m"),
    ):
        lower = -9.0
        for name, upper in limits.items():
            strata.append((f"{kind}/{name}", kind, f"{name}{unit}", (field > lower) & (field <= upper)))
            lower = upper
    limits = np.nanquantile(climatology, np.arange(11) / 10)
    for n in range(10):
        inside = (climatology >= limits[n]) & ((climatology < limits[n + 1]) | (n == 9))
        strata.append((f"climatology/{n + 1}", "climatology", f"decile {n + 1}", inside))
    strata += [(f"ddww/{n}", "ddww", f"{n} ({MEANING[n]})", code == i) for i, n in enumerate(CLASSES, start=1)]
    regional, stratum = table("region", regions, True), table("stratum", strata, False)
    distance, places = np.arange(0.0, 91, 10), regional.sizes["region"]
    for end, shift in (("", 0.0), ("_lower", -2e-4), ("_upper", 2e-4)):
        line = np.repeat((distance * -4e-6 + shift)[None], places, axis=0)
        regional[f"latitude_line{end}"] = (("region", "distance"), line)
        stratum[f"trend_gradient{end}"] = ("property", np.array([1e-4, -2e-4, 3e-4]) + shift)
        stratum[f"correlation_gradient{end}"] = (("property", "driver"), np.full((3, k), -0.02) + 100 * shift)
    stratum["trend_gradient_n_cells"] = ("property", [500, 500, 501])
    stratum["correlation_gradient_n_cells"] = (("property", "driver"), np.full((3, k), 480))
    properties = {"property": ["clay", "sand", "elevation"], "step": ("property", [10.0, 10.0, 1000.0])}
    return {
        "annual": annual, "trend": trend, "drivers": driver, "ddww": ddww,
        "regional": regional.assign_coords(distance=distance),
        "strata": stratum.assign_coords(properties | {"step_units": ("property", ["%", "%", "m"])}),
    }  # fmt: skip


def make_context(**changes: object) -> ReportContext:
    config = {
        "preset": "peng2023", "period": {"start": "2000-01", "end": "2021-12"}, "alpha": 0.05,
        "monthly": {"min_days": 5, "min_share": 0.5}, "years": {"min_years": 15, "ends": None},
        "trend": {"estimator": "ols", "test": "ols", "interval": "t", "significance": "p_value"},
        "drivers": {"names": ["precipitation", "soil_temperature", "lai"], "dominant": "p_value"},
        "zones": {"scheme": "aridity", "limits": [0.5, 0.65]},
        "levels": {"monthly": "unknown", "years": "unknown", "trend": "likely", "trend.significance": "stated",
                   "drivers": "unknown", "zones": "unknown", "alpha": "stated"}, "changed": ["zones.limits"],
    }  # fmt: skip
    inputs = {
        "soil_moisture": {"entry": "esa_cci_sm", "version": "v08.1", "state": "3f2a9c", "licence": "CC-BY-4.0",
                          "citation": "Dorigo et al. (2017), https://doi.org/10.1016/j.rse.2017.07.001."},
        "precipitation": {"entry": "era5_monthly", "version": None, "state": "91bb02", "licence": "CC-BY-4.0",
                          "citation": "Hersbach et al. (2020), 10.1002/qj.3803"},
    }  # fmt: skip
    values: dict[str, object] = {
        "title": "Soil-moisture change, release 1", "created": "2024-03-01T00:00:00Z", "run_id": "run-0123abcd",
        "cube_id": "cube-4567cdef", "config": config, "inputs": inputs, "seconds": {"cube": 12.34, "products": 40.0},
        "missing": ["elevation"],
        "land_mask": land(), "resolution": 5.0,
    }  # fmt: skip
    return ReportContext(**(values | changes))  # type: ignore[arg-type]


SCORECARD = {
    "detectable": {"score": 0.982, "area_km2": 41234567.0, "wanted": 0.95},
    "driver": {"score": 0.911, "wanted": 0.92},
    "driver_named_without": {"score": 0.13, "wanted_at_most": 0.2},
    "recall": {"DD": {"score": 0.95, "wanted": 0.9}, "WW": {"score": float("nan"), "wanted": 0.9}},
    "power": {"delta 3": {"phi 0.4": {"score": 0.83, "n_cells": 9, "mean_delta": 3.04, "expected": 0.95}}},
    "false_alarms": {"phi 0": {"score": 0.049, "expected": 0.05}, "phi 0.4": {"score": 0.17, "expected": None}},
    "false_discoveries": {"score": 0.021, "expected_at_most": 0.05},
    "skill": {"pearson_r": 0.934, "rmse": 0.000312, "mean_error": -1.2e-5},
    "unscored_share": 0.31,
}


def emptied(products: Products) -> Products:
    """The same products of a run in which no cell had a value."""
    out = {}
    for name, ds in products.items():
        empty = ds.copy(deep=True)
        for key, da in ds.data_vars.items():
            if key == "area_km2" and name != "ddww":
                continue
            if da.dtype.kind == "f":
                empty[key] = xr.full_like(da, np.nan)
            elif key == "status":
                empty[key] = da.where(da == 7, 1)
            else:
                empty[key] = xr.full_like(da, 255 if key in ("ddww_class", "dominant_driver", "significant") else 0)
        for key in ("covered_area_km2", "area_km2") if name == "ddww" else ("covered_area_km2",):
            if key in empty:
                empty[key] = xr.zeros_like(ds[key])
        empty.attrs = {key: float("nan") for key in ds.attrs}
        out[name] = empty
    return out


@pytest.fixture(scope="session")
def products() -> Products:
    return build(("precipitation", "soil_temperature", "lai"))


@pytest.fixture(scope="session")
def make_products() -> Callable[..., Products]:
    return build


@pytest.fixture(scope="session")
def context() -> ReportContext:
    return make_context()


@pytest.fixture(scope="session")
def new_context() -> Callable[..., ReportContext]:
    return make_context


@pytest.fixture(scope="session")
def scorecard() -> dict[str, object]:
    return SCORECARD


@pytest.fixture(scope="session")
def empty(products: Products) -> Products:
    return emptied(products)
