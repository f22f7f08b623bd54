variable "project" {
  description = "Id of the Google Cloud project"
  type        = string
}

variable "billing_account" {
  description = "Id of the billing account that pays for it"
  type        = string
}

variable "alert_email" {
  description = "Address that is told when the budget is half and wholly spent"
  type        = string
}

variable "github_repository" {
  description = "Repository whose main branch may push images, as owner/name"
  type        = string
}

variable "administrators" {
  description = "Address ranges (CIDR) from which kubectl and helm may reach the cluster"
  type        = list(string)
  validation {
    condition     = length(var.administrators) > 0 && !contains(var.administrators, "0.0.0.0/0")
    error_message = "Name the ranges of the administrators; the whole internet is not one."
  }
}

variable "region" {
  description = "Region of buckets, registry and cluster; us-central1 is where ARCO-ERA5 lies"
  type        = string
  default     = "us-central1"
}

variable "zone" {
  description = "Zone of the cluster, inside the region"
  type        = string
  default     = "us-central1-b"
}

variable "most_worker_nodes" {
  description = "The largest number of worker nodes, each of 8 cores and 64 GB"
  type        = number
  default     = 8
}

variable "monthly_budget" {
  description = "Amount at whose half and whole an alert is sent"
  type        = number
  default     = 200
}

variable "currency" {
  description = "Currency of the budget, that of the billing account"
  type        = string
  default     = "USD"
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to destroy the cluster; set to false for the teardown only"
  type        = bool
  default     = true
}
