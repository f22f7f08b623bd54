"""What codecs make of real values, and what shapes of chunks cost three readers.

``python -m tests.benchmarks.encoding [FOLDER]``: tables of ratio and speed on one thread, for monthly soil moisture of
C3S, monthly LAI of MODIS and hours of ERA5 as float32, as a cube holds them; and of seconds and objects for a map of
one month, a series of one cell and a block of cells through time.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from numcodecs import BitRound, Blosc, Zstd

Block = npt.NDArray[np.float32]
DATA = Path(__file__).parents[3] / "shared" / "data"
SHAPES = {  # chunk, shard
    "12 x 180 x 180": ((12, 180, 180), None),
    "12 x 90 x 90": ((12, 90, 90), None),
    "12 x 360 x 360": ((12, 360, 360), None),
    "1 x 720 x 1440": ((1, 720, 1440), None),
    "264 x 36 x 36": ((264, 36, 36), None),
    "12 x 36 x 36 in shards of 12 x 180 x 180": ((12, 36, 36), (12, 180, 180)),
}


def soil_moisture(folder: Path) -> list[Block]:
    """Both monthly images, in blocks of 180 x 180 cells that hold anything."""
    images = sorted((folder / "cci_images").glob("*MONTHLY*.nc"))
    values = np.concatenate([xr.open_dataset(path)["sm"].values for path in images]).astype("f4")
    blocks = [values[:, i : i + 180, j : j + 180] for i in range(0, 720, 180) for j in range(0, 1440, 180)]
    return [block for block in blocks if np.isfinite(block).mean() > 0.05]


def leaf_area(folder: Path) -> list[Block]:
    """Monthly means of a year's composites of 8 days."""
    ds = xr.open_dataset(folder / "lai" / "MCD15A2_h17v03_2012_window300.nc", decode_cf=False)
    codes = ds["Lai_1km"].values
    values = np.where(codes <= 100, codes * 0.1, np.nan)
    month = np.minimum((np.arange(len(values)) * 8) // 30.5, 11)
    with np.errstate(invalid="ignore"):
        means = np.stack([np.nanmean(values[month == m], axis=0) for m in range(12)]).astype("f4")
    return [means[:, i : i + 180, j : j + 180] for i in (0, 120) for j in (0, 120)]


def reanalysis(folder: Path) -> list[Block]:
    """Hours of temperature and precipitation, unpacked, of a small window; half a day in a block."""
    ds = xr.open_dataset(folder / "era5" / "ERA5land_Rwanda_20160101.nc")
    return [ds[name].values[i : i + 12].astype("f4") for name in ("t2m", "tp") for i in (0, 12)]


def codecs() -> dict[str, tuple[Any, Any]]:
    """Filter and codec by name."""
    plain = {f"zstd {level}": (None, Zstd(level=level, checksum=True)) for level in (1, 3, 5, 9)}
    shuffled = {
        f"blosc zstd {level}, {word}": (None, Blosc("zstd", clevel=level, shuffle=kind))
        for level in (1, 3, 5)
        for word, kind in (("bytes shuffled", Blosc.SHUFFLE), ("bits shuffled", Blosc.BITSHUFFLE))
    }
    rounded = {
        f"{bits} bits kept, {name}": (BitRound(keepbits=bits), codec)
        for bits in (14, 10)
        for name, (_, codec) in {**plain, **shuffled}.items()
        if name in ("zstd 3", "blosc zstd 3, bytes shuffled")
    }
    return plain | shuffled | rounded


def speed(work: Callable[[], object], size: int) -> float:
    """MB per second, the best of several repetitions that take a third of a second each."""
    best = np.inf
    for _ in range(3):
        count, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < 0.3:
            work()
            count += 1
        best = min(best, (time.perf_counter() - begin) / count)
    return size / best / 1e6


def codec_row(filter_: Any, codec: Any, blocks: Sequence[Block]) -> tuple[float, float, float]:
    """Ratio, and speed of encoding and of decoding."""
    blocks = [np.ascontiguousarray(block) for block in blocks]
    outs = [np.empty_like(block) for block in blocks]
    size = sum(block.nbytes for block in blocks)

    def encode() -> list[bytes]:
        return [codec.encode(block if filter_ is None else filter_.encode(block)) for block in blocks]

    encoded = encode()

    def decode() -> None:
        for raw, out in zip(encoded, outs, strict=True):
            codec.decode(raw, out=out)

    decode()
    for block, out in zip(blocks, outs, strict=True):
        expected = block if filter_ is None else filter_.decode(filter_.encode(block)).reshape(block.shape)
        assert np.array_equal(out, expected, equal_nan=True)
    return size / sum(map(len, encoded)), speed(encode, size), speed(decode, size)


def shape_rows(folder: Path) -> Mapping[str, list[str]]:
    """Objects touched and seconds by way of reading, of a made field of 264 x 720 x 1440 in a folder."""
    import zarr

    rng = np.random.default_rng(1)
    land = (rng.random((80, 160)) < 0.34).repeat(9, axis=0).repeat(9, axis=1)
    months = np.where(land, rng.normal(0.25, 0.03, (264, 720, 1440)), np.nan).astype("f4").round(4)
    ways = {
        "map": (slice(100, 101), slice(None), slice(None)),
        "series": (slice(None), slice(400, 401), slice(700, 701)),
        "block": (slice(None), slice(180, 360), slice(540, 720)),
    }
    rows = {}
    for name, (chunk, shard) in SHAPES.items():
        path = folder / name
        array = zarr.create_array(path, shape=months.shape, dtype="f4", chunks=chunk, shards=shard,
                                  compressors=zarr.codecs.ZstdCodec(level=3, checksum=True))  # fmt: skip
        array[:] = months
        row = [f"{sum(file.stat().st_size for file in path.rglob('*') if file.is_file()) / 1e6:.0f} MB"]
        for region in ways.values():
            best = np.inf
            for _ in range(3):
                begin = time.perf_counter()
                array[region]
                best = min(best, time.perf_counter() - begin)
            steps = shard or chunk
            spans = [range(*part.indices(size)) for part, size in zip(region, months.shape, strict=True)]
            counts = [(span[-1] // step) - span[0] // step + 1 for span, step in zip(spans, steps, strict=True)]
            row.append(f"{int(np.prod(counts))} objects, {1000 * best:.0f} ms")
        rows[name] = row
    return rows


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    for line in (head, ["---"] * len(head), *rows):
        print("| " + " | ".join(line) + " |", flush=True)


def main(folder: Path) -> None:
    """Print both tables."""
    real = {"soil moisture": soil_moisture(folder), "leaf area": leaf_area(folder), "ERA5 hours": reanalysis(folder)}
    rows = []
    for name, (filter_, codec) in codecs().items():
        found = [codec_row(filter_, codec, blocks) for blocks in real.values()]
        rows.append([name, *(f"{ratio:.2f}, {encode:.0f}, {decode:.0f}" for ratio, encode, decode in found)])
    table(["codec", *(f"{name}: ratio, MB/s in, MB/s out" for name in real)], rows)
    print()
    with tempfile.TemporaryDirectory() as scratch:
        shapes = shape_rows(Path(scratch))
    table(["chunk", "stored", "map of a month", "series of a cell", "block through time"],
          [[name, *row] for name, row in shapes.items()])  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
