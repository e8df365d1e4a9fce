variable "region" {
  description = "Region of AWS"
  type        = string
  default     = "eu-north-1"
}

variable "zone" {
  description = "Letter of the zone of the region; the data disk stays in it"
  type        = string
  default     = "a"
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

variable "repository" {
  description = "Where docker-compose.yml is cloned from (https://…)"
  type        = string

  validation {
    condition     = startswith(var.repository, "https://")
    error_message = "repository is an https:// URL of a git repository."
  }
}

variable "release" {
  description = "Tag of the release to run, such as v0.3.0; another one replaces the machine and keeps the data disk"
  type        = string

  validation {
    condition     = can(regex("^v[0-9]+\\.[0-9]+\\.[0-9]+$", var.release))
    error_message = "release is the tag of a release, such as v0.3.0."
  }
}

variable "images" {
  description = "Images of that release by digest, one for each service, as images.txt of the release has them"
  type        = map(string)

  validation {
    condition     = alltrue([for image in values(var.images) : can(regex("^[a-z0-9./_-]+@sha256:[0-9a-f]{64}$", image))])
    error_message = "An image is a name with a digest: NAME@sha256:…."
  }

  validation {
    condition     = toset(keys(var.images)) == toset(["api", "ingest", "trainer", "worker"])
    error_message = "images has one each of api, ingest, trainer and worker."
  }
}

variable "profile" {
  description = "sample replays the shipped sample; empty polls DAYAHEAD_SOURCE at DAYAHEAD_SOURCE_URL, both in settings"
  type        = string
  default     = ""

  validation {
    condition     = contains(["", "sample"], var.profile)
    error_message = "profile is empty or sample."
  }

  validation {
    condition     = var.profile == "sample" || alltrue([for name in ["DAYAHEAD_SOURCE", "DAYAHEAD_SOURCE_URL"] : contains(keys(var.settings), name)])
    error_message = "Without profile sample there is no replay: settings needs DAYAHEAD_SOURCE (/app/sources/FILE.yaml) and DAYAHEAD_SOURCE_URL."
  }
}

variable "settings" {
  description = "Settings of .env.example without secrets, such as DAYAHEAD_SOURCE"
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.settings : can(regex("^DAYAHEAD_[A-Z0-9_]+$", key)) && !strcontains(value, "\n")])
    error_message = "settings are named DAYAHEAD_… and have one line each."
  }

  validation {
    condition     = alltrue([for key, _ in var.settings : !endswith(key, "_PASSWORD") && !endswith(key, "_TOKEN") && !endswith(key, "_KEY")])
    error_message = "a password, token or key belongs into the secret NAME-own of deploy/terraform/secrets, not into the state."
  }
}

variable "instance_type" {
  description = "Kind of the machine; docker-compose.yml limits its containers to 15 GB of memory in all"
  type        = string
  default     = "m7i.xlarge"
}

variable "data_gb" {
  description = "Size of the data disk in GB: TimescaleDB takes 2 GB a day for 100,000 series (docs/scaling.md)"
  type        = number
  default     = 100
}

variable "snapshots" {
  description = "Daily snapshots of the data disk that are kept"
  type        = number
  default     = 14
}

variable "domain" {
  description = "Host name of the page, whose DNS record points to output address; empty: no web server, only a tunnel"
  type        = string
  default     = ""
}

variable "https_cidrs" {
  description = "Networks that reach the page by HTTPS, with domain; the certificate needs 0.0.0.0/0, since its authority looks at it"
  type        = list(string)
  default     = []
}
