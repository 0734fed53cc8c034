# SPDX-License-Identifier: MPL-2.0
output "cluster_name" {
  description = "For aws eks update-kubeconfig"
  value       = aws_eks_cluster.this.name
}

output "database_address" {
  description = "The host in CTMS_DB_URL; add sslmode=verify-full and the authority of RDS"
  value       = aws_db_instance.primary.address
}

output "replica_addresses" {
  description = "The hosts in CTMS_DB_READ_URL"
  value       = [for replica in aws_db_instance.replica : replica.address]
}

output "secret_name" {
  description = "secrets.externalSecret.key of the chart"
  value       = aws_secretsmanager_secret.this.name
}
