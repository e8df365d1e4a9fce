# terraform test: plans with a stand-in for AWS, which nothing here reaches.
mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_ssm_parameter" {
    defaults = { insecure_value = "ami-0123456789abcdef0" }
  }

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-north-1:123456789012:key/00000000-0000-0000-0000-000000000000" }
  }

  mock_data "aws_secretsmanager_secret" {
    defaults = {
      arn        = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:dayahead"
      kms_key_id = "arn:aws:kms:eu-north-1:123456789012:key/11111111-1111-1111-1111-111111111111"
    }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/dayahead" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-north-1:123456789012:log-group:/dayahead/rejected-packets" }
  }

  mock_resource "aws_ebs_volume" {
    defaults = { id = "vol-0123456789abcdef0" }
  }

  override_during = plan
}

variables {
  repository = "https://example.org/dayahead.git"
  release    = "v0.3.0"
  images = {
    api     = "ghcr.io/example/dayahead@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    ingest  = "ghcr.io/example/dayahead@sha256:1111111111111111111111111111111111111111111111111111111111111111"
    trainer = "ghcr.io/example/dayahead@sha256:2222222222222222222222222222222222222222222222222222222222222222"
    worker  = "ghcr.io/example/dayahead@sha256:3333333333333333333333333333333333333333333333333333333333333333"
  }

  settings = {
    DAYAHEAD_SOURCE     = "/app/sources/smard-load.yaml"
    DAYAHEAD_SOURCE_URL = "https://www.smard.de/app"
  }
}

run "nothing_reaches_the_machine_unless_a_domain_is_given" {
  command = plan

  variables {
    https_cidrs = ["0.0.0.0/0"]
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.https) == 0
    error_message = "Without domain there is no web server, so no rule lets anything in."
  }

  assert {
    condition     = !strcontains(local.start, "caddy")
    error_message = "Without domain no web server is installed."
  }
}

run "only_https_reaches_the_machine_with_a_domain" {
  command = plan

  variables {
    domain      = "forecast.example.org"
    https_cidrs = ["192.0.2.0/24", "198.51.100.0/24"]
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.https : rule.from_port == 443 && rule.to_port == 443])
    error_message = "A rule lets in more than HTTPS."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.https : rule.cidr_ipv4]) == toset(["192.0.2.0/24", "198.51.100.0/24"])
    error_message = "The page is reached from the given networks alone."
  }

  assert {
    condition     = strcontains(local.start, "forecast.example.org {")
    error_message = "The web server needs the name of the page."
  }
}

run "the_data_disk_outlives_the_machine_and_is_copied_every_day" {
  command = plan

  assert {
    condition     = aws_ebs_volume.data.encrypted && aws_instance.this.root_block_device[0].encrypted
    error_message = "Both disks are encrypted."
  }

  assert {
    condition     = one(aws_dlm_lifecycle_policy.snapshots.policy_details[0].schedule).retain_rule[0].count == 14
    error_message = "Two weeks of snapshots are kept."
  }

  assert {
    condition     = aws_dlm_lifecycle_policy.snapshots.policy_details[0].target_tags.snapshots == aws_ebs_volume.data.tags.snapshots
    error_message = "Snapshots are made of volumes with a tag that the data disk has."
  }

  assert {
    condition     = strcontains(local.start, "nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0")
    error_message = "The machine mounts the data disk by its id."
  }
}

run "another_release_replaces_the_machine" {
  command = plan

  assert {
    condition     = aws_instance.this.user_data_replace_on_change && strcontains(local.start, "docker tag ${var.images["worker"]} \"dayahead-worker:0.3.0\"")
    error_message = "The images of the release have the names that docker-compose.yml starts."
  }

  assert {
    condition     = aws_instance.this.metadata_options[0].http_tokens == "required" && aws_instance.this.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "No container reads the credentials of the machine."
  }
}

run "a_secret_is_no_setting" {
  command = plan

  variables {
    profile  = "sample"
    settings = { DAYAHEAD_API_TOKEN = "secret" }
  }

  expect_failures = [var.settings]
}

run "what_is_polled_is_given_unless_it_is_the_sample" {
  command = plan

  variables {
    settings = { DAYAHEAD_SOURCE = "/app/sources/smard-load.yaml" }
  }

  expect_failures = [var.profile]
}

run "an_image_is_given_by_digest" {
  command = plan

  variables {
    images = {
      api     = "ghcr.io/example/dayahead:0.3.0-api"
      ingest  = "ghcr.io/example/dayahead@sha256:1111111111111111111111111111111111111111111111111111111111111111"
      trainer = "ghcr.io/example/dayahead@sha256:2222222222222222222222222222222222222222222222222222222222222222"
      worker  = "ghcr.io/example/dayahead@sha256:3333333333333333333333333333333333333333333333333333333333333333"
    }
  }

  expect_failures = [var.images]
}

run "every_service_has_an_image" {
  command = plan

  variables {
    images = { api = "ghcr.io/example/dayahead@sha256:0000000000000000000000000000000000000000000000000000000000000000" }
  }

  expect_failures = [var.images]
}

run "a_release_is_given_by_its_tag" {
  command = plan

  variables {
    release = "main"
  }

  expect_failures = [var.release]
}
