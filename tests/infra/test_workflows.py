"""The GitHub workflows: least permissions, actions by major version, and the commands of the Makefile."""

import re

import pytest
import yaml

from tests.infra.places import ROOT

WORKFLOWS = {file.stem: yaml.safe_load(file.read_text()) for file in (ROOT / ".github/workflows").glob("*.yaml")}
STEPS = [(name, step) for name, flow in WORKFLOWS.items() for job in flow["jobs"].values() for step in job["steps"]]


def test_there_is_one_for_the_tests_and_one_for_the_image():
    assert set(WORKFLOWS) == {"tests", "image"}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_nothing_is_permitted_but_reading_and_what_a_job_names(name):
    flow = WORKFLOWS[name]
    assert flow["permissions"] == {"contents": "read"}
    assert True in flow  # YAML reads the key "on" as true
    extra = {job: spec["permissions"] for job, spec in flow["jobs"].items() if "permissions" in spec}
    assert extra == ({"push": {"contents": "read", "id-token": "write"}} if name == "image" else {})
    assert all(spec["timeout-minutes"] <= 60 for spec in flow["jobs"].values())


def test_actions_are_pinned_by_major_version():
    used = {step["uses"] for _, step in STEPS if "uses" in step}
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w.-]+/[\w.-]+@v\d+", action)] == []


def test_checkouts_leave_no_credentials_behind():
    for _, step in STEPS:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"] == {"persist-credentials": False}


def test_what_they_run_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    made = {target for _, step in STEPS for target in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))}
    assert made == {"test", "science", "test-cloud"}
    assert made <= targets
    files = {step["with"]["file"] for _, step in STEPS if "docker/build-push-action" in step.get("uses", "")}
    assert files == {"infra/Dockerfile"}


def test_no_expression_is_pasted_into_a_shell():
    """What comes from outside reaches a shell through its environment only."""
    assert [step["run"] for _, step in STEPS if "${{" in step.get("run", "")] == []


def test_only_the_main_branch_pushes_and_without_a_key():
    push = WORKFLOWS["image"]["jobs"]["push"]
    assert push["if"] == "github.ref == 'refs/heads/main' && github.event_name != 'pull_request'"
    assert WORKFLOWS["image"][True]["push"] == {"branches": ["main"]}
    (google,) = [step for step in push["steps"] if "google-github-actions/auth" in step.get("uses", "")]
    assert "workload_identity_provider" in google["with"]
    assert "credentials_json" not in google["with"]
