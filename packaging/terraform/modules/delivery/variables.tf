# SPDX-License-Identifier: MPL-2.0
variable "repository" {
  description = "The repository on GitHub, as ORGANIZATION/NAME"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "The repository must be ORGANIZATION/NAME, without wildcards."
  }
}

variable "readers" {
  description = "The accounts whose clusters may pull the images"
  type        = list(string)
}
