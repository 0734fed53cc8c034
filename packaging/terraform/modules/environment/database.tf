# SPDX-License-Identifier: MPL-2.0
resource "aws_db_subnet_group" "this" {
  name       = "ctms-${var.name}"
  subnet_ids = [for subnet in aws_subnet.database : subnet.id]
}

resource "aws_security_group" "database" {
  name        = "ctms-${var.name}-database"
  description = "PostgreSQL, from the nodes of the cluster only"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  security_group_id            = aws_security_group.database.id
  referenced_security_group_id = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_db_parameter_group" "this" {
  name   = "ctms-${var.name}"
  family = "postgres15"

  # Connections without TLS are refused.
  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  # Statements of ctms-web take milliseconds; these show what does not.
  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }

  parameter {
    name  = "log_lock_waits"
    value = "1"
  }

  # A replica that serves reads (CTMS_DB_READ_URL) delays its replay instead of cancelling them.
  parameter {
    name  = "hot_standby_feedback"
    value = "1"
  }

  parameter {
    name  = "max_standby_streaming_delay"
    value = "30000"
  }

  # A transaction that somebody left open must not hold back vacuum.
  parameter {
    name  = "idle_in_transaction_session_timeout"
    value = "300000"
  }
}

resource "aws_db_instance" "primary" {
  identifier     = "ctms-${var.name}"
  engine         = "postgres"
  engine_version = "15"
  instance_class = var.database.instance_class
  db_name        = "ctms"
  username       = "ctms"

  # RDS keeps the password in Secrets Manager and replaces it; it is not in Terraform's state.
  manage_master_user_password   = true
  master_user_secret_kms_key_id = aws_kms_key.this.key_id

  storage_type          = "gp3"
  allocated_storage     = var.database.storage
  max_allocated_storage = var.database.most_storage
  storage_encrypted     = true
  kms_key_id            = aws_kms_key.this.arn

  multi_az               = var.database.standby
  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.database.id]
  publicly_accessible    = false
  parameter_group_name   = aws_db_parameter_group.this.name
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  # Point-in-time recovery within this time; docs/runbook.md describes what to do after a restore.
  backup_retention_period   = 14
  copy_tags_to_snapshot     = true
  deletion_protection       = true
  skip_final_snapshot       = false
  final_snapshot_identifier = "ctms-${var.name}-final"

  auto_minor_version_upgrade      = true
  performance_insights_enabled    = true
  performance_insights_kms_key_id = aws_kms_key.this.arn
  enabled_cloudwatch_logs_exports = ["postgresql"]
}

resource "aws_db_instance" "replica" {
  count = var.database.replicas

  identifier             = "ctms-${var.name}-replica-${count.index}"
  replicate_source_db    = aws_db_instance.primary.identifier
  instance_class         = var.database.instance_class
  storage_encrypted      = true
  kms_key_id             = aws_kms_key.this.arn
  vpc_security_group_ids = [aws_security_group.database.id]
  publicly_accessible    = false
  parameter_group_name   = aws_db_parameter_group.this.name
  ca_cert_identifier     = "rds-ca-rsa2048-g1"
  deletion_protection    = true
  skip_final_snapshot    = true # the primary has one

  auto_minor_version_upgrade      = true
  performance_insights_enabled    = true
  performance_insights_kms_key_id = aws_kms_key.this.arn
}
