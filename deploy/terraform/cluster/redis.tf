# One shard: a script of the workers writes keys of many slots, which Redis Cluster refuses (docs/scaling.md).
data "aws_secretsmanager_secret_version" "redis" {
  secret_id = "${var.name}-redis"
}

resource "aws_elasticache_subnet_group" "this" {
  name       = var.name
  subnet_ids = [for subnet in aws_subnet.private : subnet.id]
}

resource "aws_elasticache_parameter_group" "this" {
  name   = var.name
  family = "redis7"

  # what the workers wrote is not dropped for what they write next; a full Redis is an error that they report
  parameter {
    name  = "maxmemory-policy"
    value = "noeviction"
  }
}

resource "aws_elasticache_replication_group" "this" {
  #checkov:skip=CKV_AWS_134:the workers fill it from TimescaleDB (docs/operations.md, What to back up)
  replication_group_id       = var.name
  description                = "Newest forecasts and copies of windows"
  engine                     = "redis"
  engine_version             = "7.1"
  node_type                  = var.redis_type
  num_cache_clusters         = 2
  automatic_failover_enabled = true
  multi_az_enabled           = true
  parameter_group_name       = aws_elasticache_parameter_group.this.name
  subnet_group_name          = aws_elasticache_subnet_group.this.name
  security_group_ids         = [aws_security_group.server["redis"].id]
  at_rest_encryption_enabled = true
  kms_key_id                 = aws_kms_key.this.arn
  transit_encryption_enabled = true
  auth_token                 = data.aws_secretsmanager_secret_version.redis.secret_string

  log_delivery_configuration {
    destination      = aws_cloudwatch_log_group.each["redis"].name
    destination_type = "cloudwatch-logs"
    log_format       = "json"
    log_type         = "engine-log"
  }
}
