"""The series of the whole draws the regional product's numbers: fixed cells, their slope and its wedge."""

import numpy as np
import pytest
import xarray as xr

from smcloud.report import series_figure


def test_series_and_line_are_the_globes(products, context):
    axes = series_figure.mean_series(products, context).axes[0]
    globe = products["regional"].sel(region="globe")
    np.testing.assert_allclose(axes.lines[0].get_ydata(), globe["soil_moisture"].values)
    years, line = axes.lines[1].get_xdata(), axes.lines[1].get_ydata()
    assert (line[-1] - line[0]) / (years[-1] - years[0]) == pytest.approx(float(globe["slope"]))
    assert line.mean() == pytest.approx(float(globe["soil_moisture"].mean()))


def test_a_flat_globe_still_has_its_line(products, context):
    regional = products["regional"].copy(deep=True)
    regional["slope"][0] = 0.0
    axes = series_figure.mean_series(products | {"regional": regional}, context).axes[0]
    assert np.ptp(axes.lines[1].get_ydata()) == 0


def test_nothing_to_draw_is_said(empty, context):
    axes = series_figure.mean_series(empty, context).axes[0]
    assert [text.get_text() for text in axes.texts] == ["No global trend could be computed"]


def test_a_wide_interval_does_not_flatten_the_series(products, context):
    regional = products["regional"].copy(deep=True)
    regional["slope_lower"][0], regional["slope_upper"][0] = -1.0, 1.0
    axes = series_figure.mean_series(products | {"regional": regional}, context).axes[0]
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
    ((at, share),) = series_figure.sensor_changes(trend)
    weight = np.cos(np.deg2rad(trend["lat"])) * known
    want = float(weight.where(north, 0).sum() / weight.sum())
    assert (at, share) == (pytest.approx(2010), pytest.approx(want, rel=1e-9))
    few = trend.assign(break_year=trend["break_year"].where(trend["lat"] > 70))
    assert series_figure.sensor_changes(few) == [] and series_figure.sensor_changes(products["trend"]) == []


def test_the_series_names_the_sensors(products, context):
    trend = products["trend"].copy()
    trend["n_breaks"] = 0 * trend["slope"] + 1
    trend["break_year"] = (0 * trend["slope"] + 2012.25).expand_dims("break")
    figure = series_figure.mean_series(products | {"trend": trend}, context)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert any("sensors change on\n100 % of the area" in text for text in texts)


def test_the_series_and_the_wedge_are_those_of_the_fixed_cells(products, context):
    regional = products["regional"].copy(deep=True)
    years = regional["year"].values.astype(float)
    course = np.sin(years)
    at = regional["region"].values == "globe"
    regional["fixed_cells_course"] = (("region", "year"), np.where(at[:, None], course - course.mean(), np.nan))
    axes = series_figure.mean_series(products | {"regional": regional}, context).axes[0]
    globe = regional.sel(region="globe")
    level = float(globe["soil_moisture"].mean())
    np.testing.assert_allclose(axes.lines[0].get_ydata(), course - course.mean() + level)
    np.testing.assert_allclose(axes.lines[1].get_ydata(), globe["soil_moisture"].values)
    line = axes.lines[2].get_ydata()
    assert (line[-1] - line[0]) / (years[-1] - years[0]) == pytest.approx(float(globe["slope_fixed_cells"]))
    wedge = axes.collections[0].get_paths()[0].vertices
    right = wedge[wedge[:, 0] == years[-1], 1]
    half = (years[-1] - years.mean()) * (globe["slope_fixed_cells_upper"] - globe["slope_fixed_cells_lower"])
    assert right.max() - right.min() == pytest.approx(float(half))
