"""Results in a Python session: what smcloud names, main variables first, how a Dataset shows itself, its maps."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest
import xarray as xr

import smcloud
from smcloud.plot import hook, palette
from smcloud.plot.main_variables import MAIN, in_order
from smcloud.products.variables import VARIABLES
from smcloud.report.canvas import colour_table, on_map_grid
from smcloud.report.maps import trend_cells, trend_limit

matplotlib.use("agg")
GRID = {"lat": np.arange(-75.0, 76, 10), "lon": np.arange(-175.0, 176, 10)}
LONG = "trend of annual soil moisture by the preset's estimator"


@pytest.fixture(scope="module")
def trend():
    """A trend with drying, wetting and no change on land, a gap on land, and water."""
    rng = np.random.default_rng(3)
    shape = tuple(len(values) for values in GRID.values())
    slope = rng.normal(0, 1e-3, shape)
    status = np.where(rng.random(shape) < 0.4, 7, 0)
    status[5, 5] = 2
    slope[status > 0] = np.nan
    dims = ("lat", "lon")
    attrs = {"units": "m3 m-3 yr-1", "long_name": LONG}
    return xr.Dataset(
        {
            "climatology": (dims, np.where(status > 0, np.nan, 0.2)),
            "significant": (dims, np.where(status > 0, 255, (np.abs(slope) > 6e-4).astype(int)).astype("u1")),
            "slope": (dims, slope, attrs),
            "status": (dims, status.astype("u1"), {"flag_values": [0, 2, 7], "flag_meanings": "ok too_short not_land"}),
        },
        coords=GRID,
        attrs={
            "id": "trend.0123", "title": "Trend <b>", "preset": "rigorous", "product_version": "release 7",
            "choices": "rigorous, changed: alpha, zones.limits", "citation": "Somebody & others (2026)",
        },
    )  # fmt: skip


def test_the_package_names_exactly_what_it_has():
    assert dir(smcloud) == sorted(smcloud.__all__)
    assert not [name for name in dir(smcloud) if getattr(smcloud, name, None) is None]
    assert not [name for name in dir(smcloud.plot) if not hasattr(smcloud.plot, name)]
    with pytest.raises(AttributeError, match="opne_cube"):
        _ = smcloud.opne_cube


def test_main_variables_are_variables_of_their_product():
    for product, names in MAIN.items():
        if product not in ("cube", "annual"):  # their roles are the run's
            assert [name for name in names if name not in VARIABLES[product]] == []
    assert in_order("trend", ["climatology", "status", "slope"]) == ["slope", "status", "climatology"]


@pytest.mark.parametrize("first", ["smcloud", "xarray"])
def test_the_accessor_comes_with_smcloud_whichever_is_imported_first(first):
    code = "import sys; light = 'xarray' not in sys.modules; import xarray as xr; "
    code += "print(light, 'smcloud' in dir(xr.Dataset()))"
    looked = "import importlib.util; importlib.util.find_spec('xarray'); "  # who looks only does not use it up
    imports = {"smcloud": f"import smcloud; {looked}", "xarray": "import xarray, smcloud; "}[first]
    found = subprocess.run([sys.executable, "-c", imports + code], check=True, capture_output=True, text=True)
    assert found.stdout.split() == [str(first == "smcloud"), "True"]


def test_a_dataset_says_what_it_is_main_variables_first(trend):
    about = trend.smcloud
    assert (about.product, about.preset, about.release) == ("trend", "rigorous", "release 7")
    assert about.changes == ["alpha", "zones.limits"] and about.main == ["slope", "significant", "status"]
    lines = repr(about).splitlines()
    assert [line.split()[0] for line in lines if "lat, lon" in line] == about.main and "and 1 more" in lines[-1]
    page = about._repr_html_()
    for text in (LONG.replace("'", "&#x27;"), "Somebody &amp; others", "zones.limits", "release 7", "Trend &lt;b&gt;"):
        assert text in page, text
    assert "climatology" not in page[: page.index("<details>")]
    plain = trend.drop_attrs(deep=False).smcloud  # as without smcloud
    assert plain.product == "trend" and "not known" in plain.release
    assert "did not make" in repr(xr.Dataset({"a": 1}).smcloud)


def test_the_map_has_the_colours_of_the_report_on_the_axes_that_are_given(trend):
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    assert smcloud.plot.map(trend.transpose("lon", "lat"), "slope", left) is left
    (image,) = left.get_images()
    shown = {tuple(pixel) for pixel in np.asarray(image.get_array()).reshape(-1, 4)}
    grid = on_map_grid(trend, ["slope", "significant"])
    colours, missing = trend_cells(grid, trend_limit(grid))
    wanted = {tuple(cell) for cell in colours[~missing]}
    assert wanted <= shown and len(wanted) > 6
    beside = shown - wanted - {tuple(row) for row in colour_table([palette.NO_DATA, "#8c8c8c"])}
    assert beside <= {(0, 0, 0, 0)}  # water, and what is outside of the globe
    assert not right.get_images() and figure.texts == [] and left.get_title() == "slope, m3 m-3 yr-1"
    smcloud.plot.map(trend, "status", right)
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["ok", "too short", "not land"]
    plt.close(figure)


def test_what_is_no_map_is_refused(trend):
    with pytest.raises(KeyError, match="climatology, significant, slope"):
        smcloud.plot.map(trend, "slop")
    with pytest.raises(ValueError, match="no map"):
        smcloud.plot.map(trend.expand_dims("driver"), "slope")


def test_palettes_are_steps_with_ends():
    drying, beyond = palette.trend()(0.0), palette.trend()(-1.0)
    assert drying != beyond and palette.trend().N == palette.detectable().N == 8


def test_an_error_is_one_line_in_a_notebook(tmp_path):
    pytest.importorskip("IPython")
    code = f"""
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("import smcloud")
shell.run_cell("smcloud.open_product({str(tmp_path / "none")!r}, 'trend')")
"""
    verbose = "shell.run_line_magic('xmode', 'Verbose')\nprint('verbose')\n"
    again = code + verbose + code.splitlines()[-1]
    done = subprocess.run([sys.executable, "-c", again], check=True, capture_output=True, text=True)
    short, _, long = (done.stdout + done.stderr).partition("verbose\n")
    assert "Traceback" in long and "in newest_release" in long
    lines = [line for line in short.splitlines() if line.strip() and "xception" not in line]
    assert len(lines) == 1 and lines[0].startswith("NothingPublishedError: nothing has been published"), lines
    assert "next: " in lines[0]
    error = smcloud.SmcloudError("what", where="here", found=1, expected=2, next="do")
    assert hook.in_one_line(error) == "SmcloudError: what (here); found 1; expected 2; next: do"
