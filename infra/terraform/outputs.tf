output "store" {
  description = "The key store of a scheduled run's configuration"
  value       = "gs://${google_storage_bucket.store.name}/store"
}

output "config" {
  description = "Where configurations and catalogs of scheduled runs lie"
  value       = "gs://${google_storage_bucket.store.name}/config"
}

output "rehearsals" {
  description = "Bucket for stores of rehearsals, emptied after 14 days"
  value       = "gs://${google_storage_bucket.staging.name}"
}

output "image" {
  description = "Name of the image, without tag or digest"
  value       = "${google_artifact_registry_repository.images.location}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}/smcloud"
}

output "accounts" {
  description = "E-mail of each account, for the annotations in infra/kubernetes"
  value       = { for name, account in google_service_account.role : name => account.email }
}

output "github_provider" {
  description = "Variable WORKLOAD_IDENTITY_PROVIDER of the GitHub repository"
  value       = google_iam_workload_identity_pool_provider.github.name
}

output "github_account" {
  description = "Variable IMAGE_ACCOUNT of the GitHub repository"
  value       = google_service_account.image.email
}

output "address" {
  description = "Address that prefect.DOMAIN is to point at"
  value       = google_compute_global_address.pages.address
}
