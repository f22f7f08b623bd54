"""The site: Sphinx reads the pages where they lie in the repository, so their links hold in both places.

``make docs`` builds it; the pages below ``reference/generated`` are written from the code first.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from docs.generate import write_pages  # noqa: E402

project = "smcloud"
author = "The smcloud developers"
project_copyright = f"{author}, Apache-2.0"
release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = [
    "README.md", "README.zh.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "infra/README.md",
    "tests/benchmarks/RESULTS.md", "docs/**.md",
]  # fmt: skip
exclude_patterns = [".*", "docs/_build", "**/node_modules", "**/smcloud-demo*", "smcloud", "flows", "catalogs", "dist"]

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]
myst_links_external_new_tab = False
suppress_warnings = ["config.cache"]
nb_execution_mode = "auto"
nb_execution_timeout = 180
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_member_order = "bysource"
add_module_names = False

html_theme = "pydata_sphinx_theme"
html_title = "smcloud"
html_static_path = ["_static"]
html_extra_path = ["root"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_sidebars: dict[str, list[str]] = {
    page: [] for page in ("docs/index", "README", "README.zh", "docs/glossary", "CHANGELOG")
}
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_nav_level": 1,
    "navigation_depth": 2,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def _plain_signs(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Let bars and stars of formulas in docstrings be signs: they are no marks there."""
    for at, line in enumerate(lines):
        parts = re.split(r"(``.*?``)", line)
        lines[at] = "".join(it if it.startswith("``") else re.sub(r"([|*])", r"\\\1", it) for it in parts)


def setup(app: Any) -> None:
    """Write the pages of the reference before Sphinx looks for pages."""
    write_pages(ROOT / "docs" / "reference" / "generated")
    app.connect("autodoc-process-docstring", _plain_signs, priority=400)  # before napoleon
