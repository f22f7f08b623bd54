# What a scheduled smcloud needs on Google Cloud beside storage (storage.tf), accounts (accounts.tf) and the bill
# (budget.tf): the services switched on, a registry for the image, and a cluster that shrinks to one small node.

resource "google_project_service" "needed" {
  for_each = toset([
    "artifactregistry",
    "billingbudgets",
    "cloudresourcemanager",
    "compute",
    "container",
    "iam",
    "iamcredentials",
    "iap",
    "monitoring",
    "storage",
    "sts",
  ])
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}

resource "google_artifact_registry_repository" "images" {
  repository_id = "smcloud"
  location      = var.region
  format        = "DOCKER"
  # A digest that a release or a schedule names stays; what no tag points at goes after a quarter.
  cleanup_policies {
    id     = "old-untagged"
    action = "DELETE"
    condition {
      tag_state  = "UNTAGGED"
      older_than = "7776000s"
    }
  }
  depends_on = [google_project_service.needed]
}

# --------------------------------------------------------------------------------------------------- network
resource "google_compute_network" "smcloud" {
  name                    = "smcloud"
  auto_create_subnetworks = false
  depends_on              = [google_project_service.needed]
}

resource "google_compute_subnetwork" "smcloud" {
  name                     = "smcloud"
  region                   = var.region
  network                  = google_compute_network.smcloud.id
  ip_cidr_range            = "10.10.0.0/20"
  private_ip_google_access = true
}

# Where people reach the pages of Prefect: prefect.DOMAIN points here.
resource "google_compute_global_address" "pages" {
  name       = "smcloud"
  depends_on = [google_project_service.needed]
}

# --------------------------------------------------------------------------------------------------- cluster
resource "google_container_cluster" "smcloud" {
  name                     = "smcloud"
  location                 = var.zone
  network                  = google_compute_network.smcloud.id
  subnetwork               = google_compute_subnetwork.smcloud.id
  remove_default_node_pool = true
  initial_node_count       = 1
  deletion_protection      = var.deletion_protection
  # Network policies are kept by this data plane only.
  datapath_provider = "ADVANCED_DATAPATH"
  ip_allocation_policy {}
  workload_identity_config {
    workload_pool = "${var.project}.svc.id.goog"
  }
  master_authorized_networks_config {
    dynamic "cidr_blocks" {
      for_each = var.administrators
      content {
        cidr_block = cidr_blocks.value
      }
    }
  }
  release_channel {
    channel = "REGULAR"
  }
  # The pool that makes the cluster is removed at once, but needs an account that exists.
  node_config {
    service_account = google_service_account.nodes.email
  }
  lifecycle {
    ignore_changes = [node_config]
  }
}

locals {
  # core: gateway, hub, Prefect and database, always one node; a worker of 8 GB does not fit beside them.
  # jobs: flow processes and schedulers, which a run cannot lose, so never spot.
  # workers: dask workers only; one that is taken away is replaced and its blocks are computed again.
  pools = {
    core    = { machine = "e2-standard-2", disk = 50, least = 1, most = 1, spot = false, taint = "" }
    jobs    = { machine = "e2-standard-4", disk = 50, least = 0, most = 2, spot = false, taint = "smcloud/jobs" }
    workers = { machine = "n2-highmem-8", disk = 100, least = 0, most = var.most_worker_nodes, spot = true, taint = "smcloud/workers" }
  }
}

resource "google_container_node_pool" "pool" {
  for_each           = local.pools
  name               = each.key
  cluster            = google_container_cluster.smcloud.id
  initial_node_count = each.value.least
  autoscaling {
    min_node_count = each.value.least
    max_node_count = each.value.most
  }
  node_config {
    machine_type    = each.value.machine
    disk_type       = "pd-balanced"
    disk_size_gb    = each.value.disk
    spot            = each.value.spot
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    labels          = { "smcloud/pool" = each.key }
    # Pods see the account of their own, never that of the node.
    workload_metadata_config {
      mode = "GKE_METADATA"
    }
    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }
    dynamic "taint" {
      for_each = each.value.taint == "" ? [] : [each.value.taint]
      content {
        key    = taint.value
        value  = "true"
        effect = "NO_SCHEDULE"
      }
    }
  }
  management {
    auto_repair  = true
    auto_upgrade = true
  }
  lifecycle {
    ignore_changes = [initial_node_count]
  }
}
