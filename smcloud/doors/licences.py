"""Licences by their SPDX identifier, where a text is one."""

from __future__ import annotations

import re

# Those under which data are published; any other text is shown as it is, and called "other".
_KNOWN = (
    "CC0-1.0", "CC-BY-3.0", "CC-BY-3.0-IGO", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC-BY-NC-3.0",
    "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-NC-ND-4.0", "CC-BY-ND-4.0", "ODbL-1.0", "ODC-By-1.0", "PDDL-1.0",
    "OGL-UK-3.0", "OGL-Canada-2.0", "etalab-2.0", "DL-DE-BY-2.0", "DL-DE-ZERO-2.0", "CDLA-Permissive-1.0",
    "CDLA-Permissive-2.0", "CDLA-Sharing-1.0", "Apache-2.0", "MIT", "BSD-3-Clause",
)  # fmt: skip
_BY_TEXT = {known.lower(): known for known in _KNOWN}


def spdx(text: str) -> str | None:
    """Return the SPDX identifier that ``text`` is, whatever its case and with blanks for hyphens; None for others."""
    return _BY_TEXT.get(re.sub(r"\s+", "-", text.strip()).lower())
