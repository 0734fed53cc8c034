# SPDX-License-Identifier: MPL-2.0
variable "name" {
  description = "The name of the environment, such as production; part of the names of everything"
  type        = string
}

variable "cidr" {
  description = "The addresses of the network, a /16"
  type        = string
}

variable "zones" {
  description = "The availability zones, at least two"
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 2
    error_message = "EKS and a database with a standby need at least two zones."
  }
}

variable "kubernetes_version" {
  description = "The version of EKS"
  type        = string
}

variable "kubernetes_api_cidrs" {
  description = "The networks from which the API of Kubernetes can be reached; empty: only from inside the network"
  type        = list(string)
  default     = []
}

variable "nodes" {
  description = "The nodes of the cluster: instance type and numbers"
  type = object({
    instance_type = string
    least         = number
    most          = number
  })
}

variable "database" {
  description = "The database: instance class, GiB at first and at most, whether it has a standby in another zone, and the number of replicas"
  type = object({
    instance_class = string
    storage        = number
    most_storage   = number
    standby        = bool
    replicas       = number
  })
}

variable "registry_repositories" {
  description = "ARNs of the repositories with the image and the chart, which Flux reads"
  type        = list(string)
}

variable "alarm_emails" {
  description = "Who gets the alarms"
  type        = set(string)
}
