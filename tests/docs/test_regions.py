"""The page on regions: each of its lines is a configuration."""

from pathlib import Path

import yaml

from smcloud.config import parse_config

PAGE = Path(__file__).parents[2] / "docs/how-to/regions.md"


def test_every_region_of_the_page_is_valid():
    block = PAGE.read_text().split("```yaml\n")[1].split("```")[0]
    base = {"preset": "peng2023", "period": {"start": "2000-01"}, "catalog": "c", "inputs": {"soil_moisture": "e"}}
    lines = [line for line in block.splitlines() if line.strip()]
    assert len(lines) == 4
    for line in lines:
        assert parse_config(base | {"store": "s"} | yaml.safe_load(line)).region is not None
