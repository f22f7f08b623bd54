"""The zonal profile draws the regional product's numbers."""

import numpy as np
import pytest

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


def test_a_profile_of_nothing_says_so(empty, context):
    said = [text.get_text() for text in profiles.zonal_profile(empty, context).axes[1].texts]
    assert len(said) == 18
