"""The zonal profile and the global series draw the regional product's numbers."""

import numpy as np
import pytest
import xarray as xr

from smcloud.report import profiles


@pytest.mark.parametrize(
    ("label", "limits"),
    [
        ("90S to 80S", (-90, -80)), ("10S to 0", (-10, 0)), ("0 to 10N", (0, 10)), ("60°S–50°S", (-60, -50)),
        ("-60..-50", (-60, -50)), ("0-10", (0, 10)), ("-10 to 0", (-10, 0)), ("20N-30N", (20, 30)),
        ("no latitude", None),
    ],
)  # fmt: skip
def test_latitudes_of_a_label(label, limits):
    assert profiles.latitudes({"label": label, "key": "x"}) == limits


def test_bands_run_from_south_to_north_whatever_the_order(products):
    regional = products["regional"].isel(region=slice(None, None, -1))
    rows = profiles.bands({"regional": regional})
    souths = [profiles.latitudes(row)[0] for row in rows]
    assert souths == sorted(souths) and len(rows) == 18 and souths[0] == -90


def test_bars_and_points_are_the_bands_numbers(products, context):
    figure = profiles.zonal_profile(products, context)
    left, middle, right = figure.axes
    rows = profiles.bands(products)
    regional = products["regional"].set_index(region="label").sel(region=[row["label"] for row in rows])
    drying = np.array([-bar.get_width() for bar in left.containers[0]])
    wetting = np.array([bar.get_width() for bar in left.containers[1]])
    assert drying == pytest.approx(100 * regional["drying_share"].fillna(0).values)
    assert wetting == pytest.approx(100 * regional["wetting_share"].fillna(0).values)
    points = middle.lines[0].get_xdata()
    np.testing.assert_allclose(points, 1e3 * regional["slope_fixed_cells"].values)
    ends = np.array([segment[:, 0] for segment in middle.collections[0].get_segments() if segment.size])
    known = regional.isel(region=np.isfinite(regional["slope_fixed_cells_lower"].values))
    limits = [known[f"slope_fixed_cells_{limit}"] for limit in ("lower", "upper")]
    np.testing.assert_allclose(ends, 1e3 * np.stack(limits, axis=1))
    coverage = np.array([bar.get_width() for bar in right.containers[0]])
    want = (100 * regional["covered_area_km2"] / regional["area_km2"].where(regional["area_km2"] > 0)).fillna(0)
    assert coverage == pytest.approx(want.values)
    said = [text.get_text() for text in middle.texts]
    assert said.count("no data") == 2 and said.count("no land") == 1


def test_series_and_line_are_the_globes(products, context):
    axes = profiles.mean_series(products, context).axes[0]
    globe = products["regional"].sel(region="globe")
    np.testing.assert_allclose(axes.lines[0].get_ydata(), globe["soil_moisture"].values)
    years, line = axes.lines[1].get_xdata(), axes.lines[1].get_ydata()
    assert (line[-1] - line[0]) / (years[-1] - years[0]) == pytest.approx(float(globe["slope"]))
    assert line.mean() == pytest.approx(float(globe["soil_moisture"].mean()))


def test_a_flat_globe_still_has_its_line(products, context):
    regional = products["regional"].copy(deep=True)
    regional["slope"][0] = 0.0
    axes = profiles.mean_series(products | {"regional": regional}, context).axes[0]
    assert np.ptp(axes.lines[1].get_ydata()) == 0


def test_nothing_to_draw_is_said(empty, context):
    axes = profiles.mean_series(empty, context).axes[0]
    assert [text.get_text() for text in axes.texts] == ["No global trend could be computed"]
    said = [text.get_text() for text in profiles.zonal_profile(empty, context).axes[1].texts]
    assert len(said) == 18


def test_a_wide_interval_does_not_flatten_the_series(products, context):
    regional = products["regional"].copy(deep=True)
    regional["slope_lower"][0], regional["slope_upper"][0] = -1.0, 1.0
    axes = profiles.mean_series(products | {"regional": regional}, context).axes[0]
    drawn = np.concatenate([line.get_ydata() for line in axes.lines])
    low, high = axes.get_ylim()
    assert low < drawn.min() and high > drawn.max() and high - low < 2.1 * np.ptp(drawn)


def test_sensor_changes_stand_on_the_axis_of_years_with_their_area(products):
    trend = products["trend"].copy()
    known = trend["slope"].notnull()
    north = known & (trend["lat"] > 0)
    first = xr.where(north, 2010.5, np.nan)
    trend["n_breaks"] = north.astype(float).where(known)
    trend["break_year"] = xr.concat([first, xr.full_like(first, np.nan)], "break")
    ((at, share),) = profiles.sensor_changes(trend)
    weight = np.cos(np.deg2rad(trend["lat"])) * known
    want = float(weight.where(north, 0).sum() / weight.sum())
    assert (at, share) == (pytest.approx(2010), pytest.approx(want, rel=1e-9))
    few = trend.assign(break_year=trend["break_year"].where(trend["lat"] > 70))
    assert profiles.sensor_changes(few) == [] and profiles.sensor_changes(products["trend"]) == []


def test_the_series_names_the_sensors(products, context):
    trend = products["trend"].copy()
    trend["n_breaks"] = 0 * trend["slope"] + 1
    trend["break_year"] = (0 * trend["slope"] + 2012.25).expand_dims("break")
    figure = profiles.mean_series(products | {"trend": trend}, context)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert any("sensors change on\n100 % of the area" in text for text in texts)
