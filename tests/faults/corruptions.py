"""Objects are changed, cut, lost, exchanged, added, sealed anew: verify finds each, no reader gets a wrong value."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

from smcloud.errors import IntegrityError, SmcloudError
from smcloud.store import Prefix, verify_all
from tests.faults.stores import NewStore
from tests.faults.work import Study

Damage = Callable[[random.Random, list[Path], Path], None]


def flip(rng: random.Random, files: list[Path], root: Path) -> None:
    file = rng.choice([f for f in files if f.stat().st_size])
    content = bytearray(file.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    file.write_bytes(content)


def cut(rng: random.Random, files: list[Path], root: Path) -> None:
    file = rng.choice([f for f in files if f.stat().st_size])
    file.write_bytes(file.read_bytes()[: rng.randrange(file.stat().st_size)])


def lengthen(rng: random.Random, files: list[Path], root: Path) -> None:
    file = rng.choice(files)
    file.write_bytes(file.read_bytes() + b"\n")


def lose(rng: random.Random, files: list[Path], root: Path) -> None:
    rng.choice([f for f in files if not f.name.endswith(".sealed")]).unlink()


def exchange(rng: random.Random, files: list[Path], root: Path) -> None:
    one, other = rng.sample(files, 2)
    first, second = one.read_bytes(), other.read_bytes()
    if first == second:
        second += b" "
    one.write_bytes(second)
    other.write_bytes(first)


def add(rng: random.Random, files: list[Path], root: Path) -> None:
    folder = rng.choice(sorted({f.parent for f in files}))
    if folder != root:
        (folder / f"x{rng.randrange(100)}.json").write_text("{}")
    else:
        (root / "releases" / "latest.json").write_text("{}")


def seal_anew(rng: random.Random, files: list[Path], root: Path) -> None:
    """A value is changed, and the inventory fits it."""
    import zarr

    from smcloud.store import Store

    prefix = rng.choice(sorted({f.parent for f in files if f.name == "inventory.json" and f.parent.suffix == ".zarr"}))
    array = zarr.open_array(str(prefix / rng.choice(("slope", "lat", "lon"))), mode="r+")
    array[...] = array[...] + 1
    (prefix / "inventory.json").unlink()
    Prefix(Store.open(root), str(prefix.relative_to(root))).seal()


def edit(rng: random.Random, files: list[Path], root: Path) -> None:
    """A record says something else, and is valid."""
    file = rng.choice([f for f in files if f.parent.name == "releases"])
    record = json.loads(file.read_text())
    change = rng.choice(("licence", "period", "url", "created"))
    if change == "licence":
        record["config"]["licence"] = "none"
    elif change == "period":
        record["cube"]["period"] = ["1990-01", "2001-12"]
    elif change == "url":
        record["products"]["trend"] |= {"url": "products/trend/run1-9.zarr"}
    else:
        record["created"] = "2000-01-01T00:00:00Z"
    file.write_text(json.dumps(record, indent=2))


DAMAGES: tuple[Damage, ...] = (flip, cut, lengthen, lose, exchange, add, seal_anew, edit)


def corrupt(new: NewStore, rounds: int, seed: int = 0) -> dict[str, int]:
    """Damage a store with three releases in ``rounds`` ways; what was counted: not found, and wrong values read."""
    store = new()
    study, root = Study(store), Path(store.url)
    for run in (1, 2, 3):
        study.run(run)
    good = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    counted = {"corruptions": 0, "not found": 0, "wrong values": 0}
    for number in range(rounds):
        rng = random.Random(f"{seed}-{number}")
        damage = DAMAGES[number % len(DAMAGES)]
        damage(rng, sorted(good), root)
        counted["corruptions"] += 1
        try:
            verify_all(store)
            counted["not found"] += 1
            print(f"round {number}: {damage.__name__} was not found")
        except IntegrityError:
            pass
        try:
            study.read()
        except AssertionError:
            counted["wrong values"] += 1
            print(f"round {number}: {damage.__name__} was read")
        except (SmcloudError, ValueError, OSError, RuntimeError):
            pass  # refused
        _put_back(root, good)
    return counted


def _put_back(root: Path, good: dict[Path, bytes]) -> None:
    for path in root.rglob("*"):
        if path.is_file() and path not in good:
            path.unlink()
    for path, content in good.items():
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
