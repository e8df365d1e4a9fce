locals {
  log_groups = {
    rejected-packets = "/${var.name}/rejected-packets"
    kafka            = "/${var.name}/kafka"
    redis            = "/${var.name}/redis"
    # the name that EKS writes to
    kubernetes = "/aws/eks/${var.name}/cluster"
  }
}

resource "aws_cloudwatch_log_group" "each" {
  #checkov:skip=CKV_AWS_338:logs of servers are looked at within weeks, not years
  for_each = local.log_groups

  name              = each.value
  retention_in_days = 30
  kms_key_id        = aws_kms_key.this.arn
}
