"""README.md and the pages of docs/: commands exist, snippets run, configurations are valid, links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main
import yaml

from smcloud.cli.app import app
from smcloud.config import load_config, parse_config

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def pages_of_docs():
    """The pages that people wrote, and none that the site's build made."""
    made = (ROOT / "docs/_build", ROOT / "docs/reference/generated")
    return [page for page in sorted((ROOT / "docs").rglob("*.md")) if not set(made) & set(page.parents)]


PAGES = [
    ROOT / "README.md",
    ROOT / "README.zh.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "infra/README.md",
    *pages_of_docs(),
]
COMMANDS = {
    (page.relative_to(ROOT).as_posix(), line.partition("# ")[0].strip())
    for page in PAGES
    for line in page.read_text().splitlines()
    if line.startswith("    ")
}
# What the pages describe and what is written at the same time; to be emptied then.


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def called(tokens):
    """The command of ``smcloud`` that ``tokens`` call, and what is left of them."""
    command, rest = typer.main.get_command(app), list(tokens)
    while hasattr(command, "commands") and not rest[0].startswith("-"):
        command = command.commands[rest.pop(0)]
    return command, rest


def test_readme_is_short():
    assert len(README.splitlines()) <= 130


def table_after(text, heading):
    """The rows of the first table below the heading that begins with ``heading``, without head and line."""
    part = text.partition(f"\n## {heading}")[2].partition("\n## ")[0]
    return [line for line in part.splitlines() if line.startswith("|")][2:]


def test_rows_of_faults_are_those_measured():
    measured = (ROOT / "docs/faults.md").read_text()
    rows = table_after(README, "What is promised")
    assert len(rows) >= 4 and [row for row in rows if f"\n{row}" not in measured] == []


def test_the_comparison_is_what_was_measured():
    results, science = (ROOT / "tests/benchmarks/RESULTS.md").read_text(), (ROOT / "docs/science.md").read_text()
    rows = dict(row.strip("| ").split(" | ", 1) for row in table_after(README, "Compared"))
    lines, seconds, alarms, _ = rows.values()
    by_hand = len((ROOT / "tests/benchmarks/study_by_hand.py").read_text().splitlines())
    whole = next(text for text in blocks(README, "yaml") if "aridity" in text)
    assert re.findall(r"\d+", lines) == [str(by_hand), str(len(whole.splitlines()))]
    study = [
        line for line in results.splitlines() if line.startswith("| the study of globe-0.25") and "by hand" in line
    ]
    found = [re.findall(r"[\d,]+ s", line) for line in study]
    peers = sorted((one[1] for one in found), key=lambda text: int(text[:-2].replace(",", "")))
    assert seconds.startswith(f"{peers[0][:-2]} to {peers[-1]}") and seconds.endswith(f"| {found[0][0]}")
    assert "352,269 land cells" in study[0]
    sizes = next(line for line in science.splitlines() if line.startswith("| 22 | 0.4 |")).strip("| ").split(" | ")
    assert re.findall(r"\d+ %", alarms)[:2] == [f"{float(size) * 100:.0f} %" for size in sizes[2:4]]
    checks = (ROOT / "docs/science-checks.md").read_text()
    pooled = re.findall(r"independent cells, n = 22, phi 0.4, 0% of the years missing \| ([\d.]+)", checks)[0]
    assert re.findall(r"\d+ %", alarms)[2] == f"{float(pooled) * 100:.0f} %"


CHINESE = (ROOT / "README.zh.md").read_text()


def test_the_chinese_page_has_the_same_snippets_links_and_figures():
    def snippets(text):
        typed = [line for line in text.splitlines() if line.startswith("    ")] + blocks(text, "python")
        return [re.sub(r"\s+#.*", "", part) for part in typed + blocks(text, "yaml")]

    def links(text):
        return sorted(set(re.findall(r"\]\(([^)]+)\)", text)) - {"README.md", "README.zh.md"})

    assert snippets(CHINESE) == snippets(README)
    assert links(CHINESE) == links(README)
    for level in ("# ", "## "):
        assert CHINESE.count(f"\n{level}") == README.count(f"\n{level}")
    assert CHINESE.count("\n|") == README.count("\n|") and CHINESE.count("\n- ") == README.count("\n- ")
    for figure in re.findall(r"\d[\d,.]*\d", "\n".join(table_after(README, "Compared"))):
        assert figure in CHINESE


@pytest.mark.parametrize(
    ("page", "line"), sorted(found for found in COMMANDS if re.match(r"(\S+/)?smcloud ", found[1]))
)
def test_commands_of_smcloud_exist_with_their_options(page, line):
    command, rest = called(shlex.split(line)[1:])
    # An option that does not exist raises.
    _, left, _ = command.make_parser(command.context_class(command)).parse_args(list(rest))
    assert left == []


