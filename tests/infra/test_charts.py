"""Values for public charts: every key is one that the chart knows, and what they say fits the code and each other."""

import itertools
import json
import os
import re
import subprocess
from fnmatch import fnmatchcase
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from dask_gateway_server.auth import JupyterHubAuthenticator
from dask_gateway_server.backends.base import Backend, ClusterConfig
from traitlets.config import Config

from tests.infra.places import INFRA

KEYS = yaml.safe_load((Path(__file__).parent / "chart_keys.yaml").read_text())
FILES = {
    "dask-gateway": "gateway/values.yaml",
    "jupyterhub": "hub/values.yaml",
    "prefect-server": "prefect/server-values.yaml",
    "prefect-worker": "prefect/worker-values.yaml",
}


def values(rendered, chart):
    return yaml.safe_load((rendered / FILES[chart]).read_text())


def known(pattern):
    """The paths of ``a.{b,c}``: a.b and a.c."""
    parts = [part.strip("{}").split(",") for part in re.findall(r"\{[^}]*\}|[^.{}]+", pattern)]
    return {tuple(path) for path in itertools.product(*parts)}


def paths(node, path=()):
    if isinstance(node, dict) and node:
        return [found for key, below in node.items() for found in paths(below, (*path, str(key)))]
    return [path]


def unknown_keys(node, patterns):
    facts = set().union(*(known(pattern) for pattern in patterns))
    closed, open_ = {p for p in facts if p[-1] != "*"}, {p[:-1] for p in facts if p[-1] == "*"}
    return [p for p in paths(node) if p not in closed and not any(p[: len(o)] == o for o in open_)]


@pytest.mark.parametrize("chart", FILES)
def test_every_key_is_one_that_the_chart_knows(rendered, chart):
    assert unknown_keys(values(rendered, chart), KEYS[chart]["keys"]) == []


def test_a_key_that_the_chart_does_not_know_is_found():
    wrong = {"server": {"image": {"prefectTag": "3"}, "env": [1]}, "service": {"type": "ClusterIP"}}
    assert unknown_keys(wrong, KEYS["prefect-server"]["keys"]) == [("server", "image", "prefectTag")]


def test_nothing_is_left_to_put_in(rendered):
    files = [file for file in rendered.rglob("*") if file.is_file()]
    assert len(files) == 10
    assert not [file for file in files if "${" in file.read_text()]


