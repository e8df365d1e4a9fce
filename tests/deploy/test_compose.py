import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from pydantic import SecretStr
from rich.console import Console

from dayahead.errors import StackError
from dayahead.settings import ServiceSettings
from dayahead.settings_document import all_settings, settings_classes
from deploy.compose import Compose
from deploy.local import sample
from deploy.local.env_file import PASSWORD_VARIABLES
from deploy.local.places import Places
from deploy.local.servers.kafka import USER, login_properties
from deploy.local.servers.postgres import OWNER, OWNER_FILE, SUPERUSER
from deploy.local.tree import DebianTree

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "deploy" / "docker" / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SERVICES_WITH_AN_IMAGE = {"ingest", "worker", "trainer", "api"}
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
ONCE = {"migrate", "backfill", "monitoring"}
CONTAINERS_OF = {
    "migrate": "migrate",
    "retention": "retention",
    "ingest": "ingest",
    "worker": "worker-1",
    "trainer": "trainer",
    "api": "api",
    "webhooks": "webhooks",
    "mqtt": "mqtt",
    "mcp": "mcp",
    "monitoring": "monitoring",
}
WITHOUT_DIGEST = {"timescaledb", "kafka"}
"""Images whose digest has yet to be looked up at their registry: `docker buildx imagetools inspect IMAGE`."""
USE_REDIS = {"ingest", "worker-1", "worker-2", "api"}
each_service = pytest.mark.parametrize("name", SERVICES)


def compose_command() -> list[str] | None:
    """Docker Compose v2, as a plugin of docker or as a separate program, if installed."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) is None:
            continue
        answer = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
        if answer.returncode == 0 and answer.stdout.strip().lstrip("v").startswith("2"):
            return command
    return None


@pytest.mark.parametrize("profile", [[], ["--profile", "sample"]], ids=["live", "sample"])
def test_docker_compose_accepts_it(tmp_path: Path, profile: list[str]) -> None:
    if (compose := compose_command()) is None:
        pytest.skip("no Docker Compose v2 here: the checks below judge the file without it")
    secrets = tmp_path / "env"
    secrets.write_text("".join(f"{variable}=secret\n" for variable in PASSWORD_VARIABLES.values()))
    options = ["-f", str(ROOT / "docker-compose.yml"), "--env-file", str(secrets), *profile]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DAYAHEAD_")}
    done = subprocess.run([*compose, *options, "config"], capture_output=True, text=True, check=False, env=clean)
    assert done.returncode == 0, done.stderr
    started = yaml.safe_load(done.stdout)["services"]
    assert ("replay" in started) == bool(profile)
    interval = started["ingest"]["environment"]["DAYAHEAD_MIN_REQUEST_INTERVAL_S"]
    assert interval == "0"


@each_service
def test_a_service_runs_unprivileged_and_cannot_gain_privileges(name: str) -> None:
    service = SERVICES[name]
    user, _, _ = service["user"].partition(":")
    assert user.isdigit()
    assert int(user) > 0
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


def version_of(name: str) -> str:
    """The tag of a service's image."""
    tagged, _, _ = str(SERVICES[name]["image"]).partition("@")
    return tagged.rpartition(":")[2]


@each_service
def test_an_image_is_pinned_by_version_and_by_digest(name: str) -> None:
    assert re.fullmatch(r"v?\d+\.\d+\.\d+(-pg\d+)?", version_of(name))
    digest = SERVICES[name]["image"].partition("@")[2]
    if name in OURS or name in WITHOUT_DIGEST:
        assert not digest, "remove it from WITHOUT_DIGEST"
    else:
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest)


