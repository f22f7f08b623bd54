"""Terraform as it is parsed: storage that is private and can be brought back, accounts that can do one thing each."""

import re
import shutil
import subprocess

import hcl2
import pytest
import yaml

from tests.infra.places import INFRA

TERRAFORM = INFRA / "terraform"


def plain(node):
    """What the parser gives, without the quotes around names and texts."""
    if isinstance(node, dict):
        return {plain(key): plain(value) for key, value in node.items() if not str(key).startswith("__")}
    if isinstance(node, list):
        return [plain(item) for item in node]
    if isinstance(node, str) and node[:1] == node[-1:] == '"':
        return node[1:-1].replace('\\"', '"')
    return node


@pytest.fixture(scope="module")
def parsed():
    """Blocks of all files: ``{"resource": {(type, name): body}, "variable": {name: body}, "locals": {...}, ...}``."""
    found = {"resource": {}, "variable": {}, "output": {}, "locals": {}}
    for file in sorted(TERRAFORM.glob("*.tf")):
        with file.open() as opened:
            blocks = plain(hcl2.load(opened))
        for block in blocks.get("resource", []):
            for kind, named in block.items():
                found["resource"] |= {(kind, name): body for name, body in named.items()}
        for kind in ("variable", "output"):
            for block in blocks.get(kind, []):
                found[kind] |= block
        for block in blocks.get("locals", []):
            found["locals"] |= block
    return found


def resolved(text, local, depth=4):
    """``text`` with the locals it names put in."""
    for _ in range(depth):
        text = re.sub(r"\$\{local\.(\w+)\}", lambda match: str(local[match[1]]), text)
    return text


@pytest.fixture(scope="module")
def grants(parsed):
    """(account, permission) -> the conditions under which it holds, as functions of a name inside the bucket."""
    local = dict(parsed["locals"])
    part = r'resource\.name\.startsWith\("[^"]*"\)|resource\.name == "[^"]*"'
    for name in ("staged", "doors"):
        local[name] = " || ".join(re.findall(part, local[name].replace("\\", "")))  # as Terraform's join does
    found = {}
    for grant in local["grants"].values():
        where = resolved(grant["where"], local)
        found.setdefault((grant["account"], grant["role"]), []).append(holds(where))
    return found


BUCKET = "projects/_/buckets/${google_storage_bucket.store.name}/objects/"


def holds(expression):
    """The condition as Python: startsWith, endsWith, ==, ||, && and ! read nearly the same."""
    expression = expression.removeprefix("${").removesuffix("}") if expression.startswith("${") else expression
    assert len(re.findall(r"\|\||&&|!", expression)) <= 12, "Google refuses longer conditions"
    code = re.sub(r"!(?!=)", " not ", expression.replace("||", " or ").replace("&&", " and "))
    code = code.replace("resource.name.startsWith", "name.startswith")
    code = code.replace("resource.name.endsWith", "name.endswith").replace("resource.name", "name")
    compiled = compile(code.strip(), "condition", "eval")
    return lambda name: eval(compiled, {"__builtins__": {}}, {"name": BUCKET + name})


CHUNK = "store/cube/0123456789abcdef.zarr/soil_moisture/c/0/0/0"
SEAL = "store/cube/0123456789abcdef.zarr/inventory.json"
POINTER = "store/products/trend/fedcba9876543210.1.sealed"
CLAIM = "store/products/trend/fedcba9876543210.attempt-1-1.json"
PRODUCT = "store/products/trend/fedcba9876543210.zarr/zarr.json"
PAGE = "store/reports/fedcba9876543210/index.html"
RELEASE = "store/releases/00000001.json"
CATALOG = "store/catalog.yaml"
DOORS = {CATALOG, "store/index.html", "store/CITATION.cff", "store/stac/catalog.json", "store/icechunk/repo"} | {
    "store/explorer/store.json"
}
PROBE = "store/.smcloud-probe-00"
CONFIG = "config/monthly.yaml"


