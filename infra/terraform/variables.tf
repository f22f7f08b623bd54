variable "project" {
  description = "Id of the Google Cloud project"
  type        = string
}

variable "billing_account" {
  description = "Id of the billing account that pays for it"
  type        = string
}

variable "region" {
  description = "Region of buckets and registry; us-central1 is where ARCO-ERA5 lies"
  type        = string
  default     = "us-central1"
}

variable "zone" {
  description = "Zone of the cluster"
  type        = string
  default     = "us-central1-b"
}

variable "most_worker_nodes" {
  description = "The largest number of worker nodes"
  type        = number
  default     = 8
}

variable "monthly_budget" {
  description = "Amount at whose half and whole an alert is sent"
  type        = number
  default     = 100
}

variable "currency" {
  description = "Currency of the budget, that of the billing account"
  type        = string
  default     = "USD"
}
