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
    key          = "delivery/terraform.tfstate"
    region       = "us-west-2"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region              = "us-west-2"
  allowed_account_ids = ["333333333333"]

  default_tags {
    tags = {
      application = "ctms"
      environment = "delivery"
      managed-by  = "terraform"
    }
  }
}

module "delivery" {
  source = "../modules/delivery"

  repository = "example/ctms"
  readers    = ["111111111111", "222222222222"] # staging and production
}

output "delivery" {
  value = module.delivery
}