@pytest.mark.parametrize(
    ("account", "permission", "allowed"),
    [
        ("reader", "create", set()),
        ("reader", "delete", set()),
        ("writer", "create", {CHUNK, SEAL, POINTER, CLAIM, PRODUCT, PAGE, PROBE}),
        ("writer", "delete", {CHUNK, CLAIM, PRODUCT, PAGE, PROBE}),
        ("releaser", "create", {CHUNK, SEAL, POINTER, CLAIM, PRODUCT, PAGE, PROBE, RELEASE, *DOORS}),
        ("releaser", "delete", {CHUNK, CLAIM, PRODUCT, PAGE, PROBE, *DOORS}),
        ("collector", "create", set()),
        ("collector", "delete", {CHUNK, SEAL, POINTER, CLAIM, PRODUCT, PAGE}),
    ],
)
def test_who_may_do_what(grants, account, permission, allowed):
    """Overwriting is deleting and creating: so no one changes a release, and no writer a seal."""
    conditions = grants.get((account, permission), [])
    names = {
        CHUNK,
        SEAL,
        POINTER,
        CLAIM,
        PRODUCT,
        PAGE,
        RELEASE,
        *DOORS,
        PROBE,
        CONFIG,
        "store/catalog.yaml.old",
        "store/index.html.old",
        "store/cubes/x",
    }
    assert {name for name in names if any(holds(name) for holds in conditions)} == allowed


def test_the_names_are_those_of_the_store():
    from smcloud.store.integrity import INVENTORY
    from smcloud.store.layout import CATALOG as catalog
    from smcloud.store.layout import FILES, FOLDERS, TEMPORARY, cube_path, product_path, release_path, report_path
    from smcloud.store.pointers import pointer_path

    assert {CHUNK.split("/c/")[0].rpartition("/")[0], SEAL.rpartition("/")[0]} == {
        "store/" + cube_path("0123456789abcdef")
    }
    assert "store/" + pointer_path(product_path("trend", "fedcba9876543210"), 1) == POINTER
    assert PRODUCT.startswith("store/" + product_path("trend", "fedcba9876543210"))
    assert "store/" + report_path("fedcba9876543210") == PAGE
    assert "store/" + release_path(1) == RELEASE
    assert f"store/{catalog}" == CATALOG
    assert SEAL.endswith(f"/{INVENTORY}")
    assert PROBE.startswith(f"store/{TEMPORARY}")
    assert {name.split("/")[1] for name in (CHUNK, PRODUCT, PAGE, RELEASE, *DOORS)} == {*FOLDERS, *FILES}


def test_a_permission_is_one_permission_and_each_grant_has_its_condition(parsed):
    assert parsed["locals"]["permissions"] == {
        "create": ["storage.objects.create"],
        "delete": ["storage.objects.delete"],
    }
    (condition,) = parsed["resource"]["google_storage_bucket_iam_member", "store"]["condition"]
    assert condition["expression"] == "${each.value.where}"
    roles = [body["role"] for (kind, _), body in parsed["resource"].items() if "iam_member" in kind]
    assert not {role for role in roles if re.search(r"roles/(owner|editor|storage\.(admin|objectAdmin))$", role)}


def test_no_one_is_granted_anything_on_all_users(parsed):
    text = "\n".join(file.read_text() for file in TERRAFORM.glob("*.tf"))
    assert "allUsers" not in text
    assert "allAuthenticatedUsers" not in text
    assert "google_service_account_key" not in {kind for kind, _ in parsed["resource"]}


@pytest.mark.parametrize("name", ["store", "staging"])
def test_buckets_are_private_and_uniform(parsed, name):
    bucket = parsed["resource"]["google_storage_bucket", name]
    assert bucket["uniform_bucket_level_access"] is True
    assert bucket["public_access_prevention"] == "enforced"


