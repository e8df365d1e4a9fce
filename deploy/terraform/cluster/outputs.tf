output "cluster_name" {
  description = "For aws eks update-kubeconfig --name"
  value       = aws_eks_cluster.this.name
}

output "repository" {
  description = "Registry of the images"
  value       = aws_ecr_repository.this.repository_url
}

output "settings" {
  description = "Settings of the services: deploy/kubernetes/overlays/aws/settings.env"
  value = {
    DAYAHEAD_KAFKA_BOOTSTRAP      = aws_msk_cluster.this.bootstrap_brokers_sasl_scram
    DAYAHEAD_KAFKA_SECURITY       = "SASL_SSL"
    DAYAHEAD_KAFKA_SASL_MECHANISM = "SCRAM-SHA-512"
    DAYAHEAD_KAFKA_USERNAME       = "dayahead"
    DAYAHEAD_PARTITIONS           = var.partitions
  }
}

output "places" {
  description = "Places that the objects of the cluster name: deploy/kubernetes/overlays/aws/places.env"
  value = {
    region           = var.region
    host             = var.domain
    backups          = "s3://${aws_s3_bucket.backups.bucket}/timescaledb"
    redis            = "${aws_elasticache_replication_group.this.primary_endpoint_address}:6379/0"
    secret-passwords = data.aws_secretsmanager_secret.passwords.name
    secret-own       = data.aws_secretsmanager_secret.own.name
    secret-redis     = data.aws_secretsmanager_secret.redis.name
    secret-kafka     = data.aws_secretsmanager_secret.kafka.name
  }
}
