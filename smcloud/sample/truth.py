"""What is true in a sample world, and its annual series without gaps or measurement noise."""

from __future__ import annotations

import numpy as np
import xarray as xr

from smcloud.sample.climate import SampleWorld
from smcloud.sample.coefficients import DRIVERS, YEARS, Coefficients
from smcloud.sample.fields import Array, Codes
from smcloud.sample.physics import T0

DETECTABLE = 4.0
NAMED_RHO, NAMED_LEAD = 0.6, 0.3
CLASSES = ("DD", "DW", "WD", "WW", "TD", "TW")
NOT_SIGNIFICANT, NOT_SCORED, NO_DATA = 0, 254, 255
NO_DRIVER, NO_SINGLE_DRIVER = 0, 254
REGIONS = ("snow", "dense", "late_start", "gap", "sensor_step", "sensor_drift", "constant", "empty", "deluge")
FEWEST_YEARS = 15


def annual_world(
    seed: int = 20230501, resolution: float = 5.0, coefficients: Coefficients | None = None
) -> tuple[xr.Dataset, xr.Dataset]:
    """The annual product of a complete and noise-free record of this world, and its truth.

    The first dataset has dims (year, lat, lon), latitude ascending: ``soil_moisture`` m3 m-3,
    ``precipitation`` mm, ``soil_temperature`` K, ``lai`` m2 m-2, ``n_months`` and the static ``aridity_index``;
    NaN over sea, soil moisture also on the empty cells. The second is :func:`truth_of` without gaps.
    """
    world = SampleWorld(seed, resolution, coefficients)
    geo, p = world.geo, world.physics
    sm = p.sm_mean[:, None] + world.anomaly[:, 1 : 1 + len(YEARS)]
    sm[geo.empty] = np.nan
    months = np.where(geo.empty, 0.0, 12.0)[:, None] * np.ones(len(YEARS))
    series = {"soil_moisture": sm, "n_months": months} | {name: world.drivers[..., j] for j, name in enumerate(DRIVERS)}
    units = dict(zip(series, ("m3 m-3", "1", "mm", "K", "m2 m-2"), strict=True))
    lat, lon = world.axes
    annual = xr.Dataset(
        {name: (("year", "lat", "lon"), world.grid(v), {"units": units[name]}) for name, v in series.items()},
        coords={"year": np.array(YEARS), "lat": lat, "lon": lon},
    )
    annual["aridity_index"] = (("lat", "lon"), world.grid(geo.aridity), {"units": "1"})
    valid = np.broadcast_to(~geo.empty[:, None], sm.shape)
    return annual.sortby("lat"), truth_of(world, valid, np.zeros(geo.lat.size))


def truth_of(world: SampleWorld, valid: np.ndarray, measurement: Array) -> xr.Dataset:
    """The truth of every cell: dims (lat, lon), latitude ascending, and (driver, lat, lon).

    ``valid`` (cell, year) tells which years the record holds, ``measurement`` (cell) the variance in
    (m3 m-3)^2 that sampling and measurement add to an annual mean. Over sea all is NaN or 255.
    """
    p, geo = world.physics, world.geo
    years = valid.sum(axis=1)
    se = p.slope_se(valid, measurement)
    with np.errstate(invalid="ignore"):
        delta = np.abs(p.beta) / se
    rho = _rho(world, valid, measurement)
    scored = (years >= FEWEST_YEARS) & ~geo.constant & ~geo.empty
    delta = np.where(scored, delta, np.nan)
    maps: dict[str, tuple[Array, str, str]] = {
        "beta": (np.where(geo.empty, np.nan, p.beta), "m3 m-3 yr-1", "true trend"),
        "se": (np.where(scored, se, np.nan), "m3 m-3 yr-1", "standard deviation of the annual OLS slope over worlds"),
        "delta": (delta, "1", "absolute true trend over se; NaN where no trend can be expected from the record"),
        "rung": (np.where(scored, p.rung, np.nan), "1", "intended delta in the regions of the ladder; NaN elsewhere"),
        "phi": (p.phi, "1", "lag-1 autocorrelation of the unexplained annual soil moisture"),
        "own_trend": (p.a, "m3 m-3 yr-1", "part of the trend without a driver"),
        "n_years": (years.astype(float), "1", "years with data"),
    }
    codes: dict[str, tuple[Codes, dict[str, object]]] = {
        "driver": (_named(rho, p.b), _flags((NO_DRIVER, 1, 2, 3, NO_SINGLE_DRIVER), ("none", *DRIVERS, "no_single"))),
        "ddww_class": (
            _class(geo.zone, p.beta, delta),
            _flags((0, *range(1, 7), NOT_SCORED), ("not_significant", *CLASSES, "not_scored")),
        ),
        "zone": (geo.zone, _flags((1, 2, 3), ("dry", "transition", "wet"))),
    }  # fmt: skip
    lat, lon = world.axes
    out = xr.Dataset(coords={"driver_name": list(DRIVERS), "lat": lat, "lon": lon})
    for name, (values, units, label) in maps.items():
        out[name] = (("lat", "lon"), world.grid(values), {"units": units, "long_name": label})
    for name, (code, attrs) in codes.items():
        out[name] = (("lat", "lon"), world.grid(code, NO_DATA, np.uint8), attrs)
    for region in REGIONS:
        mask = getattr(geo, region) > 0
        out[region] = (("lat", "lon"), world.grid(mask, 0, np.uint8), {"long_name": f"declared region: {region}"})
    out["land_mask"] = (("lat", "lon"), geo.land.astype(np.uint8), {"long_name": "1 on land"})
    three = ("driver_name", "lat", "lon")
    out["rho"] = (three, world.grid(rho), {"long_name": "true partial correlation at the realised drivers"})
    out["b"] = (three, world.grid(p.b), {"long_name": "effect of the driver, m3 m-3 per mm, K, m2 m-2"})
    out = out.assign_coords(year=list(YEARS))
    annual = {"long_name": "realised annual values of the drivers, in mm, K, m2 m-2"}
    out["drivers"] = (("year", *three), world.grid(world.drivers), annual)
    out["g"] = (three, world.grid(p.g), {"long_name": "true trend of the driver per year, in mm, K, m2 m-2"})
    out.attrs = _attrs(world)
    return out.sortby("lat")


