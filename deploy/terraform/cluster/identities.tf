# What runs in the cluster gets short-lived credentials by its service account; no key of AWS is stored anywhere.
data "aws_secretsmanager_secret" "passwords" {
  name = "${var.name}-passwords"
}

data "aws_secretsmanager_secret" "own" {
  name = "${var.name}-own"
}

data "aws_secretsmanager_secret" "redis" {
  name = "${var.name}-redis"
}

locals {
  secrets = [
    data.aws_secretsmanager_secret.passwords, data.aws_secretsmanager_secret.own,
    data.aws_secretsmanager_secret.redis, data.aws_secretsmanager_secret.kafka,
  ]
  accounts = {
    external-secrets = { namespace = "external-secrets", account = "external-secrets" }
    backups          = { namespace = "dayahead", account = "timescaledb" }
    disks            = { namespace = "kube-system", account = "ebs-csi-controller-sa" }
  }
}

data "aws_iam_policy_document" "external_secrets" {
  statement {
    sid       = "ReadOurs"
    actions   = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
    resources = [for secret in local.secrets : secret.arn]
  }

  statement {
    sid       = "DecryptThem"
    actions   = ["kms:Decrypt"]
    resources = distinct([for secret in local.secrets : secret.kms_key_id])
  }
}

data "aws_iam_policy_document" "backups" {
  statement {
    sid       = "Objects"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = ["${aws_s3_bucket.backups.arn}/*"]
  }

  statement {
    sid       = "Bucket"
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = [aws_s3_bucket.backups.arn]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]
  }
}

data "aws_iam_policy_document" "pod_trust" {
  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]

    principals {
      type        = "Service"
      identifiers = ["pods.eks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "pod" {
  for_each = local.accounts

  name_prefix        = "${var.name}-${each.key}-"
  assume_role_policy = data.aws_iam_policy_document.pod_trust.json
}

resource "aws_iam_role_policy" "pod" {
  for_each = {
    external-secrets = data.aws_iam_policy_document.external_secrets.json
    backups          = data.aws_iam_policy_document.backups.json
  }

  role   = aws_iam_role.pod[each.key].id
  policy = each.value
}

resource "aws_iam_role_policy_attachment" "disks" {
  role       = aws_iam_role.pod["disks"].name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"
}

resource "aws_eks_pod_identity_association" "each" {
  for_each = local.accounts

  cluster_name    = aws_eks_cluster.this.name
  namespace       = each.value.namespace
  service_account = each.value.account
  role_arn        = aws_iam_role.pod[each.key].arn
}

data "aws_iam_policy_document" "cluster_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["eks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "cluster" {
  name_prefix        = "${var.name}-cluster-"
  assume_role_policy = data.aws_iam_policy_document.cluster_trust.json
}

resource "aws_iam_role_policy_attachment" "cluster" {
  role       = aws_iam_role.cluster.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
}

data "aws_iam_policy_document" "node_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "node" {
  name_prefix        = "${var.name}-node-"
  assume_role_policy = data.aws_iam_policy_document.node_trust.json
}

resource "aws_iam_role_policy_attachment" "node" {
  for_each = toset(["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryPullOnly"])

  role       = aws_iam_role.node.name
  policy_arn = "arn:aws:iam::aws:policy/${each.value}"
}
