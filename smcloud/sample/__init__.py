"""The sample world: an invented globe with the quirks of the real sources, and its known truth."""

from smcloud.sample.climate import SampleWorld
from smcloud.sample.coefficients import WORLDS, Coefficients
from smcloud.sample.native import write_world
from smcloud.sample.presets import preset_records
from smcloud.sample.score import scorecard
from smcloud.sample.truth import annual_world

__all__ = [
    "WORLDS",
    "Coefficients",
    "SampleWorld",
    "annual_world",
    "preset_records",
    "scorecard",
    "write_world",
]
