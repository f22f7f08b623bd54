"""Real daily files of ESA CCI and C3S, and the entries that read them."""

import netCDF4
import numpy as np

CCI = "ESACCI-SOILMOISTURE-L3S-SSMV-"
IMAGES = {
    "v02.2": (CCI + "COMBINED-20000101000000-fv02.2.nc", "2000-01-01"),
    "v04.2": (CCI + "PASSIVE-20161229000000-fv04.2.nc", "2016-12-29"),
    "v04.5": (CCI + "COMBINED-20100701000000-fv04.5.nc", "2010-07-01"),
    "c3s": ("C3S-SOILMOISTURE-L3S-SSMV-COMBINED-DAILY-20140101000000-TCDR-v201801.0.0.nc", "2014-01-01"),
    "c3s monthly": ("C3S-SOILMOISTURE-L3S-SSMV-COMBINED-MONTHLY-20160401000000-TCDR-v201801.0.0.nc", "2016-04-01"),
}


SM = {"name": "sm", "units": "m3 m-3", "period": "day", "valid_range": [0, 1]}
FLAGGED = SM | {"flag": "flag", "uncertainty": "sm_uncertainty"}


def unpacked(path, name):
    """Values by netCDF4 alone, fill and scale applied here: netCDF4 holds packed integers against ``valid_range``."""
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        raw = file[name][0]
        scale = np.float32(getattr(file[name], "scale_factor", 1))
        return np.where(raw == file[name]._FillValue, np.nan, raw.astype(np.float32) * scale)
