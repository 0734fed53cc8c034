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
    key          = "production/terraform.tfstate"
    region       = "us-west-2"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region              = "us-west-2"
  allowed_account_ids = ["222222222222"]

  default_tags {
    tags = {
      application = "ctms"
      environment = "production"
      managed-by  = "terraform"
    }
  }
}

module "ctms" {
  source = "../modules/environment"

  name               = "production"
  cidr               = "10.30.0.0/16"
  zones              = ["us-west-2a", "us-west-2b", "us-west-2c"]
  kubernetes_version = "1.33"
  nodes              = { instance_type = "m6i.large", least = 3, most = 6 }
  database           = { instance_class = "db.m6g.large", storage = 100, most_storage = 1000, standby = true, replicas = 1 }

  registry_repositories = [
    "arn:aws:ecr:us-west-2:333333333333:repository/ctms",
    "arn:aws:ecr:us-west-2:333333333333:repository/charts/ctms",
  ]

  alarm_emails = ["ctms-oncall@example.com"]
}

output "ctms" {
  value = module.ctms
}
