# What a scheduled smcloud needs on Google Cloud: a cluster that shrinks to one small node when nothing runs, buckets,
# accounts that can do one thing each, a registry for the image and an alarm on the bill.

terraform {
  required_version = ">= 1.5"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.0"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region
}

resource "google_artifact_registry_repository" "images" {
  repository_id = "smcloud"
  location      = var.region
  format        = "DOCKER"
}

# --------------------------------------------------------------------------------------------------- storage
resource "google_storage_bucket" "store" {
  name                        = "${var.project}-smcloud"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  soft_delete_policy {
    retention_duration_seconds = 604800
  }
}

# Scratch of cloud runs, never a store: what is left there is removed.
resource "google_storage_bucket" "staging" {
  name                        = "${var.project}-smcloud-staging"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  lifecycle_rule {
    condition {
      age = 14
    }
    action {
      type = "Delete"
    }
  }
}

# -------------------------------------------------------------------------------------------------- accounts
# reader opens products; writer makes cubes and products; releaser creates releases; collector removes what is old.
resource "google_service_account" "role" {
  for_each     = local.roles
  account_id   = "smcloud-${each.key}"
  display_name = "smcloud ${each.key}"
}

locals {
  roles = {
    reader    = ["roles/storage.objectViewer"]
    writer    = ["roles/storage.objectViewer", "roles/storage.objectCreator"]
    releaser  = ["roles/storage.objectViewer", "roles/storage.objectCreator"]
    collector = ["roles/storage.objectUser"]
  }
  grants = merge([for role, granted in local.roles : { for name in granted : "${role} ${name}" => [role, name] }]...)
}

resource "google_storage_bucket_iam_member" "store" {
  for_each = local.grants
  bucket   = google_storage_bucket.store.name
  role     = each.value[1]
  member   = "serviceAccount:${google_service_account.role[each.value[0]].email}"
}

# A Kubernetes account of the same name acts as each of them, without a key that could be lost.
resource "google_service_account_iam_member" "workload" {
  for_each           = local.roles
  service_account_id = google_service_account.role[each.key].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[smcloud/smcloud-${each.key}]"
}

# --------------------------------------------------------------------------------------------------- cluster
resource "google_container_cluster" "smcloud" {
  name                     = "smcloud"
  location                 = var.zone
  remove_default_node_pool = true
  initial_node_count       = 1
  deletion_protection      = true
  workload_identity_config {
    workload_pool = "${var.project}.svc.id.goog"
  }
  release_channel {
    channel = "REGULAR"
  }
}

resource "google_container_node_pool" "core" {
  name       = "core"
  cluster    = google_container_cluster.smcloud.id
  node_count = 1
  node_config {
    machine_type = "e2-standard-2"
    oauth_scopes = ["https://www.googleapis.com/auth/cloud-platform"]
  }
}

resource "google_container_node_pool" "workers" {
  name    = "workers"
  cluster = google_container_cluster.smcloud.id
  autoscaling {
    min_node_count = 0
    max_node_count = var.most_worker_nodes
  }
  node_config {
    machine_type = "n2-highmem-8"
    spot         = true
    oauth_scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    taint {
      key    = "cloud.google.com/gke-spot"
      value  = "true"
      effect = "NO_SCHEDULE"
    }
  }
}

# ------------------------------------------------------------------------------------------------------ bill
resource "google_billing_budget" "monthly" {
  billing_account = var.billing_account
  display_name    = "smcloud"
  budget_filter {
    projects = ["projects/${var.project}"]
  }
  amount {
    specified_amount {
      currency_code = var.currency
      units         = tostring(var.monthly_budget)
    }
  }
  threshold_rules {
    threshold_percent = 0.5
  }
  threshold_rules {
    threshold_percent = 1.0
  }
}
