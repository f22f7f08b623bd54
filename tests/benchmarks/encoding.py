"""What codecs make of real values, and what shapes of chunks cost three readers.

``python -m tests.benchmarks.encoding [FOLDER]`` prints two tables. One has ratio and speed, in MB per second of
processor time, for monthly soil moisture of C3S, monthly LAI of MODIS, and hours of ERA5-Land and their means, all as
float32, as a cube holds them. The files hold two months of soil moisture, a year of LAI and one day of a small window,
so blocks are as long as that; hours were packed into 16 bits by their provider, means of them fill all bits, as those
of months do. The other has requests, bytes and processor time for a map of one month, a series of one cell and a block
of cells through time.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
import zarr
from numcodecs import BitRound, Blosc, Zstd, blosc
from zarr.codecs import ZstdCodec
from zarr.storage import LocalStore

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
    composites = xr.DataArray(values, dims=("time", "y", "x")).groupby(xr.DataArray(month, dims="time", name="month"))
    means = composites.mean().values.astype("f4")
    return [means[:, i : i + 180, j : j + 180] for i in (0, 120) for j in (0, 120)]


def reanalysis(folder: Path, hours: int) -> list[Block]:
    """Temperature and precipitation of a small window, unpacked, as means of so many hours; half a day in a block."""
    ds = xr.open_dataset(folder / "era5" / "ERA5land_Rwanda_20160101.nc")
    steps = [ds[name].values.astype("f8").reshape(24 // hours, hours, 21, 31).mean(axis=1) for name in ("t2m", "tp")]
    return [values[at : at + 12 // hours].astype("f4") for values in steps for at in (0, 12 // hours)]


def codecs() -> dict[str, tuple[Any, Any]]:
    """Filter and codec by name."""
    plain = {f"zstd {level}": (None, Zstd(level=level, checksum=True)) for level in (1, 3, 5, 9)}
    shuffled = {
        f"blosc zstd {level}, {word}": (None, Blosc("zstd", clevel=level, shuffle=kind))
        for level in (1, 3)
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
    """MB per second of processor time, the best of several repetitions that take a fifth of a second each."""
    best = np.inf
    for _ in range(3):
        count, begin = 0, time.process_time()
        while time.process_time() - begin < 0.2:
            work()
            count += 1
        best = min(best, (time.process_time() - begin) / count)
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


class Counted(LocalStore):
    """A folder that counts what is asked of it, and the bytes of its answers."""

    requests = size = 0

    async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
        """Fetch as the folder does."""
        found = await super().get(key, prototype, byte_range)
        self.requests += 1
        self.size += 0 if found is None else len(found)
        return found


def long_record(folder: Path) -> Block:
    """A made record of 264 x 720 x 1440: a real month with its gaps, and noise, which like the data fills all bits."""
    image = xr.open_dataset(next((folder / "cci_images").glob("*MONTHLY-2016*.nc")))["sm"].values[0]
    rng = np.random.default_rng(1)
    months = np.empty((264, *image.shape), "f4")
    for month in months:
        month[:] = image + np.float32(0.03) * rng.standard_normal(image.shape, "f4")
    return months


def shape_rows(months: Block, scratch: Path) -> Mapping[str, list[str]]:
    """Requests, bytes and processor time of each way to read ``months``; the metadata are opened before."""
    ways = {
        "map": (slice(100, 101), slice(None), slice(None)),
        "series": (slice(None), slice(170, 171), slice(740, 741)),
        "block": (slice(None), slice(180, 360), slice(720, 900)),
    }
    rows = {}
    for name, (chunk, shard) in SHAPES.items():
        path = scratch / name
        begin = time.process_time()
        zarr.create_array(path, shape=months.shape, dtype="f4", chunks=chunk, shards=shard, fill_value=np.nan,
                          compressors=ZstdCodec(level=3, checksum=True))[:] = months  # fmt: skip
        writing = time.process_time() - begin
        sizes = [file.stat().st_size for file in path.rglob("*") if file.is_file()]
        row = [f"{sum(sizes) / 1e6:.0f} MB in {len(sizes) - 1} objects, {writing:.1f} s"]
        store = Counted(path, read_only=True)
        array = zarr.open_array(store)
        for region in ways.values():
            best = np.inf
            for _ in range(3):
                store.requests = store.size = 0
                begin = time.process_time()
                found = array[region]
                best = min(best, time.process_time() - begin)
            assert np.array_equal(found, months[region], equal_nan=True)
            row.append(f"{store.requests}, {store.size / 1e6:.2f} MB, {1000 * best:.0f} ms")
        rows[name] = row
        shutil.rmtree(path)
    return rows


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    for line in (head, ["---"] * len(head), *rows):
        print("| " + " | ".join(line) + " |", flush=True)


def main(folder: Path) -> None:
    """Print both tables."""
    blosc.set_nthreads(1)
    print("load average before:", *os.getloadavg())
    real = {
        "soil moisture": soil_moisture(folder),
        "leaf area": leaf_area(folder),
        "ERA5-Land hours": reanalysis(folder, 1),
        "their means of 3 hours": reanalysis(folder, 3),
    }
    rows = []
    for name, (filter_, codec) in codecs().items():
        found = [codec_row(filter_, codec, blocks) for blocks in real.values()]
        rows.append([name, *(f"{ratio:.2f}, {encode:.0f}, {decode:.0f}" for ratio, encode, decode in found)])
    table(["codec", *(f"{name}: ratio, MB/s in, MB/s out" for name in real)], rows)
    print()
    with tempfile.TemporaryDirectory() as scratch:
        shapes = shape_rows(long_record(folder), Path(scratch))
    ways = ("a map of a month", "a series of a cell", "a block through time")
    table(["chunk", "written", *(f"{way}: requests, bytes, time" for way in ways)],
          [[name, *row] for name, row in shapes.items()])  # fmt: skip
    print("load average after:", *os.getloadavg())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
