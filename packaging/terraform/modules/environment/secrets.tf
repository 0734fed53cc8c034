# SPDX-License-Identifier: MPL-2.0
# The secrets of CTMS, as one JSON object with the names of the settings as keys. The values are set by hand or by a tool, so that they
# are not in Terraform's state: aws secretsmanager put-secret-value --secret-id ctms/production --secret-string file://secrets.json
resource "aws_secretsmanager_secret" "this" {
  name                    = "ctms/${var.name}"
  description             = "Secrets of CTMS, which the External Secrets operator reads"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = 30
}

data "aws_iam_policy_document" "read_secrets" {
  statement {
    actions   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.this.arn]
  }

  statement {
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.this.arn]
  }
}

resource "aws_iam_role" "external_secrets" {
  name               = "ctms-${var.name}-external-secrets"
  assume_role_policy = data.aws_iam_policy_document.assumed_by["pods.eks"].json
}

resource "aws_iam_role_policy" "external_secrets" {
  name   = "read-secrets"
  role   = aws_iam_role.external_secrets.id
  policy = data.aws_iam_policy_document.read_secrets.json
}

resource "aws_eks_pod_identity_association" "external_secrets" {
  cluster_name    = aws_eks_cluster.this.name
  namespace       = "external-secrets"
  service_account = "external-secrets"
  role_arn        = aws_iam_role.external_secrets.arn
}
