# An alarm, not a brake: nothing stops by itself when the budget is spent.

resource "google_monitoring_notification_channel" "bill" {
  display_name = "smcloud bill"
  type         = "email"
  labels       = { email_address = var.alert_email }
  depends_on   = [google_project_service.needed]
}

data "google_project" "this" {
  project_id = var.project
}

resource "google_billing_budget" "monthly" {
  billing_account = var.billing_account
  display_name    = "smcloud"
  budget_filter {
    projects = ["projects/${data.google_project.this.number}"]
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
  threshold_rules {
    threshold_percent = 1.0
    spend_basis       = "FORECASTED_SPEND"
  }
  all_updates_rule {
    monitoring_notification_channels = [google_monitoring_notification_channel.bill.id]
  }
  depends_on = [google_project_service.needed]
}
