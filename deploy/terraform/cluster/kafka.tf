# Three brokers with SASL_SSL and SCRAM, which every Kafka client of the services speaks (docs/operations.md).
data "aws_secretsmanager_secret" "kafka" {
  name = "AmazonMSK_${var.name}"
}

resource "aws_msk_configuration" "this" {
  name           = var.name
  kafka_versions = [var.kafka_version]

  # topics are made by `dayahead migrate`: one made by a typo would swallow messages
  server_properties = <<-END
    auto.create.topics.enable = false
    default.replication.factor = 3
    min.insync.replicas = 2
    message.max.bytes = 8388608
  END
}

resource "aws_msk_cluster" "this" {
  cluster_name           = var.name
  kafka_version          = var.kafka_version
  number_of_broker_nodes = 3
  enhanced_monitoring    = "PER_TOPIC_PER_PARTITION"

  broker_node_group_info {
    instance_type   = var.kafka_type
    client_subnets  = [for subnet in aws_subnet.private : subnet.id]
    security_groups = [aws_security_group.server["kafka"].id]

    storage_info {
      ebs_storage_info {
        volume_size = var.kafka_gb
      }
    }
  }

  configuration_info {
    arn      = aws_msk_configuration.this.arn
    revision = aws_msk_configuration.this.latest_revision
  }

  client_authentication {
    unauthenticated = false

    sasl {
      scram = true
    }
  }

  encryption_info {
    encryption_at_rest_kms_key_arn = aws_kms_key.this.arn

    encryption_in_transit {
      client_broker = "TLS"
      in_cluster    = true
    }
  }

  logging_info {
    broker_logs {
      cloudwatch_logs {
        enabled   = true
        log_group = aws_cloudwatch_log_group.each["kafka"].name
      }
    }
  }
}

resource "aws_msk_scram_secret_association" "this" {
  cluster_arn     = aws_msk_cluster.this.arn
  secret_arn_list = [data.aws_secretsmanager_secret.kafka.arn]
}
