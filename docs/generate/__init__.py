"""The pages of the reference, written from the code: ``write_pages`` makes all of them."""

from __future__ import annotations

from pathlib import Path

from docs.generate.api import api_page
from docs.generate.cli import cli_page
from docs.generate.errors import errors_page
from docs.generate.keys import catalog_page, configuration_page
from docs.generate.products import products_page

PAGES = {
    "cli": cli_page,
    "configuration": configuration_page,
    "catalog": catalog_page,
    "products": products_page,
    "errors": errors_page,
    "python": api_page,
}


def write_pages(folder: Path) -> None:
    """Write the generated pages into ``folder``; one that did not change keeps its time, and is not read again."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        path, text = folder / f"{name}.md", make()
        if not path.is_file() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
