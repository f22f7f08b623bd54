terraform {
  required_version = ">= 1.5"
  # The bucket is named at `terraform init` (infra/README.md).
  backend "gcs" {
    prefix = "smcloud"
  }
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.0"
    }
  }
}

provider "google" {
  project               = var.project
  region                = var.region
  user_project_override = true
  billing_project       = var.project
}
