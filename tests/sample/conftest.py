"""The sample world for its own tests: one written world, and products made from its bytes without smcloud.cube."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from smcloud.sample import SampleWorld, annual_world, scorecard, write_world
from smcloud.stats import linear_trend, partial_correlation

DRIVERS = ["precipitation", "soil_temperature", "lai"]
FLOORS = {"precipitation": 1.0, "lai": 0.02}


def seed_of(word: str) -> int:
    """A seed that no code mentions."""
    return int.from_bytes(hashlib.sha256(word.encode()).digest()[:4])


@dataclass(frozen=True)
class Products:
    trend: xr.Dataset
    drivers: xr.Dataset
    ddww: xr.Dataset


def products_of(annual: xr.Dataset) -> Products:
    """Trend, dominant driver and class by plain formulas, from annual series (year, lat, lon)."""
    sm = annual["soil_moisture"].astype(float)
    annual = annual.assign_coords(year=annual["year"].astype(float))
    trend = linear_trend(sm.assign_coords(year=annual["year"]), dim="year", min_valid=15)
    partial = partial_correlation(annual["soil_moisture"], annual[DRIVERS], dim="year", floors=FLOORS)
    strength = np.abs(partial["r"]).where(partial["p_value"] < 0.05).fillna(-1.0)
    best = strength.argmax("driver") + 1
    best = best.where(strength.max("driver") > 0, 0).where(partial["n"] > 5, 255).astype("uint8")
    zone = xr.where(annual["aridity_index"] < 0.5, 1, xr.where(annual["aridity_index"] < 0.65, 2, 3))
    first = xr.where(zone == 1, 1, xr.where(zone == 3, 3, 5))
    code = xr.where(trend["p_value"] < 0.05, first + (trend["slope"] > 0), 0).where(trend["slope"].notnull(), 255)
    drivers = xr.Dataset({"dominant_driver": best}, {"driver": DRIVERS})
    trend["significant"] = (trend["p_value"] < 0.05).astype("uint8").where(trend["slope"].notnull(), 255)
    return Products(trend, drivers, xr.Dataset({"ddww_class": code}))


def score_of(annual: xr.Dataset, truth: xr.Dataset) -> dict:
    p = products_of(annual)
    return scorecard(truth, p.trend, p.drivers, p.ddww)


@pytest.fixture(scope="session")
def three_worlds() -> list[tuple[xr.Dataset, xr.Dataset]]:
    return [annual_world(seed_of(word)) for word in ("rain", "loam", "peat")]


@pytest.fixture(scope="session")
def world() -> SampleWorld:
    return SampleWorld(seed_of("marsh"))


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory, world: SampleWorld) -> dict[str, str]:
    return write_world(tmp_path_factory.mktemp("world"), seed=world.seed)


def month_index(days: np.ndarray) -> np.ndarray:
    """Months since January 2000."""
    return days.astype("datetime64[M]").astype(int) - 360


class FromBytes:
    """Annual series straight from the stores' raw numbers; each keyword is one thing done wrong.

    Nothing here shares code with the cube: raw integers, own calendar, own corner average.
    """

    def __init__(self, stores: dict[str, str]) -> None:
        self.raw = {name: zarr.open_group(stores[name], mode="r") for name in ("cci_sm", "era5", "lai")}
        self.truth = xr.open_zarr(stores["truth"]).load()
        self.aridity = xr.open_zarr(stores["aridity"])["aridity_index"].load()
        self.days = np.datetime64("1970-01-01") + self.raw["cci_sm"]["time"][:]
        self.sm, self.flag = self.raw["cci_sm"]["sm"][:], self.raw["cci_sm"]["flag"][:]

    def annual(
        self, *, last: int = 2021, flags: bool = True, shift: bool = True, nearest: bool = False,
        lai_scale: float = 0.1, lai_fill: bool = True, index_time: bool = False,
    ) -> xr.Dataset:  # fmt: skip
        years = np.arange(2000, last + 1)
        sm = self._soil_moisture(years.size, flags)
        if index_time:
            order = np.argsort(np.isnan(sm), axis=0, kind="stable")
            sm = np.take_along_axis(sm, order, axis=0)
        rain, heat = self._era5(years.size, shift, nearest)
        lai = self._lai(years.size, lai_scale, lai_fill)
        lat = self.raw["cci_sm"]["lat"][:]
        maps = {"soil_moisture": sm, "precipitation": rain, "soil_temperature": heat, "lai": lai}
        out = xr.Dataset(
            {name: (("year", "lat", "lon"), values) for name, values in maps.items()},
            {"year": years, "lat": lat, "lon": self.raw["cci_sm"]["lon"][:]},
        ).sortby("lat")
        out["aridity_index"] = self.aridity.assign_coords(lat=out["lat"], lon=out["lon"])
        return out

    def _soil_moisture(self, years: int, flags: bool) -> np.ndarray:
        good = self.sm != -9999
        if flags:
            good &= (self.flag == 0) | (self.flag == 64)
        start = np.searchsorted(month_index(self.days), np.arange(12 * years))
        stop = np.searchsorted(self.days, np.datetime64(f"{2000 + years}-01-01"))
        n = np.add.reduceat(good[:stop], start, axis=0, dtype=int)
        total = np.add.reduceat(np.where(good, self.sm, 0)[:stop], start, axis=0, dtype=float)
        with np.errstate(invalid="ignore", divide="ignore"):
            monthly = np.where(n >= 5, total / n, np.nan).reshape(years, 12, *n.shape[1:])
            valid = np.isfinite(monthly).sum(axis=1)
            return np.where(valid >= 6, np.nansum(monthly, axis=1) / valid, np.nan)

    def _era5(self, years: int, shift: bool, nearest: bool) -> tuple[np.ndarray, np.ndarray]:
        era5 = self.raw["era5"]
        stamps = np.datetime64("1900-01-01") + (era5["time"][:] // 24).astype("timedelta64[D]")
        out = []
        for name, back in (("total_precipitation", int(shift)), ("soil_temperature_level_1", 1)):
            day = stamps - np.timedelta64(back, "D")
            month = month_index(day)
            inside = (month >= 0) & (month < 12 * years)
            values, month = era5[name][:][inside].astype(float), month[inside]
            start = np.searchsorted(month, np.arange(12 * years))
            total = np.add.reduceat(values, start, axis=0)
            if name == "total_precipitation":
                node = 1000 * total.reshape(years, 12, *total.shape[1:]).sum(axis=1)
            else:
                mean = total / np.bincount(month)[:, None, None]
                node = mean.reshape(years, 12, *mean.shape[1:]).mean(axis=1)
            node = np.roll(node, node.shape[2] // 2, axis=2)  # from -180
            if nearest:
                out.append(node[:, :-1])
                continue
            edge = np.deg2rad(era5["latitude"][:].astype(float))
            middle = (edge[1:] + edge[:-1]) / 2
            north = ((np.sin(edge[:-1]) - np.sin(middle)) / (np.sin(edge[:-1]) - np.sin(edge[1:])))[:, None]
            both = (node + np.roll(node, -1, axis=2)) / 2
            out.append(north * both[:, :-1] + (1 - north) * both[:, 1:])
        return out[0], out[1]

    def _lai(self, years: int, scale: float, fill: bool) -> np.ndarray:
        codes = self.raw["lai"]["lai"][: 46 * years].astype(float)
        start = np.datetime64("2000-01-01") + self.raw["lai"]["time"][: 46 * years]
        values = np.where(codes >= 249, np.nan, codes) if fill else codes
        new_year = (start.astype("datetime64[Y]") + np.timedelta64(1, "Y")).astype("datetime64[D]")
        days = np.minimum((new_year - start).astype(int), 8)[:, None, None] * np.isfinite(values)
        shape = (years, 46, *codes.shape[1:])
        with np.errstate(invalid="ignore", divide="ignore"):
            return scale * (np.nan_to_num(values) * days).reshape(shape).sum(axis=1) / days.reshape(shape).sum(axis=1)


@pytest.fixture(scope="session")
def from_bytes(stores: dict[str, str]) -> FromBytes:
    return FromBytes(stores)


def tree_digest(directory: Path) -> str:
    """One hash of every byte below ``directory``."""
    digest = hashlib.sha256()
    for file in sorted(directory.rglob("*")):
        if file.is_file():
            digest.update(str(file.relative_to(directory)).encode() + file.read_bytes())
    return digest.hexdigest()
