# Who may do what with the store. On Cloud Storage to overwrite is to delete and create, so "create" alone means that
# nothing that is there can change: this is how releases and seals are kept.
#
#            reads  cube/ products/ reports/     the seal of a prefix  releases/  doors            runs as it
#   reader   all    -                            -                     -          -                who opens products
#   writer   all    create, overwrite, delete    create               -          -                schedulers and workers
#   releaser all    create, overwrite, delete    create               create     create, overwrite the flow process
#   collector all   delete                       delete               -          -                who removes old prefixes
#
# Doors are index.html, catalog.yaml, CITATION.cff, stac/, icechunk/ and explorer/.
# What cannot be separated: one process, the flow's, stages metadata, seals, publishes and writes the doors, so the
# releaser has all that the writer has. A sealed and an unsealed prefix differ only by inventory.json inside, which no
# condition on a name can see: the writer could delete chunks of a sealed prefix, though never its seal. Against that
# stand the code, which touches no sealed prefix, `smcloud verify`, which finds it, and the bucket's soft delete, which
# brings the chunks back. Nobody here can delete or change a release; an owner of the project can.

locals {
  objects = "projects/_/buckets/${google_storage_bucket.store.name}/objects/store/"
  staged = join(" || ", [
    "resource.name.startsWith(\"${local.objects}cube/\")",
    "resource.name.startsWith(\"${local.objects}products/\")",
    "resource.name.startsWith(\"${local.objects}reports/\")",
  ])
  # An object that a run puts into the store and takes away again, to see that its workers see the same store.
  probe = "resource.name.startsWith(\"${local.objects}.smcloud-\")"
  # What shows the newest release to people and tools, and is replaced with it.
  doors = join(" || ", [
    "resource.name == \"${local.objects}catalog.yaml\"",
    "resource.name == \"${local.objects}index.html\"",
    "resource.name == \"${local.objects}CITATION.cff\"",
    "resource.name.startsWith(\"${local.objects}stac/\")",
    "resource.name.startsWith(\"${local.objects}icechunk/\")",
    "resource.name.startsWith(\"${local.objects}explorer/\")",
  ])
  # The inventory of a sealed prefix, and the object beside it that names it.
  seal = "(resource.name.endsWith(\"/inventory.json\") || resource.name.endsWith(\".sealed\"))"

  accounts = toset(["reader", "writer", "releaser", "collector"])
  grants = {
    "writer creates"     = { account = "writer", role = "create", where = "${local.staged} || ${local.probe}" }
    "writer discards"    = { account = "writer", role = "delete", where = "(${local.staged} || ${local.probe}) && !${local.seal}" }
    "releaser creates"   = { account = "releaser", role = "create", where = "${local.staged} || ${local.probe}" }
    "releaser discards"  = { account = "releaser", role = "delete", where = "(${local.staged} || ${local.probe}) && !${local.seal}" }
    "releaser publishes" = { account = "releaser", role = "create", where = "resource.name.startsWith(\"${local.objects}releases/\")" }
    "releaser shows"     = { account = "releaser", role = "create", where = local.doors }
    "releaser replaces"  = { account = "releaser", role = "delete", where = local.doors }
    "collector removes"  = { account = "collector", role = "delete", where = local.staged }
  }
  permissions = {
    create = ["storage.objects.create"]
    delete = ["storage.objects.delete"]
  }
}

resource "google_service_account" "role" {
  for_each     = local.accounts
  account_id   = "smcloud-${each.key}"
  display_name = "smcloud ${each.key}"
  depends_on   = [google_project_service.needed]
}

resource "google_project_iam_custom_role" "objects" {
  for_each    = local.permissions
  role_id     = "smcloud_${each.key}"
  title       = "smcloud: ${each.key} objects"
  permissions = each.value
  depends_on  = [google_project_service.needed]
}

# Reading includes listing, which asks for the bucket and not for an object: a condition on names would refuse it.
resource "google_storage_bucket_iam_member" "reads" {
  for_each = local.accounts
  bucket   = google_storage_bucket.store.name
  role     = "roles/storage.objectViewer"
  member   = google_service_account.role[each.key].member
}

resource "google_storage_bucket_iam_member" "store" {
  for_each = local.grants
  bucket   = google_storage_bucket.store.name
  role     = google_project_iam_custom_role.objects[each.value.role].id
  member   = google_service_account.role[each.value.account].member
  condition {
    title      = each.key
    expression = each.value.where
  }
}

resource "google_storage_bucket_iam_member" "rehearsal" {
  for_each = toset(["writer", "releaser"])
  bucket   = google_storage_bucket.staging.name
  role     = "roles/storage.objectUser"
  member   = google_service_account.role[each.key].member
}

# A Kubernetes account of the same name acts as each of them, without a key that could be lost.
resource "google_service_account_iam_member" "workload" {
  for_each           = local.accounts
  service_account_id = google_service_account.role[each.key].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[smcloud/smcloud-${each.key}]"
  depends_on         = [google_container_cluster.smcloud]
}

# ----------------------------------------------------------------------------------------------------- nodes
# In place of the default account of virtual machines, which may edit the whole project.
resource "google_service_account" "nodes" {
  account_id   = "smcloud-nodes"
  display_name = "smcloud nodes"
  depends_on   = [google_project_service.needed]
}

resource "google_project_iam_member" "nodes" {
  project = var.project
  role    = "roles/container.defaultNodeServiceAccount"
  member  = google_service_account.nodes.member
}

resource "google_artifact_registry_repository_iam_member" "nodes" {
  repository = google_artifact_registry_repository.images.name
  location   = google_artifact_registry_repository.images.location
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.nodes.member
}

# ---------------------------------------------------------------------------------------- GitHub pushes images
resource "google_service_account" "image" {
  account_id   = "smcloud-image"
  display_name = "smcloud image, pushed by GitHub"
  depends_on   = [google_project_service.needed]
}

resource "google_artifact_registry_repository_iam_member" "image" {
  repository = google_artifact_registry_repository.images.name
  location   = google_artifact_registry_repository.images.location
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.image.member
}

resource "google_iam_workload_identity_pool" "github" {
  workload_identity_pool_id = "smcloud-github"
  depends_on                = [google_project_service.needed]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  workload_identity_pool_id          = google_iam_workload_identity_pool.github.workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  attribute_mapping = {
    "google.subject"       = "assertion.sub"
    "attribute.repository" = "assertion.repository"
  }
  # Pushes come from the main branch of this repository, not from its pull requests.
  attribute_condition = "assertion.repository == \"${var.github_repository}\" && assertion.ref == \"refs/heads/main\""
  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account_iam_member" "image" {
  service_account_id = google_service_account.image.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.github.name}/attribute.repository/${var.github_repository}"
}
