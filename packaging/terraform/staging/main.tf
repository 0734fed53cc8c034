# SPDX-License-Identifier: MPL-2.0
terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7.0"
    }
  }

  # Create the bucket first, with versions, encryption and without public access.
  backend "s3" {
    bucket       = "example-ctms-terraform"
    key          = "staging/terraform.tfstate"
    region       = "us-west-2"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region              = "us-west-2"
  allowed_account_ids = ["111111111111"]

  default_tags {
    tags = {
      application = "ctms"
      environment = "staging"
      managed-by  = "terraform"
    }
  }
}

module "ctms" {
  source = "../modules/environment"

  name               = "staging"
  cidr               = "10.20.0.0/16"
  zones              = ["us-west-2a", "us-west-2b"]
  kubernetes_version = "1.33"
  nodes              = { instance_type = "t3.medium", least = 2, most = 3 }
  database           = { instance_class = "db.t4g.medium", storage = 20, most_storage = 100, standby = false, replicas = 0 }

  registry_repositories = [
    "arn:aws:ecr:us-west-2:333333333333:repository/ctms",
    "arn:aws:ecr:us-west-2:333333333333:repository/charts/ctms",
  ]

  alarm_emails = ["ctms-staging@example.com"]
}

output "ctms" {
  value = module.ctms
}