def _attrs(world: SampleWorld) -> dict[str, object]:
    p, geo = world.physics, world.geo
    area = np.cos(np.deg2rad(geo.lat)) * ~geo.empty
    return {
        "title": "Truth of the smcloud sample world",
        "seed": world.seed, "resolution_degrees": geo.resolution, "first_year": YEARS[0], "last_year": YEARS[-1],
        "time_zero": T0, "global_slope": float((area * p.beta).sum() / area.sum()), "global_slope_units": "m3 m-3 yr-1",
        "coefficients": {k: list(v) if isinstance(v, tuple) else v for k, v in vars(p.coefficients).items()},
    }  # fmt: skip


def _flags(values: tuple[int, ...], meanings: tuple[str, ...]) -> dict[str, object]:
    return {"flag_values": list(values), "flag_meanings": " ".join(meanings), "no_data": NO_DATA}


def _rho(world: SampleWorld, valid: np.ndarray, measurement: Array) -> Array:
    """``b_j s_j / sqrt(b_j^2 s_j^2 + sigma^2)``, s_j^2 the variance of driver j left by the others.

    sigma^2 is what no driver explains: the own trend, U, sampling and measurement.
    """
    p = world.physics
    conditional = np.zeros(p.b.shape)
    years = np.arange(valid.shape[1], dtype=float)
    t_variance = np.zeros(p.b.shape[0])
    for mask in np.unique(valid, axis=0):
        cells = np.flatnonzero((valid == mask).all(axis=1))
        if mask.sum() < 6:
            continue
        series = world.drivers[np.ix_(cells, np.flatnonzero(mask))]
        centred = series - series.mean(axis=1, keepdims=True)
        t_variance[cells] = years[mask].var(ddof=1)
        for j in range(3):
            others = centred[..., [k for k in range(3) if k != j]]
            rest = centred[..., j] - np.einsum("cyk,ck->cy", others, _fit(others, centred[..., j]))
            conditional[cells, j] = (rest**2).sum(axis=1) / (mask.sum() - 3)
    sigma2 = p.a**2 * t_variance + p.u_scale**2 + measurement
    signal = p.b * np.sqrt(conditional)
    return np.asarray(signal / np.sqrt(signal**2 + sigma2[:, None]))


def _fit(x: Array, y: Array) -> Array:
    """Least squares per cell; a constant column gets coefficient 0."""
    return np.asarray(np.einsum("ckl,cl->ck", np.linalg.pinv(np.einsum("cyk,cyl->ckl", x, x), hermitian=True),
                                np.einsum("cyk,cy->ck", x, y)))  # fmt: skip


def _named(rho: Array, b: Array) -> Codes:
    """1.. for the driver a cell names, 0 where no driver acts, 254 where none stands out."""
    size = np.sort(np.abs(rho), axis=-1)
    lead = np.arctanh(size[:, -1]) - np.arctanh(size[:, -2])
    named = (size[:, -1] >= NAMED_RHO) & (lead >= NAMED_LEAD)
    best = np.abs(rho).argmax(axis=-1) + 1
    return np.where((b == 0).all(axis=-1), NO_DRIVER, np.where(named, best, NO_SINGLE_DRIVER))


def _class(zone: Codes, beta: Array, delta: Array) -> Codes:
    """Zone x sign of the trend where delta >= 4, 0 where the trend is exactly 0, 254 else."""
    first = np.select([zone == 1, zone == 3], [1, 3], 5)
    code = first + (beta > 0)
    return np.select([np.isnan(delta), beta == 0, delta >= DETECTABLE], [NOT_SCORED, NOT_SIGNIFICANT, code], NOT_SCORED)
