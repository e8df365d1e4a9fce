# The machine reads its secrets from the store at each start. They are those of deploy/terraform/secrets, applied before:
# only their names are read here, never a value.
data "aws_secretsmanager_secret" "passwords" {
  name = "${var.name}-passwords"
}

data "aws_secretsmanager_secret" "own" {
  name = "${var.name}-own"
}
