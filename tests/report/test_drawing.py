"""A figure as SVG: the same bytes each time, text as text, a credit below, and no line for each coast."""

import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from smcloud.products import palette
from smcloud.report import canvas, maps
from smcloud.report.drawing import to_svg

SVG = "{http://www.w3.org/2000/svg}"


def figure() -> Figure:
    made = Figure(figsize=(4, 2), dpi=150)
    made.text(0.1, 0.8, "Trend < 5 & 土壤水分")
    made.add_axes((0.2, 0.2, 0.7, 0.5)).plot([1, 2], [3, 4])
    return made


def test_text_stays_text_and_the_credit_stands_below_the_figure():
    raw = to_svg(figure(), "A title", "smcloud, run <1>. " + "x" * 200)
    assert raw == to_svg(figure(), "A title", "smcloud, run <1>. " + "x" * 200)
    root = ElementTree.fromstring(raw)
    texts = ["".join(text.itertext()).strip() for text in root.iter(f"{SVG}text")]
    assert "Trend < 5 & 土壤水分" in texts and any(text.startswith("smcloud, run <1>. x") for text in texts)
    height, (*_, width, total) = float(root.get("height")[:-2]), map(float, root.get("viewBox").split())
    strip = list(root.iter(f"{SVG}rect"))[-1]
    assert height == total > 144 and width == 288 and float(strip.get("y")) + float(strip.get("height")) == height
    assert b"A title" in raw and b"<dc:date>" not in raw and b"matplotlib.org" not in raw


def test_a_figure_has_its_resolution_again_when_drawing_fails():
    made = figure()
    made.draw = lambda renderer: 1 / 0
    with pytest.raises(ZeroDivisionError):
        to_svg(made, "", "")
    assert made.dpi == 150


def pictures(svg: bytes) -> list[np.ndarray]:
    found = re.findall(rb"data:image/png;base64,([^\"]+)", svg)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(raw))).convert("RGBA")) for raw in found]


def test_cells_are_a_picture_with_their_colours_and_coasts_of_a_fine_grid_are_one_too(products, context, monkeypatch):
    coarse = to_svg(maps.ddww_map(products, context), "", "")
    (cells,) = pictures(coarse)
    shown = {tuple(colour) for colour in cells[cells[..., 3] == 255][:, :3].tolist()}
    assert {palette.rgb(colour) for colour in palette.CLASS_COLOURS.values()} <= shown
    monkeypatch.setattr(canvas, "MANY", 10)
    fine = to_svg(maps.ddww_map(products, context), "", "")
    edges, left = (svg.count(b"\nM ") for svg in (coarse, fine))  # each edge of a coast begins anew
    assert len(pictures(fine)) == 2 and edges > left + 300
