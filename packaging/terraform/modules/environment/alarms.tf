# SPDX-License-Identifier: MPL-2.0
# Alarms for what only Amazon sees. Those of CTMS itself are in packaging/prometheus.
resource "aws_sns_topic" "alarms" {
  name              = "ctms-${var.name}-alarms"
  kms_master_key_id = aws_kms_key.alarms.id
}

# A key of its own, because CloudWatch must be able to use it.
resource "aws_kms_key" "alarms" {
  description             = "CTMS ${var.name}: alarms"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.alarms_key.json
}

data "aws_caller_identity" "this" {}

data "aws_iam_policy_document" "alarms_key" {
  statement {
    sid       = "Administration"
    actions   = ["kms:*"]
    resources = ["*"] # in the policy of a key: this key

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.this.account_id}:root"]
    }
  }

  statement {
    sid       = "Alarms"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"] # in the policy of a key: this key

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }
  }
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each = var.alarm_emails

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}

locals {
  alarms = {
    cpu         = { metric = "CPUUtilization", above = true, threshold = 80, text = "The database is busy" }
    storage     = { metric = "FreeStorageSpace", above = false, threshold = 10 * pow(1024, 3), text = "Less than 10 GiB are free" }
    memory      = { metric = "FreeableMemory", above = false, threshold = 256 * pow(1024, 2), text = "Less than 256 MiB of memory are free" }
    connections = { metric = "DatabaseConnections", above = true, threshold = 200, text = "More connections than all pods should open" }
  }
}

resource "aws_cloudwatch_metric_alarm" "database" {
  for_each = local.alarms

  alarm_name          = "ctms-${var.name}-database-${each.key}"
  alarm_description   = each.value.text
  namespace           = "AWS/RDS"
  metric_name         = each.value.metric
  dimensions          = { DBInstanceIdentifier = aws_db_instance.primary.identifier }
  statistic           = "Average"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = each.value.above ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "replica_lag" {
  count = var.database.replicas

  alarm_name          = "ctms-${var.name}-replica-${count.index}-lag"
  alarm_description   = "The replica is more than a minute behind"
  namespace           = "AWS/RDS"
  metric_name         = "ReplicaLag"
  dimensions          = { DBInstanceIdentifier = aws_db_instance.replica[count.index].identifier }
  statistic           = "Average"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "GreaterThanThreshold"
  threshold           = 60
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
