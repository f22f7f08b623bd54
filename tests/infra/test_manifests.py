"""Our own manifests: known kinds with what they need, and kubernetes-validate's schemas where it is installed."""

import json
import shutil
import subprocess

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.infra.places import INFRA

NAME = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"}
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}


def closed(**properties):
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": list(properties)}


METADATA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {"name": NAME, "namespace": {"const": "smcloud"}, "labels": TEXTS, "annotations": TEXTS},
}
SELECTOR = {"type": "object", "additionalProperties": False, "properties": {"matchLabels": TEXTS}}
PEER = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "properties": {"podSelector": SELECTOR, "ipBlock": closed(cidr={"type": "string"})},
}
RULE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["from"],
    "properties": {
        "from": {"type": "array", "items": PEER, "minItems": 1},
        "ports": {"type": "array", "items": closed(protocol={"const": "TCP"}, port={"type": "integer"})},
    },
}
KINDS = {
    ("v1", "Namespace"): {},
    ("v1", "ServiceAccount"): {"automountServiceAccountToken": {"const": False}},
    ("networking.k8s.io/v1", "NetworkPolicy"): {
        "spec": closed(
            podSelector=SELECTOR,
            policyTypes={"const": ["Ingress"]},
            ingress={"type": "array", "items": RULE},
        )
    },
    ("networking.gke.io/v1", "ManagedCertificate"): {"spec": closed(domains={"type": "array", "maxItems": 100})},
    ("cloud.google.com/v1", "BackendConfig"): {
        "spec": closed(
            iap=closed(enabled={"const": True}),
            healthCheck=closed(
                type={"enum": ["HTTP", "HTTPS", "HTTP2"]},
                requestPath={"type": "string", "pattern": "^/"},
                port={"type": "integer"},
            ),
        )
    },
}


def problems(manifest):
    kind = (manifest.get("apiVersion"), manifest.get("kind"))
    if kind not in KINDS:
        return [f"{kind} is not a kind that is known here"]
    schema = closed(apiVersion={}, kind={}, metadata=METADATA, **KINDS[kind])
    found = [error.message for error in Draft202012Validator(schema).iter_errors(manifest)]
    if kind[1] != "Namespace" and manifest["metadata"].get("namespace") != "smcloud":
        found.append("it lies in no namespace")
    return found


@pytest.fixture(scope="module")
def files(rendered):
    return sorted((rendered / "kubernetes").glob("*.yaml"))


@pytest.fixture(scope="module")
def manifests(files):
    return [manifest for file in files for manifest in yaml.safe_load_all(file.read_text())]


def test_manifests_are_of_known_kinds_with_known_fields(manifests):
    assert len(manifests) == 9
    assert [found for manifest in manifests for found in problems(manifest)] == []


def test_a_wrong_manifest_is_found(manifests):
    policy = next(m for m in manifests if m["kind"] == "NetworkPolicy")
    assert problems(policy | {"spec": policy["spec"] | {"podselector": {}}})
    assert problems(policy | {"apiVersion": "extensions/v1beta1"})
    assert problems(policy | {"metadata": {"name": "p"}})


def test_names_are_given_once(manifests):
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests]
    assert len(set(names)) == len(names)


def test_only_the_load_balancer_comes_in_from_outside(manifests):
    outside = {
        (peer["ipBlock"]["cidr"], policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/name"])
        for policy in manifests
        if policy["kind"] == "NetworkPolicy"
        for rule in policy["spec"]["ingress"]
        for peer in rule["from"]
        if "ipBlock" in peer
    }
    assert outside == {("35.191.0.0/16", "prefect-server"), ("130.211.0.0/22", "prefect-server")}


def test_pages_belong_to_the_ingress_of_prefect(manifests, rendered):
    server = yaml.safe_load((rendered / "prefect" / "server-values.yaml").read_text())
    certificate, backend = (
        next(m for m in manifests if m["kind"] == kind) for kind in ("ManagedCertificate", "BackendConfig")
    )
    assert certificate["spec"]["domains"] == [server["ingress"]["host"]["hostname"]]
    assert server["ingress"]["annotations"]["networking.gke.io/managed-certificates"] == certificate["metadata"]["name"]
    named = yaml.safe_load(server["service"]["annotations"]["cloud.google.com/backend-config"])
    assert named == {"default": backend["metadata"]["name"]}


@pytest.mark.skipif(shutil.which("kubernetes-validate") is None, reason="kubernetes-validate is not on PATH")
def test_the_schemas_of_kubernetes_accept_them(files):
    ours = [file for file in files if file.name != "pages.yaml"]  # those are Google's own kinds
    ran = subprocess.run(["kubernetes-validate", "--strict", *ours], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (ran.stdout + ran.stderr).count("passed") == 7


@pytest.mark.skipif(shutil.which("kubernetes-validate") is None, reason="kubernetes-validate is not on PATH")
def test_the_pod_of_a_run_is_a_job_that_kubernetes_accepts(rendered, tmp_path):
    from prefect.utilities.templating import apply_values

    template = yaml.safe_load((rendered / "prefect" / "base-job-template.json").read_text())
    defaults = {name: spec.get("default") for name, spec in template["variables"]["properties"].items()}
    given = {"name": "run", "labels": {"a": "b"}, "command": ["prefect", "flow-run", "execute"]}
    job = apply_values(template["job_configuration"]["job_manifest"], defaults | given)
    job["metadata"]["name"] = "run"  # the validator names what it reads by it
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
    ran = subprocess.run(["kubernetes-validate", "--strict", tmp_path / "job.yaml"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_automation_is_one_that_prefect_takes():
    from prefect.automations import Automation

    (given,) = yaml.safe_load((INFRA / "prefect" / "automations.yaml").read_text())["automations"]
    automation = Automation.model_validate(given)
    (action,) = automation.actions
    assert (automation.trigger.posture.value, action.state.value) == ("Proactive", "CRASHED")
    job = json.loads((INFRA / "prefect" / "base-job-template.json").read_text())
    (container,) = job["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]["containers"]
    beat = next(int(e["value"]) for e in container["env"] if e["name"] == "PREFECT_FLOWS_HEARTBEAT_FREQUENCY")
    assert 2 * beat < automation.trigger.within.total_seconds() <= 4 * beat
