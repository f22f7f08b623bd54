"""What others expect of any dataset: CF, ACDD and the Zarr conventions, for cube and products alike."""

from smcloud.conventions.acdd import KEYWORDS, STANDARD_NAMES, VOCABULARIES, with_content
from smcloud.conventions.georeference import convention_attributes, extent_attributes, with_grid_mapping
from smcloud.conventions.times import (
    beginning,
    coverage_attributes,
    span_in_words,
    whole_years,
    with_record,
    with_years,
)

__all__ = [
    "KEYWORDS",
    "STANDARD_NAMES",
    "VOCABULARIES",
    "beginning",
    "convention_attributes",
    "coverage_attributes",
    "extent_attributes",
    "span_in_words",
    "whole_years",
    "with_content",
    "with_grid_mapping",
    "with_record",
    "with_years",
]
