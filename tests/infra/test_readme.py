"""The steps of infra/README.md against the files that they name: a renamed thing makes the step red."""

import re
import subprocess

import pytest
import yaml

from tests.infra.places import INFRA, ROOT

TEXT = (INFRA / "README.md").read_text()
COMMANDS = [line.strip() for line in TEXT.splitlines() if line.startswith("    ")]
KEYS = yaml.safe_load((ROOT / "tests/infra/chart_keys.yaml").read_text())
DEPLOYMENTS = yaml.safe_load((ROOT / "flows" / "prefect.yaml").read_text())["deployments"]


def test_files_that_are_named_exist(rendered):
    named = set(re.findall(r"\b((?:infra|flows|tests)/[\w./-]*\w)", TEXT)) - {"infra/terraform/terraform.tfvars"}
    assert len(named) > 10
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
    made = set(re.findall(r"\brendered/([\w./-]*\w)", TEXT)) - {"config/rehearsal.yaml"}
    assert [path for path in sorted(made) if not (rendered / path).exists()] == []


def test_each_chart_is_installed_from_its_repository_with_its_values():
    repositories = dict(re.findall(r"helm repo add (\S+) (\S+)", TEXT))
    installed = {}
    for line in COMMANDS:
        if found := re.match(r"helm upgrade --install (\S+) (\w+)/(\S+) (.*)", line):
            release, repository, chart, options = found.groups()
            installed[chart] = (release, repositories[repository], dict(re.findall(r"--([\w-]+)=(\S+)", options)))
    assert set(installed) == set(KEYS)
    for chart, (_, repository, options) in installed.items():
        assert repository == KEYS[chart]["repository"]
        assert options["namespace"] == "smcloud"
        assert options.get("version", KEYS[chart]["version"]) == KEYS[chart]["version"]
    assert next(iter(installed)) == "jupyterhub", "the gateway reads the token that the hub's chart makes"
    # Names of services come from names of releases: traefik-dask-gateway, prefect-server, the secret hub.
    assert [release for release, _, _ in installed.values()] == [
        "hub",
        "dask-gateway",
        "prefect-server",
        "prefect-worker",
    ]


def test_deployments_and_their_times_are_those_of_the_flows():
    flows = {}
    for deployment in DEPLOYMENTS:
        file, _, function = deployment["entrypoint"].partition(":")
        source = (ROOT / file).read_text()
        name = re.search(rf'@flow\(\s*name="([\w-]+)"[^)]*\)\ndef {function}\(', source)[1]
        flows[f"{name}/{deployment['name']}"] = deployment
    named = set(re.findall(r"deployment run (\S+)", TEXT))
    assert named
    assert named <= set(flows)
    for name, deployment in flows.items():
        minute, hour, *_ = deployment["schedules"][0]["cron"].split()
        assert re.search(rf"`{name.partition('/')[2]}`[^;.]* at {int(hour):02}:{int(minute):02}", TEXT), name


def test_the_deploy_step_sets_every_variable_that_the_deployments_read():
    (line,) = [line for line in COMMANDS if "prefect deploy " in line]
    needed = set(re.findall(r"\$(SMCLOUD_\w+)", (ROOT / "flows" / "prefect.yaml").read_text()))
    assert set(re.findall(r"(SMCLOUD_\w+)=", line)) == needed
    pool = yaml.safe_load((INFRA / "prefect" / "worker-values.yaml").read_text())["worker"]["config"]["workPool"]
    assert f"SMCLOUD_WORK_POOL={pool} " in line
    home = re.findall(r"^WORKDIR (\S+)", (INFRA / "Dockerfile").read_text(), flags=re.M)[-1]
    assert f"SMCLOUD_HOME={home} " in line


def test_terraform_gets_its_variables_and_has_the_outputs():
    terraform = "\n".join(file.read_text() for file in (INFRA / "terraform").glob("*.tf"))
    needed = {
        name
        for name, body in re.findall(r'^variable "(\w+)" \{(.*?)^\}', terraform, flags=re.M | re.S)
        if "default" not in body
    }
    given = set(re.findall(r"^    (\w+) +=", TEXT.partition("<<EOF")[2].partition("EOF\n")[0], flags=re.M))
    assert needed <= given
    assert given <= set(re.findall(r'^variable "(\w+)"', terraform, flags=re.M))
    used = set(re.findall(r"output -raw (\w+)", TEXT))
    assert used
    assert used <= set(re.findall(r'^output "(\w+)"', terraform, flags=re.M))
    names = set(re.findall(r"\$\{\{ vars\.(\w+)", (ROOT / ".github/workflows/image.yaml").read_text()))
    assert names == set(re.findall(r"gh variable set (\w+)", TEXT))


def test_the_secret_is_the_one_that_the_values_read():
    (line,) = [line for line in COMMANDS if "create secret" in line]
    assert "generic prefect-auth --from-literal=auth-string=" in line


def test_the_rehearsal_is_a_valid_configuration(rendered, tmp_path):
    from smcloud.config import load_config

    (line,) = [line for line in COMMANDS if line.startswith("sed ")]
    command = line.replace("rendered/config/monthly.yaml", str(rendered / "config" / "monthly.yaml"))
    made = tmp_path / "rehearsal.yaml"
    command = command.replace("rendered/config/rehearsal.yaml", str(made))
    subprocess.run(["sh", "-c", command], check=True, env={"PROJECT": "acme-soil", "PATH": "/usr/bin:/bin"})
    config = load_config(str(made))
    assert (config.period.start, config.period.end) == ("2020-01", "2020-12")
    assert config.store == "gs://acme-soil-smcloud-staging/rehearsal"
    assert config.cluster.workers == 4


def test_the_fixed_costs_add_up():
    rows = re.findall(r"^\| [^|*]+\| ([\d.]+) (?:h|GB) \| ([\d.]+) / (?:h|GB) \| ([\d.]+) \|$", TEXT, flags=re.M)
    assert len(rows) == 7
    for quantity, price, product in rows:
        assert float(quantity) * float(price) == pytest.approx(float(product), abs=0.006)
    (total,) = re.findall(r"\*\*fixed\*\* \| \| \| \*\*([\d.]+)\*\*", TEXT)
    assert sum(float(product) for *_, product in rows) == pytest.approx(float(total), abs=0.005)
    worker, jobs = (float(p) for p in re.findall(r"node, .* \| assumed price \| ([\d.]+) / h", TEXT))
    (hour,) = re.findall(r"21 workers compute costs 3 x [\d.]+ \+ [\d.]+ = ([\d.]+) USD", TEXT)
    assert 3 * worker + jobs == pytest.approx(float(hour), abs=0.005)
