"""The attributes that say how a product was made, and who chose so."""

import xarray as xr

from smcloud.products.attributes import VARIABLES, add_cf_attributes
from smcloud.products.choices import SHAPED_BY, choice_attributes

from .conftest import make_config


def test_preset_and_what_was_changed_stand_in_every_product() -> None:
    config = make_config(trend={"test": "mann_kendall"}, zones={"limits": [0.2, 0.65]})
    for product in VARIABLES:
        attrs = add_cf_attributes(xr.Dataset(), product, config).attrs
        assert (attrs["preset"], attrs["choices"]) == ("peng2023", "peng2023, changed: trend.test, zones.limits")
        likely, unknown = attrs["comment"].removesuffix(".").split(" is likely: ")[1].split("; unknown: ")
        assert likely.split(", ") == ["annual.method", "annual.first_month", "trend.estimator"]
        assert "zones.scheme" in unknown.split(", ") and "zones.limits" not in unknown and "trend.test" not in unknown
        assert "assumed" not in str(attrs).lower()
    assert choice_attributes(make_config(), "trend")["choices"] == "peng2023"


def test_estimator_test_interval_and_zones_can_be_read_off_the_product() -> None:
    config = make_config(preset="rigorous", drivers={"lags": {"lai": 1}})
    trend, ddww = choice_attributes(config, "trend"), choice_attributes(config, "ddww")
    assert [trend[f"trend_{key}"] for key in ("estimator", "test", "interval")] == [
        getattr(config.trend, key) for key in ("estimator", "test", "interval")
    ]
    assert (ddww["zones_scheme"], ddww["zones_limits"]) == ("aridity", [0.5, 0.65])
    assert trend["annual_method"] == "anomalies" and "comment" not in trend
    assert choice_attributes(config, "drivers")["drivers_detrend"] == "yes"
    regional = choice_attributes(config, "regional")
    assert regional["cells_trend_test"] == config.trend.test and "trend_test" not in regional
    assert set(SHAPED_BY) == set(VARIABLES)
    for product in SHAPED_BY:
        for value in choice_attributes(config, product).values():
            assert isinstance(value, str | int | float) or all(isinstance(item, int | float) for item in value)
