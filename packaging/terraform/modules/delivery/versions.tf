# SPDX-License-Identifier: MPL-2.0
terraform {
  required_version = ">= 1.10" # locks the state in S3

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7.0"
    }
  }
}
