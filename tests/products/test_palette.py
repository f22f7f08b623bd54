"""Colours are told apart by colour-blind readers, and change by luminance alone."""

import itertools

import numpy as np
import pytest

from smcloud.products import palette

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}
XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]])


def lab(colour: str, vision: str = "normal") -> np.ndarray:
    c = np.array(palette.rgb(colour)) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    x = XYZ @ np.clip(VISION[vision] @ linear, 0, 1) / np.array([0.95047, 1, 1.08883])
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def closest(colours: dict[str, str], vision: str) -> tuple[float, str, str]:
    pairs = itertools.combinations(colours, 2)
    return min((float(np.linalg.norm(lab(colours[a], vision) - lab(colours[b], vision))), a, b) for a, b in pairs)


def test_the_simulation_is_sound():
    # Red and green of the same lightness are far apart for most readers and close for deuteranopes.
    red, green = "#c8503c", "#7d8a2e"
    far = np.linalg.norm(lab(red) - lab(green))
    near = np.linalg.norm(lab(red, "deuteranopia") - lab(green, "deuteranopia"))
    assert far > 2 * near
    assert lab("#ffffff") == pytest.approx([100, 0, 0], abs=0.1)


@pytest.mark.parametrize("vision", VISION)
def test_ddww_classes_stay_apart(vision: str):
    colours = palette.CLASS_COLOURS | {"not significant": palette.NOT_SIGNIFICANT}
    distance, a, b = closest(colours, vision)
    assert distance > 20, (a, b)


@pytest.mark.parametrize("vision", VISION)
def test_three_drivers_with_signs_stay_apart(vision: str):
    names = ["precipitation", "soil_temperature", "lai"]
    colours = {"none": palette.NOT_SIGNIFICANT, "tie": palette.TIE}
    for name, (positive, negative) in zip(names, palette.driver_colours(names), strict=True):
        colours |= {f"{name}+": positive, f"{name}-": negative}
    distance, a, b = closest(colours, vision)
    assert distance > 18, (a, b)


@pytest.mark.parametrize("vision", VISION)
def test_drying_and_wetting_of_the_trend_map_stay_apart(vision: str):
    brown, teal = palette.TREND_STEPS[:5], palette.TREND_STEPS[5:]
    for dry, wet in itertools.product(brown, teal):
        if abs(lab(dry)[0] - lab(wet)[0]) < 15:  # the pairs that lightness does not tell apart
            assert np.linalg.norm(lab(dry, vision) - lab(wet, vision)) > 15, (dry, wet)
    for step in palette.TREND_STEPS:
        assert np.linalg.norm(lab(step, vision) - lab(palette.NOT_SIGNIFICANT, vision)) > 15, step


def test_drier_is_darker_than_wetter_in_greyscale():
    drier = [lab(palette.CLASS_COLOURS[name])[0] for name in ("DD", "WD", "TD")]
    wetter = [lab(palette.CLASS_COLOURS[name])[0] for name in ("DW", "WW", "TW")]
    assert max(drier) + 20 < min(wetter)
    assert max(wetter) + 8 < lab(palette.NOT_SIGNIFICANT)[0]
    for positive, negative in palette.driver_colours(["precipitation", "soil_temperature", "lai"]):
        assert lab(positive)[0] + 20 < lab(negative)[0]


def test_trend_steps_darken_away_from_zero():
    light = [lab(step)[0] for step in palette.TREND_STEPS]
    assert light[:5] == sorted(light[:5]) and light[5:] == sorted(light[5:], reverse=True)


def test_drivers_keep_their_hue_wherever_they_stand():
    first = palette.driver_colours(["lai", "precipitation"])
    second = palette.driver_colours(["precipitation", "temperature", "lai"])
    assert first[1] == second[0] and first[0] == second[2]


@pytest.mark.parametrize("count", [1, 2, 6])
def test_up_to_six_drivers_have_colours_of_their_own(count: int):
    assert len(set(palette.driver_colours([f"role_{i}" for i in range(count)]))) == count
    assert len(palette.driver_colours([f"role_{i}" for i in range(9)])) == 9
