import json
import re
import subprocess
from copy import deepcopy
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from consumers.mqtt.publishing import CLIENT as MQTT_CLIENT
from consumers.webhooks.receiver_loop import GROUP as WEBHOOK_GROUP
from consumers.webhooks.receivers import EventType
from dayahead.settings_document import all_settings, settings_classes
from dayahead.topics import FORECASTS, TOPICS, UNDELIVERED_WEBHOOKS
from deploy.local.places import CHECKOUT
from deploy.monitoring.prometheus_rule import prometheus_rule, prometheus_rule_text
from deploy.monitoring.settings import MonitoringSettings
from deploy.release.overlay import env_lines, fill, images_of, pinned
from tests.deploy.custom_resources import is_custom, validate_custom
from tests.deploy.programs import program

FOLDER = CHECKOUT / "deploy" / "kubernetes"
OVERLAYS = ("own-servers", "aws")
OLDEST_VERSION = "1.30"
COMPONENTS = sorted(path.name for path in (FOLDER / "components").iterdir())
CONSUMERS = ("webhooks", "mqtt", "mcp")
BY_HAND = {*CONSUMERS, "webhooks-external-secrets", "mqtt-external-secrets"}
"""Components that need something of a person, so that no overlay has them."""
NEEDS = {"backups-s3": "cloudnative-pg", **dict.fromkeys(BY_HAND - set(CONSUMERS), "external-secrets")}
"""What a component cannot be without."""
each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)
Objects = list[dict[str, Any]]


@cache
def rendered(folder: Path) -> Objects:
    """What `kubectl apply -k` would send; the test is skipped without kubectl."""
    kubectl = program("kubectl", "https://kubernetes.io/docs/tasks/tools/")
    done = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [item for item in yaml.safe_load_all(done.stdout) if item]


def overlay_objects(overlay: str) -> Objects:
    return rendered(FOLDER / "overlays" / overlay)


