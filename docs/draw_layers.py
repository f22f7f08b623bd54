"""The picture of the layers, drawn from the imports: ``make docs-picture`` writes layers.svg and layers.txt.

A room is a package of smcloud, or a module beside the packages, or ``flows``. The layers are those of the import
contract in pyproject.toml. layers.txt lists every arrow. Both lie in docs/images; a test compares them with the code.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
WIDTH, HEIGHT = 1.5, 0.5  # of a box, in units of the drawing
BASE = "base"
# Across the picture, so that arrows pass beside the boxes; a room without a place is put by its order.
ACROSS = {
    "smcloud.cli": -1.5, "flows": 1.5, "smcloud.pipeline": 0.0, "smcloud.plot": -3.9, "smcloud.explorer": -3.5,
    "smcloud.report": -4.3, "smcloud.doors": -2.65, "smcloud.sample": 2.2, "smcloud.export": -1.0,
    "smcloud.store": -3.9, "smcloud.products": 4.2, "smcloud.cube": -2.2, "smcloud.stats": 2.8, "smcloud.catalog": -1.1,
    "smcloud.cluster": 0.9,
}  # fmt: skip
TITLES = (
    "faces",
    "stages, plots",
    "pages, doors, files",
    "store, products, cube",
    "statistics",
    "sources, cluster",
    BASE,
)


def layers() -> list[list[str]]:
    """The rooms by layer, from the top, as the first import contract has them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (held,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    return [re.findall(r"[\w.]+", layer) for layer in held]


def arrows() -> list[tuple[str, str]]:
    """Which room imports from which, late imports and those for types too; sorted."""
    import grimp

    graph = grimp.build_graph("smcloud", "flows", cache_dir=None)
    rooms = [room for layer in layers() for room in layer]
    of = {module: room for module in graph.modules for room in rooms if f"{module}.".startswith(f"{room}.")}
    found = {
        (of[module], of[imported])
        for module in of
        for imported in graph.find_modules_directly_imported_by(module)
        if imported in of and of[module] != of[imported]
    }
    return sorted(found)


def as_text(found: list[tuple[str, str]]) -> str:
    """One arrow a line."""
    return "".join(f"{room} -> {imported}\n" for room, imported in found)


def places() -> dict[str, tuple[float, float]]:
    """The middle of each room's box."""
    held = {}
    for row, layer in enumerate(layers()):
        for at, room in enumerate(layer):
            held[room] = (ACROSS.get(room, (at - (len(layer) - 1) / 2) * (WIDTH + 0.3)), -1.35 * row)
    return held


def draw(found: list[tuple[str, str]], path: Path) -> None:
    """Rooms as boxes, a band for each layer, an arrow for each import but those into the base."""
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "layers", "font.size": 9}
    import matplotlib.pyplot as plt
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

    middle = places()
    fig, ax = plt.subplots(figsize=(11.5, 8.2))
    for row, title in enumerate(TITLES):
        y = -1.35 * row
        ax.add_patch(Rectangle((-6.9, y - 0.42), 13.1, 0.84, facecolor="#eef3f3", edgecolor="none", zorder=0))
        ax.text(-6.8, y, title, va="center", color="#4a5a5a", fontsize=8)
    base = layers()[-1]
    for room, imported in found:
        if imported in base:
            continue
        (x, y), (to_x, to_y) = middle[room], middle[imported]
        start, end = (x, y - HEIGHT / 2), (to_x, to_y + HEIGHT / 2)
        if y == to_y:
            side = 1 if to_x > x else -1
            start, end = (x + side * WIDTH / 2, y), (to_x - side * WIDTH / 2, to_y)
        ax.add_patch(
            FancyArrowPatch(
                start, end, arrowstyle="-|>", mutation_scale=9, color="#01665e", alpha=0.6, linewidth=0.9,
                shrinkA=0, shrinkB=0, zorder=2,
            )
        )  # fmt: skip
    for room, (x, y) in middle.items():
        corner = (x - WIDTH / 2, y - HEIGHT / 2)
        ax.add_patch(
            FancyBboxPatch(corner, WIDTH, HEIGHT, boxstyle="round,pad=0.02", fc="white", ec="#8c510a", zorder=3)
        )
        ax.text(x, y, room.removeprefix("smcloud."), ha="center", va="center", zorder=4)
    ax.set(xlim=(-7, 6.3), ylim=(-1.35 * len(TITLES) + 0.55, 0.6))
    ax.axis("off")
    ax.text(-6.9, -1.35 * len(TITLES) + 0.72, "An arrow: imports from. All rooms may import from the base; "
            "these arrows are left out.", fontsize=8, color="#4a5a5a")  # fmt: skip
    fig.savefig(path, bbox_inches="tight", metadata={"Date": None, "Title": "The layers of smcloud"})
    plt.close(fig)


def main() -> None:
    """Write both files."""
    IMAGES.mkdir(exist_ok=True)
    found = arrows()
    (IMAGES / "layers.txt").write_text(as_text(found))
    draw(found, IMAGES / "layers.svg")


if __name__ == "__main__":
    main()
