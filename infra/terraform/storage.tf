# gs://PROJECT-smcloud holds store/ (cubes, products, reports, releases and their doors: nothing else) and config/ (the
# configurations and catalogs of the scheduled runs, which administrators write and runs only read).

resource "google_storage_bucket" "store" {
  name                        = "${var.project}-smcloud"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  # What anybody deletes or overwrites can be brought back for longer than a monthly run is apart from the next.
  soft_delete_policy {
    retention_duration_seconds = 3024000
  }
  lifecycle_rule {
    condition {
      age = 7
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }
  depends_on = [google_project_service.needed]
}

# Stores of rehearsals (store: gs://PROJECT-smcloud-staging/NAME): what is left there is removed, and not kept.
resource "google_storage_bucket" "staging" {
  name                        = "${var.project}-smcloud-staging"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true
  soft_delete_policy {
    retention_duration_seconds = 0
  }
  lifecycle_rule {
    condition {
      age = 14
    }
    action {
      type = "Delete"
    }
  }
  depends_on = [google_project_service.needed]
}
