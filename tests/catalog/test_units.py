"""Units as files of CF, ERA5, CRU, GPCP, CHIRPS, MODIS, CCI, GLDAS, MERRA-2, TRMM, SoilGrids ... spell them."""

from __future__ import annotations

import pytest

from smcloud.catalog.units import is_scaled, same_units, unit_of
from smcloud.cube.units import conversion
from smcloud.errors import UnitError

# canonical unit, role that it is tried in, factor and offset to the cube's unit, and the spellings
TABLE = (
    ("degC", "temperature", 1.0, 273.15,
     "degrees Celsius|degree Celsius|Degrees Celsius|degrees celsius|degree_Celsius|degrees_Celsius|deg C|deg_C|degC|"
     "DegC|degree_C|degrees_C|degrees C|Deg C|deg. C|°C|° C|ºC|℃|Â°C|celsius|Celsius|CELSIUS|C|centigrade|"
     "degrees centigrade|degrees Celcius|oC"),
    ("K", "temperature", 1.0, 0.0,
     "K|k|Kelvin|kelvin|kelvins|Kelvins|KELVIN|deg K|deg_K|degK|degree_Kelvin|degrees Kelvin|degrees K|°K|Kelvin_scale|"
     "[K]"),
    ("degF", "temperature", 5 / 9, 273.15 - 32 * 5 / 9,
     "degF|deg F|F|°F|Fahrenheit|fahrenheit|farenheit|degrees Fahrenheit|degree_F|degrees_F"),
    ("0.1 degC", "temperature", 0.1, 273.15, "0.1 degC|0.1 degrees Celsius|0.1*degC|1e-1 °C"),
    ("0.01 K", "temperature", 0.01, 0.0, "0.01 K|10^-2 K|10**-2 K"),
    ("mm month-1", "precipitation", 1.0, 0.0,
     "mm/month|mm month-1|mm month^-1|mm month**-1|mm per month|mm/mon|mm mon-1|mm/mo|MM/MONTH|mm.month-1|mm_per_month|"
     "mm month$^{-1}$|millimeters per month|millimetres/month|[mm/month]|mm/months|mm·month⁻¹"),
    ("kg m-2 month-1", "precipitation", 1.0, 0.0, "kg m-2 month-1|kg/m^2/month|kg m**-2 month**-1|kg/m2/month"),
    ("cm month-1", "precipitation", 10.0, 0.0, "cm/month|cm month-1"),
    ("m month-1", "potential_evaporation", 1000.0, 0.0, "m/month|m of water equivalent per month"),
    ("inch month-1", "precipitation", 25.4, 0.0, "in/month|inches/month|inches per month|inch month-1"),
    ("mm", "precipitation", 1.0, 0.0,
     "mm|MM|millimeter|millimeters|millimetre|millimetres|mm of water|mm of water equivalent|mm H2O|mm w.e.|(mm)"),
    ("m", "precipitation", 1000.0, 0.0,
     "m|metre|meters|m of water equivalent|m of water|m water equivalent|gpm|m a.s.l.|meters above sea level"),
    ("cm", "precipitation", 10.0, 0.0, "cm|centimeters"),
    ("0.1 mm", "precipitation", 0.1, 0.0, "0.1 mm|0.1mm|1.0e-1 mm"),
    ("inch", "precipitation", 25.4, 0.0, "inch|inches|in"),
    ("kg m-2", "precipitation", 1.0, 0.0, "kg m-2|kg m**-2|kg/m2|kg/m^2|kg m^-2|Kg/m2|kg m⁻²|kg.m-2|kg water m-2"),
    ("L m-2", "precipitation", 1.0, 0.0, "L m-2|l/m2|litres/m^2|liter m-2"),
    ("mm day-1", "precipitation", 1.0, 0.0,
     "mm/day|mm day-1|mm day^-1|mm day**-1|mm d-1|mm d**-1|mm/d|mm per day|MM/DAY|mm/days|mm·d⁻¹|mm d⁻¹|mm day -1"),
    ("m day-1", "precipitation", 1000.0, 0.0, "m day-1|m/day|m d**-1|m of water equivalent day-1"),
    ("mm h-1", "precipitation", 24.0, 0.0, "mm/hr|mm hr-1|mm h-1|mm/h|mm/hour|mm hour-1|mm hr**-1|mm per hour"),
    ("mm s-1", "precipitation", 86400.0, 0.0, "mm/s|mm s-1|mm/sec|mm s^-1"),
    ("m s-1", "precipitation", 86_400_000.0, 0.0, "m s-1|m s**-1|m/s"),
    ("kg m-2 s-1", "precipitation", 86400.0, 0.0,
     "kg m-2 s-1|kg m**-2 s**-1|kg/m^2/s|kg/m2/s|kg m^-2 s^-1|kg/(m^2 s)|kg/(m2 s)|kg.m-2.s-1|kg m^{-2} s^{-1}|"
     "kg m⁻² s⁻¹|Kg m-2 s-1|kg m-2 sec-1|kg m -2 s -1"),
    ("kg m-2 day-1", "precipitation", 1.0, 0.0, "kg m-2 day-1|kg m-2 d-1|kg/m^2/day"),
    ("inch day-1", "precipitation", 25.4, 0.0, "in/day|inches day-1"),
    ("m3 m-3", "soil_moisture", 1.0, 0.0,
     "m3 m-3|m**3 m**-3|m^3 m^-3|m^3/m^3|m3/m3|m³/m³|m³ m⁻³|m^3.m^-3|m3.m-3|m³·m⁻³|m3m-3|(m^3/m^3)|[m3 m-3]|m**3/m**3"),
    ("cm3 cm-3", "soil_moisture", 1.0, 0.0, "cm3/cm3|cm^3/cm^3|cm3 cm-3|cm³/cm³"),
    ("mm mm-1", "soil_moisture", 1.0, 0.0, "mm/mm|mm mm-1"),
    ("kg m-3", "soil_moisture", 0.001, 0.0, "kg m**-3|kg m-3|kg/m3"),
    ("%", "soil_moisture", 0.01, 0.0, "%|percent|Percent|percentage|per cent|pct|vol. %|volumetric %|[%]"),
    ("1", "soil_moisture", 1.0, 0.0,
     "1||-|--|~|none|None|n/a|N/A|unitless|Unitless|dimensionless|fraction|Fraction|[Fraction]|0-1|(0 - 1)|(0,1)|[0-1]|"
     "Proportion|ratio|non-dimensional|no units"),
    ("m2 m-2", "lai", 1.0, 0.0, "m2 m-2|m^2/m^2|m2/m2|m²/m²|m**2 m**-2|m^2 m^-2|m2.m-2|m²·m⁻²"),
    ("g kg-1", "clay", 0.1, 0.0, "g/kg|g kg-1|g kg^-1|g·kg⁻¹"),
    ("0.1 %", "clay", 0.1, 0.0, "0.1 %|0.1%|0.1 percent"),
    ("kg kg-1", "clay", 100.0, 0.0, "kg/kg|kg kg-1|kg kg**-1"),
    ("m", "elevation", 1.0, 0.0, "m|masl|metres above sea level"),
    ("km", "elevation", 1000.0, 0.0, "km"),
)  # fmt: skip
# known, but nothing that a role of the cube can be
OTHERS = {
    "J m-2": "J m**-2|J m-2|J/m^2", "W m-2": "W m-2|W m**-2|W/m2|watt m-2",
    "hPa": "hPa|hectopascal|mb|mbar|millibars", "day": "days|number of days|day", "m2 s-2": "m**2 s**-2|m2 s-2",
    "degree": "degrees|deg|°|degree", "class": "class|class number|concept|Class", 
    "mm year-1": "mm/year|mm yr-1|mm/a|mm per year",
}  # fmt: skip
REFUSED = (
    "mm/pentad", "mm/dekad", "mm/5days", "mm/3hr", "mm (3h)-1", "mm/8day", "kg/m^2/8day", "degrees Celsius day",
    "degC month-1", "degC*10", "K*10", "mm*10", "mm/10", "cm3/100cm3", "m^2/m^2 after x0.1", "0 = water; 1 = land",
    "percent of saturation", "% saturation", "relative saturation", "Mm", "unknown", "nan", "degrees_north",
    "degrees_east", "acre-foot day-1", "furlongs", "kgm-2s-1", "mm/", "/", "mm//day", "(mm", "mm)", "delta_degC",
    "0 mm", "-1 mm", "1e400 mm", "days since 1900-1-1", "see long_name", "water", "kg / kg soil-1",
    "mm month-1 (30 days)", "decaday", "dekad", "yyyymm",
)  # fmt: skip
SPELLINGS = [(spelling, *row[:4]) for row in TABLE for spelling in row[4].split("|")]
OTHER_SPELLINGS = [(spelling, unit) for unit, spellings in OTHERS.items() for spelling in spellings.split("|")]


