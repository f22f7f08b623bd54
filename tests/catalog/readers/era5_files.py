"""Downloads of ERA5 and fields of them."""

import numpy as np

TP = {"name": "tp", "units": "m", "period": "hour", "stamp": "end", "aggregate": "sum", "valid_range": [-0.0001, 1]}
WATER = {"name": "swvl1", "units": "m3 m-3", "period": "month", "valid_range": [-0.01, 1]}
LAT, LON = np.array([45.0, 0.0, -45.0]), np.arange(0.0, 360, 90)


def field(n, low, high, seed=0):
    return np.random.default_rng(seed).uniform(low, high, (n, len(LAT), len(LON)))


ROLES = ("soil_moisture", "precipitation", "elevation")
