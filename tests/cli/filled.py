"""The files of ``smcloud init`` as a user fills them."""

import re
from pathlib import Path

OPEN = re.compile(r"(\s*)(\w+): CHOOSE(  # CHOOSE: .+)")
COMMON = {"licence": "CC-BY-4.0", "citation": "the provider 2024", "stamp": "start"}


def fill(path: Path, **values: str) -> list[str]:
    """Write values in place of CHOOSE; returns the keys of the lines that were open, and raises for another one."""
    lines, keys = path.read_text().splitlines(), []
    for number, line in enumerate(lines):
        found = OPEN.fullmatch(line)
        if found:
            keys.append(found[2])
            lines[number] = f"{found[1]}{found[2]}: {(COMMON | values)[found[2]]}{found[3]}"
    path.write_text("\n".join(lines) + "\n")
    return keys