def test_the_table_is_long_enough():
    assert len({spelling for spelling, *_ in SPELLINGS}) >= 150


@pytest.mark.parametrize(("spelling", "unit", "role", "factor", "offset"), SPELLINGS)
def test_a_spelling_is_read_and_its_values_converted(spelling, unit, role, factor, offset):
    assert str(unit_of(spelling)) == unit
    assert same_units(spelling, unit)
    how = conversion(role, spelling, "mean", "month", "x")
    assert (how.factor, how.offset) == pytest.approx((factor, offset), rel=1e-12, abs=1e-12)
    assert how.by_days == (" day-1" in f" {unit}" or unit.endswith((" h-1", " s-1")))


@pytest.mark.parametrize(("spelling", "unit"), OTHER_SPELLINGS)
def test_what_is_known_and_no_unit_of_the_cube_is_compared_and_not_converted(spelling, unit):
    assert str(unit_of(spelling)) == unit
    for role in ("temperature", "precipitation", "soil_moisture", "clay"):
        with pytest.raises(UnitError):
            conversion(role, spelling, "mean", "month", "x")


@pytest.mark.parametrize("spelling", REFUSED)
def test_what_is_not_known_is_refused(spelling):
    with pytest.raises(ValueError, match=r"it|known|scale"):
        unit_of(spelling)
    for role in ("temperature", "precipitation", "soil_moisture", "clay", "aridity_index"):
        with pytest.raises(UnitError) as err:
            conversion(role, spelling, "mean", "month", "entry:name")
        assert err.value.found == spelling
    assert same_units(spelling, spelling) and not same_units(spelling, "mm")


