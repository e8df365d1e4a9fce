variable "region" {
  description = "Region of AWS"
  type        = string
  default     = "eu-north-1"
}

variable "name" {
  description = "Name of the installation, as in single-vm or cluster"
  type        = string
  default     = "dayahead"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.name))
    error_message = "name is 2 to 21 lower-case letters, digits and hyphens, and starts with a letter."
  }
}

variable "generation" {
  description = "Raise it to write new passwords; docs/deployment.md has the steps that follow"
  type        = number
  default     = 1
}