def the(objects: Objects, kind: str, name: str) -> dict[str, Any]:
    (found,) = [one for one in objects if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def validate(item: dict[str, Any]) -> None:
    """Compare an object with its schema: unknown fields are errors."""
    if is_custom(item):
        validate_custom(item)
    else:
        kubernetes_validate.validate(item, OLDEST_VERSION, strict=True)


def pods(objects: Objects) -> dict[str, dict[str, Any]]:
    """Specifications of the pods of what is deployed, by name."""
    specs = [(one["metadata"]["name"], one["spec"].get("jobTemplate", one)["spec"]) for one in objects if "spec" in one]
    return {name: spec["template"]["spec"] for name, spec in specs if "spec" in spec.get("template", {})}


def settings(objects: Objects) -> dict[str, str]:
    (found,) = [
        one
        for one in objects
        if one["kind"] == "ConfigMap" and one["metadata"]["name"].startswith("dayahead-settings-")
    ]
    return dict(found["data"])


@each_overlay
def test_an_overlay_is_what_kubernetes_and_the_operators_expect(overlay: str) -> None:
    objects = overlay_objects(overlay)
    assert len(objects) > 25
    for item in objects:
        validate(item)
    for item in objects:
        if item["kind"] not in {"Namespace", "StorageClass"}:
            assert item["metadata"]["namespace"] == "dayahead", item["metadata"]["name"]


@pytest.mark.parametrize(
    ("kind", "name", "path", "value"),
    [
        ("ScaledObject", "worker", ("maxReplicas",), 3),
        ("ScaledObject", "worker", ("maxReplicaCount",), "8"),
        ("KafkaTopic", "forecasts", ("partitions",), 0),
        ("Cluster", "timescaledb", ("storage", "size"), "100GB"),
        ("PrometheusRule", "dayahead", ("groups", 0, "rules", 0, "severity"), "critical"),
        ("ServiceMonitor", "dayahead", ("endpoints", 0, "port"), 8000),
        ("KafkaUser", "dayahead", ("authorization", "acls", 0, "operations", 0), "read"),
    ],
)
def test_a_wrong_field_of_an_operator_is_an_error(kind: str, name: str, path: tuple[Any, ...], value: object) -> None:
    item = deepcopy(the(overlay_objects("own-servers"), kind, name))
    validate(item)
    place = item["spec"]
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        validate(item)


def test_each_component_is_part_of_an_overlay() -> None:
    used = [
        Path(one).name
        for overlay in OVERLAYS
        for one in yaml.safe_load((FOLDER / "overlays" / overlay / "kustomization.yaml").read_text())["components"]
    ]
    assert set(used) == set(COMPONENTS) - BY_HAND


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_can_be_added_by_itself(component: str, tmp_path: Path) -> None:
    """To the base with the places of an overlay, and what it needs."""
    program("kubectl", "https://kubernetes.io/docs/tasks/tools/")
    tree = tmp_path / "kubernetes"
    subprocess.run(["cp", "-r", FOLDER, tree], check=True)
    wanted = [*filter(None, [NEEDS.get(component)]), component]
    mine = tree / "overlays" / "mine"
    mine.mkdir()
    (mine / "kustomization.yaml").write_text(
        json.dumps(
            {
                "namespace": "dayahead",
                "resources": ["../../base"],
                "components": [f"../../components/{name}" for name in wanted],
                "configMapGenerator": [
                    {
                        "name": "places",
                        "envs": ["places.env"],
                        "options": {"annotations": {"config.kubernetes.io/local-config": "true"}},
                    }
                ],
            }
        )
    )
    (mine / "places.env").write_text((FOLDER / "overlays" / "aws" / "places.env").read_text())
    objects = rendered(mine)
    for item in objects:
        validate(item)
    assert len(objects) >= len(rendered(FOLDER))


@cache
def with_consumers(overlay: str) -> Objects:
    """What an overlay of a person makes of a shipped one: consumers, receivers, and secrets where there is a store."""
    program("kubectl", "https://kubernetes.io/docs/tasks/tools/")
    with TemporaryDirectory() as folder:
        tree = Path(folder) / "kubernetes"
        subprocess.run(["cp", "-r", FOLDER, tree], check=True)
        mine = tree / "overlays" / "mine"
        mine.mkdir()
        components = sorted(BY_HAND) if overlay == "aws" else list(CONSUMERS)
        kustomization = {
            "namespace": "dayahead",
            "resources": [f"../{overlay}"],
            "components": [f"../../components/{name}" for name in components],
            "configMapGenerator": [
                {"name": "webhook-receivers", "files": ["webhooks.yaml"]},
                {"name": "dayahead-settings", "behavior": "merge", "literals": ["DAYAHEAD_MQTT_HOST=broker.test"]},
            ],
        }
        (mine / "kustomization.yaml").write_text(json.dumps(kustomization))
        receivers = {"receivers": [{"name": "one", "url": "https://example.org/hooks", "secrets": ["one"]}]}
        (mine / "webhooks.yaml").write_text(yaml.safe_dump(receivers))
        return rendered(mine)


@each_overlay
def test_an_overlay_with_the_consumers_is_what_kubernetes_expects(overlay: str) -> None:
    objects = with_consumers(overlay)
    for item in objects:
        validate(item)
    names = {(one["kind"], one["metadata"]["name"]) for one in objects}
    shipped = {(one["kind"], one["metadata"]["name"]) for one in overlay_objects(overlay)}
    added = {name for kind, name in names - shipped if kind == "Deployment"}
    assert added == set(CONSUMERS)
    for kind in ("Service", "NetworkPolicy"):
        assert {(kind, name) for name in CONSUMERS} <= names


@each_overlay
@pytest.mark.parametrize("consumer", CONSUMERS)
def test_a_consumer_is_asked_how_it_is_where_it_answers_and_ends_in_time(overlay: str, consumer: str) -> None:
    objects = with_consumers(overlay)
    pod = pods(objects)[consumer]
    (container,) = pod["containers"]
    assert container["args"] == [consumer]
    version = yaml.safe_load((FOLDER / "base" / "kustomization.yaml").read_text())["images"][0]["newTag"]
    image = "dayahead-ingest" if consumer == "webhooks" else "dayahead-consumers"
    assert container["image"] == f"{image}:{version}"
    fields = settings_classes()[consumer].model_fields
    port = fields["metrics_port"].default
    given = {one["name"]: one.get("value") for one in container["env"]}
    assert given["DAYAHEAD_METRICS_PORT"] == str(port)
    assert {"name": "http", "containerPort": port} in container["ports"]
    paths = {probe: container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")}
    assert {probe: (one["path"], one["port"]) for probe, one in paths.items()} == {
        "startup": ("/health/live", "http"),
        "liveness": ("/health/live", "http"),
        "readiness": ("/health/ready", "http"),
    }
    assert pod["terminationGracePeriodSeconds"] < 60
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    assert {f"DAYAHEAD_{field.upper()}" for field in fields} >= set(given)


def test_webhooks_read_the_receivers_that_the_overlay_brings() -> None:
    objects = with_consumers("own-servers")
    pod = pods(objects)["webhooks"]
    (container,) = pod["containers"]
    file = Path({one["name"]: one.get("value") for one in container["env"]}["DAYAHEAD_WEBHOOK_RECEIVERS"])
    (volume,) = [one["name"] for one in container["volumeMounts"] if one["mountPath"] == str(file.parent)]
    (name,) = [one["configMap"]["name"] for one in pod["volumes"] if one["name"] == volume]
    # by its generated name, so that a change of the receivers restarts the pod
    assert file.name in the(objects, "ConfigMap", name)["data"]
    assert name != "webhook-receivers"


def test_mcp_is_asked_by_its_service_and_asks_the_api() -> None:
    objects = with_consumers("aws")
    (container,) = pods(objects)["mcp"]["containers"]
    given = {one["name"]: one.get("value") for one in container["env"]}
    hosts = json.loads(settings(objects)["DAYAHEAD_MCP_HOSTS"])
    ports = {one["name"]: one["port"] for one in the(objects, "Service", "mcp")["spec"]["ports"]}
    assert f"mcp.{the(objects, 'Service', 'mcp')['metadata']['namespace']}.svc:*" in hosts
    assert given["DAYAHEAD_MCP_PORT"] == str(ports["mcp"])
    assert given["DAYAHEAD_MCP_API_URL"] == f"http://{the(objects, 'Service', 'api')['metadata']['name']}"
    assert {one["port"] for one in the(objects, "Service", "api")["spec"]["ports"]} == {80}
    policy = the(objects, "NetworkPolicy", "mcp")["spec"]
    (rule,) = policy["ingress"]
    assert [one["port"] for one in rule["ports"]] == [ports["mcp"]]
    assert rule["from"], "there is no login: not from everywhere"


@each_overlay
def test_prometheus_finds_the_consumers_too(overlay: str) -> None:
    assert scraped(with_consumers(overlay)) == {"ingest", "worker", "trainer", "api", *CONSUMERS}


def test_the_login_of_the_services_covers_what_the_consumers_read_and_write() -> None:
    acls = the(with_consumers("own-servers"), "KafkaUser", "dayahead")["spec"]["authorization"]["acls"]
    by_topic = {one["resource"]["name"]: set(one["operations"]) for one in acls if one["resource"]["type"] == "topic"}
    read = {kind.topic.name for kind in EventType} | {FORECASTS.name}
    assert all("Read" in by_topic[topic] for topic in read)
    assert {"Read", "Write"} <= by_topic[UNDELIVERED_WEBHOOKS.name]
    prefixes = tuple(one["resource"]["name"] for one in acls if one["resource"]["type"] == "group")
    assert all(group.startswith(prefixes) for group in (f"{WEBHOOK_GROUP}one", f"{MQTT_CLIENT}-1"))


def test_a_store_of_secrets_hands_each_consumer_its_own_alone() -> None:
    objects = with_consumers("aws")
    for consumer, key in (("webhooks", "DAYAHEAD_WEBHOOK_SECRETS"), ("mqtt", "DAYAHEAD_MQTT_PASSWORD")):
        spec = the(objects, "ExternalSecret", f"dayahead-{consumer}")["spec"]
        assert spec["data"] == [{"secretKey": key, "remoteRef": {"key": "dayahead-own", "property": key}}]
        (container,) = pods(objects)[consumer]["containers"]
        sources = {one["name"]: one.get("valueFrom", {}).get("secretKeyRef", {}) for one in container["env"]}
        assert (sources[key]["name"], sources[key]["key"]) == (f"dayahead-{consumer}", key)


@each_overlay
def test_there_are_never_more_workers_than_partitions_and_they_leave_slowly(overlay: str) -> None:
    objects = overlay_objects(overlay)
    spec = the(objects, "ScaledObject", "worker")["spec"]
    assert spec["maxReplicaCount"] == int(settings(objects)["DAYAHEAD_PARTITIONS"])
    assert spec["triggers"][0]["metadata"]["serverAddress"] == settings(objects)["DAYAHEAD_PROMETHEUS_URL"]
    down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert down["stabilizationWindowSeconds"] >= 1800
    assert [(one["value"], one["periodSeconds"]) for one in down["policies"]] == [(1, 600)]
    exported = (CHECKOUT / "docs" / "metrics.md").read_text()
    assert "`dayahead_lag_messages` | partition" in exported
    assert "by (partition) (dayahead_lag_messages)" in spec["triggers"][0]["metadata"]["query"]


@each_overlay
def test_an_autoscaler_is_not_set_back_by_an_apply(overlay: str) -> None:
    objects = overlay_objects(overlay)
    scaled = {the(objects, "ScaledObject", "worker")["spec"]["scaleTargetRef"]["name"]}
    scaled.add(the(objects, "HorizontalPodAutoscaler", "api")["spec"]["scaleTargetRef"]["name"])
    for name in scaled:
        assert "replicas" not in the(objects, "Deployment", name)["spec"]
    request = the(objects, "Deployment", "api")["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]
    assert "cpu" in request, "an autoscaler compares the use with it"


@each_overlay
def test_a_pod_ends_within_a_minute_and_has_limits(overlay: str) -> None:
    for name, pod in pods(overlay_objects(overlay)).items():
        (container,) = pod["containers"]
        waited = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        assert waited < pod.get("terminationGracePeriodSeconds", 30) < 60, name
        assert container["resources"]["limits"]["memory"], name
        assert container["securityContext"]["allowPrivilegeEscalation"] is False, name
        assert container["securityContext"]["readOnlyRootFilesystem"] is True, name


@each_overlay
def test_what_has_replicas_is_spread_and_survives_the_drain_of_a_node(overlay: str) -> None:
    objects = overlay_objects(overlay)
    budgets = {one["metadata"]["name"] for one in objects if one["kind"] == "PodDisruptionBudget"}
    assert budgets == {"api", "worker"}, "the others have one pod, which a budget would keep from moving"
    for name in budgets:
        keys = [one["topologyKey"] for one in pods(objects)[name]["topologySpreadConstraints"]]
        assert keys == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]


def scraped(objects: Objects) -> set[str]:
    """The label `job` of what a ServiceMonitor finds, each of which is checked to be a port of a pod."""
    monitor = the(objects, "ServiceMonitor", "dayahead")["spec"]
    found = [
        one
        for one in objects
        if one["kind"] == "Service"
        and monitor["selector"]["matchLabels"].items() <= one["metadata"].get("labels", {}).items()
    ]
    for service in found:
        (port,) = [one for one in service["spec"]["ports"] if one["name"] == monitor["endpoints"][0]["port"]]
        pod = pods(objects)[service["metadata"]["name"]]
        assert port["targetPort"] in {one["name"] for one in pod["containers"][0]["ports"]}
        deployed = the(objects, "Deployment", service["metadata"]["name"])
        labels = deployed["spec"]["template"]["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= labels.items()
    return {one["metadata"]["labels"][monitor["jobLabel"]] for one in found}


@each_overlay
def test_prometheus_finds_every_service_under_the_job_of_the_rules(overlay: str) -> None:
    assert scraped(overlay_objects(overlay)) == {"ingest", "worker", "trainer", "api"}


def test_the_rules_in_the_cluster_are_those_of_the_local_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in all_settings({"monitoring": MonitoringSettings}):
        monkeypatch.delenv(setting.variable, raising=False)
    defaults = MonitoringSettings(_env_file=None)
    file = FOLDER / "components" / "monitoring" / "rules.yaml"
    assert file.read_text() == prometheus_rule_text(defaults), (
        f"run: dayahead monitoring rules {file.relative_to(CHECKOUT)}"
    )
    validate(prometheus_rule(defaults))


def test_topics_are_those_that_migrate_would_make() -> None:
    objects = overlay_objects("own-servers")
    partitions = int(settings(objects)["DAYAHEAD_PARTITIONS"])
    made = {one["metadata"]["name"]: one["spec"] for one in objects if one["kind"] == "KafkaTopic"}
    assert set(made) == {topic.name for topic in TOPICS}
    for topic in TOPICS:
        spec = made[topic.name]
        assert spec["partitions"] == (partitions if topic.partitioned else 1), topic.name
        assert spec.get("config", {}) == topic.config
        assert spec["replicas"] == int(settings(objects)["DAYAHEAD_REPLICATION_FACTOR"])


def test_a_login_of_kafka_reaches_its_topics_and_a_consumer_writes_nothing() -> None:
    objects = overlay_objects("own-servers")

    def topics(user: str) -> dict[str, set[str]]:
        acls = the(objects, "KafkaUser", user)["spec"]["authorization"]["acls"]
        return {one["resource"]["name"]: set(one["operations"]) for one in acls if one["resource"]["type"] == "topic"}

    assert set(topics("dayahead")) == {topic.name for topic in TOPICS}
    assert set(topics("consumer")) == {"forecasts", "day-ahead", "drift", "model-releases"}
    assert all(operations == {"Read", "Describe"} for operations in topics("consumer").values())
    given = settings(objects)
    assert given["DAYAHEAD_KAFKA_USERNAME"] == "dayahead"
    group = given.get("DAYAHEAD_WORKER_GROUP") or settings_classes()["worker"].model_fields["worker_group"].default
    prefixes = [
        one["resource"]["name"]
        for one in the(objects, "KafkaUser", "dayahead")["spec"]["authorization"]["acls"]
        if one["resource"]["type"] == "group"
    ]
    assert [prefix for prefix in prefixes if str(group).startswith(prefix)]


def test_every_pod_that_trusts_the_brokers_has_their_authority() -> None:
    objects = with_consumers("own-servers")
    file = Path(settings(objects)["DAYAHEAD_KAFKA_CA_FILE"])
    for name, pod in pods(objects).items():
        (container,) = pod["containers"]
        if name in {"redis", "mcp"}:
            continue
        mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
        volumes = {one["name"]: one for one in pod["volumes"]}
        assert mounts["kafka-authority"] == str(file.parent)
        assert [one["path"] for one in volumes["kafka-authority"]["secret"]["items"]] == [file.name]


def secret_keys(objects: Objects) -> set[str]:
    """Keys of the secret of the services that pods are handed."""
    given = [one for pod in pods(objects).values() for one in pod["containers"][0].get("env", [])]
    references = [one.get("valueFrom", {}).get("secretKeyRef", {}) for one in given]
    return {one["key"] for one in references if one.get("name") == "dayahead-secrets"}


def test_the_store_has_every_secret_that_a_pod_is_handed() -> None:
    objects = overlay_objects("aws")
    template = the(objects, "ExternalSecret", "dayahead-secrets")["spec"]["target"]["template"]["data"]
    assert set(template) == secret_keys(objects)
    stored = set(re.findall(r'"(DAYAHEAD_\w+)"', (CHECKOUT / "deploy/terraform/secrets/main.tf").read_text()))
    spec = the(objects, "ExternalSecret", "dayahead-secrets")["spec"]
    others = {one["secretKey"] for one in spec["data"]}
    used = set(re.findall(r"\{\{ \.(\w+) \}\}", "".join(template.values())))
    assert used - others <= stored
    assert template["DAYAHEAD_REDIS_URL"] == "rediss://:{{ .redis }}@redis.example.org:6379/0"
    for role in ("ingest", "worker", "trainer", "api"):
        url = template[f"DAYAHEAD_{role.upper()}_DATABASE_URL"]
        assert url.startswith(
            f"postgresql://dayahead_{role}:{{{{ .DAYAHEAD_{role.upper()}_PASSWORD }}}}@timescaledb-rw:"
        )


@each_overlay
def test_the_owner_of_the_database_may_make_roles_and_is_no_superuser(overlay: str) -> None:
    spec = the(overlay_objects(overlay), "Cluster", "timescaledb")["spec"]
    (owner,) = spec["managed"]["roles"]
    assert owner["name"] == spec["bootstrap"]["initdb"]["owner"] == "dayahead_owner"
    assert owner["createrole"] is True
    assert spec["enableSuperuserAccess"] is False
    assert spec["postgresql"]["shared_preload_libraries"] == ["timescaledb"]
    assert ("plugins" in spec) == (overlay == "aws")


def test_a_server_in_the_namespace_is_reached_by_the_services_though_it_is_closed() -> None:
    objects = overlay_objects("own-servers")
    for name in ("redis", "timescaledb"):
        rules = the(objects, "NetworkPolicy", name)["spec"]["ingress"]
        allowed = [peer.get("podSelector", {}).get("matchLabels", {}) for rule in rules for peer in rule["from"]]
        assert {"app.kubernetes.io/part-of": "dayahead"} in allowed
    for name in ("ingest", "worker", "trainer", "api", "migrate", "retention"):
        kinds = ("Deployment", "Job", "CronJob")
        (owner,) = [one for one in objects if one["kind"] in kinds and one["metadata"]["name"] == name]
        template = owner["spec"].get("jobTemplate", owner)["spec"]["template"]
        assert template["metadata"]["labels"]["app.kubernetes.io/part-of"] == "dayahead"


def test_the_page_of_the_docs_names_every_component_and_overlay() -> None:
    page = (CHECKOUT / "docs" / "deployment.md").read_text()
    assert set(re.findall(r"^\| `([\w-]+)` \|", page.partition("## Kubernetes")[2], re.MULTILINE)) == {
        *COMPONENTS,
        *OVERLAYS,
    }


@each_overlay
def test_the_page_is_reached_by_https_under_one_name(overlay: str) -> None:
    spec = the(overlay_objects(overlay), "Ingress", "dayahead")["spec"]
    assert [one["host"] for one in spec["rules"]] == spec["tls"][0]["hosts"] == ["forecast.example.org"]
    assert spec["tls"][0]["secretName"]


def test_a_backup_before_a_deployment_is_made_by_the_plugin_of_the_cluster() -> None:
    item = yaml.safe_load((FOLDER / "overlays" / "aws" / "backup-before-deployment.yaml").read_text())
    validate(item)
    (plugin,) = the(overlay_objects("aws"), "Cluster", "timescaledb")["spec"]["plugins"]
    assert item["spec"]["pluginConfiguration"]["name"] == plugin["name"]
    workflow = (CHECKOUT / ".github" / "workflows" / "deploy.yml").read_text()
    assert "overlays/aws/backup-before-deployment.yaml" in workflow


OUTPUTS: dict[str, dict[str, object]] = {
    "settings": {"value": {"DAYAHEAD_KAFKA_BOOTSTRAP": "b-1.test:9096", "DAYAHEAD_PARTITIONS": 24}},
    "places": {"value": {"host": "forecast.test", "redis": "redis.test:6379/0", "backups": r"s3://test/a\b"}},
}


IMAGES = {
    service: f"registry.test/dayahead@sha256:{str(number) * 64}"
    for number, service in enumerate(("ingest", "worker", "trainer", "api"))
}
"""Of a release, by service."""


def test_a_deployment_has_the_outputs_of_terraform_and_the_images_by_digest(tmp_path: Path) -> None:
    program("kubectl", "https://kubernetes.io/docs/tasks/tools/")
    tree = tmp_path / "kubernetes"
    subprocess.run(["cp", "-r", FOLDER, tree], check=True)
    overlay, folder = tree / "overlays" / "aws", tree / "overlays" / "deployed"
    fill(OUTPUTS, overlay)
    images = images_of("".join(f"{service} {image}\n" for service, image in IMAGES.items()))
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(json.dumps(pinned(images, "0.3.0", folder, overlay)))
    objects = rendered(folder)
    for item in objects:
        validate(item)
    started = {name: pod["containers"][0]["image"] for name, pod in pods(objects).items()}
    expected = {**IMAGES, "migrate": IMAGES["ingest"], "retention": IMAGES["ingest"]}
    assert started == expected
    assert the(objects, "Deployment", "api")["metadata"]["labels"]["app.kubernetes.io/version"] == "0.3.0"
    assert settings(objects)["DAYAHEAD_KAFKA_BOOTSTRAP"] == "b-1.test:9096"
    assert the(objects, "ScaledObject", "worker")["spec"]["maxReplicaCount"] == 24
    assert the(objects, "Ingress", "dayahead")["spec"]["rules"][0]["host"] == "forecast.test"
    secret = the(objects, "ExternalSecret", "dayahead-secrets")["spec"]["target"]["template"]["data"]
    assert secret["DAYAHEAD_REDIS_URL"].endswith("@redis.test:6379/0")
    assert the(objects, "ObjectStore", "timescaledb")["spec"]["configuration"]["destinationPath"] == r"s3://test/a\b"


def test_an_overlay_is_not_filled_with_what_it_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="DAYAHEAD_B is not in the file"):
        env_lines("DAYAHEAD_A=1\n", {"DAYAHEAD_B": "2"})
    with pytest.raises(ValueError, match="no output settings"):
        fill({}, tmp_path)
    with pytest.raises(ValueError, match="not an image by digest"):
        images_of("api dayahead:0.3.0-api\n")
    with pytest.raises(ValueError, match="images of api: a release has one each of ingest, worker, trainer, api"):
        images_of(f"api {IMAGES['api']}\n")


def test_terraform_returns_what_the_overlay_of_aws_has() -> None:
    text = (CHECKOUT / "deploy" / "terraform" / "cluster" / "outputs.tf").read_text()
    for name in ("settings", "places"):
        found = re.search(rf'output "{name}" {{.*?value = {{\n(.*?)\n  }}', text, re.DOTALL)
        assert found
        returned = set(re.findall(r"^\s*([\w-]+)\s*=", found[1], re.MULTILINE))
        lines = (FOLDER / "overlays" / "aws" / f"{name}.env").read_text().splitlines()
        assert returned <= {line.partition("=")[0] for line in lines}, name
