"""The picture of the layers is that of the code."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DRAWING = load(ROOT / "docs/draw_layers.py")


def test_the_committed_arrows_are_those_of_the_imports():
    committed = (DRAWING.IMAGES / "layers.txt").read_text()
    assert committed == DRAWING.as_text(DRAWING.arrows()), "make docs-picture draws them anew"


def test_every_room_is_in_a_layer_and_in_the_picture():
    rooms = {room for layer in DRAWING.layers() for room in layer}
    packages = {f"smcloud.{path.parent.name}" for path in (ROOT / "smcloud").glob("*/__init__.py")}
    assert packages < rooms
    picture = (DRAWING.IMAGES / "layers.svg").read_text()
    assert [room for room in rooms if f">{room.removeprefix('smcloud.')}</text>" not in picture] == []
    assert len(DRAWING.layers()) == len(DRAWING.TITLES)


def test_arrows_go_down():
    level = {room: at for at, layer in enumerate(DRAWING.layers()) for room in layer}
    sideways = {("smcloud.cli", "flows")}
    for room, imported in DRAWING.arrows():
        same_base = level[room] == level[imported] == len(DRAWING.TITLES) - 1
        assert level[room] < level[imported] or same_base or (room, imported) in sideways
