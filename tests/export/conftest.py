"""A small release, sealed once for the session; nothing that the tests of exports do may change it."""

import pytest

from tests.export.small_release import products, publish


@pytest.fixture(scope="session")
def made():
    return products()


@pytest.fixture(scope="session")
def store(made, tmp_path_factory):
    config = {"alpha": 0.05, "years": {"min_years": 3, "ends": {"span": 2, "min_years": 1}},
              "trend": {"significance": "p_adjusted"}, "drivers": {"dominant": "p_value"}}  # fmt: skip
    return publish(tmp_path_factory.mktemp("small"), made, config)
