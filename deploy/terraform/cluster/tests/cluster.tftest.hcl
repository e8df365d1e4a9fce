# terraform test: plans with a stand-in for AWS, which nothing here reaches.
mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_secretsmanager_secret" {
    defaults = {
      arn        = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:dayahead"
      kms_key_id = "arn:aws:kms:eu-north-1:123456789012:key/11111111-1111-1111-1111-111111111111"
    }
  }

  mock_data "aws_secretsmanager_secret_version" {
    defaults = { secret_string = "0123456789abcdef0123456789abcdef" }
  }

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-north-1:123456789012:key/00000000-0000-0000-0000-000000000000" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/dayahead" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-north-1:123456789012:log-group:/dayahead/log" }
  }

  mock_resource "aws_msk_cluster" {
    defaults = {
      arn                          = "arn:aws:kafka:eu-north-1:123456789012:cluster/dayahead/0"
      bootstrap_brokers_sasl_scram = "b-1.example.org:9096,b-2.example.org:9096,b-3.example.org:9096"
    }
  }

  mock_resource "aws_msk_configuration" {
    defaults = { arn = "arn:aws:kafka:eu-north-1:123456789012:configuration/dayahead/0", latest_revision = 1 }
  }

  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0123456789abcdef0", latest_version = 1 }
  }

  override_during = plan
}

variables {
  domain         = "forecast.example.org"
  administrators = ["arn:aws:iam::123456789012:role/deploy"]
}

run "servers_spread_over_three_zones" {
  command = plan

  assert {
    condition     = length(aws_subnet.private) == 3 && length(aws_nat_gateway.this) == 3
    error_message = "Each zone has a network and its own way out."
  }

  assert {
    condition     = length(setunion(values(local.private), values(local.public))) == 6
    error_message = "Networks overlap."
  }

  assert {
    condition     = aws_msk_cluster.this.number_of_broker_nodes == 3 && strcontains(aws_msk_configuration.this.server_properties, "min.insync.replicas = 2")
    error_message = "A message outlives the loss of a broker."
  }
}

run "the_api_of_kubernetes_is_private_by_default" {
  command = plan

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_private_access && !aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "Without endpoint_cidrs it is reached from inside the network alone."
  }
}

run "named_networks_reach_the_api_of_kubernetes" {
  command = plan

  variables {
    endpoint_cidrs = ["192.0.2.0/24"]
  }

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_public_access && aws_eks_cluster.this.vpc_config[0].public_access_cidrs == toset(["192.0.2.0/24"])
    error_message = "The named networks reach it, and no other."
  }
}

run "everyone_may_not_reach_the_api_of_kubernetes" {
  command = plan

  variables {
    endpoint_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.endpoint_cidrs]
}

run "a_cluster_has_an_administrator" {
  command = plan

  variables {
    administrators = []
  }

  expect_failures = [var.administrators]
}

run "kafka_and_redis_need_a_login_and_encrypt" {
  command = plan

  assert {
    condition     = aws_msk_cluster.this.client_authentication[0].sasl[0].scram && !aws_msk_cluster.this.client_authentication[0].unauthenticated
    error_message = "Kafka needs a login."
  }

  assert {
    condition     = aws_msk_cluster.this.encryption_info[0].encryption_in_transit[0].client_broker == "TLS"
    error_message = "Kafka encrypts."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.transit_encryption_enabled && aws_elasticache_replication_group.this.auth_token != null
    error_message = "Redis encrypts and needs a token."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.server : rule.cidr_ipv4 == null])
    error_message = "They are reached from the nodes, not from a network."
  }
}

run "outputs_are_what_the_overlay_takes" {
  command = plan

  assert {
    condition     = output.settings.DAYAHEAD_KAFKA_SECURITY == "SASL_SSL" && output.settings.DAYAHEAD_PARTITIONS == 16
    error_message = "The services log in to Kafka with TLS."
  }

  assert {
    condition     = output.places.host == "forecast.example.org"
    error_message = "The ingress has the name of the page."
  }
}

run "network_policies_are_enforced" {
  command = plan

  assert {
    condition     = jsondecode(aws_eks_addon.each["vpc-cni"].configuration_values).enableNetworkPolicy == "true"
    error_message = "Without it every pod reaches every pod."
  }
}
