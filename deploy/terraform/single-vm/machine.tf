data "aws_ssm_parameter" "ubuntu" {
  name = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
}

locals {
  start = templatefile("${path.module}/start.sh.tftpl", {
    region     = var.region
    volume     = replace(aws_ebs_volume.data.id, "-", "")
    passwords  = data.aws_secretsmanager_secret.passwords.arn
    own        = data.aws_secretsmanager_secret.own.arn
    repository = var.repository
    release    = var.release
    images     = var.images
    profile    = var.profile
    settings   = join("\n", [for key, value in var.settings : "${key}=${value}"])
    domain     = var.domain
  })
}

resource "aws_instance" "this" {
  #checkov:skip=CKV_AWS_88:it calls out without a NAT gateway, and no rule lets anything in but HTTPS where it is wanted
  #checkov:skip=CKV2_AWS_17:it is in the network of network.tf
  ami                         = data.aws_ssm_parameter.ubuntu.insecure_value
  instance_type               = var.instance_type
  subnet_id                   = aws_subnet.this.id
  vpc_security_group_ids      = [aws_security_group.machine.id]
  iam_instance_profile        = aws_iam_instance_profile.machine.name
  associate_public_ip_address = true
  ebs_optimized               = true
  monitoring                  = true
  user_data                   = local.start
  user_data_replace_on_change = true

  root_block_device {
    volume_size = 30
    volume_type = "gp3"
    encrypted   = true
    kms_key_id  = aws_kms_key.this.arn
  }

  # only with a session token, and from no container
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  tags = { Name = var.name }

  lifecycle {
    # a newer image of Ubuntu replaces the machine with the next release, not at any time
    ignore_changes = [ami]
  }
}

resource "aws_eip" "this" {
  domain = "vpc"

  tags = { Name = var.name }
}

resource "aws_eip_association" "this" {
  allocation_id = aws_eip.this.id
  instance_id   = aws_instance.this.id
}

data "aws_iam_policy_document" "machine_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "machine" {
  statement {
    sid       = "ReadItsSecrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [data.aws_secretsmanager_secret.passwords.arn, data.aws_secretsmanager_secret.own.arn]
  }

  statement {
    sid       = "DecryptThem"
    actions   = ["kms:Decrypt"]
    resources = [data.aws_secretsmanager_secret.passwords.kms_key_id]
  }
}

resource "aws_iam_role" "machine" {
  name_prefix        = "${var.name}-machine-"
  assume_role_policy = data.aws_iam_policy_document.machine_trust.json
}

resource "aws_iam_role_policy" "machine" {
  role   = aws_iam_role.machine.id
  policy = data.aws_iam_policy_document.machine.json
}

resource "aws_iam_role_policy_attachment" "sessions" {
  role       = aws_iam_role.machine.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_instance_profile" "machine" {
  name_prefix = "${var.name}-machine-"
  role        = aws_iam_role.machine.name
}