def test_units_of_one_row_are_the_same_and_of_two_rows_are_not():
    rows = {row[0]: row[4].split("|") for row in TABLE}
    for unit, spellings in rows.items():
        for other, others in rows.items():
            # A plain number says nothing against a share of volumes or areas, and volumes may be told by any length.
            shares = {"1", "m3 m-3", "m2 m-2", "cm3 cm-3", "mm mm-1", "kg kg-1"}
            if not {unit, other} <= shares:
                assert same_units(spellings[-1], others[0]) is (unit == other), (unit, other)


def test_the_units_of_real_files_are_known(test_data):
    """All of them but what holds no unit: sentences and the forms of dates."""
    import netCDF4

    known, unknown = set(), set()
    for path in [*test_data.rglob("*.nc"), *test_data.rglob("*.nc4")]:
        with netCDF4.Dataset(path) as file:
            units = {str(array.units) for array in file.variables.values() if "units" in array.ncattrs()}
        for text in {unit for unit in units if " since " not in unit and not unit.startswith("degrees_")}:
            try:
                known.add(str(unit_of(text)))
            except ValueError:
                unknown.add(text)
    assert {"K", "m", "m3 m-3", "1", "degF", "inch", "degC"} <= known
    assert unknown <= {"m^2/m^2 after x0.1", "0 = water; 1 = land", "yyyy", "YYYYMM"}


@pytest.mark.parametrize(("left", "right"), [("m3 m-3", "kg kg-1"), ("m3 m-3", "m2 m-2"), ("kg/kg", "m2/m2")])
def test_shares_of_different_things_are_not_the_same(left, right):
    assert not same_units(left, right)
    with pytest.raises(UnitError, match="ratio"):
        conversion("soil_moisture", "g/g", "mean", "day", "x")


@pytest.mark.parametrize("text", ["m" * 10_000, "(" * 5000, "m-" * 40, "1" * 70 + " m" * 5])
def test_long_nonsense_is_refused_at_once(text):
    try:
        unit = unit_of(text)
    except ValueError:
        return
    assert str(unit)
    with pytest.raises(UnitError):
        conversion("precipitation", text, "mean", "month", "x")


@pytest.mark.parametrize("role", ["clay", "elevation", "lai", "aridity_index"])
def test_a_mass_counts_as_water_only_where_water_is_measured(role):
    for units in ("kg m-2", "kg m-3"):
        with pytest.raises(UnitError):
            conversion(role, units, "mean", "static", "x")


def test_a_number_in_a_unit_is_seen():
    assert is_scaled("0.1 degC") and not is_scaled("degC") and not is_scaled("whatever")
