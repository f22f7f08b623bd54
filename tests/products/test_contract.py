"""What holds for every product: names and attributes of the contract, laziness, and the same bits for any chunks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import annual as annual_product
from smcloud.products.definition import _regional, _strata

from .conftest import make_config, make_cube, products

pytestmark = pytest.mark.slow


def with_limits(*names: str) -> str:
    return " ".join(f"{name} {name}_lower {name}_upper {name}_n_cells" for name in names)


WITH_LIMITS = with_limits(
    "partial_correlation", "trend_contribution", "dominant_share", "positive_share", "significant_positive_share",
    "significant_negative_share",
)  # fmt: skip
CONTRACT = {
    "annual": "soil_moisture precipitation soil_temperature lai radiation n_months aridity_index elevation land_cover "
    "clay sand land_mask",
    "trend": "slope slope_lower slope_upper p_value p_adjusted significant ols_slope ols_stderr ols_p_value sen_slope "
    "mk_s mk_z mk_tau mk_p_value vctfpw_slope lag1_autocorrelation climatology n_years valid_months_slope status "
    "r1_pooled n_pooled r1_dispersion minimum_detectable_slope mixed_pools_share anomaly_slope "
    "slope_with_breaks p_value_with_breaks n_breaks break_year stderr_growth slope_stderr_measurement "
    "slope_stderr_measurement_lower slope_stderr_measurement_upper slope_stderr_measurement_epoch "
    "end_years_slope_change end_years_case",
    "drivers": "partial_correlation r_lower r_upper p_value p_adjusted df n_effective trend_contribution correlation "
    "trend_contribution_stderr trend_contribution_stderr_total trend_contribution_df contribution_without_time "
    "trend_unexplained slope_complete_cases dominance_probability variance_inflation_factor "
    "correlation_p_value n dominant_driver dominant_correlation status",
    "ddww": "zone ddww_class area_km2 share_of_all_land share_of_land share_of_change expected_share",
    "regional": "slope slope_lower slope_upper p_value n_effective mean_of_slopes area_km2 covered_area_km2 "
    "covered_share n_cells "
    f"drying_share wetting_share {WITH_LIMITS} slope_fixed_cells slope_fixed_cells_lower "
    "slope_fixed_cells_upper slope_fixed_cells_p_value n_fixed_cells fixed_cells_share soil_moisture status "
    "slope_fixed_cells_n_effective part_of_whole_n_effective fixed_cells_course "
    "part_of_whole part_of_whole_lower part_of_whole_upper part_of_whole_p_value latitude_gradient "
    "latitude_gradient_lower latitude_gradient_upper latitude_gradient_n_cells latitude_line latitude_line_lower "
    "latitude_line_upper slope_without_end_years slope_without_end_years_lower slope_without_end_years_upper",
    "strata": "slope slope_lower slope_upper p_value n_effective mean_of_slopes area_km2 covered_area_km2 "
    "covered_share n_cells "
    f"drying_share wetting_share {WITH_LIMITS} soil_moisture status rising_share falling_share driver_trend_n_cells "
    "trend_of_precipitation trend_of_soil_temperature trend_of_lai "
    + with_limits("trend_gradient", "correlation_gradient"),
}


ASKED = {"lmg": True, "lags": [-1, 0, 1]}


def everything(cube: xr.Dataset, config: RunConfig, chunks: dict[str, int] | None = None) -> dict[str, xr.Dataset]:
    """All products of a cube, lazily where it is lazy."""
    annual = annual_product(cube, config)
    out = products(annual if chunks is None else annual.chunk(chunks), config, cube)
    parts = {name: out.get(name) for name in ("annual", "trend", "drivers")}
    tables = {"regional": _regional(config, cube, **parts), "strata": _strata(config, **parts, ddww=out.get("ddww"))}
    return out | {name: ds for name, ds in tables.items() if ds is not None}


@pytest.fixture(scope="module")
def eager(config: RunConfig) -> dict[str, xr.Dataset]:
    return everything(make_cube(), config)


@pytest.mark.parametrize("product", CONTRACT)
def test_every_variable_is_there_and_documented(eager: dict[str, xr.Dataset], product: str) -> None:
    ds = eager[product]
    assert set(map(str, ds.data_vars)) == set(CONTRACT[product].split())
    for name, da in ds.data_vars.items():
        assert da.attrs["long_name"] and da.attrs["units"], name
        if "flag_values" in da.attrs:
            assert len(da.attrs["flag_values"]) == len(da.attrs["flag_meanings"].split()), name
            if product != "annual":
                assert da.dtype == np.uint8 and set(np.unique(da)) <= set(da.attrs["flag_values"]), name
        else:
            assert da.dtype != np.uint8 or name == "n_months", name
        assert da.attrs.get("standard_name") != "cell_area"
    for key in ("title", "summary", "Conventions"):
        assert ds.attrs[key]
    assert not {"source", "history", "created"} & set(ds.attrs)
    for name in set(ds.coords) - {"class"}:
        assert ds[name].attrs["long_name"], name


def test_units_and_dimensions(eager: dict[str, xr.Dataset]) -> None:
    for product, dims in {
        "trend": ("lat", "lon"), "drivers": ("driver", "lat", "lon"), "regional": ("region",), "strata": ("stratum",)
    }.items():  # fmt: skip
        name = "partial_correlation" if product == "drivers" else "slope"
        assert eager[product][name].dims == dims
        if name == "slope":
            assert eager[product][name].attrs["units"] == "m3 m-3 yr-1"
    assert eager["ddww"]["area_km2"].dims == ("class",) and eager["ddww"]["area_km2"].attrs["units"] == "km2"
    assert eager["regional"]["partial_correlation"].dims == ("region", "driver")
    assert eager["annual"]["soil_moisture"].dims == ("year", "lat", "lon")
    for product in ("regional", "strata"):
        assert {"kind", "label"} <= set(eager[product].coords)


def test_nothing_is_computed_inside(config: RunConfig) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("computed inside a product")

    cube = make_cube().chunk(lat=2, lon=3)
    with dask.config.set(scheduler=refuse):
        for rigid in (config, make_config(preset="rigorous", drivers={"lags": {"lai": 1}}, attribution=ASKED)):
            out = everything(cube, rigid)
    for product, ds in out.items():
        for name, da in ds.data_vars.items():
            assert da.chunks is not None, f"{product}: {name}"


@pytest.mark.parametrize("chunks", [{"lat": 1, "lon": 1}, {"lat": 4, "lon": 3}, {"lat": 2, "lon": 8}])
def test_chunks_do_not_change_a_bit(eager: dict[str, xr.Dataset], config: RunConfig, chunks: dict[str, int]) -> None:
    lazy = everything(make_cube().chunk(chunks), config)
    assert {product: set(ds.data_vars) for product, ds in lazy.items()} == {
        product: set(ds.data_vars) for product, ds in eager.items()
    }
    arrays = {(product, name): da.data for product, ds in lazy.items() for name, da in ds.data_vars.items()}
    for (product, name), values in dask.compute(arrays, scheduler="threads", num_workers=2)[0].items():
        np.testing.assert_array_equal(values, eager[product][name], err_msg=f"{product}: {name}")
        assert values.dtype == eager[product][name].dtype


def test_rigorous_adds_its_columns_and_no_chunk_changes_a_bit() -> None:
    config = make_config(preset="rigorous", drivers={"lags": {"precipitation": 1}}, attribution=ASKED)
    whole, lazy = everything(make_cube(), config), everything(make_cube().chunk(lat=2, lon=3), config)
    more = {
        "annual": "n_fixed_months anomaly_status",
        "trend": "effective_p_value pw3_p_value pw_p_value hamed_rao_p_value",
        "drivers": "monthly_partial_correlation monthly_p_value monthly_p_adjusted monthly_n_effective monthly_n "
        "lmg lagged_partial_correlation lagged_p_value lagged_df",
    }
    arrays = {product: {name: da.data for name, da in ds.data_vars.items()} for product, ds in lazy.items()}
    (computed,) = dask.compute(arrays)
    for product, ds in whole.items():
        assert set(map(str, ds.data_vars)) == {*CONTRACT[product].split(), *more.get(product, "").split()} - {
            "anomaly_slope"  # its annual values are anomalies
        }
        for name, da in ds.data_vars.items():
            assert da.attrs["long_name"] and da.attrs["units"], name
            np.testing.assert_array_equal(computed[product][name], da, err_msg=f"{product}: {name}")
            assert computed[product][name].dtype == da.dtype and lazy[product][name].attrs == da.attrs, name
    assert (whole["drivers"]["monthly_n"] > 0).any() and (whole["trend"]["significant"] == 0).any()


def test_a_cell_does_not_depend_on_its_neighbours(eager: dict[str, xr.Dataset], config: RunConfig) -> None:
    cube = make_cube()
    for name in ("soil_moisture", "lai"):
        cube[name] = cube[name].where((cube["lat"] < 0) | (cube["lon"] > 0), 0.7)
    got = products(annual_product(cube, config), config)
    changed, kept = {"lon": slice(None, 0), "lat": slice(0, None)}, {"lon": slice(0, None)}
    for product, name in (("trend", "slope"), ("trend", "mk_tau"), ("drivers", "correlation"), ("drivers", "df")):
        xr.testing.assert_identical(got[product][name].sel(kept), eager[product][name].sel(kept))
    assert (got["trend"]["slope"].sel(changed) != eager["trend"]["slope"].sel(changed)).all()


def absent(*roles: str) -> Callable[[], dict[str, xr.Dataset]]:
    names = [role for role in ("precipitation", "lai", "soil_temperature") if role not in roles]
    return lambda: everything(make_cube().drop_vars(roles), make_config(drivers={"names": names}))


def test_absent_roles_drop_what_needs_them() -> None:
    out = absent("aridity_index", "land_cover", "lai", "elevation", "clay", "land_mask")()
    assert "ddww" not in out and set(out["strata"]["kind"].values) == {"climatology"}
    assert out["drivers"]["driver"].values.tolist() == ["precipitation", "soil_temperature"]
    assert set(map(str, out["regional"].data_vars)) == set(CONTRACT["regional"].split())


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_any_number_of_drivers_goes_through(k: int) -> None:
    names = ["lai", "precipitation", "soil_temperature", "radiation"][:k]
    out = everything(make_cube(), make_config(drivers={"names": names}))
    assert out["drivers"].sel(driver="lai")["partial_correlation"].notnull().sum() > 30
    assert out["regional"]["partial_correlation"].sizes == {"region": 22, "driver": k}
    assert int(out["drivers"]["dominant_driver"].where(out["drivers"]["dominant_driver"] < 254).max()) <= k


def test_a_store_gives_back_what_was_written(eager: dict[str, xr.Dataset], tmp_path: Path) -> None:
    for product, ds in eager.items():
        ds.to_zarr(tmp_path / product, zarr_format=3, consolidated=False)
        back = xr.open_zarr(tmp_path / product, consolidated=False).load()
        for name, da in ds.data_vars.items():
            np.testing.assert_array_equal(back[name], da, err_msg=f"{product}: {name}")
            assert back[name].attrs == da.attrs and back[name].dtype == da.dtype, f"{product}: {name}"
    drivers = xr.open_zarr(tmp_path / "drivers", consolidated=False)
    assert drivers.sel(driver="lai")["partial_correlation"].notnull().any()
