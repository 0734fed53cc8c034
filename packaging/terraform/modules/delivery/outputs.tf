# SPDX-License-Identifier: MPL-2.0
output "roles" {
  description = "AWS_ROLE of each environment on GitHub"
  value       = { for name, role in aws_iam_role.push : name => role.arn }
}

output "registry" {
  description = "IMAGE_REGISTRY on GitHub"
  value       = split("/", aws_ecr_repository.this["ctms"].repository_url)[0]
}
