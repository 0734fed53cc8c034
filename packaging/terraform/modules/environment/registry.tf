# SPDX-License-Identifier: MPL-2.0
# What Flux may read in the registry, which belongs to another account: its policy must allow this account the same (modules/delivery).
data "aws_iam_policy_document" "read_registry" {
  statement {
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # this action has no resource
  }

  statement {
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:ListImages"]
    resources = var.registry_repositories
  }
}

resource "aws_iam_role" "flux" {
  name               = "ctms-${var.name}-flux"
  assume_role_policy = data.aws_iam_policy_document.assumed_by["pods.eks"].json
}

resource "aws_iam_role_policy" "flux" {
  name   = "read-registry"
  role   = aws_iam_role.flux.id
  policy = data.aws_iam_policy_document.read_registry.json
}

# The controllers that read the tags of images, and the chart.
resource "aws_eks_pod_identity_association" "flux" {
  for_each = toset(["image-reflector-controller", "source-controller"])

  cluster_name    = aws_eks_cluster.this.name
  namespace       = "flux-system"
  service_account = each.key
  role_arn        = aws_iam_role.flux.arn
}
