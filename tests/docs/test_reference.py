"""The pages of the reference, written from the code: nothing is missing on them, and dims are those published."""

import pytest
import typer.main

from docs.generate.cli import arguments, cli_page, commands, options
from docs.generate.errors import CURES, EXITS, classes, errors_page
from docs.generate.keys import catalog_page, configuration_page, keys
from docs.generate.products import dims_of, products_page
from smcloud import errors
from smcloud.catalog.public import catalog_schema
from smcloud.cli.app import app
from smcloud.cli.console import exit_code
from smcloud.config import RunConfig, load_preset
from smcloud.config.choices import levels_of
from smcloud.config.editors import config_schema
from smcloud.products.variables import VARIABLES


def test_every_command_has_its_arguments_options_and_an_example():
    page = cli_page()
    found = dict(commands())
    assert {"smcloud run", "smcloud catalog check", "smcloud point"} <= set(found)
    assert set(typer.main.get_command(app).commands) == {name.split()[1] for name in found if " " in name}
    for name, command in found.items():
        assert f"\n## {name}\n" in page and (command.help or "").split("\n")[0] in page
        own = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
        assert all(option.opts[0] in own for option in options(command) if option.name != "help"), name
        assert all(option.help for option in options(command)), name
        assert all(str(argument.metavar) in own for argument in arguments(command)), name
        assert hasattr(command, "commands") or f"Example: `{name}" in own, name


def test_every_error_has_a_cure_and_an_exit_code():
    page = errors_page()
    assert {one.code for one in classes()} == {
        one.code
        for one in vars(errors).values()
        if isinstance(one, type) and one.__mro__[1:2] == (errors.SmcloudError,)
    }
    assert {one.code for one in classes()} | {"error"} == set(CURES)
    assert {exit_code(one) for one in classes()} | {0} == set(EXITS)
    assert all(f"| `{one.code}` |" in page for one in classes())


@pytest.mark.parametrize(("page", "schema"), [(configuration_page, config_schema), (catalog_page, catalog_schema)])
def test_every_key_stands_on_its_page(page, schema):
    text = page()
    names = [key.name.removeprefix("sources.*.") for key in keys(schema()) if key.name != "metadata"]
    assert len(names) > 40 and len(set(names)) == len(names)
    assert [name for name in names if f"| `{name}` |" not in text] == []


def test_values_and_levels_are_those_of_the_presets():
    text = configuration_page()
    rows = {line.split("`")[1]: line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")}
    assert rows["trend.test"][-3:] == ["`ols`", "`effective_pooled`", "likely"]
    assert rows["monthly.min_days"][-4:] == ["day", "`5`", "`5`", "unknown"]
    told = levels_of(RunConfig.of_release(_study()).model_dump(mode="json"))
    wrong = {key: level for key, level in told.items() if key in rows and rows[key][-1] != level}
    assert len(told) > 30 and wrong == {}


def _study():
    return load_preset("peng2023") | {
        "preset": "peng2023", "period": {"start": "2000-01"}, "catalog": "c", "store": "s",
        "inputs": dict.fromkeys(("soil_moisture", "precipitation", "soil_temperature", "lai"), "e"),
    }  # fmt: skip


def test_every_variable_stands_on_the_page_of_products():
    page = products_page()
    for product, variables in VARIABLES.items():
        own = page.split(f"\n## {product}\n")[1].split("\n## ")[0]
        assert [name for name in variables if f"| `{name}` |" not in own] == []


@pytest.mark.slow
def test_dims_on_the_page_are_those_published(published):
    import smcloud
    from smcloud.config import load_config

    store, seen = load_config(published).store, 0
    for product in ("annual", "trend", "drivers", "ddww", "regional", "strata"):
        ds = smcloud.open_product(store, product)
        known = [name for name in ds.data_vars if name in VARIABLES[product]]
        assert {name: ds[name].dims for name in known} == {name: dims_of(product, str(name)) for name in known}
        seen += len(known)
    assert seen > 100
