# The secrets of an installation, applied once and before the rest, by a person who may write them: the pipeline that
# deploys may not. Passwords are generated for their secret and written to it alone; no state and no file has them.
locals {
  passwords = toset([
    "DAYAHEAD_SUPERUSER_PASSWORD",
    "DAYAHEAD_OWNER_PASSWORD",
    "DAYAHEAD_APP_PASSWORD",
    "DAYAHEAD_READER_PASSWORD",
    "DAYAHEAD_INGEST_PASSWORD",
    "DAYAHEAD_WORKER_PASSWORD",
    "DAYAHEAD_TRAINER_PASSWORD",
    "DAYAHEAD_API_PASSWORD",
    "DAYAHEAD_REDIS_PASSWORD",
    "DAYAHEAD_KAFKA_PASSWORD",
    "DAYAHEAD_GRAFANA_PASSWORD",
    "DAYAHEAD_API_TOKEN",
  ])
}

ephemeral "aws_secretsmanager_random_password" "each" {
  for_each = setunion(local.passwords, ["kafka", "redis"])

  password_length     = 40
  exclude_punctuation = true # they stand in URLs
}

resource "aws_secretsmanager_secret" "passwords" {
  #checkov:skip=CKV2_AWS_57:TimescaleDB and its roles get new passwords only with a migration, which no rotation does
  name        = "${var.name}-passwords"
  description = "Passwords of the roles of the database and, on a single machine, of its servers; token of the API"
  kms_key_id  = aws_kms_key.this.arn
}

resource "aws_secretsmanager_secret_version" "passwords" {
  secret_id                = aws_secretsmanager_secret.passwords.id
  secret_string_wo         = jsonencode({ for name in local.passwords : name => ephemeral.aws_secretsmanager_random_password.each[name].random_password })
  secret_string_wo_version = var.generation
}

# Managed Kafka reads the login of its users from secrets with this prefix, user name and password as it wants them.
resource "aws_secretsmanager_secret" "kafka" {
  #checkov:skip=CKV2_AWS_57:services read the password when they start, so a rotation would cut them off
  name        = "AmazonMSK_${var.name}"
  description = "Login of the services to managed Kafka"
  kms_key_id  = aws_kms_key.this.arn
}

resource "aws_secretsmanager_secret_version" "kafka" {
  secret_id = aws_secretsmanager_secret.kafka.id
  secret_string_wo = jsonencode({
    username = "dayahead"
    password = ephemeral.aws_secretsmanager_random_password.each["kafka"].random_password
  })
  secret_string_wo_version = var.generation
}

# Apart from the others, since managed Redis takes its token from the state of cluster: this one is there, no other is.
resource "aws_secretsmanager_secret" "redis" {
  #checkov:skip=CKV2_AWS_57:services read the token when they start, so a rotation would cut them off
  name        = "${var.name}-redis"
  description = "Token of managed Redis"
  kms_key_id  = aws_kms_key.this.arn
}

resource "aws_secretsmanager_secret_version" "redis" {
  secret_id                = aws_secretsmanager_secret.redis.id
  secret_string_wo         = ephemeral.aws_secretsmanager_random_password.each["redis"].random_password
  secret_string_wo_version = var.generation
}

# Its value is set by a person, as JSON: keys of publishers, addresses of receivers of alerts.
resource "aws_secretsmanager_secret" "own" {
  #checkov:skip=CKV2_AWS_57:its values come from publishers and people, not from a rotation
  name        = "${var.name}-own"
  description = "Secret settings of .env.example that a person sets, as a JSON object"
  kms_key_id  = aws_kms_key.this.arn
}

data "aws_caller_identity" "this" {}

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:the policy of a key names the key itself as *
  #checkov:skip=CKV_AWS_111:the policy of a key names the key itself as *
  #checkov:skip=CKV_AWS_356:the policy of a key names the key itself as *
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.this.account_id}:root"]
    }
  }
}

resource "aws_kms_key" "this" {
  description         = "${var.name}: secrets"
  enable_key_rotation = true
  policy              = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}-secrets"
  target_key_id = aws_kms_key.this.id
}

output "own" {
  description = "Secret for keys of publishers and receivers of alerts: aws secretsmanager put-secret-value --secret-id … --secret-string '{\"DAYAHEAD_…\": \"…\"}'"
  value       = aws_secretsmanager_secret.own.name
}
