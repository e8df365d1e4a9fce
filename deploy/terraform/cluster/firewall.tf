# Kafka and Redis are reached from the nodes alone, on one port each.
locals {
  server_ports = { kafka = 9096, redis = 6379 }
}

resource "aws_security_group" "server" {
  #checkov:skip=CKV2_AWS_5:attached in kafka.tf and redis.tf, by key
  for_each = local.server_ports

  name        = "${var.name}-${each.key}"
  description = "${each.key}, from the nodes"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "server" {
  for_each = local.server_ports

  security_group_id            = aws_security_group.server[each.key].id
  description                  = "the services"
  referenced_security_group_id = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

# brokers and replicas among themselves
resource "aws_vpc_security_group_ingress_rule" "peers" {
  for_each = local.server_ports

  security_group_id            = aws_security_group.server[each.key].id
  description                  = "its own replicas"
  referenced_security_group_id = aws_security_group.server[each.key].id
  ip_protocol                  = "-1"
}

resource "aws_vpc_security_group_egress_rule" "peers" {
  for_each = local.server_ports

  security_group_id            = aws_security_group.server[each.key].id
  description                  = "its own replicas"
  referenced_security_group_id = aws_security_group.server[each.key].id
  ip_protocol                  = "-1"
}