@each_service
def test_a_service_listens_on_this_machine_alone(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@each_service
def test_a_service_has_resource_limits(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert 0 < float(service["cpus"]) <= 2
    assert 0 < service["pids_limit"] <= 512


def reached(name: str) -> set[str]:
    """The other services that share a network with one."""
    mine = set(SERVICES[name].get("networks", []))
    return {other for other in SERVICES if other != name and mine & set(SERVICES[other].get("networks", []))}


@each_service
def test_a_service_reaches_the_servers_that_it_is_given_the_address_of_and_no_others(name: str) -> None:
    service = SERVICES[name]
    assert set(service.get("networks", [])) <= set(COMPOSE["networks"])
    configured = "".join(str(service.get(part, "")) for part in ("environment", "command"))
    servers = {"timescaledb", "redis", "kafka", "replay"}
    wanted = {server for server in servers if f"@{server}:" in configured or f"{server}:" in configured}
    if name not in USE_REDIS:
        wanted -= {"redis"}  # its address is among the settings of all services
    if name not in servers:
        assert reached(name) & servers == wanted


def test_what_watches_reaches_what_it_watches() -> None:
    scraped = {"ingest", "worker-1", "worker-2", "trainer", "api", "alertmanager"}
    assert scraped <= reached("prometheus")
    assert {"api", "prometheus"} <= reached("alertmanager")
    assert {"prometheus", "timescaledb"} <= reached("grafana")
    assert not {"redis", "kafka", "timescaledb"} & (reached("prometheus") | reached("alertmanager") | reached("replay"))


@each_service
def test_a_service_that_stays_is_watched_and_started_again(name: str) -> None:
    service = SERVICES[name]
    if name in ONCE:
        assert service["restart"] == "no"
        return
    assert service["restart"] == "unless-stopped"
    if name == "retention":  # serves no port, and ends with an error where the database does not answer
        return
    assert "test" in service.get("healthcheck", {}) or (name in OURS and "HEALTHCHECK" in DOCKERFILE)


@pytest.mark.parametrize("name", OURS)
def test_our_own_services_cannot_write_to_their_image(name: str) -> None:
    assert OURS[name]["read_only"] is True
    image = OURS[name]["build"]["args"]["SERVICE"]
    assert OURS[name]["image"] == f"dayahead-{image}:{version_of_the_project()}"
    # what belongs to no service runs in the image of ingestion
    named = name.partition("-")[0]
    assert image == (
        named if named in SERVICES_WITH_AN_IMAGE else "consumers" if named in {"mqtt", "mcp"} else "ingest"
    )


@each_service
def test_what_a_service_waits_for_exists_and_can_be_waited_for(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if other in ONCE else "service_healthy"
        assert how["condition"] == expected, other
        same_profiles = SERVICES[other].get("profiles", []) in ([], SERVICES[name].get("profiles", []))
        assert same_profiles or how["required"] is False, f"{other} is not started without its profile"


@each_service
def test_every_named_volume_is_declared(name: str) -> None:
    named = {volume.partition(":")[0] for volume in SERVICES[name].get("volumes", [])}
    assert {volume for volume in named if not volume.startswith((".", "$"))} <= set(COMPOSE["volumes"])


def test_every_variable_is_a_setting_or_a_password_of_env() -> None:
    known = {setting.variable for setting in all_settings(settings_classes())}
    # these two belong to commands of the local stack, which docker-compose stands in for
    known |= set(PASSWORD_VARIABLES.values()) | {"DAYAHEAD_SOURCE"}
    # what images have besides, and a variable of MLflow's client: documented in docs/training.md
    known |= {"DAYAHEAD_IMAGE_EXTRAS", "MLFLOW_TRACKING_URI"}
    # variables that OpenTelemetry's SDK reads: documented in docs/traces.md
    known |= {"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"}
    used = set(re.findall(r"\$\{(\w+)", re.sub(r"\$\$", "", TEXT)))
    handed_through = {
        key for service in SERVICES.values() for key, value in service.get("environment", {}).items() if value is None
    }
    assert used | handed_through <= known


@pytest.mark.parametrize("service", CONTAINERS_OF)
def test_a_setting_in_env_reaches_the_service_that_reads_it(service: str) -> None:
    fields = set(settings_classes()[service].model_fields)
    if service in {"monitoring", "retention"}:  # the one talks to no server, the other to the database as its owner
        fields -= set(ServiceSettings.model_fields)
    if service in {"webhooks", "mqtt"}:  # these read Kafka alone
        fields -= {"database_url", "redis_url"}
    if service == "mcp":  # asks the API alone
        fields = fields - set(ServiceSettings.model_fields) | {"log_level"}
    fields -= {"superuser_database_url"}  # for a restore alone, which no container runs
    wanted = {f"DAYAHEAD_{field.upper()}" for field in fields}
    given = set(SERVICES[CONTAINERS_OF[service]]["environment"])
    assert wanted <= given, f"add to {CONTAINERS_OF[service]} in docker-compose.yml: {sorted(wanted - given)}"


def test_the_authorities_of_an_mqtt_broker_are_mounted_where_the_setting_in_the_container_names_them() -> None:
    service = SERVICES["mqtt"]
    (mount,) = service["volumes"]
    given, _, seen = mount.removesuffix(":ro").rpartition(":")
    assert given == "${DAYAHEAD_MQTT_CA_FILE:-/dev/null}"
    assert service["environment"]["DAYAHEAD_MQTT_CA_FILE"] == f"${{DAYAHEAD_MQTT_CA_FILE:+{seen}}}"


def test_a_container_does_not_look_for_a_broker_of_this_machine_in_itself() -> None:
    assert SERVICES["mqtt"]["environment"]["DAYAHEAD_MQTT_HOST"] == "${DAYAHEAD_MQTT_HOST:-host.docker.internal}"
    assert SERVICES["mqtt"]["extra_hosts"] == ["host.docker.internal:host-gateway"]


@pytest.mark.parametrize("service", ["ingest", "worker-1", "worker-2", "trainer", "api"])
def test_the_variables_of_traces_reach_every_service_that_makes_them(service: str) -> None:
    wanted = {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_TRACES_SAMPLER"}
    assert wanted <= SERVICES[service]["environment"].keys()


def test_only_what_changes_tables_and_the_database_know_the_owner() -> None:
    holders = {name for name, service in SERVICES.items() if "DAYAHEAD_OWNER_PASSWORD" in str(service)}
    assert holders == {"timescaledb", "migrate", "retention"}
    holders = {name for name, service in SERVICES.items() if "SUPERUSER" in str(service)}
    assert holders == {"timescaledb"}


def test_the_image_of_the_database_makes_the_owner_as_the_local_stack_does() -> None:
    database = SERVICES["timescaledb"]
    assert database["environment"]["POSTGRES_USER"] == SUPERUSER != OWNER
    (script,) = [volume for volume in database["volumes"] if "initdb.d" in volume]
    assert (ROOT / script.partition(":")[0]).resolve() == OWNER_FILE


@pytest.mark.parametrize(
    ("name", "role"), [("ingest", "ingest"), ("worker-1", "worker"), ("trainer", "trainer"), ("api", "api")]
)
def test_each_service_has_its_own_database_role(name: str, role: str) -> None:
    environment = SERVICES[name]["environment"]
    assert environment["DAYAHEAD_DATABASE_URL"].startswith(
        f"postgresql://dayahead_{role}:${{DAYAHEAD_{role.upper()}_PASS"
    )
    others = {f"DAYAHEAD_{one}_PASSWORD" for one in ("OWNER", "APP", "INGEST", "WORKER", "TRAINER", "API", "READER")}
    known = {variable for variable in others if variable in str(environment)}
    assert known == {f"DAYAHEAD_{role.upper()}_PASSWORD"}


def test_the_sample_is_cut_and_replayed_as_in_the_local_stack() -> None:
    def values(arguments: list[str]) -> set[str]:
        places = ("--source", "--data", "--state", "--port", "--host")
        return {argument for argument in arguments if not argument.startswith(places)}

    assert values(SERVICES["backfill"]["command"]) == values(sample.backfill_arguments())
    assert values(SERVICES["replay"]["command"]) == values(sample.replay_arguments(8130, Path("state")))


def test_every_kind_of_service_is_scraped() -> None:
    targets = [argument for argument in SERVICES["monitoring"]["command"] if argument.startswith("--target=")]
    addresses = {argument.rpartition("=")[2] for argument in targets}
    ports = {name: OURS[name]["environment"].get("DAYAHEAD_METRICS_PORT") for name in OURS}
    expected = {f"{name}:{port}" for name, port in ports.items() if port}
    assert addresses == expected | {"api:8000", "prometheus:9090", "alertmanager:9093"}


def test_kafka_needs_a_password() -> None:
    """As the image turns KAFKA_A_B into the property a.b, and as the local stack is tried with a password."""
    environment = SERVICES["kafka"]["environment"]
    secret = "${DAYAHEAD_KAFKA_PASSWORD}"
    given = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): re.sub(r"\$\{(\w+)[^}]*\}", r"${\1}", str(value))
        for name, value in environment.items()
    }
    tried = login_properties("inside", SecretStr(secret), ["PLAIN"])
    for name in ("sasl.mechanism.inter.broker.protocol", "sasl.enabled.mechanisms"):
        assert given[name] == tried[name]
    for listener in ("inside", "host"):
        wanted = tried["listener.name.inside.plain.sasl.jaas.config"]
        assert given[f"listener.name.{listener}.plain.sasl.jaas.config"] == wanted
    protocols = dict(one.split(":") for one in given["listener.security.protocol.map"].split(","))
    assert protocols == {"INSIDE": "SASL_PLAINTEXT", "HOST": "SASL_PLAINTEXT", "CONTROLLER": "PLAINTEXT"}
    assert "CONTROLLER://localhost:9093" in given["listeners"], "without a password only inside the container"
    users = {name for name in SERVICES if "log" in SERVICES[name].get("networks", [])} - {"kafka"}
    for name in users:
        ours = SERVICES[name]["environment"]
        assert (ours["DAYAHEAD_KAFKA_SECURITY"], ours["DAYAHEAD_KAFKA_SASL_MECHANISM"]) == ("SASL_PLAINTEXT", "PLAIN")
        assert ours["DAYAHEAD_KAFKA_USERNAME"] == USER
        assert "DAYAHEAD_KAFKA_PASSWORD" in ours["DAYAHEAD_KAFKA_PASSWORD"]


def test_kafka_is_the_version_of_the_local_stack() -> None:
    pom = ElementTree.parse(ROOT / "deploy" / "kafka" / "pom.xml")
    versions = {element.text for element in pom.iter() if element.tag.endswith("version")}
    assert version_of("kafka") in versions


@pytest.mark.servers
@pytest.mark.parametrize(
    ("service", "package"),
    [
        ("timescaledb", "postgresql-17-timescaledb"),
        ("redis", "redis-server"),
        ("prometheus", "prometheus"),
        ("alertmanager", "prometheus-alertmanager"),
    ],
)
def test_a_server_is_the_version_of_the_local_stack(service: str, package: str) -> None:
    tree = DebianTree(Places())
    tree.ensure()
    status = (tree.path / "var" / "lib" / "dpkg" / "status").read_text()
    found = re.search(rf"^Package: {package}\n(?:.+\n)*?Version: (?:\d+:)?(\d+\.\d+)", status, re.MULTILINE)
    assert found
    # Debian patches within a minor version; the image does not follow each patch
    assert version_of(service).lstrip("v").startswith(f"{found[1]}.")


def test_the_image_is_built_from_the_lock_and_runs_as_a_user() -> None:
    assert re.search(r"^ARG PYTHON_IMAGE=python:3\.1[123]\.\d+-slim-\w+@sha256:[0-9a-f]{64}$", DOCKERFILE, re.MULTILINE)
    locks = re.findall(r"--require-hashes -r (\S+)", DOCKERFILE)
    assert locks == ["requirements/build.txt", "requirements/compiler.txt"]
    assert "install --no-compile --no-deps --require-hashes \\\n    -r requirements/images/${lock}.txt" in DOCKERFILE
    wanted = {service["build"]["args"]["SERVICE"]: service["build"]["args"]["EXTRAS"] for service in OURS.values()}
    assert wanted.pop("trainer") == "reports ${DAYAHEAD_IMAGE_EXTRAS:-}"
    assert set(wanted.values()) == {"${DAYAHEAD_IMAGE_EXTRAS:-}"}
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert all(int(service["user"].partition(":")[0]) in {10001, 65534} for service in OURS.values())


def test_no_secret_is_sent_to_the_image_build() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert not {"!.env", "!.git", "!.local"} & set(ignored)


def test_the_image_is_built_from_files_that_are_sent_to_its_build_and_has_the_licence() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    build = DOCKERFILE.partition("\nFROM ${PYTHON_IMAGE}\n")[0]
    copied = [path for line in re.findall(r"^COPY (.+) \S+$", build, re.MULTILINE) for path in line.split()]
    assert {path if path in sent else path.partition("/")[0] for path in copied} == sent
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license-files"] == ["LICENSE"]  # what hatchling puts into the wheel
    assert {"LICENSE", project["readme"]} <= set(copied)


def version_of_the_project() -> str:
    found = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert found
    return found[1]


def test_containers_can_be_stopped_while_the_source_file_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called, docker = tmp_path / "called", tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(f'#!/bin/sh\necho "$@" >> {called}\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(docker.parent), prepend=os.pathsep)
    monkeypatch.setenv("DAYAHEAD_SOURCE", str(tmp_path / "missing.yaml"))
    containers = Compose(Console(), tmp_path)
    containers.down()
    containers.clean()
    assert [line.partition(" sample ")[2] for line in called.read_text().splitlines()] == ["down", "down --volumes"]


def test_containers_are_not_started_with_a_wrong_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYAHEAD_TRAINING__GATE__MARGIN", "much")
    monkeypatch.setenv("DAYAHEAD_API_RATE_LIMIT", "five")
    containers = Compose(Console(), tmp_path)
    monkeypatch.setattr(containers, "_docker", lambda *arguments: pytest.fail(f"docker {arguments}"))
    with pytest.raises(StackError, match=r"(?s)DAYAHEAD_API_RATE_LIMIT.*gate\.margin"):
        containers.up()
