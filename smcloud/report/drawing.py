"""Figures as bytes: SVG whose text stays text, with title and credit in it; and PNG."""

from __future__ import annotations

import io
import re
import textwrap
import threading
import unicodedata
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from smcloud.report.language import language

if TYPE_CHECKING:
    from matplotlib.backends.backend_svg import RendererSVG
    from matplotlib.figure import Figure

# By name only: the reader's own serve. The first is what the layout is measured with, the second as wide as it.
FONTS = (
    "DejaVu Sans", "Verdana", "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "PingFang SC",
    "Microsoft YaHei", "WenQuanYi Micro Hei", "SimHei", "Arial", "sans-serif",
)  # fmt: skip
_SETTINGS = {"svg.fonttype": "none", "svg.hashsalt": "smcloud", "font.sans-serif": list(FONTS[:-1])}
_ALONE = threading.Lock()  # settings of matplotlib are the process's
_SIZE = re.compile(r'<svg [^>]*?height="([\d.]+)pt"[^>]*?viewBox="0 0 ([\d.]+) [\d.]+"[^>]*>')
_LINE, _LETTERS = 11.0, 158  # points, letters


def to_svg(figure: Figure, title: str, credit: str) -> bytes:
    """Render the figure as SVG with ``credit`` below it; the same figure gives the same bytes, without dates.

    Cells are a picture inside; so are lines where the figure says so.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_mixed import MixedModeRenderer

    text = io.StringIO()
    told = {"Title": title, "Source": credit, "Language": language(), "Date": None, "Creator": None}
    with _ALONE, mpl.rc_context(_SETTINGS):
        dpi, (width, height) = figure.dpi, figure.get_size_inches()
        figure.dpi = 72
        try:
            own = _renderer()(width * 72, height * 72, text, image_dpi=dpi, metadata=told)
            renderer = MixedModeRenderer(figure, width, height, dpi, own)
            figure.draw(renderer)
            renderer.finalize()
        finally:
            figure.dpi = dpi
    return _credited(text.getvalue(), credit).encode()


def to_png(figure: Figure) -> bytes:
    """Render the figure as PNG, without dates or versions: the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _renderer() -> type[RendererSVG]:
    """A renderer that knows how wide Chinese is without its fonts: each sign is as wide as high."""
    from matplotlib.backends.backend_svg import RendererSVG

    class Renderer(RendererSVG):  # type: ignore[misc]
        def get_text_width_height_descent(self, s, prop, ismath):  # type: ignore[no-untyped-def]
            return super().get_text_width_height_descent(wide_as_dashes(s), prop, ismath)

    return Renderer


def wide_as_dashes(text: str) -> str:
    """Return ``text`` with an em dash in place of each sign that is as wide as high."""
    if text.isascii():
        return text
    return "".join("—" if unicodedata.east_asian_width(sign) in "WF" else sign for sign in text)


def _credited(svg: str, credit: str) -> str:
    """The picture with a strip for the credit at its foot."""
    found = _SIZE.search(svg)
    assert found is not None
    height, width = float(found[1]), float(found[2])
    lines = textwrap.wrap(credit, _LETTERS)
    total = height + _LINE * len(lines) + 6
    opening = found[0].replace(f'height="{found[1]}pt"', f'height="{total:g}pt"')
    opening = opening.replace(f'viewBox="0 0 {found[2]} {found[1]}"', f'viewBox="0 0 {found[2]} {total:g}"')
    style = f"font: 8px {', '.join(repr(font) for font in FONTS[:-1])}, sans-serif; fill: #6b6b6b"
    strip = [f'<rect y="{height - 1:g}" width="{width:g}" height="{total - height + 1:g}" fill="#ffffff"/>']
    for number, line in enumerate(lines):
        at = height + 7 + _LINE * number
        strip.append(f'<text x="{0.03 * width:.4g}" y="{at:g}" style="{style}">{escape(line)}</text>')
    return svg.replace(found[0], opening, 1).replace("</svg>", "\n".join([*strip, "</svg>\n"]))
