variable "region" {
  description = "Region of AWS, with three zones"
  type        = string
  default     = "eu-north-1"
}

variable "zones" {
  description = "Letters of three zones of the region; a later change replaces what is in them"
  type        = list(string)
  default     = ["a", "b", "c"]

  validation {
    condition     = length(distinct(var.zones)) == 3 && length(var.zones) == 3
    error_message = "zones are three different letters."
  }
}

variable "name" {
  description = "Name of everything that is made, for several in one account"
  type        = string
  default     = "dayahead"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.name))
    error_message = "name is 2 to 21 lower-case letters, digits and hyphens, and starts with a letter."
  }
}

variable "domain" {
  description = "Host name of the page and the API"
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9.-]+\\.[a-z]{2,}$", var.domain))
    error_message = "domain is a host name such as forecast.example.org."
  }
}

variable "cidr" {
  description = "Network, /16"
  type        = string
  default     = "10.81.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "cidr is a /16 network such as 10.81.0.0/16."
  }
}

variable "endpoint_cidrs" {
  description = "Networks that reach the API of Kubernetes from outside; empty: only from inside the network"
  type        = list(string)
  default     = []

  validation {
    condition     = !contains(var.endpoint_cidrs, "0.0.0.0/0")
    error_message = "endpoint_cidrs must not be everyone: name your networks, or run the deployment inside the network."
  }
}

variable "administrators" {
  description = "ARNs of the roles that administer the cluster: that of the deployment, and yours"
  type        = list(string)

  validation {
    condition     = length(var.administrators) > 0
    error_message = "administrators is empty: then the cluster could not be reached by any role."
  }
}

variable "kubernetes_version" {
  description = "Version of Kubernetes; the manifests need 1.30 or newer"
  type        = string
  default     = "1.33"
}

variable "node_type" {
  description = "Kind of a node"
  type        = string
  default     = "m7i.xlarge"
}

variable "nodes" {
  description = "Least and most nodes; three keep a node in each zone"
  type        = object({ min = number, max = number })
  default     = { min = 3, max = 9 }

  validation {
    condition     = 1 <= var.nodes.min && var.nodes.min <= var.nodes.max
    error_message = "nodes.min is 1 to nodes.max."
  }
}

variable "kafka_version" {
  description = "Version of managed Kafka"
  type        = string
  default     = "3.9.x.kraft"
}

variable "kafka_type" {
  description = "Kind of a broker; three run"
  type        = string
  default     = "kafka.m7g.large"
}

variable "kafka_gb" {
  description = "Disk of a broker in GB: 0.9 KB a series and hour before compression (docs/scaling.md)"
  type        = number
  default     = 100
}

variable "partitions" {
  description = "Partitions of observations: the most workers at once. A later change moves series (docs/scaling.md)"
  type        = number
  default     = 16
}

variable "redis_type" {
  description = "Kind of a Redis node; two run. 8 KB a series (docs/scaling.md)"
  type        = string
  default     = "cache.t4g.medium"
}

variable "backup_days" {
  description = "Days that backups are kept after CloudNativePG deleted them"
  type        = number
  default     = 14
}