def test_the_store_can_be_brought_back_and_is_never_cleaned(parsed):
    store = parsed["resource"]["google_storage_bucket", "store"]
    (soft_delete,) = store["soft_delete_policy"]
    assert soft_delete["retention_duration_seconds"] > 31 * 86400  # longer than from one monthly run to the next
    assert store["force_destroy"] is False
    assert not [rule for rule in store["lifecycle_rule"] if rule["action"][0]["type"] == "Delete"]


def test_staging_is_emptied(parsed):
    (rule,) = parsed["resource"]["google_storage_bucket", "staging"]["lifecycle_rule"]
    assert rule["action"][0]["type"] == "Delete"
    assert rule["condition"][0]["age"] == 14


def test_pools_shrink_to_nothing_and_only_workers_are_spot(parsed):
    pools = parsed["locals"]["pools"]
    assert {name: pool["least"] for name, pool in pools.items()} == {"core": 1, "jobs": 0, "workers": 0}
    assert {name for name, pool in pools.items() if pool["spot"]} == {"workers"}
    assert pools["core"]["most"] == 1
    assert {name: pool["taint"] for name, pool in pools.items()} == {
        "core": "",
        "jobs": "smcloud/jobs",
        "workers": "smcloud/workers",
    }
    pool = parsed["resource"]["google_container_node_pool", "pool"]
    (scaling,), (node,) = pool["autoscaling"], pool["node_config"]
    assert scaling == {"min_node_count": "${each.value.least}", "max_node_count": "${each.value.most}"}
    assert node["spot"] == "${each.value.spot}"
    assert node["workload_metadata_config"] == [{"mode": "GKE_METADATA"}]


def test_the_bill_is_watched_by_somebody(parsed):
    budget = parsed["resource"]["google_billing_budget", "monthly"]
    (rule,) = budget["all_updates_rule"]
    assert rule["monitoring_notification_channels"] == ["${google_monitoring_notification_channel.bill.id}"]
    assert {threshold["threshold_percent"] for threshold in budget["threshold_rules"]} == {0.5, 1.0}


def test_accounts_act_for_kubernetes_accounts_of_the_same_name(parsed, rendered):
    accounts = list(yaml.safe_load_all((rendered / "kubernetes" / "accounts.yaml").read_text()))
    declared = set(re.findall(r'"(\w+)"', parsed["locals"]["accounts"]))
    assert {account["metadata"]["name"] for account in accounts} == {f"smcloud-{name}" for name in declared}
    for account in accounts:
        name = account["metadata"]["name"]
        assert account["metadata"]["annotations"] == {
            "iam.gke.io/gcp-service-account": f"{name}@acme-soil.iam.gserviceaccount.com"
        }
    workload = parsed["resource"]["google_service_account_iam_member", "workload"]
    assert workload["member"] == "serviceAccount:${var.project}.svc.id.goog[smcloud/smcloud-${each.key}]"
    assert {account["metadata"]["namespace"] for account in accounts} == {"smcloud"}


def test_every_variable_is_used_described_and_typed(parsed):
    text = "\n".join(file.read_text() for file in TERRAFORM.glob("*.tf"))
    for name, body in parsed["variable"].items():
        assert f"var.{name}" in text
        assert body["description"]
        assert body["type"]
    assert set(re.findall(r"\bvar\.(\w+)", text)) == set(parsed["variable"])
    assert all(body["description"] for body in parsed["output"].values())


def test_only_the_main_branch_of_one_repository_pushes_images(parsed):
    provider = parsed["resource"]["google_iam_workload_identity_pool_provider", "github"]
    condition = provider["attribute_condition"]
    assert 'assertion.repository == "${var.github_repository}"' in condition
    assert 'assertion.ref == "refs/heads/main"' in condition


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not on PATH")
def test_terraform_would_write_it_the_same_way():
    ran = subprocess.run(["terraform", "fmt", "-check", "-diff", TERRAFORM], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