def test_a_tag_in_place_of_a_digest_is_refused(tmp_path):
    names = {"PROJECT": "p", "REGION": "r", "DOMAIN": "d", "DIGEST": "latest"}
    ran = subprocess.run(["sh", INFRA / "render.sh", tmp_path], env=os.environ | names, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "DIGEST" in ran.stderr


@pytest.fixture(scope="module")
def gateway(rendered):
    """What the gateway's server makes of its values: the configuration after the extra code has run."""
    config = Config()
    exec(values(rendered, "dask-gateway")["gateway"]["extraConfig"]["smcloud"], {"c": config})
    return config


def test_the_gateway_code_sets_only_what_the_server_has(gateway):
    for section, owner in (("ClusterConfig", ClusterConfig), ("JupyterHubAuthenticator", JupyterHubAuthenticator)):
        assert gateway[section]
        for name in gateway[section]:
            assert name in owner.class_traits(config=True), f"{section}.{name}"
    assert list(gateway["Backend"]) == ["cluster_options"]
    assert "cluster_options" in Backend.class_traits(config=True)


def test_an_idle_cluster_ends_and_has_limits(gateway):
    set_up = ClusterConfig(config=gateway)
    assert set_up.idle_timeout == 600
    assert set_up.cluster_max_memory == 512 * 2**30
    assert 0 < set_up.cluster_max_workers <= 64
    assert set_up.scheduler_cmd == ["dask", "scheduler"]
    assert set_up.worker_cmd == ["dask", "worker"]


def test_clients_choose_the_same_options_here_and_on_this_machine(gateway, monkeypatch):
    for name in ("PORT", "PROXY_PORT", "PASSWORD"):
        monkeypatch.setenv(f"SMCLOUD_GATEWAY_{name}", "1")
    local = Config()
    exec((INFRA / "gateway" / "local_config.py").read_text(), {"get_config": lambda: local})
    here, there = (config["Backend"]["cluster_options"](None) for config in (gateway, local))
    assert [field.field for field in here.fields] == [field.field for field in there.fields]
    chosen = here.get_configuration(here.parse_options({"worker_cores": 2, "idle_timeout": 120}), None)
    set_up = ClusterConfig(**{key: value for key, value in chosen.items() if key != "image"})
    assert (set_up.worker_cores, set_up.worker_memory, set_up.idle_timeout) == (2, 8 * 2**30, 120)
    assert "image" not in chosen


def test_who_may_use_the_gateway_has_a_token_of_its_own(rendered):
    auth = values(rendered, "dask-gateway")["gateway"]["auth"]
    hub = values(rendered, "jupyterhub")["hub"]
    assert auth["type"] == "jupyterhub"
    name = re.fullmatch(r"hub\.services\.(.+)\.apiToken", auth["jupyterhub"]["apiTokenFromSecretKey"])[1]
    assert name in hub["services"]
    assert hub["loadRoles"]["smcloud-flows"]["scopes"] == [f"access:services!service={name}"]
    assert set(hub["loadRoles"]["smcloud-flows"]["services"]) <= set(hub["services"])


def test_scheduler_and_workers_are_writers_with_a_read_only_root_on_their_own_nodes(rendered):
    backend = values(rendered, "dask-gateway")["gateway"]["backend"]
    image = f"{backend['image']['name']}:{backend['image']['tag']}"
    assert re.fullmatch(r"us-central1-docker\.pkg\.dev/acme-soil/smcloud/smcloud@sha256:[0-9a-f]{64}", image)
    for role, pool in (("scheduler", "jobs"), ("worker", "workers")):
        pod, container = backend[role]["extraPodConfig"], backend[role]["extraContainerConfig"]
        assert pod["serviceAccountName"] == "smcloud-writer"
        assert pod["nodeSelector"] == {"smcloud/pool": pool}
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
        for resource in ("cores", "memory"):
            assert backend[role][resource]["limit"] == backend[role][resource]["request"]


def test_prefect_runs_the_version_of_the_lock_with_tls_and_no_password_in_the_file(rendered):
    server, worker = values(rendered, "prefect-server"), values(rendered, "prefect-worker")["worker"]
    tag = f"{version('prefect')}-python3.12"
    assert server["global"]["prefect"]["image"]["prefectTag"] == tag
    assert worker["image"]["prefectTag"] == f"{tag}-kubernetes"
    for auth in (server["server"]["basicAuth"], worker["selfHostedServerApiConfig"]["basicAuth"]):
        assert auth == {"enabled": True, "existingSecret": "prefect-auth"}
    assert server["server"]["uiConfig"]["prefectUiApiUrl"] == f"https://{server['ingress']['host']['hostname']}/api"
    assert server["ingress"]["annotations"]["kubernetes.io/ingress.allow-http"] == "false"
    assert server["service"]["type"] == "ClusterIP"


def test_everything_waits_where_its_pod_has_limits_and_a_node(rendered):
    homes = {
        "dask-gateway": ["gateway", "controller", "traefik"],
        "jupyterhub": ["hub", "proxy.chp"],
        "prefect-server": ["server"],
        "prefect-worker": ["worker"],
    }
    for chart, places in homes.items():
        for place in places:
            pod = values(rendered, chart)
            for key in place.split("."):
                pod = pod[key]
            assert pod["nodeSelector"] == {"smcloud/pool": "core"}, (chart, place)
            assert pod["resources"]["limits"]["memory"], (chart, place)


@pytest.fixture(scope="module")
def template(rendered):
    return json.loads((rendered / "prefect" / "base-job-template.json").read_text())


def test_the_job_template_uses_variables_that_exist_and_prefect_accepts_it(template):
    from prefect.utilities.templating import find_placeholders

    declared = set(template["variables"]["properties"])
    used = {found.name for found in find_placeholders(template["job_configuration"])}
    assert used == declared
    package = Path(find_spec("prefect").origin).parent
    published = package / "server/api/collections_data/views/aggregate-worker-metadata.json"
    kubernetes = json.loads(published.read_text())["prefect-kubernetes"]["kubernetes"]
    default = kubernetes["default_base_job_configuration"]
    assert set(template["job_configuration"]) <= set(default["job_configuration"])
    assert declared - {"memory"} <= set(default["variables"]["properties"])


def test_a_run_is_a_releaser_with_the_image_of_its_workers_and_finds_the_gateway(rendered, template):
    backend = values(rendered, "dask-gateway")["gateway"]["backend"]["image"]
    defaults = {name: spec.get("default") for name, spec in template["variables"]["properties"].items()}
    assert defaults["image"] == f"{backend['name']}:{backend['tag']}"
    assert defaults["service_account_name"] == "smcloud-releaser"
    assert defaults["namespace"] == "smcloud"
    pod = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["nodeSelector"] == {"smcloud/pool": "jobs"}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    environment = {entry["name"]: entry for entry in container["env"]}
    assert environment["DASK_GATEWAY__ADDRESS"]["value"] == "http://traefik-dask-gateway.smcloud.svc.cluster.local"
    assert environment["DASK_GATEWAY__AUTH__TYPE"]["value"] == "jupyterhub"
    assert environment["JUPYTERHUB_API_TOKEN"]["valueFrom"]["secretKeyRef"] == {
        "name": "hub",
        "key": "hub.services.smcloud-flows.apiToken",
    }


def test_the_configuration_of_the_schedule_is_valid_and_fits_the_cluster(rendered, template):
    from smcloud.config import load_config
    from smcloud.pipeline.planning.examples import HOURLY

    config = load_config(str(rendered / "config" / "monthly.yaml"))
    catalog = yaml.safe_load((INFRA.parent / config.catalog).read_text())["sources"]
    entries = [catalog[reference.partition(":")[0]]["args"] for reference in config.inputs.values()]
    job = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]["containers"][0]
    given = {variable["name"]: variable.get("value") for variable in job["env"]}
    # A folder that the catalog takes from the environment is named in the job, reaches the workers, and has its step.
    (folder,) = set(re.findall(r"env\((\w+)\)", str(entries)))
    assert any(fnmatchcase(folder, pattern) for pattern in config.cluster.forward)
    step = (INFRA / "README.md").read_text().partition("**5. Image.**")[2].partition("**6. ")[0]
    (file,) = [entry["urlpath"].rpartition("/")[2] for entry in entries if "env(" in str(entry)]
    assert f"COPY --chmod=444 {file} {given[folder]}/" in step
    assert {"aridity_index", "lai"} <= set(config.inputs), "DDWW needs zones, the drivers leaf area"
    backend = values(rendered, "dask-gateway")["gateway"]["backend"]["image"]
    assert config.cluster.image == f"{backend['name']}:{backend['tag']}"
    assert config.store == "gs://acme-soil-smcloud/store"
    # The costs in infra/README.md are those of the plan's size on this cluster.
    for key in ("workers", "worker_cores", "worker_memory"):
        assert getattr(config.cluster, key) == getattr(HOURLY, key)
    per_node, most = 7, 8  # of 8 GB and one core on a node of 64 GB and 8 cores; most_worker_nodes
    assert config.cluster.workers <= per_node * most