@pytest.mark.slow
def test_commands_in_the_text_exist():
    for page in PAGES:
        for name in re.findall(r"`smcloud ([a-z]+)\b", page.read_text()):
            assert name in typer.main.get_command(app).commands, (page, name)


def test_targets_of_make_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    for page in PAGES:
        named = re.findall(r"(?:^    |`)make ([a-z-]+)", page.read_text(), flags=re.M)
        assert set(named) <= targets, page
    help_ = (ROOT / "Makefile").read_text().partition("\nhelp:\n")[2]
    assert targets - {"help"} == set(re.findall(r'@echo "make ([a-z-]+) ', help_))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_files_in_the_text_are_there(page):
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    modules = re.findall(r"python -m (tests[\w.]+)", text)
    assert [name for name in modules if not (ROOT / f"{name.replace('.', '/')}.py").exists()] == []
    named = re.findall(r"`((?:smcloud|flows|infra|tests|docs|catalogs)/[\w./-]*\w)`", text)
    built = "docs/_build/"  # by `make docs`
    assert [path for path in named if not (path.startswith(built) or (ROOT / path).exists())] == []


WHOLE = [README, (ROOT / "docs/how-to/esa-cci.md").read_text()]


@pytest.mark.parametrize("text", [text for page in WHOLE for text in blocks(page, "yaml")])
def test_configurations_are_valid_and_their_inputs_exist(text):
    config = parse_config(yaml.safe_load(text), "README.md")
    sources = yaml.safe_load((ROOT / config.catalog).read_text())["sources"]
    for role, reference in config.inputs.items():
        entry, _, variable = reference.partition(":")
        assert (variable or role) in sources[entry]["metadata"]["variables"]


def test_the_whole_run_publishes_ddww_and_names_the_folders_it_needs():
    whole = next(text for text in blocks(README, "yaml") if "aridity" in text)
    config = parse_config(yaml.safe_load(whole), "README.md")
    assert {"aridity_index", "lai"} <= set(config.inputs)
    sources = yaml.safe_load((ROOT / config.catalog).read_text())["sources"]
    needed = re.findall(r"env\((\w+)\)", str([sources[reference]["args"] for reference in config.inputs.values()]))
    assert needed
    assert [name for name in needed if name not in whole] == []


@pytest.mark.parametrize("page", ["presets", "cloud", "sharing"])
def test_keys_of_the_pages_are_those_of_a_configuration(page):
    (text,) = blocks((ROOT / f"docs/how-to/{page}.md").read_text(), "yaml")
    base = {"preset": "peng2023", "period": {"start": "2000-01"}, "catalog": "c", "inputs": {"soil_moisture": "x"}}
    parse_config(base | {"store": "s"} | yaml.safe_load(text), page)


def test_limits_of_the_plan_page_are_keys_of_a_configuration():
    (text,) = blocks((ROOT / "docs/plans.md").read_text(), "yaml")
    base = {"preset": "peng2023", "period": {"start": "2000-01"}, "catalog": "c", "inputs": {"soil_moisture": "x"}}
    config = parse_config(base | {"store": "s"} | yaml.safe_load(text), "docs/plans.md")
    assert (config.budget.tasks, config.cluster.workers) == (500_000, 20)


def test_the_catalog_of_the_page_is_valid(tmp_path):
    from smcloud.catalog import load_catalog

    (text,) = blocks((ROOT / "docs/how-to/own-data.md").read_text(), "yaml")
    (tmp_path / "mine.yaml").write_text(text)
    assert list(load_catalog(tmp_path / "mine.yaml").sources) == ["my_rain", "cru_temperature"]


@pytest.mark.slow
def test_the_python_of_the_readme_runs_on_a_published_store(published, tmp_path, monkeypatch):
    import matplotlib

    (tmp_path / "smcloud-demo").symlink_to(load_config(published).store)
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    names = {}
    (code,) = blocks(README, "python")
    exec(compile(code, "README.md", "exec"), names)
    assert len(code.splitlines()) == 4
    assert (tmp_path / "trend.png").stat().st_size > 5_000
    rows = (tmp_path / "regional.csv").read_text().splitlines()
    assert rows[0].startswith("region,slope_fixed_cells,slope_fixed_cells_lower")
    assert "globe" in {row.partition(",")[0] for row in rows}
    # Lower is drier, and the low end of the colours is brown: more red than blue.
    red, _, blue, _ = matplotlib.colormaps["BrBG"](0.1)
    assert red > blue
